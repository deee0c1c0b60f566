"""What compiling a form costs at the published vocabulary's size: processor time of one core, and memory.

    python benchmarks/compile_forms.py [--tokens 262144]

The vocabulary is made up (all bytes, and words of 2 to 9 letters as common as English ones, most with a space before
them). Each form is compiled in a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inference.forms.compiling import byte_form  # noqa: E402
from inference.forms.tokens_dfa import compile_tokens  # noqa: E402
from inference.forms.vocabulary import Vocabulary, vocabulary  # noqa: E402
from inference.forms.wanted import Form  # noqa: E402

LETTERS = "etaoinshrdlucmfwypvbgkjqxz"
TEXT = (
    "The small river runs past the old mill and the children who live there swim in it all summer long, until the "
    "leaves fall. "
) * 8
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["name", "count"],
}


def main() -> None:
    """Print one line a form."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=262_144)
    options = parser.parse_args()
    forms = {
        "a schema": Form("schema", json.dumps(SCHEMA)),
        "any JSON": Form("json"),
        "a word anew, 200 characters held behind it": _anew(4, 9, 209),
        "36 characters anew, 200 held": _anew(4, 40, 240),
        "36 characters anew, 800 held": _anew(4, 40, 840),
        "100 characters anew, 200 held": _anew(4, 104, 304),
    }
    context = multiprocessing.get_context("spawn")
    for name, form in forms.items():
        process = context.Process(target=_measure, args=(name, form, options.tokens))
        process.start()
        process.join()


def _anew(first: int, last: int, end: int) -> Form:
    return Form("otherwise", TEXT[first:last], (TEXT[:first], TEXT[last:end], ""))


def _measure(name: str, form: Form, size: int) -> None:
    known = made_up(size)
    before = _peak()
    begun = time.process_time()
    made = compile_tokens(byte_form(form), known)
    seconds = time.process_time() - begun
    print(
        f"{name}: {seconds:.2f} s, {_peak() - before:.0f} MB more; {made.states} states, {made.classes} classes, "
        f"{len(made.sources)} moves",
        flush=True,
    )


def made_up(size: int) -> Vocabulary:
    """A vocabulary of so many tokens, always the same."""
    rng = random.Random(1)
    weights = [1 / (place + 1) for place in range(len(LETTERS))]
    texts = dict.fromkeys(bytes([each]) for each in range(256))
    while len(texts) < size - 8:
        word = "".join(rng.choices(LETTERS, weights, k=rng.randint(2, 9)))
        texts[(rng.choice(("", " ", " ", " ")) + (word.title() if rng.random() < 0.1 else word)).encode()] = None
    return vocabulary([*texts, *[None] * (size - len(texts))], (size - 1,), size - 2)


def _peak() -> float:
    """The most memory that this process has had, in MB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    return 0.0


if __name__ == "__main__":
    main()
