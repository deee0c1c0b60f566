"""Requests of all clients: each is followed by a thread of its own; the model process says whose turn it is.

Everything else happens in the event loop. Drafts that a slow reader has not taken are dropped; a reader that goes away
cancels its request, which ends within one step.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from app.base.log import get_logger
from app.server import texts
from app.server.asking import MAX_SEED
from app.server.errors import ApiError
from app.server.parts import PartReader, failure
from app.server.systemone import Question, decisions
from app.server.tools import answered
from app.server.values import AT_ONCE, MOST_WAITING, RunningRequest
from app.server.wire import CallsMade, Part, StillWaiting, WantedAnswer
from inference.events import BlockCommitted, DraftUpdated, Event, Failed, Finished, PromptMeasured
from inference.operations.requests import Operation
from inference.params import GenerationRequest, fresh_seed

if TYPE_CHECKING:  # numpy comes with it
    from inference.backends.base import CancelFlag

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
        begun: Whether anything has come from the model; noted by its thread.
        cancel: Set by any thread.
        began: When it came.
        events: What has come and is not sent; the event loop's.
    """

    def __init__(self, number: int, wanted: WantedAnswer) -> None:
        self.number, self.wanted, self.blocks, self.begun = number, wanted, 0, False
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
        """`start` belongs to the event loop.

        Args:
            process: What answers.
            at_once: How many answers it writes in turn.
            most_waiting: How many may wait beside them.
        """
        self._process, self._at_once, self._most_waiting = process, at_once, most_waiting
        self._numbers = itertools.count(1)
        self._asked: dict[int, QueuedAnswer] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads: set[threading.Thread] = set()
        self.served = self.refused = self.tokens = 0
        self._deciding, self._turn = 0, asyncio.Semaphore(1)
        self._cancels: set[threading.Event] = set()  # of what is asked and is no answer

    def start(self) -> None:
        """Requests may come; called in the event loop."""
        self._loop = asyncio.get_running_loop()

    def close(self, timeout: float = 10.0) -> None:
        """Cancel everything and end the threads; from any thread."""
        with self._lock:
            self._closed = True
            for each in self._asked.values():
                each.cancel.set()
            threads = tuple(self._threads)
        deadline = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def end_all(self) -> None:
        """The server is closing: every client is told, and no further one is taken; in the event loop."""
        with self._lock:
            self._closed = True
            asked = tuple(self._asked.values())
            cancels = tuple(self._cancels)
        for each in asked:
            each.cancel.set()
            each.put(Failed(texts.CLOSING, "", known=True, engine_lost=True))
        for cancel in cancels:
            cancel.set()

    def ask(self, wanted: WantedAnswer) -> QueuedAnswer:
        """Put a request into the queue.

        Raises:
            ApiError: It is full, or closed.
        """
        with self._lock:
            if self._closed or len(self._asked) >= self._at_once + self._most_waiting:
                self.refused += 1
                headers = {"Retry-After": str(_RETRY_SECONDS)}
                raise ApiError(503, texts.QUEUE_FULL, code="queue_full", headers=headers)
            asked = QueuedAnswer(next(self._numbers), wanted)
            self._asked[asked.number] = asked
            thread = threading.Thread(target=self._follow, args=(asked,), name=f"answer-{asked.number}", daemon=True)
            self._threads.add(thread)
        thread.start()
        return asked

    def ask_all(self, wanted: WantedAnswer) -> list[QueuedAnswer]:
        """Put all choices of a request into the queue, each with a seed of its own, which its client is told.

        Raises:
            ApiError: It has no room for them, or is closed.
        """
        asked = list[QueuedAnswer]()
        first = fresh_seed() if wanted.request.seed is None else wanted.request.seed
        try:
            for choice in range(wanted.choices):
                seed = (first + choice) % (MAX_SEED + 1)
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
        with self._lock:
            self._asked.pop(asked.number, None)

    def place(self, asked: QueuedAnswer) -> int:
        """Its place among those that wait, from 1; 0 if it waits no more."""
        with self._lock:
            return self._places().get(asked.number, 0)

    def running(self) -> tuple[RunningRequest, ...]:
        """All requests: those that are answered, then those that wait; from any thread."""
        with self._lock:
            now, places = time.monotonic(), self._places()
            return tuple(
                RunningRequest(number, each.wanted.label, place, now - each.began, each.blocks)
                for place, number, each in sorted((places[n], n, each) for n, each in self._asked.items())
            )

    def _places(self) -> dict[int, int]:
        """The place of each request: those that the model has not begun wait, but for as many as it takes at once."""
        waiting = [each.number for each in self._asked.values() if not each.begun]
        free = max(0, self._at_once - (len(self._asked) - len(waiting)))
        return {**dict.fromkeys(self._asked, 0), **{n: max(0, k - free) for k, n in enumerate(waiting, 1)}}

    def stop(self, number: int) -> None:
        """Stop a request, from any thread; its client is told."""
        with self._lock:
            asked = self._asked.pop(number, None)
        if asked is not None:
            asked.cancel.set()
            if not asked.begun:  # while the model is loaded nothing else would tell
                self._tell(asked, Failed(texts.STOPPED, "", known=True))

    async def decide(self, name: str, questions: list[Question]) -> dict[str, Any]:
        """Answer questions, after others that are answered now; whoever stops waiting cancels them.

        Raises:
            ApiError: There are too many, or one cannot be answered.
        """
        if self._deciding >= self._most_waiting:
            self.refused += 1
            headers = {"Retry-After": str(_RETRY_SECONDS)}
            raise ApiError(503, texts.QUEUE_FULL, code="queue_full", headers=headers)
        self._deciding += 1
        try:
            with self._cancelled_at_end() as cancel:
                async with self._turn:
                    return await asyncio.to_thread(
                        decisions, name, questions, self._process.perform, self._process.generate, cancel
                    )
        except ApiError as error:
            raise self._said_at_end(error) from error
        finally:
            self._deciding -= 1

    async def count(self, request: GenerationRequest) -> int:
        """Tokens of a request's prompt; it waits for no place in the queue, and whoever stops waiting cancels it.

        Raises:
            ApiError: They cannot be counted.
        """
        with self._cancelled_at_end() as cancel:
            for event in await asyncio.to_thread(lambda: list(self._process.count(request, cancel))):
                if isinstance(event, PromptMeasured):
                    return event.tokens
                if isinstance(event, Failed):
                    raise failure(event)
        raise self._said_at_end(ApiError(503, texts.STOPPED, code="stopped"))

    def _said_at_end(self, error: ApiError) -> ApiError:
        """What failed because the server closes says so."""
        return ApiError(503, texts.CLOSING, code="model_failed") if self._closed and error.code == "stopped" else error

    @contextlib.contextmanager
    def _cancelled_at_end(self) -> Iterator[threading.Event]:
        """A flag that is set when whoever asked waits no more, or the server closes."""
        cancel = threading.Event()
        with self._lock:
            self._cancels.add(cancel)
            if self._closed:
                cancel.set()
        try:
            yield cancel
        finally:
            cancel.set()
            with self._lock:
                self._cancels.discard(cancel)

    async def parts(self, asked: QueuedAnswer) -> AsyncGenerator[Part, None]:
        """The parts of an answer as they come; whoever stops reading cancels it.

        Raises:
            ApiError: The answer failed.
        """
        reader = PartReader(asked.wanted)
        try:
            while not reader.ended:
                try:
                    async with asyncio.timeout(ALIVE_SECONDS):  # Python 3.11's wait_for may swallow a cancel
                        event = await asked.events.get()
                except TimeoutError:
                    yield StillWaiting(self.place(asked))
                    continue
                for part in reader.parts(event):
                    yield part
        finally:
            self.give_up(asked)
            self.served += 1
            self.tokens += reader.tokens

    def _follow(self, asked: QueuedAnswer) -> None:
        """A thread: pass on what comes of one request, and its end."""
        last: Event | CallsMade | None = None
        try:
            for last in answered(self._process.generate, asked.wanted, asked.cancel):
                asked.begun = True
                asked.blocks += isinstance(last, BlockCommitted)
                self._tell(asked, last)
        except Exception:
            _log.exception("request %d", asked.number)
        finally:
            if not isinstance(last, Finished | Failed | CallsMade):
                self._tell(asked, Failed(texts.STOPPED, "", known=True))
            with self._lock:
                self._asked.pop(asked.number, None)
                self._threads.discard(threading.current_thread())

    def _tell(self, asked: QueuedAnswer, event: Event | CallsMade) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(asked.put, event)
        except RuntimeError:  # the loop has ended, and with it whoever asked
            asked.cancel.set()
