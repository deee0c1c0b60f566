"""The whole window is killed at random moments of a session, again and again: what was lost; status 1 if anything was.

python benchmarks/kills.py [--kills 200] [--session chats] [--locked] [--seed 1] [--minutes 60]

"chats": the starter model answers; messages are sent, edited and tried again, chats branch off and are imported, files
attached, text typed. After each kill: SQLite's own check of all pages; every message that was sent, every block that
was announced as committed, every text typed for more than a second, every file of a message, and of each import all or
nothing. With --locked the chats are locked with a password, and nothing that was told may be readable on the disk.
"models": a pretended model answers; models are added, downloaded, moved, merged and removed besides.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.helpers.hub_server import Hub  # noqa: E402
from tests.hostile.survivors import Run  # noqa: E402
from tests.hostile.test_kills import killed_again_and_again, other_drive  # noqa: E402


def main() -> int:
    """Kill, look, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--session", choices=("chats", "models"), default="chats")
    parser.add_argument("--locked", action="store_true", help="with chats that a password locks")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--minutes", type=float, default=600, help="begin no kill after so many")
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as root, Hub() as hub, tempfile.TemporaryDirectory(dir=other_drive()) as other:
        run = Run(Path(root), hub, Path(other))
        run.use(options.session)
        if options.locked:
            run.lock()
        chance, troubles = random.Random(options.seed), []
        while run.kills < options.kills and not troubles and time.monotonic() - begun < 60 * options.minutes:
            troubles = killed_again_and_again(run, 1, chance.randrange(10**6))
            print(f"{run.kills} kills, {len(run.told)} things told", file=sys.stderr, flush=True)
        told = Counter(line[0] for line in run.told if line[0] != "begin")
        facts = {
            "session": options.session,
            "locked": options.locked,
            "seed": options.seed,
            "kills": run.kills,
            "told": dict(sorted(told.items())),
            "lost": troubles,
            "seconds": round(time.monotonic() - begun),
        }
    print(json.dumps(facts, indent=1))
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
