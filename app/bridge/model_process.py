"""The model process, seen from the window's side: tasks go in, events come out, and of drafts only the newest.

`ModelWorker` lives in the thread of `ModelThread` and owns the process. Whatever is raised becomes an event: every task
ends with exactly one closing event (ModelReady, Finished or Failed), and a RuntimeError of a backend must not
vanish. Drafts go into a slot that keeps the newest alone and is polled every 16 ms while an answer is made.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from app.base import texts
from app.base.errors import ErrorReport, report_from_exception
from app.base.log import get_logger
from app.bridge.background import BackgroundThread, Task, TaskEnded, TaskEvent
from app.bridge.latest import LatestSlot
from app.chats import texts as chat_texts
from app.library.answering import ModelChoice
from inference.events import (
    AlternativesFound,
    BlockCommitted,
    Decided,
    DraftUpdated,
    Event,
    Failed,
    Finished,
    ModelReady,
    PromptMeasured,
)
from inference.operations.requests import Operation
from inference.params import GenerationRequest
from inference.stats import RunStats

if TYPE_CHECKING:  # numpy comes with it
    from inference.backends.base import CancelFlag

POLL_MS = 16
CLOSE_SECONDS = 0.6
POLITE_SECONDS = 1.0
FORCED_SECONDS = 0.9

_log = get_logger("bridge")


class ModelProcess(Protocol):
    """A model process (`inference.host.client`); all but `kill` belongs to the worker's thread."""

    @property
    def pid(self) -> int | None:
        """Process id, None if none is running."""

    def load(self, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Load the model; the last event is ModelReady, Failed or Finished."""

    def generate(self, request: GenerationRequest, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Answer a request; the last event is Finished or Failed."""

    def measure(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Say how long the newest message is; the last event is PromptMeasured or Failed."""

    def measure_chat(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Say what of a chat would be read; the last event is PromptMeasured or Failed."""

    def perform(self, operation: Operation, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Do an operation; the last event is Finished, Decided, AlternativesFound or Failed."""

    def settle_now(self) -> None:
        """Commit the block that is being written as it stands, from any thread."""

    def more_steps(self, count: int) -> None:
        """Let the block that is being written take more steps, from any thread."""

    def kill(self) -> None:
        """End the process by force, from any thread."""

    def close(self, timeout: float = 3.0) -> None:
        """End the process politely."""

    @property
    def loaded(self) -> bool:
        """Whether it holds the model; from any thread, as all that follows."""

    def generate_for_guest(
        self, request: GenerationRequest, cancel: CancelFlag | None = None, drafts: bool = True
    ) -> Iterator[Event]:
        """Answer a request of another program, in turn with others."""

    def count_for_guest(self, request: GenerationRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Count the tokens of its prompt."""

    def perform_for_guest(self, operation: Operation, cancel: CancelFlag | None = None) -> Iterator[Event]:
        """Do an operation of the core for another program."""


class ModelProcessFactory(Protocol):
    """Makes a model process; nothing is started yet."""

    def __call__(self, choice: ModelChoice, /) -> ModelProcess:
        """A process for this model."""


@dataclass(frozen=True, slots=True)
class LoadTask:
    """Load a model, `own` if it is that of one chat alone; the one before stays if that fails."""

    number: int
    choice: ModelChoice
    cancel: threading.Event
    own: bool = False


@dataclass(frozen=True, slots=True)
class AnswerTask:
    """Make one answer; by the model of the load `awaits` and no other, if it was asked while that load went on."""

    number: int
    request: GenerationRequest
    cancel: threading.Event
    awaits: int | None


@dataclass(frozen=True, slots=True)
class MeasureTask:
    """Say how long a message is, or what of its `chat` would be read; `awaits` as for an answer."""

    number: int
    request: GenerationRequest
    cancel: threading.Event
    awaits: int | None
    chat: bool = False


@dataclass(frozen=True, slots=True)
class PerformTask:
    """Do what is no answer of a chat: an operation, or a text that nobody stores as it comes; `awaits` as above."""

    number: int
    request: Operation | GenerationRequest
    cancel: threading.Event
    awaits: int | None


ModelTask = LoadTask | AnswerTask | MeasureTask | PerformTask


@dataclass(frozen=True, slots=True)
class ModelEvent:
    """One event of one task; drafts do not come this way."""

    number: int
    event: Event


@dataclass(frozen=True, slots=True)
class NewestDraft:
    """The newest draft of a task."""

    number: int
    draft: DraftUpdated


class ModelWorker:
    """Owns the model process, in the thread."""

    def __init__(
        self, factory: ModelProcessFactory, drafts: LatestSlot[NewestDraft], stop_wanted: Callable[[], bool]
    ) -> None:
        """Nothing is started yet.

        Args:
            factory: Makes processes.
            drafts: Where drafts go.
            stop_wanted: Whether a task that waits behind a measurement was told to stop.
        """
        self._factory = factory
        self._drafts = drafts
        self._stop_wanted = stop_wanted
        self._process: ModelProcess | None = None
        self._loading: ModelProcess | None = None
        self._holds: int | None = None  # the load that `_process` came from
        self._name = ""  # of the model that it holds
        self._failed: Failed | None = None  # the newest load, if it failed and another process stayed
        self._own = ""  # name of the model that was loaded last, if it is that of one chat alone

    def kill_processes(self) -> None:
        """End the model processes by force; for other threads, as the next two."""
        for process in (self._loading, self._process):
            if process is not None:
                process.kill()

    def settle_now(self) -> None:
        """Commit the block that is being written as it stands."""
        if self._process is not None:
            self._process.settle_now()

    def more_steps(self, count: int) -> None:
        """Let the block that is being written take more steps."""
        if self._process is not None:
            self._process.more_steps(count)

    def loaded_process(self) -> ModelProcess | None:
        """The process that answers, if it holds its model; from any thread."""
        process = self._process
        return process if process is not None and process.loaded else None

    @property
    def model_pid(self) -> int | None:
        """Process id of the process that answers."""
        process = self._process or self._loading
        return process.pid if process is not None else None

    def events(self, task: ModelTask) -> Generator[Event, None, None]:
        """Do a task; one that was cancelled before it began ends as one that was cancelled."""
        if task.cancel.is_set():
            if isinstance(task, LoadTask):
                self._failed, self._own = None, task.choice.name if task.own else ""
            yield RunStats().finished("cancelled", "", "", seed=0, max_steps=0, tokens=0)
            return
        match task:
            case LoadTask():
                yield from self._load(task)
            case AnswerTask() | MeasureTask() | PerformTask():
                yield from self._answer(task)

    def close(self) -> None:
        """End the model process."""
        process, self._process = self._process, None
        if process is not None:
            process.close(CLOSE_SECONDS)

    def _load(self, task: LoadTask) -> Generator[Event, None, None]:
        process = self._loading = self._factory(task.choice)
        self._own = task.choice.name if task.own else ""
        last = yield from self._whole(task, process.load(task.cancel))
        self._loading = None
        if isinstance(last, ModelReady) or self._process is None:
            self._process, process = process, self._process or process
            self._holds = task.number
            self._name = last.name if isinstance(last, ModelReady) else task.choice.name
        else:
            self._failed = last if isinstance(last, Failed) else None
        if process is not self._process:
            process.close(CLOSE_SECONDS)

    def _answer(self, task: AnswerTask | MeasureTask | PerformTask) -> Generator[Event, None, None]:
        if self._process is None:
            yield Failed(chat_texts.NO_MODEL, chat_texts.NO_MODEL_HINT, known=True)
            return
        if task.awaits is not None and task.awaits != self._holds:
            failed = self._failed or Failed(chat_texts.NOT_LOADED, "", known=True)
            text, hint = failed.user_text, chat_texts.asks_another_hint(self._name)
            if self._own:  # it is asked again until the chat has another one
                text, hint = chat_texts.own_model_not_loaded(self._own, text), chat_texts.OWN_MODEL_HINT
            yield dataclasses.replace(failed, user_text=text, hint=hint, engine_lost=False)
            return
        if isinstance(task, MeasureTask):  # forgetting it ends nothing; stopping what waits behind it does
            ask = self._process.measure_chat if task.chat else self._process.measure
            yield from self._whole(task, ask(task.request, _Flag(self._stop_wanted)))
        elif isinstance(task.request, Operation):
            yield from self._whole(task, self._process.perform(task.request, task.cancel))
        else:
            yield from self._whole(task, self._process.generate(task.request, task.cancel))

    def _whole(self, task: ModelTask, events: Iterator[Event]) -> Generator[Event, None, Event | None]:
        """All events but drafts; the last one is a closing event even if the iterator breaks."""
        last: Event | None = None
        try:
            for event in events:
                last = event
                if isinstance(event, DraftUpdated):
                    self._drafts.put(NewestDraft(task.number, event))
                else:
                    yield event
        except Exception as exc:
            _log.exception("task %d", task.number)
            last = _failed(report_from_exception(exc))
            yield last
        if not isinstance(last, _closing(task)):
            last = Failed(texts.BUG, texts.BUG_HINT, known=False, detail=f"the model process ended with {last!r}")
            yield last
        return last


class _Flag:
    """A cancel flag that is asked elsewhere."""

    def __init__(self, is_set: Callable[[], bool]) -> None:
        self._is_set = is_set

    def is_set(self) -> bool:
        return self._is_set()


class ModelThread(QObject):
    """Owns the thread and the worker in it.

    Signals:
        event_arrived: A `ModelEvent`, in order.
        draft_arrived: A `NewestDraft`.
    """

    event_arrived = Signal(object)
    draft_arrived = Signal(object)

    def __init__(self, factory: ModelProcessFactory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._numbers = itertools.count(1)
        self._tasks: dict[int, ModelTask] = {}
        self._closing_down = False
        self._drafts: LatestSlot[NewestDraft] = LatestSlot()
        self._worker = ModelWorker(factory, self._drafts, self._stop_wanted)
        self._thread = BackgroundThread("model process", self, self._worker.close)
        self._thread.event_arrived.connect(self.on_task_event)
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self.on_poll_due)

    @property
    def model_pid(self) -> int | None:
        """Process id of the model process."""
        return self._worker.model_pid

    def loaded_process(self) -> ModelProcess | None:
        """The process that answers, for requests of other programs; from any thread. None while there is none."""
        return self._worker.loaded_process()

    def load(self, choice: ModelChoice, own: bool = False) -> LoadTask:
        """Ask for a model, `own` for that of one chat alone."""
        task = LoadTask(next(self._numbers), choice, threading.Event(), own)
        self._request(task)
        return task

    def answer(self, request: GenerationRequest) -> AnswerTask:
        """Ask for an answer."""
        task = AnswerTask(next(self._numbers), request, threading.Event(), self._newest_load())
        self._request(task)
        self._poll.start()
        return task

    def measure(self, request: GenerationRequest, chat: bool = False) -> MeasureTask:
        """Ask how long a message is, or what of its whole chat would be read."""
        task = MeasureTask(next(self._numbers), request, threading.Event(), self._newest_load(), chat)
        self._request(task)
        return task

    def perform(self, request: Operation | GenerationRequest) -> PerformTask:
        """Ask for what is no answer of a chat."""
        task = PerformTask(next(self._numbers), request, threading.Event(), self._newest_load())
        self._request(task)
        self._poll.start()
        return task

    def settle_now(self) -> None:
        """Commit the block that is being written as it stands."""
        self._worker.settle_now()

    def more_steps(self, count: int) -> None:
        """Let the block that is being written take so many steps more than its limit."""
        self._worker.more_steps(count)

    def cancel_all(self) -> None:
        """Let every task end soon."""
        for task in self._tasks.values():
            task.cancel.set()

    def shut_down(self) -> bool:
        """End the process and the thread: politely, then by force; False if even that did not help."""
        self._poll.stop()
        self._closing_down = True
        self.cancel_all()
        self._thread.close(cancel=False)  # its tasks come to an end of their own: theirs is the closing event
        if not self._thread.wait(POLITE_SECONDS):
            _log.info("the model process did not end in time and is killed")
            self._worker.kill_processes()
            return self._thread.end(FORCED_SECONDS)
        return True

    def on_poll_due(self) -> None:
        """Pass on the newest draft, if there is one."""
        draft = self._drafts.take()
        if draft is not None and draft.number in self._tasks:
            self.draft_arrived.emit(draft)

    def on_task_event(self, arrived: TaskEvent) -> None:
        """Keep the order of draft and commit, pass the event on, forget ended tasks."""
        event = arrived.event
        if isinstance(event, TaskEnded):
            if arrived.number not in self._tasks:
                return  # the model's own closing event came before it
            event = _failed(event.report or ErrorReport("bug", texts.BUG, texts.BUG_HINT))
        assert isinstance(event, Event)
        if isinstance(event, BlockCommitted):
            self._flush(event.block)
        task = self._tasks.get(arrived.number)
        if task is not None and isinstance(event, _closing(task)):
            self._end(arrived.number)
        self.event_arrived.emit(ModelEvent(arrived.number, event))

    def _newest_load(self) -> int | None:
        """The load that goes on or waits, and that comes before all that is asked now."""
        return max((task.number for task in self._tasks.values() if isinstance(task, LoadTask)), default=None)

    def _request(self, task: ModelTask) -> None:
        self._tasks[task.number] = task
        # The worker looks at no cancel of its own: a task that is cancelled goes on until its closing event is there.
        self._thread.do(Task(task.number, lambda: self._worker.events(task), threading.Event()))

    def _stop_wanted(self) -> bool:
        """In the thread: whether an answer or a model that waits was told to stop, or the window closes."""
        return self._closing_down or any(
            task.cancel.is_set() for task in tuple(self._tasks.values()) if not isinstance(task, MeasureTask)
        )

    def _flush(self, block: int) -> None:
        draft = self._drafts.take()
        if draft is None:
            return
        if draft.draft.block <= block:
            self.draft_arrived.emit(draft)
        else:
            self._drafts.put(draft)

    def _end(self, number: int) -> None:
        self._tasks.pop(number, None)
        if not any(isinstance(each, AnswerTask | PerformTask) for each in self._tasks.values()):
            self._poll.stop()


def _closing(task: ModelTask) -> tuple[type[Event], ...]:
    """Events that end a task; ModelReady comes on the way to an answer, too, if the model is loaded anew."""
    match task:
        case LoadTask():
            return (ModelReady, Failed, Finished)
        case MeasureTask():
            return (PromptMeasured, Failed, Finished)
        case PerformTask():
            return (Decided, AlternativesFound, Failed, Finished)
        case AnswerTask():
            return (Failed, Finished)


def _failed(report: ErrorReport) -> Failed:
    """What went wrong, as the closing event of a task."""
    return Failed(report.text, report.hint, known=report.kind == "known", detail=report.detail)
