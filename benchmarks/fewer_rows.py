"""Rows that need not be computed: what becomes of the starter's answers, and of the time, on our own kernels.

Every way answers the same held-out questions with the same seeds, each in a fresh chat: all rows of each step; rows
behind a settled end of text kept from the step before (`DEWPOINT_ROWS_BEHIND_END=kept`); and answers tried on short
canvases first (`DEWPOINT_SHORT_CANVAS`). A line says how many answers are right, and how many are the same text as with
all rows; the chance that a coin would split the right ones as unevenly (sign test); the share of rows left out; steps,
those of tries that came to nothing included; and the processor time.

For a new starter: `python -m inference.training publish --model FOLDER`, then this with `--model FOLDER`. The name
`SHORT_CANVAS` in `inference/training/recipe.py` (it is written into the starter's folder) becomes the shortest canvas
that is not worse by the sign test, 0 where each is; then it is published into `resources/starter`, and the number that
`publish` prints is entered in `inference/graphs/made.py`.

    python benchmarks/fewer_rows.py [--model FOLDER] [--per-kind 60] [--short 128 64] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.base.paths import starter_model_folder  # noqa: E402
from benchmarks.presets import sign_test  # noqa: E402
from inference.backends.native import NativeBackend  # noqa: E402
from inference.backends.settled_end import SettledEnd  # noqa: E402
from inference.native.model import Rows  # noqa: E402
from inference.opening import open_session  # noqa: E402
from inference.params import SamplerParams  # noqa: E402
from inference.session import Session  # noqa: E402
from inference.training.evaluate import Answered, ask, chosen_questions  # noqa: E402
from inference.training.heldout import HeldOut  # noqa: E402


@dataclass(frozen=True, slots=True)
class Way:
    """How answers are made: whether rows behind the end are kept, and places of a canvas that is tried first."""

    name: str
    keeps: bool = False
    short: int = 0


@dataclass(slots=True)
class Work:
    """What answers cost."""

    rows: int = 0
    steps: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One line."""

    name: str
    asked: int
    right: int
    same: int
    only_this: int
    only_all: int
    chance: float
    steps: float
    rows_left_out: float
    ms_an_answer: float
    ms_a_step: float


def main() -> int:
    """Measure, print, return 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=starter_model_folder(), help="what answers")
    parser.add_argument("--per-kind", type=int, default=60, help="most questions of a kind")
    parser.add_argument("--short", type=int, nargs="*", default=[128, 64], help="places of short canvases")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    questions = chosen_questions(options.per_kind, 0)
    lines: list[Measured] = []
    ways = [Way("all rows"), Way("rows behind the end kept", keeps=True)]
    ways += [Way(f"tried on {places} places", short=places) for places in options.short]
    base: tuple[list[Answered], Work] | None = None
    with open_session(options.model, "native") as session:
        for way in ways:
            answers, work = answered(session, questions, way)
            base = base or (answers, work)
            lines.append(measured(way.name, answers, work, *base))
            print(shown(lines[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n")
    return 0


def answered(session: Session, questions: list[HeldOut], way: Way) -> tuple[list[Answered], Work]:
    """The answers, and what they cost."""
    backend, work = session._backend, Work()
    assert isinstance(backend, NativeBackend)
    session._short_canvas = way.short
    backend.end = SettledEnd(backend.config.pad_id, backend.config.eos_ids) if way.keeps else None
    denoise = backend.model.denoise

    def counted(rows: Rows, *rest: Any) -> Any:
        work.rows += len(rows.ids)
        work.steps += 1
        return denoise(rows, *rest)

    with mock.patch.object(backend.model, "denoise", counted):
        started = time.process_time()
        answers = [ask(session, question, seed, SamplerParams()) for seed, question in enumerate(questions)]
        work.seconds = time.process_time() - started
    return answers, work


def measured(name: str, answers: list[Answered], work: Work, all_answers: list[Answered], all_work: Work) -> Measured:
    """Compare with all rows, question by question."""
    pairs = list(zip(answers, all_answers, strict=True))
    only_this = sum(mine.correct and not theirs.correct for mine, theirs in pairs)
    only_all = sum(theirs.correct and not mine.correct for mine, theirs in pairs)
    count = len(answers)
    return Measured(
        name,
        count,
        sum(one.correct for one in answers),
        sum(mine.answer == theirs.answer for mine, theirs in pairs),
        only_this,
        only_all,
        sign_test(only_this, only_all),
        work.steps / count,
        1 - work.rows / all_work.rows,
        1000 * work.seconds / count,
        1000 * work.seconds / work.steps,
    )


def shown(line: Measured) -> str:
    """One line of the table."""
    return (
        f"{line.name:25} {line.right} of {line.asked} right ({line.right / line.asked:.1%}), {line.same} the same text;"
        f" only this {line.only_this}, only all rows {line.only_all}, chance {line.chance:.2f};"
        f" {line.rows_left_out:.0%} of the rows left out; {line.steps:.2f} steps and {line.ms_an_answer:.1f} ms an"
        f" answer, {line.ms_a_step:.1f} ms a step"
    )


if __name__ == "__main__":
    raise SystemExit(main())
