"""Long work beside the window: one thread, tasks one after another, news in order, and exactly one `TaskEnded` each.

Every thread of the window's own objects is one of these. Others are started below them, without Qt: for a call that
may hang and is given up in time (`app.base.paths`, `app.network.asking`), and for the parts of a download.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from app.base.errors import ErrorReport, report_from_exception
from app.base.log import get_logger

News = Callable[[], Generator[object, None, None]]
BURST_SECONDS = 0.03  # for which news are passed on before the window may do something else

_log = get_logger("bridge")
_given_up: list[BackgroundThread] = []


@dataclass(frozen=True, slots=True)
class Task:
    """What crosses the border to the thread.

    Attributes:
        number: Of the task; no two of one thread have the same.
        start: Begins the work; what it yields, but for None, is passed on.
        cancel: Asked after each event; whoever works may look at it, too.
    """

    number: int
    start: News
    cancel: threading.Event


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """The last event of every task.

    Attributes:
        stopped: Whether the user stopped it before it was through.
        report: What went wrong, None if nothing did.
    """

    stopped: bool = False
    report: ErrorReport | None = None


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """One event of one task."""

    number: int
    event: object


class _Worker(QObject):
    """Runs tasks one after another, in its thread.

    Signals:
        event_arrived: A `TaskEvent`.
    """

    event_arrived = Signal(object)

    def __init__(self, at_end: Callable[[], None] | None) -> None:
        super().__init__()
        self._at_end = at_end

    @Slot(object)
    def on_task_requested(self, task: Task) -> None:
        """Do a task; whether it is cancelled is asked after each event."""
        ended = TaskEnded()
        try:
            if task.cancel.is_set():
                ended = TaskEnded(stopped=True)
            else:
                with closing(task.start()) as events:
                    for event in events:
                        if event is not None:
                            self.event_arrived.emit(TaskEvent(task.number, event))
                        if task.cancel.is_set():
                            ended = TaskEnded(stopped=True)
                            break
        except Exception as exc:
            report = report_from_exception(exc)
            if report.kind == "bug":
                _log.exception("task %d", task.number)
            else:
                _log.info("task %d: %s", task.number, exc)
            ended = TaskEnded(task.cancel.is_set(), report if report.kind != "cancelled" else None)
        self.event_arrived.emit(TaskEvent(task.number, ended))

    @Slot()
    def on_close_requested(self) -> None:
        """Do what is to be done last, then end this thread's event loop."""
        try:
            if self._at_end is not None:
                self._at_end()
        except Exception:
            _log.exception("the end of a thread")
        QThread.currentThread().quit()


class BackgroundThread(QObject):
    """The door to the thread, seen from the window's side; the thread starts with the first task.

    Of many events at once some are passed on, then the window draws and hears its user, then the others follow: Qt
    alone would first pass on all of them.

    Signals:
        event_arrived: A `TaskEvent`, in order, in the window's thread.
    """

    event_arrived = Signal(object)
    _task_requested = Signal(object)
    _close_requested = Signal()

    def __init__(self, name: str, parent: QObject | None = None, at_end: Callable[[], None] | None = None) -> None:
        """Nothing is started yet.

        Args:
            name: For debuggers.
            parent: Qt's.
            at_end: Called in the thread, before it ends.
        """
        super().__init__(parent)
        self._name, self._at_end = name, at_end
        self._worker: _Worker | None = None
        self._thread: QThread | None = None
        self._tasks: dict[int, Task] = {}
        self._arrived: deque[TaskEvent] = deque()
        self._until = 0.0
        self._breath = QTimer(self)
        self._breath.setSingleShot(True)
        self._breath.timeout.connect(self.on_breath)

    @property
    def busy(self) -> bool:
        """Whether a task runs or waits."""
        return bool(self._tasks)

    @property
    def given_up(self) -> bool:
        """Whether it did not end in time, so that nobody waits for it any more."""
        return self in _given_up

    def do(self, task: Task) -> None:
        """Run a task when those before it are done."""
        if self._thread is None:
            self._start()
        self._tasks[task.number] = task
        self._task_requested.emit(task)

    def cancel_all(self) -> None:
        """Let every task end soon."""
        for task in self._tasks.values():
            task.cancel.set()

    def close(self, cancel: bool = True) -> None:
        """Let the thread end as soon as its tasks do, which are cancelled for that; `wait` waits for it."""
        if cancel:
            self.cancel_all()
        self._close_requested.emit()

    def wait(self, seconds: float) -> bool:
        """Whether the thread ended in time; the interpreter's lock, which a worker needs to end, is not held."""
        deadline = time.monotonic() + seconds
        while self._thread is not None and not self._thread.wait(1):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def end(self, seconds: float) -> bool:
        """Wait for its end; False if it does not end in time and is given up: nobody waits for it again.

        What hangs in the system (a drive that does not answer) cannot be interrupted by anybody.
        """
        if self.given_up:
            return False
        if self.wait(seconds):
            return True
        _log.error("the thread %s did not end and is given up", self._name)
        _given_up.append(self)
        return False

    def on_worker_event(self, arrived: TaskEvent) -> None:
        """In the window's thread: pass the event on, now or soon."""
        self._arrived.append(arrived)
        if not self._breath.isActive():
            self._begin_burst()
        self._pass_on()

    def on_breath(self) -> None:
        """Everything else has had its turn."""
        if self._arrived:
            self._begin_burst()
            self._pass_on()

    def _begin_burst(self) -> None:
        self._until = time.monotonic() + BURST_SECONDS
        self._breath.start(0)

    def _pass_on(self) -> None:
        """Forget ended tasks, tell."""
        while self._arrived and time.monotonic() < self._until:
            arrived = self._arrived.popleft()
            if isinstance(arrived.event, TaskEnded):
                self._tasks.pop(arrived.number, None)
            self.event_arrived.emit(arrived)

    def _start(self) -> None:
        self._worker = _Worker(self._at_end)
        queued = Qt.ConnectionType.QueuedConnection
        self._task_requested.connect(self._worker.on_task_requested, queued)
        self._close_requested.connect(self._worker.on_close_requested, queued)
        self._worker.event_arrived.connect(self.on_worker_event, queued)
        self._thread = QThread(self)
        self._thread.setObjectName(self._name)
        self._worker.moveToThread(self._thread)
        self._thread.start()


def leave_if_given_up(status: int) -> None:
    """End the process here and now if a thread was given up: Qt ends a program that takes a running thread down."""
    if _given_up:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)
