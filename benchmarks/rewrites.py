"""Words of the starter's answers written anew: how often that says something else, and how unlike it is.

    python benchmarks/rewrites.py [--parts 24]

Single words and runs of three, without a wish. *Different*: other words, whatever their capitals and punctuation.
*Unlike*: less than 60 % of the letters are the same, in the same order (`difflib`). The score is the mean
log-probability of what follows the part.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import sys
import time
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inference.events import Finished, VariantWritten  # noqa: E402
from inference.opening import open_model  # noqa: E402
from inference.operations.perform import perform  # noqa: E402
from inference.operations.requests import RewriteRequest  # noqa: E402
from inference.params import ChatTurn, GenerationRequest  # noqa: E402
from inference.session import Session  # noqa: E402

STARTER = ROOT / "resources" / "starter"
QUESTIONS = (
    "What is dew?", "Tell me about a boat.", "Who are you?", "How do I rename a chat?", "What is a canvas?",
    "Tell me a story about a lamp.",
)  # fmt: skip
VARIANTS = 3


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=int, default=24)
    options = parser.parse_args()
    print(
        "| part | asked | with a variant | variants | different | unlike | score | seconds each |\n" + "|---" * 8 + "|"
    )
    with open_model(STARTER) as model:
        for name, length in (("one word", 1), ("three words", 3)):
            print(f"| {name} | {row(model, length, options.parts // 2)} |", flush=True)


def row(model: Session, length: int, parts: int) -> str:
    """The rest of a line of the table."""
    written: list[tuple[str, VariantWritten]] = []
    with_one, began = 0, time.process_time()
    for request in requests(model, length, parts):
        found = [event for event in perform(model, request) if isinstance(event, VariantWritten)]
        with_one += bool(found)
        written += [(request.selected, each) for each in found]
    seconds = (time.process_time() - began) / parts
    different = sum(letters(part.part) != letters(selected) for selected, part in written)
    unlike = sum(
        SequenceMatcher(None, letters(part.part), letters(selected), autojunk=False).ratio() < 0.6
        for selected, part in written
    )
    for selected, each in written[:: max(1, len(written) // 8)]:
        print(f"{selected!r} -> {each.part!r} ({each.score:.1f})", file=sys.stderr)
    score = statistics.mean(each.score for _, each in written) if written else float("nan")
    most = parts * VARIANTS
    return (
        f"{parts} | {with_one} | {len(written)} of {most} | {different / most:.0%} | {unlike / most:.0%} | {score:.1f} "
        f"| {seconds:.1f}"
    )


def requests(model: Session, length: int, parts: int) -> Iterator[RewriteRequest]:
    """Parts of answers, the same for every version of the program that answers the same."""
    rng = random.Random(length)
    for number in range(parts):
        turns = (ChatTurn("user", QUESTIONS[number % len(QUESTIONS)]),)
        events = list(model.generate(GenerationRequest(turns, seed=1)))
        assert isinstance(events[-1], Finished)
        answer = events[-1].answer
        words = [found.span() for found in re.finditer(r"\w+", answer)]
        at = rng.randrange(1, len(words) - length)
        first, last = words[at][0], words[at + length - 1][1]
        yield RewriteRequest(turns, answer, first, last, answer[first:last], variants=VARIANTS, seed=number)


def letters(text: str) -> str:
    """What makes the words of a text."""
    return "".join(each for each in text.lower() if each.isalnum())


if __name__ == "__main__":
    main()
