"""Rows that need not be computed: what becomes of the starter's answers, and of the time, on our own kernels.

Every way answers the same held-out questions with the same seeds, each in a fresh chat: all rows of each step; rows
behind a settled end of text kept from the step before (`DEWPOINT_ROWS_BEHIND_END=kept`); and, with `--canvas`, canvases
of so many places instead of 256. A line says how many answers are right, and how many are the same text as with all
rows; the chance that a coin would split the right ones as unevenly (sign test); the share of rows left out, and the
processor time.

    python benchmarks/fewer_rows.py [--per-kind 60] [--canvas 128 64] [--json FILE]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.base.paths import starter_model_folder  # noqa: E402
from benchmarks.presets import sign_test  # noqa: E402
from inference.backends.native import NativeBackend  # noqa: E402
from inference.native.settled_end import SettledEnd  # noqa: E402
from inference.opening import open_session  # noqa: E402
from inference.params import SamplerParams  # noqa: E402
from inference.session import Session  # noqa: E402
from inference.training.corpus import HeldOutQuestion  # noqa: E402
from inference.training.evaluate import Answered, ask, chosen_questions  # noqa: E402


@dataclass(frozen=True, slots=True)
class Way:
    """How answers are made: places of a canvas, and whether rows behind the end are kept."""

    name: str
    places: int
    keeps: bool = False


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
    parser.add_argument("--per-kind", type=int, default=60, help="most questions of a kind")
    parser.add_argument("--canvas", type=int, nargs="*", default=[], help="places of shorter canvases")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    questions = chosen_questions(options.per_kind, 0)
    lines: list[Measured] = []
    base: list[Answered] = []
    with open_session(starter_model_folder(), "native") as session:
        whole = session.config.canvas_length
        ways = [Way("all rows", whole), Way("rows behind the end kept", whole, keeps=True)]
        for way in ways + [Way(f"canvases of {places}", places) for places in options.canvas]:
            answers, left_out, seconds = answered(session, questions, way)
            base = base or answers
            lines.append(measured(way.name, answers, base, left_out, seconds))
            print(shown(lines[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n")
    return 0


def answered(session: Session, questions: list[HeldOutQuestion], way: Way) -> tuple[list[Answered], float, float]:
    """The answers, the share of rows that was left out, and the processor's seconds for all."""
    backend = session._backend
    assert isinstance(backend, NativeBackend)
    config = backend.config
    backend.config = dataclasses.replace(config, canvas_length=way.places)
    backend.end = SettledEnd(config.pad_id, config.eos_ids) if way.keeps else None
    started = time.process_time()
    answers = [ask(session, question, seed, SamplerParams()) for seed, question in enumerate(questions)]
    seconds = time.process_time() - started
    backend.config = config
    if backend.end is not None:
        return answers, 1 - backend.end.computed / backend.end.asked, seconds
    return answers, 1 - way.places / config.canvas_length, seconds


def measured(name: str, answers: list[Answered], base: list[Answered], left_out: float, seconds: float) -> Measured:
    """Compare with all rows, question by question."""
    pairs = list(zip(answers, base, strict=True))
    only_this = sum(mine.correct and not theirs.correct for mine, theirs in pairs)
    only_all = sum(theirs.correct and not mine.correct for mine, theirs in pairs)
    count, steps = len(answers), sum(sum(one.steps) for one in answers)
    return Measured(
        name,
        count,
        sum(one.correct for one in answers),
        sum(mine.answer == theirs.answer for mine, theirs in pairs),
        only_this,
        only_all,
        sign_test(only_this, only_all),
        steps / count,
        left_out,
        1000 * seconds / count,
        1000 * seconds / steps,
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
