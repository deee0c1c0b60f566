"""Requests in their order: some answers are written in turn, block by block, the others wait.

Threads take requests from here and follow their events; everything else happens in the event loop. Drafts that a slow
reader has not taken are dropped; a reader that goes away cancels its request, which ends within one step.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from app.base.log import get_logger
from app.server import texts
from app.server.asking import MAX_SEED
from app.server.errors import ApiError
from app.server.parts import PartReader, failure
from app.server.systemone import Question, decisions
from app.server.tools import answered
from app.server.values import AT_ONCE, RunningRequest
from app.server.wire import CallsMade, Part, StillWaiting, WantedAnswer
from inference.events import BlockCommitted, DraftUpdated, Event, Failed, Finished, PromptMeasured
from inference.operations.requests import Operation
from inference.params import GenerationRequest

if TYPE_CHECKING:  # numpy comes with it
    from inference.backends.base import CancelFlag

MOST_WAITING = 64
ALIVE_SECONDS = 5.0
_DRAFTS_HELD = 4
_RETRY_SECONDS = 5
_log = get_logger("server")


class AnsweringProcess(Protocol):
    """What answers: the model process, or the window in front of it. Several threads use it at once."""

    def generate(
        self, request: GenerationRequest, cancel: CancelFlag | None = None, drafts: bool = True
    ) -> Iterator[Event]:
        """Answer a request; the last event is Finished or Failed."""

    def count(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Count the tokens of a request's prompt; the last event is PromptMeasured or Failed."""

    def perform(self, operation: Operation, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Do an operation of the core; the last event is Decided, Finished or Failed."""


class QueuedAnswer:
    """One request in the queue.

    Attributes:
        number: Its number.
        wanted: What it wants.
        blocks: Blocks that are written; counted by its thread.
        cancel: Set by any thread.
        began: When it came.
        events: What has come and is not sent; the event loop's.
    """

    def __init__(self, number: int, wanted: WantedAnswer) -> None:
        self.number, self.wanted, self.blocks = number, wanted, 0
        self.cancel = threading.Event()
        self.began = time.monotonic()
        self.events: asyncio.Queue[Event | CallsMade] = asyncio.Queue()

    def put(self, event: Event | CallsMade) -> None:
        """An event has come."""
        if isinstance(event, DraftUpdated) and self.events.qsize() >= _DRAFTS_HELD:
            return
        self.events.put_nowait(event)


class AnswerQueue:
    """The queue of one server.

    Attributes:
        served: Requests that came to their end.
        refused: Requests for which there was no place.
        tokens: Tokens of all answers.
    """

    def __init__(self, process: AnsweringProcess, at_once: int = AT_ONCE, most_waiting: int = MOST_WAITING) -> None:
        """Nothing is started yet; `start` belongs to the event loop."""
        self._process, self._at_once, self._most_waiting = process, at_once, most_waiting
        self._numbers = itertools.count(1)
        self._waiting: OrderedDict[int, QueuedAnswer] = OrderedDict()
        self._running: dict[int, QueuedAnswer] = {}
        self._ready = threading.Condition()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads: list[threading.Thread] = []
        self.served = self.refused = self.tokens = 0
        self._deciding, self._turn = 0, asyncio.Semaphore(1)

    def start(self) -> None:
        """Start the threads; called in the event loop."""
        self._loop = asyncio.get_running_loop()
        for number in range(self._at_once):
            thread = threading.Thread(target=self._work, name=f"answer-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self, timeout: float = 10.0) -> None:
        """Cancel everything and end the threads; from any thread."""
        with self._ready:
            self._closed = True
            for each in (*self._waiting.values(), *self._running.values()):
                each.cancel.set()
            self._ready.notify_all()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def ask(self, wanted: WantedAnswer) -> QueuedAnswer:
        """Put a request into the queue.

        Raises:
            ApiError: It is full, or closed.
        """
        with self._ready:
            if self._closed or len(self._waiting) >= self._most_waiting:
                self.refused += 1
                headers = {"Retry-After": str(_RETRY_SECONDS)}
                raise ApiError(503, texts.QUEUE_FULL, code="queue_full", headers=headers)
            asked = QueuedAnswer(next(self._numbers), wanted)
            self._waiting[asked.number] = asked
            self._ready.notify()
        return asked

    def ask_all(self, wanted: WantedAnswer) -> list[QueuedAnswer]:
        """Put all choices of a request into the queue, each with a seed of its own.

        Raises:
            ApiError: It has no room for them, or is closed.
        """
        asked = list[QueuedAnswer]()
        try:
            for choice in range(wanted.choices):
                seed = None if wanted.request.seed is None else (wanted.request.seed + choice) % (MAX_SEED + 1)
                request = dataclasses.replace(wanted.request, seed=seed)
                asked.append(self.ask(dataclasses.replace(wanted, request=request, choice=choice)))
        except ApiError:
            for each in asked:
                self.give_up(each)
            raise
        return asked

    def give_up(self, asked: QueuedAnswer) -> None:
        """Nobody waits for it any more."""
        asked.cancel.set()
        with self._ready:
            self._waiting.pop(asked.number, None)

    def place(self, asked: QueuedAnswer) -> int:
        """Its place among those that wait, from 1; 0 if it waits no more."""
        with self._ready:
            numbers = list(self._waiting)
            return numbers.index(asked.number) + 1 if asked.number in self._waiting else 0

    def running(self) -> tuple[RunningRequest, ...]:
        """All requests: those that are answered, then those that wait; from any thread."""
        with self._ready:
            now = time.monotonic()
            listed = [(0, each) for each in self._running.values()] + list(enumerate(self._waiting.values(), 1))
            return tuple(
                RunningRequest(each.number, each.wanted.label, place, now - each.began, each.blocks)
                for place, each in listed
            )

    def stop(self, number: int) -> None:
        """Stop a request, from any thread; its client is told."""
        with self._ready:
            waiting = self._waiting.pop(number, None)
            asked = waiting or self._running.get(number)
        if asked is not None:
            asked.cancel.set()
        if waiting is not None:
            self._tell(waiting, Failed(texts.STOPPED, "", known=True))

    async def decide(self, name: str, questions: list[Question]) -> dict[str, Any]:
        """Answer questions, after others that are answered now; whoever stops waiting cancels them.

        Raises:
            ApiError: There are too many, or one cannot be answered.
        """
        if self._deciding >= self._most_waiting:
            self.refused += 1
            headers = {"Retry-After": str(_RETRY_SECONDS)}
            raise ApiError(503, texts.QUEUE_FULL, code="queue_full", headers=headers)
        cancel = threading.Event()
        self._deciding += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(
                    decisions, name, questions, self._process.perform, self._process.generate, cancel
                )
        finally:
            self._deciding -= 1
            cancel.set()

    async def count(self, request: GenerationRequest) -> int:
        """Tokens of a request's prompt; it waits for no place in the queue, and whoever stops waiting cancels it.

        Raises:
            ApiError: They cannot be counted.
        """
        cancel = threading.Event()
        try:
            for event in await asyncio.to_thread(lambda: list(self._process.count(request, cancel))):
                if isinstance(event, PromptMeasured):
                    return event.tokens
                if isinstance(event, Failed):
                    raise failure(event)
        finally:
            cancel.set()
        raise ApiError(503, texts.STOPPED, code="stopped")

    async def parts(self, asked: QueuedAnswer) -> AsyncGenerator[Part, None]:
        """The parts of an answer as they come; whoever stops reading cancels it.

        Raises:
            ApiError: The answer failed.
        """
        reader = PartReader(asked.wanted)
        try:
            while not reader.ended:
                try:
                    event = await asyncio.wait_for(asked.events.get(), ALIVE_SECONDS)
                except TimeoutError:
                    yield StillWaiting(self.place(asked))
                    continue
                for part in reader.parts(event):
                    yield part
        finally:
            self.give_up(asked)
            self.served += 1
            self.tokens += reader.tokens

    def _work(self) -> None:
        """A thread: one request after the other."""
        while True:
            with self._ready:
                while not self._waiting and not self._closed:
                    self._ready.wait()
                if not self._waiting:
                    return
                _, asked = self._waiting.popitem(last=False)
                self._running[asked.number] = asked
            try:
                self._follow(asked)
            finally:
                with self._ready:
                    self._running.pop(asked.number, None)

    def _follow(self, asked: QueuedAnswer) -> None:
        last: Event | CallsMade | None = None
        try:
            if asked.cancel.is_set():
                return
            for last in answered(self._process.generate, asked.wanted, asked.cancel):
                asked.blocks += isinstance(last, BlockCommitted)
                self._tell(asked, last)
        except Exception:
            _log.exception("request %d", asked.number)
        finally:
            if not isinstance(last, Finished | Failed | CallsMade):
                self._tell(asked, Failed(texts.STOPPED, "", known=True))

    def _tell(self, asked: QueuedAnswer, event: Event | CallsMade) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(asked.put, event)
        except RuntimeError:  # the loop has ended, and with it whoever asked
            asked.cancel.set()
