"""Whether `python -m app bench` can be believed: it runs twice, and spreads must hold what the other says.

    python benchmarks/bench_twice.py [--out FOLDER] [arguments of bench]

Exit code 0 if all figures of both runs agree, 1 if one does not; each that does not is named.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ("tokens", "first_draft", "first_block", "wall_rate", "decode_rate", "steps")


def main() -> int:
    """Measure twice, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="keep both reports there")
    options, others = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.out or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        first, second = (measured(folder / f"bench-{number}.json", others) for number in (1, 2))
    compared = differing = 0
    for one, other in zip(first["rows"], second["rows"], strict=True):
        for name in FIGURES:
            compared += 1
            if not agree(one[name], other[name]):
                differing += 1
                print(f"{one['side']} {one['preset']} {one['length']} {name}: {one[name]} and {other[name]}")
    print(f"{compared - differing} of {compared} figures agree within their spread")
    return 1 if differing else 0


def measured(file: Path, others: list[str]) -> dict[str, Any]:
    """One run of the command."""
    command = [sys.executable, "-m", "app", "bench", *others, "--out", str(file)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    report: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return report


def agree(one: dict[str, float] | None, other: dict[str, float] | None) -> bool:
    """Whether a median lies within the spread that the other run states; what neither tells agrees.

    One of both is enough: a run that nothing disturbed states a narrow spread, and lies within that of a disturbed one.
    """
    if one is None or other is None:
        return one is other
    return one["low"] <= other["median"] <= one["high"] or other["low"] <= one["median"] <= other["high"]


if __name__ == "__main__":
    sys.exit(main())
