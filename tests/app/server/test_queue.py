"""The queue alone, over a process that is told when to go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from app.server.errors import ApiError
from app.server.parts import StopCutter
from app.server.queue import AnswerQueue
from app.server.wire import WantedAnswer, WholeAnswer
from inference.events import Event
from inference.params import ChatTurn, GenerationRequest
from tests.helpers.scripted_process import simple_answer
from tests.helpers.waiting import wait_until

WANTED = WantedAnswer(GenerationRequest((ChatTurn("user", "Hi"),)))


class GatedProcess:
    """Answers when the gate is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked = 0

    def generate(
        self, request: GenerationRequest, cancel: threading.Event | None = None, drafts: bool = True
    ) -> Iterator[Event]:
        self.asked += 1
        while not self.gate.wait(0.005):
            if cancel is not None and cancel.is_set():
                return
        yield from simple_answer("Hello.")


async def answer(queue: AnswerQueue, wanted: WantedAnswer = WANTED) -> str:
    """Ask and wait."""
    return [part.text async for part in queue.parts(queue.ask(wanted)) if isinstance(part, WholeAnswer)][-1]


def test_places_a_full_queue_and_stop() -> None:
    process = GatedProcess()

    async def run() -> None:
        queue = AnswerQueue(process, at_once=1, most_waiting=2)
        queue.start()
        first, second, third = (queue.ask(WANTED) for _ in range(3))
        assert [queue.place(each) for each in (first, second, third)] == [0, 1, 2]
        with pytest.raises(ApiError) as full:
            queue.ask(WANTED)
        assert (full.value.status, list(full.value.headers)) == (503, ["Retry-After"])
        queue.stop(second.number)
        assert [each.number for each in queue.running()] == [first.number, third.number]
        with pytest.raises(ApiError):
            _ = [part async for part in queue.parts(second)]
        process.gate.set()
        assert [part async for part in queue.parts(third)]
        await asyncio.to_thread(queue.close)

    asyncio.run(run())


def test_an_answer_that_gave_its_place_away_keeps_nobody_waiting() -> None:
    """As many as are written in turn have begun, and one more comes: it waits until one of them has an end."""
    process = GatedProcess()

    async def run() -> None:
        queue = AnswerQueue(process, at_once=2)
        queue.start()
        first, second, third = (queue.ask(WANTED) for _ in range(3))
        assert [queue.place(each) for each in (first, second, third)] == [0, 0, 1]
        first.begun = second.begun = True
        assert queue.place(third) == 1
        assert [(each.number, each.place) for each in queue.running()] == [(1, 0), (2, 0), (3, 1)]
        third.begun = True  # one of the others has given its place away
        assert [queue.place(each) for each in (first, second, third)] == [0, 0, 0]
        process.gate.set()
        await asyncio.to_thread(wait_until, lambda: not queue.running())
        await asyncio.to_thread(queue.close)

    asyncio.run(run())


def test_whoever_stops_reading_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    process = GatedProcess()
    monkeypatch.setattr("app.server.queue.ALIVE_SECONDS", 0.001)

    async def run() -> None:
        queue = AnswerQueue(process, at_once=1)
        queue.start()
        asked = queue.ask(WANTED)
        parts = queue.parts(asked)
        await anext(parts)  # still waiting
        await parts.aclose()
        assert asked.cancel.is_set()
        await asyncio.to_thread(wait_until, lambda: not queue.running())
        process.gate.set()
        assert await answer(queue) == "Hello."
        await asyncio.to_thread(queue.close)

    asyncio.run(run())


@pytest.mark.parametrize("sizes", [1, 2, 3, 5, 100])
def test_stop_texts_across_pieces(sizes: int) -> None:
    text = "One, two, thrtwo, three, four"
    cutter = StopCutter(("three", "fourth", ""))
    given = ""
    for begin in range(0, len(text), sizes):
        given += cutter.feed(text[begin : begin + sizes])
        assert text.startswith(given)
        if cutter.found:
            break
    assert (given, cutter.found) == ("One, two, thrtwo, ", "three")
    open_end = StopCutter(("fourth",))
    assert open_end.feed(text) + open_end.finish() == text
