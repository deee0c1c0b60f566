"""How far the starter's decisions can be believed: right answers and calibration error, before and after calibration.

    python benchmarks/calibration.py [--examples 200] [--reads 4]

Yes and no questions about made-up sentences, half of each; the error is measured on examples that were held out.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inference.events import Calibrated  # noqa: E402
from inference.opening import open_model  # noqa: E402
from inference.operations.perform import perform  # noqa: E402
from inference.operations.requests import CalibrateRequest, KnownAnswer  # noqa: E402

THINGS = ("lamp", "boat", "door", "kite", "cup", "hat", "stone", "bird")
COLOURS = ("red", "blue", "green", "white", "black", "yellow")


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--reads", type=int, default=4)
    options = parser.parse_args()
    rng = random.Random(1)
    examples = tuple(example(rng, number % 2 == 0) for number in range(options.examples))
    with open_model(ROOT / "resources" / "starter") as model:
        for event in perform(model, CalibrateRequest(examples, options.reads)):
            assert isinstance(event, Calibrated)
            known = event.calibration
            print(
                f"{known.right:.0%} of {known.examples} right; calibration error {known.error_before:.3f}, "
                f"{known.error:.3f} at temperature {known.temperature:.2f}"
            )


def example(rng: random.Random, right: bool) -> KnownAnswer:
    """A sentence, and a question about it whose answer is yes or no."""
    thing, colour, other = rng.choice(THINGS), *rng.sample(COLOURS, 2)
    asked = colour if right else other
    return KnownAnswer(f"The {thing} is {colour}.", f"Is the {thing} {asked}?", ("yes", "no"), "yes" if right else "no")


if __name__ == "__main__":
    main()
