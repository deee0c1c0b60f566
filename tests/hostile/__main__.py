"""`python -m tests.hostile [NAME ...] [--kind KIND ...] [--quick] [--windows N] [--json]`: play hostile cases by hand.

A NAME is a kind and a seed, such as template-17. Each case's stall, memory and what was said are printed; the exit
status is 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.hostile import cases
from tests.hostile.repositories import serving
from tests.hostile.runner import play, room
from tests.hostile.verdicts import Verdict
from tests.hostile.world import World


def main() -> int:
    """Play what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--kind", action="append", choices=list(cases.KINDS), default=[])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--windows", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth case")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each case")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    names = [*options.names, *(name for kind in options.kind for name in cases.names(kind, options.quick))]
    names = (names or list(cases.in_order(options.quick)))[:: options.every]
    lines = options.out.open("w", encoding="utf-8") if options.out else None
    begun = time.monotonic()

    def tell(verdict: Verdict) -> None:
        record = json.dumps({"name": verdict.name, "troubles": verdict.troubles, **verdict.reply})
        if lines is not None:
            lines.write(record + "\n")
            lines.flush()
        if options.json:
            print(record, flush=True)
        else:
            said = " | ".join(verdict.reply.get("said", ()))[:300]
            print(
                f"{verdict.name}: {verdict.reply.get('stall')} ms, {verdict.reply.get('peak')} MB. {said}", flush=True
            )
            for trouble in verdict.troubles:
                print(f"    {trouble[:1500]}", flush=True)

    with tempfile.TemporaryDirectory(prefix="hostile-", dir=room()) as root, serving() as server:
        verdicts = play(World(Path(root), server=server), names, options.windows, tell)
    bad = [verdict.name for verdict in verdicts if verdict.troubles]
    print(f"{len(verdicts)} cases in {time.monotonic() - begun:.0f} s, {len(bad)} went wrong: {' '.join(bad)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
