"""What the quiet mode saves: processor time by wall time while the starter model writes, for each of its choices.

python benchmarks/quiet.py [--model DIR] [--backend auto] [--answers 6]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.base.settings import Settings  # noqa: E402
from inference.events import Finished  # noqa: E402
from inference.opening import open_model  # noqa: E402
from inference.params import ChatTurn, GenerationRequest  # noqa: E402


def main() -> int:
    """Measure, print, return 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "resources" / "starter")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--answers", type=int, default=6)
    options = parser.parse_args()
    with open_model(options.model, options.backend) as model:
        for quiet in ("off", "off", "half", "quarter"):  # the first one warms up
            rest = Settings(quiet=quiet).rest
            wall, spent, tokens = time.perf_counter(), time.process_time(), 0
            for seed in range(options.answers):
                turns = (ChatTurn("user", "Tell me a story about a lighthouse."),)
                for event in model.generate(GenerationRequest(turns, seed=seed, rest=rest)):
                    tokens += event.answer_tokens if isinstance(event, Finished) else 0
            wall, spent = time.perf_counter() - wall, time.process_time() - spent
            print(f"{quiet:8} {spent / wall:5.2f} of a core, {tokens / wall:6.1f} tokens/s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
