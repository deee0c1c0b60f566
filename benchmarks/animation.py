"""The animation of the README, made anew: `python benchmarks/animation.py` (Linux, also offscreen).

A real answer of the starter model, from its noise to its text, written by the window's own export of a replay. Of most
answers it is sure after two or three steps; this question takes it seven.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PySide6.QtWidgets import QApplication  # noqa: E402

from app.ui.chat.replay import Replay  # noqa: E402
from app.ui.chat.replay_export import save_replay  # noqa: E402
from app.ui.widgets.colours import LIGHT  # noqa: E402
from app.ui.widgets.theme import Theme  # noqa: E402
from inference import ChatTurn, GenerationRequest, open_model  # noqa: E402
from inference.events import BlockCommitted  # noqa: E402
from inference.traces.trace import read_trace  # noqa: E402

QUESTION = "How do I delete a chat and get it back?"
TEXT_POINTS = 13.0
MOST_BYTES = 700_000


def main() -> int:
    """Make it; exit code 1 if it is too large for a page that everybody loads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "resources" / "screenshots" / "condensing.gif")
    parser.add_argument("--question", default=QUESTION)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with open_model(ROOT / "resources" / "starter") as model:
        events = model.generate(GenerationRequest((ChatTurn("user", options.question),), options.seed, traced=True))
        replay = Replay([read_trace(event.trace) for event in events if isinstance(event, BlockCommitted)])
    application = QApplication([])
    save_replay(replay, Theme(LIGHT, 1.0, TEXT_POINTS), options.out, options.out.suffix[1:], 0)
    application.quit()
    size = options.out.stat().st_size
    print(f"{options.out}: {len(replay)} frames, {size:,} bytes")
    return 0 if size <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
