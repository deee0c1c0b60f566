"""Measures `transformers` on the same weights, in a process of its own, where torch is installed."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from app.base.settings import preset_params
from app.machine.bench import texts
from app.machine.bench.prompts import BenchQuestion, questions, warm_up
from app.machine.bench.values import BenchPlan, BenchRun, BenchStep, SideSoFar
from inference.model.published import PublishedAnswer, PublishedJob, PublishedQuestion, is_there, measure_published
from trt_engines.errors import EngineError
from trt_engines.process import messages


def measure_transformers(
    so_far: SideSoFar, folder: Path, plan: BenchPlan, cancel: threading.Event
) -> Generator[BenchStep, None, None]:
    """Ask everything; what is measured is put into `so_far`, and why it is not, too.

    Yields:
        How far it is; also while nothing is new, so that whoever waits can stop.
    """
    if not is_there():
        so_far.trouble = texts.NO_TRANSFORMERS
        return
    warm, counted = list(warm_up(plan)), list(questions(plan))
    job = PublishedJob(folder, tuple(map(_asked, [*warm, *counted])))
    number = -len(warm)
    yield BenchStep(so_far.name, 0, plan.runs)
    try:
        with closing(messages(measure_published, job, "runs transformers")) as news:
            for message in news:
                match message:
                    case ("ready", str(device), float(seconds)):
                        so_far.device, so_far.load_seconds = device, seconds
                    case ("answer", PublishedAnswer() as answer):
                        if number >= 0:
                            so_far.runs.append(_run(counted[number], answer))
                        number += 1
                    case ("done", peak):
                        so_far.memory = peak
                if cancel.is_set():
                    return
                yield BenchStep(so_far.name, max(0, number), plan.runs)
    except EngineError as exc:
        so_far.trouble = f"{exc.user_text} {exc.hint}".strip()


def _asked(question: BenchQuestion) -> PublishedQuestion:
    params = preset_params(question.preset)
    return PublishedQuestion(
        question.text,
        question.seed,
        question.length.tokens,
        params.steps_divisor or 1,
        params.confidence_divisor or 1.0,
    )


def _run(question: BenchQuestion, answer: PublishedAnswer) -> BenchRun:
    return BenchRun(
        question.length.name, question.preset, question.prompt, question.seed, answer.tokens, answer.first_draft,
        answer.first_block, answer.seconds, steps=answer.steps,
    )  # fmt: skip
