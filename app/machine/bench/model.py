"""Measures a model of this computer: each backend in a model process of its own, at full speed.

The times are the session's own (`inference.stats`): they begin when the model process takes the question.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from app.base.settings import preset_params
from app.machine.bench.others import OtherPrograms
from app.machine.bench.prompts import BenchQuestion, questions, warm_up
from app.machine.bench.values import BenchPlan, BenchRun, BenchStep, SideSoFar
from app.machine.monitor.energy import LEAST_SECONDS, Counters, ProcessorEnergy, counters, spent
from app.machine.monitor.nvml import CardWatch, nvml_bindings
from app.machine.use import StepUse
from inference.events import BlockCommitted, CardReads, Failed, Finished, Int8Work, ModelReady, PromptEncoded
from inference.host.client import ModelProcessClient
from inference.params import ChatTurn, GenerationRequest
from inference.peak import peak_memory


def measure_backend(
    so_far: SideSoFar,
    folder: Path | None,
    engines: Path,
    log: Path,
    plan: BenchPlan,
    cancel: threading.Event,
    peak: float | None = None,
) -> Generator[BenchStep, None, None]:
    """Load the model by one backend and ask it everything; what is measured is put into `so_far`.

    A backend that is not there, or fails, has its sentence in `so_far.trouble`, and what it answered before counts.
    `peak`: operations a second of int8 products that were measured on this processor; None where nobody measured.

    Yields:
        How far it is, after each answer.
    """
    cards, processor = CardWatch(nvml_bindings()), ProcessorEnergy()
    work: Int8Work | CardReads | None = None
    with closing(cards), ModelProcessClient(folder, so_far.name, log_file=log, engines=engines) as client:
        yield BenchStep(so_far.name, 0, plan.runs)
        for event in client.load(cancel):
            match event:
                case ModelReady():
                    so_far.device, so_far.model = event.device, event.name
                    so_far.load_seconds, work = event.seconds, event.work
                    if isinstance(work, CardReads) and work.rate:
                        so_far.memory_rate = work.rate
                case Failed():
                    so_far.trouble = f"{event.user_text} {event.hint}".strip()
        if so_far.load_seconds is None:
            return
        for question in warm_up(plan):
            if _answer(client, question, so_far, StepUse(), cancel) is None:
                return
            yield BenchStep(so_far.name, 0, plan.runs)
        meter, others = _Meter(cards, processor), OtherPrograms(client.pid)
        for number, question in enumerate(questions(plan), start=1):
            run = _answer(client, question, so_far, StepUse(work, peak), cancel)
            if run is None:
                return
            joules = meter.answered()
            so_far.runs.append(dataclasses.replace(run, joules=joules if run.wall_seconds >= LEAST_SECONDS else None))
            so_far.joules_a_block = meter.joules_a_block(sum(len(each.steps) for each in so_far.runs))
            so_far.others = others.share()
            so_far.memory = _most(so_far.memory, peak_memory(client.pid))
            so_far.card_memory = _most(so_far.card_memory, _card_memory(cards, client.pid))
            yield BenchStep(so_far.name, number, plan.runs)


def _answer(
    client: ModelProcessClient, question: BenchQuestion, so_far: SideSoFar, use: StepUse, cancel: threading.Event
) -> BenchRun | None:
    """One answer; None if there is none, and why is noted, unless it was stopped."""
    if cancel.is_set():  # a quick answer could be whole before the model process looks
        return None
    request = GenerationRequest(
        turns=(ChatTurn("user", question.text),),
        seed=question.seed,
        sampler=preset_params(question.preset),
        max_new_tokens=question.length.tokens,
    )
    for event in client.generate(request, cancel):
        match event:
            case PromptEncoded() | BlockCommitted():
                use.take(event)
            case Failed():
                so_far.trouble = f"{event.user_text} {event.hint}".strip()
                return None
            case Finished(reason="cancelled"):
                return None
            case Finished():
                return BenchRun(
                    question.length.name, question.preset, question.prompt, question.seed, event.answer_tokens,
                    event.time_to_first_draft, event.time_to_first_block, event.wall_seconds, event.decode_seconds,
                    event.steps_per_block, peak_share=use.peak_share, memory_share=use.memory_share,
                )  # fmt: skip
    return None


class _Meter:
    """Joules of all cards and the processor, as far as they tell."""

    def __init__(self, cards: CardWatch, processor: ProcessorEnergy) -> None:
        self._cards, self._processor = cards, processor
        self._began = time.monotonic()
        self._before = self._now()
        self._sum = 0.0

    def answered(self) -> float | None:
        """Since the answer before; None where nobody tells."""
        now = self._now()
        joules, self._before = spent(self._before, now), now
        self._sum += joules or 0.0
        return joules

    def joules_a_block(self, blocks: int) -> float | None:
        """Of all answers; None where nobody tells, or they were too short to say."""
        if not self._sum or not blocks or time.monotonic() - self._began < LEAST_SECONDS:
            return None
        return self._sum / blocks

    def _now(self) -> Counters:
        return counters(self._cards.read(()), self._processor.joules())


def _card_memory(cards: CardWatch, pid: int | None) -> int | None:
    """Bytes that a process holds on all cards at this moment; None where there are none, or nobody tells."""
    held = [card.memory_ours for card in cards.read(() if pid is None else (pid,)) if card.memory_ours]
    return sum(held) if held else None


def _most(before: int | None, now: int | None) -> int | None:
    return max((value for value in (before, now) if value is not None), default=None)
