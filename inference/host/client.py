"""The model process as the window's worker thread sees it: ask, and get events.

Used by one thread; only the cancel event, `pid` and `kill` belong to all. Whatever happens to the process, every
request ends with exactly one closing event, and the next request starts a new process by itself.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from inference.errors import ModelProcessError
from inference.events import Closing, DraftUpdated, Event, Failed, Finished, ModelReady
from inference.failures import failed_from_error
from inference.host.link import ProcessLink
from inference.host.messages import (
    Cancel,
    Generate,
    LoadModel,
    Measure,
    MoreSteps,
    Perform,
    SessionOpener,
    Settle,
    Task,
)
from inference.host.watch import LEAST_PATIENCE, Watch
from inference.operations.requests import Operation
from inference.params import GenerationRequest
from inference.stats import cancelled_before
from trt_engines.runtime.safe_mode import take_back

if TYPE_CHECKING:  # numpy comes with it
    from inference.backends.base import CancelFlag

# How often the cancel event is looked at while nothing arrives.
_POLL_SECONDS, _GUEST_POLL_SECONDS = 0.02, 0.1  # guests may be many
_LOG_TAIL_BYTES = 4000
# Within it a load that was cancelled ends by itself, and leaves no half file; then its process is killed.
LOAD_GRACE = 0.5
MEASURE_SECONDS = 60.0  # tokenising the longest message takes some seconds
MOST_EVENTS = 20_000  # of one request, but for drafts; an answer of some hundred blocks has some hundred, packing 1,000
_LOST = "The process that runs the model ended unexpectedly."
_HUNG = "The process that runs the model hung and was ended."
_ASK_AGAIN = "Ask again: the model is started anew."  # to a guest, who has no buttons
_AGAIN = 'Press "Try again": the model is started anew.'


class ModelProcessClient:
    """A model process, started when needed.

    Attributes:
        cancel_grace: Seconds within which a cancelled request must end before the process is killed.
        patience: Seconds without a sign of life after which a guest takes the process for one that hangs.
    """

    def __init__(
        self,
        model_dir: Path | str | None,
        backend: str = "auto",
        *,
        log_file: Path | None = None,
        cancel_grace: float = 10.0,
        engines: Path | None = None,
        opener: SessionOpener | None = None,
    ) -> None:
        """Note what to run; nothing is started yet.

        Args:
            model_dir: Folder of the model; None for fake backends.
            backend: "auto", "onnx", "native", "torch", "fake" or "fake:MODE".
            log_file: Log of the model process; None lets it write to standard error.
            cancel_grace: See above.
            engines: Folder of all TensorRT engine sets, None if there is none.
            opener: Opens what answers in the process, instead of a folder's model.
        """
        self.cancel_grace, self.patience = cancel_grace, LEAST_PATIENCE
        self._model_dir = None if model_dir is None else str(model_dir)
        self._backend = backend
        self._log_file = log_file
        self._engines, self._opener = engines, opener
        self._link: ProcessLink | None = None
        self._loaded = False
        self._said: deque[int] = deque()  # steps to add, 0 to settle; put in by any thread
        self._number = 0  # of the newest request
        self._open: int | None = None  # the request whose closing event has not come yet
        self._killed: ProcessLink | None = None  # what `kill` has ended

    def __enter__(self) -> ModelProcessClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id, None if no process is running."""
        link = self._link
        return link.pid if link is not None and link.alive() else None

    @property
    def loaded(self) -> bool:
        """Whether a process is running that holds the model; from any thread."""
        return self._loaded and self.pid is not None

    def start(self) -> None:
        """Start the process if it does not run.

        The calling thread must live as long as the process shall (see `die_with_parent`).

        Raises:
            ModelProcessError: The system does not let us.
        """
        self._started_link()

    def load(self, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Load the model, anew if it was loaded; a cancel ends the process within half a second.

        Yields:
            ModelLoading events, at last ModelReady, Failed, or Finished(reason="cancelled").
        """
        self._settle()
        self._loaded = False
        try:
            link = self._started_link()
        except ModelProcessError as error:
            yield failed_from_error(error)
            return
        number = self._next_number()
        link.send(LoadModel(number))
        for event in self._follow(link, number, cancel, LOAD_GRACE, overdue=cancelled_before()):
            self._loaded = isinstance(event, ModelReady)
            if isinstance(event, Finished):  # whatever was loaded goes with the process
                self.kill()
                self._discard(0.0)
            yield event

    def generate(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Answer a request.

        1. Load the model if no process holds it: at first, and after a loss.
        2. Send the request and pass its events on. Of drafts of one block that queue up, only the newest is passed.
        3. If the process dies, say so; if it does not react to a cancel, kill it and say so.

        Yields:
            Events of loading, if needed, then those of `Session.generate`; the last one is Finished or Failed.
        """
        yield from self._requested(lambda number: Generate(number, request), cancel)

    def generate_for_guest(
        self, request: GenerationRequest, cancel: CancelFlag | None = None, drafts: bool = True
    ) -> Iterator[Event]:
        """Answer a request beside the owner's, from any thread: in turn with other guests, when the owner asks nothing.

        The model must be loaded. A cancel ends it here at once, and in the process within a step of its next turn. A
        process that hangs is killed.

        Yields:
            The events of `Session.generate`; the last one is Finished or Failed.
        """
        yield from self._for_guest(lambda number: Generate(number, request, drafts), cancel)

    def count_for_guest(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Say how many tokens a request's whole prompt has, from any thread.

        Yields:
            PromptMeasured, or Failed.
        """
        yield from self._for_guest(lambda number: Measure(number, request, whole=True), cancel)

    def perform_for_guest(self, operation: Operation, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """As `perform`, from any thread."""
        yield from self._for_guest(lambda number: Perform(number, operation), cancel)

    def _for_guest(self, task: Callable[[int], Task], cancel: CancelFlag | None) -> Iterator[Event]:
        link = self._link
        if link is None or not self.loaded:
            yield Failed("No model is loaded.", "Choose a model.", known=True, engine_lost=True)
            return
        number = link.open_guest()
        open_still = True
        link.send(task(number))
        waiting: deque[Event] = deque()
        watch = Watch(link, self.patience)
        try:
            while open_still:
                if cancel is not None and cancel.is_set():
                    yield cancelled_before()
                    return
                replies, gone = link.receive_guest(number, 0.0 if waiting else _GUEST_POLL_SECONDS)
                waiting.extend(reply.event for reply in replies)
                waiting = newest_drafts(waiting)
                if waiting:
                    event = waiting.popleft()
                    open_still = not isinstance(event, Closing)
                    yield event
                elif gone:
                    open_still = False
                    yield Failed(_HUNG if link.hung else _LOST, _ASK_AGAIN, known=True, engine_lost=True)
                elif watch.hangs():
                    link.hung = True
                    link.kill()
        finally:
            link.close_guest(number)
            if open_still:
                link.send(Cancel(number))

    def perform(self, operation: Operation, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Rewrite a part of an answer, decide a question, or say what else a place could hold.

        Yields:
            Events of loading, if needed, then those of `inference.operations.perform`; the last one is Finished,
            Decided, AlternativesFound or Failed.
        """
        yield from self._requested(lambda number: Perform(number, operation), cancel)

    def settle_now(self) -> None:
        """Commit the block that is being written after its next step, as it is; from any thread."""
        self._said.append(0)

    def more_steps(self, count: int) -> None:
        """Let the block that is being written take `count` more steps than its limit; from any thread.

        Raises:
            ValueError: `count` is not 1 or more.
        """
        if count < 1:
            raise ValueError(f"count must be 1 or more, not {count!r}")
        self._said.append(count)

    def measure(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Say how long a request's newest message is.

        The process does not interrupt it: one that has not answered within `cancel_grace` after a cancel, or in a
        minute, hangs and is killed.

        Yields:
            Events of loading, if needed; the last one is PromptMeasured or Failed.
        """
        yield from self._requested(lambda number: Measure(number, request), cancel, MEASURE_SECONDS)

    def measure_chat(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Say what of a request's chat would be read, and how long that is; otherwise as `measure`.

        Yields:
            Events of loading, if needed; the last one is PromptMeasured or Failed.
        """
        yield from self._requested(lambda number: Measure(number, request, chat=True), cancel, MEASURE_SECONDS)

    def _requested(
        self, task: Callable[[int], Task], cancel: CancelFlag | None, patience: float = math.inf
    ) -> Iterator[Event]:
        # 1.
        self._settle()
        if not self.loaded:
            yield from self.load(cancel)
        if not self._loaded or self._link is None:
            return
        link = self._link
        self._said.clear()  # it was meant for the answer before
        # 2. and 3.
        number = self._next_number()
        link.send(task(number))
        hung = Failed("The model did not react to Stop and was ended.", _AGAIN, known=True, engine_lost=True)
        yield from self._follow(link, number, cancel, self.cancel_grace, hung, patience)

    def kill(self) -> None:
        """End the process by force, from any thread; a request that is running then ends with Failed."""
        link = self._killed = self._link
        if link is not None:
            link.kill()

    def close(self, timeout: float = 3.0) -> None:
        """End the process: politely within `timeout` seconds, then by force. The next request would start a new one."""
        self._discard(timeout, on_purpose=True)

    def _follow(
        self,
        link: ProcessLink,
        number: int,
        cancel: CancelFlag | None,
        grace: float,
        overdue: Event,
        patience: float = math.inf,
    ) -> Iterator[Event]:
        """Pass on the events of request `number` until its closing event, which comes within `patience` seconds.

        1. Pass a cancel on, once, as soon as it is seen; and whatever else is said to the answer.
        2. Take what has arrived; drop drafts that a newer one of their block has overtaken.
        3. Yield the oldest event; end with the closing one.
        4. With nothing left to yield: a process that is gone is lost, one that ignores a cancel is killed; and so is
           one that floods, whatever is left.
        """
        self._open = number
        waiting: deque[Event] = deque()
        overdue_at, passed = time.monotonic() + patience, 0
        cancelled = False
        try:
            while True:
                # 1.
                if not cancelled and cancel is not None and cancel.is_set():
                    link.send(Cancel(number))
                    cancelled, overdue_at = True, min(overdue_at, time.monotonic() + grace)
                while self._said:
                    count = self._said.popleft()
                    link.send(MoreSteps(number, count) if count else Settle(number))
                # 2.
                replies, gone = link.receive(0.0 if waiting else _POLL_SECONDS)
                waiting.extend(reply.event for reply in replies if reply.number == number)
                waiting = newest_drafts(waiting)
                # 3.
                if waiting:
                    event = waiting.popleft()
                    if isinstance(event, Closing):
                        self._open = None
                        yield event
                        return
                    yield event
                    passed += not isinstance(event, DraftUpdated)
                # 4.
                elif gone:
                    yield self._lost(link)
                    return
                if passed > MOST_EVENTS or (not replies and not waiting and time.monotonic() >= overdue_at):
                    link.kill()
                    self._discard(0.0, on_purpose=cancelled and not self._loaded)
                    yield overdue
                    return
        finally:
            if self._open == number:  # the reader went away: let the process stop, too
                link.send(Cancel(number))

    def _started_link(self) -> ProcessLink:
        if self._link is None or not self._link.alive():
            self._discard(0.0)
            self._link = ProcessLink(self._model_dir, self._backend, self._log_file, self._engines, self._opener)
        return self._link

    def _settle(self) -> None:
        """End the request that its reader left before its closing event; a process that hangs in it is killed."""
        link, number = self._link, self._open
        if link is None or number is None:
            return
        stopped = threading.Event()
        stopped.set()
        grace = self.cancel_grace if self._loaded else LOAD_GRACE
        hung = Failed("", "", known=True, engine_lost=True)
        for _ in self._follow(link, number, stopped, grace, overdue=hung):
            pass

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _discard(self, timeout: float, on_purpose: bool = False) -> None:
        """End the process; one that ends on purpose is no crash of the card, whatever it was doing there."""
        link, self._link = self._link, None
        self._loaded = False
        self._open = None
        if link is not None:
            link.end(timeout)
            if self._engines is not None and link.pid is not None and (on_purpose or link is self._killed):
                take_back(self._engines, link.pid)

    def _lost(self, link: ProcessLink) -> Failed:
        detail = f"exit code {link.exit_code()}"
        self._discard(0.0)
        if self._log_file is not None and self._log_file.is_file():
            detail += "\n" + self._log_file.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
        return Failed(_LOST, _AGAIN, known=True, detail=detail, engine_lost=True)


def newest_drafts(events: deque[Event]) -> deque[Event]:
    """The events in order, without drafts that are followed by a newer draft of the same block."""
    newest = {event.block: event for event in events if isinstance(event, DraftUpdated)}
    return deque(e for e in events if not isinstance(e, DraftUpdated) or newest[e.block] is e)
