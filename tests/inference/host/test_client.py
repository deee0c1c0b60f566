"""The model process: its events, its death, its hanging, its end."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from inference.backends.fake_model import LONG_ANSWER, NAME, SHORT_ANSWER
from inference.events import (
    BlockCommitted,
    DraftUpdated,
    Failed,
    Finished,
    ModelLoading,
    ModelReady,
    NoiseDrawn,
    PromptEncoded,
    PromptMeasured,
)
from inference.host import child
from inference.host.client import ModelProcessClient, newest_drafts
from inference.params import SamplerParams
from tests.helpers.waiting import wait_until
from tests.inference.support import ask, of_kind

Start = Callable[..., ModelProcessClient]


@pytest.fixture
def start() -> Iterator[Start]:
    """Makes model processes and ends them with the test."""
    processes: list[ModelProcessClient] = []

    def make(backend: str = "fake", **options: Any) -> ModelProcessClient:
        processes.append(ModelProcessClient(None, backend, **options))
        return processes[-1]

    yield make
    for process in processes:
        process.close()


def test_load_and_answer(start: Start) -> None:
    process = start()
    assert process.pid is None
    loading = list(process.load())
    assert isinstance(loading[-1], ModelReady)
    assert loading[-1].name == NAME
    assert all(isinstance(event, ModelLoading) for event in loading[:-1])
    assert process.pid is not None
    events = list(process.generate(ask()))
    assert isinstance(events[0], PromptEncoded)
    assert events[-1].answer == SHORT_ANSWER
    # The KV cache lives on in the process.
    assert of_kind(list(process.generate(ask())), PromptEncoded)[0].prefilled_tokens == 0


def test_a_message_is_measured_without_being_answered(start: Start) -> None:
    process = start()
    short, long = (list(process.measure(ask(text)))[-1] for text in ("Hi", "Hi " * 20_000))
    assert isinstance(short, PromptMeasured)
    assert isinstance(long, PromptMeasured)
    assert short.tokens < short.most < long.tokens
    assert of_kind(list(process.generate(ask())), PromptEncoded)[0].reused_tokens == 0


def test_generating_loads_by_itself(start: Start) -> None:
    events = list(start().generate(ask()))
    assert [type(event) for event in events if not isinstance(event, ModelLoading | DraftUpdated)] == [
        ModelReady,
        PromptEncoded,
        NoiseDrawn,
        BlockCommitted,
        Finished,
    ]


@pytest.mark.parametrize(("backend", "known"), [("fake:failing", False), ("fake:oom", True)])
def test_errors_arrive_as_events_and_the_process_lives_on(
    start: Start, backend: str, known: bool, tmp_path: Path
) -> None:
    process = start(backend, log_file=tmp_path / "engine.log")
    failed = list(process.generate(ask()))[-1]
    assert isinstance(failed, Failed)
    assert (failed.known, failed.engine_lost) == (known, False)
    assert ("Traceback" in failed.detail) is not known
    assert ("Traceback" in (tmp_path / "engine.log").read_text()) is not known
    pid = process.pid
    assert pid is not None
    assert isinstance(list(process.generate(ask()))[-1], Failed)
    assert process.pid == pid


def test_a_model_that_cannot_be_loaded(start: Start) -> None:
    process = start("fake:unloadable")
    for events in (list(process.load()), list(process.generate(ask()))):
        assert events[-1] == Failed("The fake model cannot be loaded.", "Choose another model.", known=True)


def until_block(run: Iterator[Any]) -> list[Any]:
    """Events up to the first committed block."""
    events: list[Any] = []
    for event in run:
        events.append(event)
        if isinstance(event, BlockCommitted):
            break
    return events


def test_a_killed_process_is_one_clear_sentence_and_the_next_answer_works(start: Start) -> None:
    process = start("fake:slow,long")
    run = process.generate(ask())
    before = until_block(run)
    pid = process.pid
    assert pid is not None
    psutil.Process(pid).kill()
    after = list(run)
    failed = after[-1]
    assert isinstance(failed, Failed)
    assert failed.engine_lost
    assert failed.known
    assert failed.user_text == "The process that runs the model ended unexpectedly."
    assert "Try again" in failed.hint
    assert "exit code" in failed.detail
    assert len(of_kind(after, Failed)) == 1
    assert of_kind(before, BlockCommitted)  # what was committed had arrived
    assert process.pid is None
    again = until_block(process.generate(ask()))
    assert isinstance(again[-1], BlockCommitted)
    assert process.pid not in (None, pid)


def test_a_crash_in_a_step(start: Start, tmp_path: Path) -> None:
    process = start("fake:crash", log_file=tmp_path / "engine.log")
    events = list(process.generate(ask()))
    assert events[-1].engine_lost
    assert process.pid is None


def test_a_process_that_died_while_idle_is_replaced_in_silence(start: Start) -> None:
    process = start()
    list(process.generate(ask()))
    process.kill()
    wait_until(lambda: process.pid is None)
    events = list(process.generate(ask()))
    assert isinstance(events[-1], Finished)
    assert of_kind(events, ModelReady)


def test_cancel_ends_between_two_steps(start: Start) -> None:
    process, cancel = start("fake:slow,long"), threading.Event()
    events = []
    for event in process.generate(ask(), cancel):
        events.append(event)
        if isinstance(event, DraftUpdated) and event.step >= 3:
            cancel.set()
    assert events[-1].reason == "cancelled"
    assert len("".join(block.answer for block in of_kind(events, BlockCommitted))) < len(LONG_ANSWER)
    assert process.pid is not None
    assert isinstance(until_block(process.generate(ask()))[-1], BlockCommitted)


def test_a_hung_process_is_killed_after_a_cancel(start: Start) -> None:
    process, cancel = start("fake:hang", cancel_grace=0.3), threading.Event()
    list(process.load())
    pid = process.pid
    for failed in process.generate(ask(), cancel):
        if isinstance(failed, DraftUpdated) and failed.step == 2:
            wait_until(standstill(psutil.Process(pid).cpu_times))  # it hangs in the third step
            cancel.set()
    assert isinstance(failed, Failed)
    assert failed.engine_lost
    assert "did not react" in failed.user_text
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert isinstance(next(iter(process.generate(ask()))), ModelLoading)


def test_a_cancel_while_loading_ends_the_process_at_once(start: Start) -> None:
    process, cancel = start(), threading.Event()
    cancel.set()
    events = list(process.generate(ask(), cancel))
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "cancelled"
    assert isinstance(list(process.generate(ask()))[-1], Finished)


@pytest.mark.slow
def test_an_abandoned_answer_never_mixes_with_the_next(start: Start) -> None:
    process = start("fake:slow,long")
    run = process.generate(ask("First"))
    until_block(run)
    run.close()  # type: ignore[attr-defined]
    pid = process.pid
    events = until_block(process.generate(ask("Second")))
    assert isinstance(events[0], PromptEncoded)
    assert of_kind(events, BlockCommitted)[0].block == 0
    assert process.pid == pid


def test_a_slow_reader_gets_the_newest_draft_and_every_block(start: Start) -> None:
    process = start("fake:long")
    list(process.load())
    events = []
    for event in process.generate(ask()):
        events.append(event)
        if isinstance(event, PromptEncoded):
            # The whole answer queues up meanwhile, as far as the pipe holds it.
            worked = psutil.Process(process.pid).cpu_times
            wait_until(standstill(worked))
    drafts, blocks = of_kind(events, DraftUpdated), of_kind(events, BlockCommitted)
    assert "".join(block.answer for block in blocks) == LONG_ANSWER == events[-1].answer
    assert len(drafts) < sum(block.steps for block in blocks)
    order = [(event.block, isinstance(event, BlockCommitted)) for event in events if hasattr(event, "block")]
    assert order == sorted(order)


def standstill(worked: Callable[[], Any]) -> Callable[[], bool]:
    """Whether a process has used no more processor time for a second."""
    now = [(0.0, worked())]

    def reached() -> bool:
        now.append((time.monotonic(), worked()))
        return any(now[-1][0] - at > 1.0 and used == now[-1][1] for at, used in now[1:-1])

    return reached


def test_coalescing_keeps_order_and_the_newest_of_each_block() -> None:
    def draft(block: int, step: int) -> DraftUpdated:
        return DraftUpdated(block, step, 48, (), (), (), ())

    other = ModelLoading("x", 0.0)
    queued = deque([draft(0, 1), draft(0, 2), other, draft(0, 3), draft(1, 1), other, draft(1, 2)])
    assert list(newest_drafts(queued)) == [other, draft(0, 3), other, draft(1, 2)]


def test_close_ends_a_process_in_the_middle_of_an_answer(start: Start) -> None:
    for backend in ("fake:slow,long", "fake:hang"):
        process = start(backend)
        run = process.generate(ask())
        next(event for event in run if isinstance(event, DraftUpdated))
        pid = process.pid
        assert pid is not None
        process.close(timeout=0.5)
        assert not psutil.pid_exists(pid)
        assert process.pid is None
        process.close()
        assert list(run)[-1].engine_lost


def test_close_before_anything_was_started(start: Start) -> None:
    with start() as process:
        process.kill()
    assert process.pid is None


def test_a_system_that_starts_no_process(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(type(child._SPAWN.Process()), "start", refuse)
    events = list(start().generate(ask()))
    assert len(events) == 1
    assert "could not be started: Resource temporarily unavailable" in events[0].user_text


def test_a_block_is_settled_at_a_word_and_may_take_more_steps(start: Start) -> None:
    process = start("fake:slow,long")
    list(process.load())
    process.settle_now()  # nothing is being written: it is forgotten
    events: list[Any] = []
    for event in process.generate(ask()):
        if isinstance(event, DraftUpdated) and event.block == 0 and not of_kind(events, DraftUpdated):
            process.settle_now()
        events.append(event)
    first, second = of_kind(events, BlockCommitted)[:2]
    assert first.ended == "you"
    assert first.steps < second.steps
    assert second.ended == "settled"
    few, blocks = SamplerParams(max_denoising_steps=3), []
    for event in process.generate(ask(sampler=few, max_new_tokens=10)):
        if isinstance(event, DraftUpdated) and event.step == 1:
            process.more_steps(3)
        blocks += [event] if isinstance(event, BlockCommitted) else []
    assert (blocks[0].steps, blocks[0].ended) == (6, "limit")
    with pytest.raises(ValueError, match="1 or more"):
        process.more_steps(0)
