"""Long work beside the window: one thread, jobs one after another, news in order, and exactly one `JobEnded` each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from app.base.errors import ErrorReport, report_from_exception
from app.base.log import get_logger
from app.bridge.model_process import started_thread, wait_for_thread

News = Callable[[], Generator[object, None, None]]

_log = get_logger("bridge")


@dataclass(frozen=True, slots=True)
class WorkJob:
    """What crosses the border to the thread.

    Attributes:
        number: Of the job; no two have the same.
        start: Begins the work; what it yields, but for None, is passed on.
        cancel: Asked after each event; whoever works may look at it, too.
    """

    number: int
    start: News
    cancel: threading.Event


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The last event of every job.

    Attributes:
        stopped: Whether the user stopped it before it was through.
        report: What went wrong, None if nothing did.
    """

    stopped: bool = False
    report: ErrorReport | None = None


@dataclass(frozen=True, slots=True)
class WorkEvent:
    """One event of one job."""

    number: int
    event: object


class _Worker(QObject):
    """Runs jobs one after another, in its thread.

    Signals:
        event_arrived: A `WorkEvent`.
    """

    event_arrived = Signal(object)

    @Slot(object)
    def on_job_requested(self, job: WorkJob) -> None:
        """Do a job; whether it is cancelled is asked after each event."""
        ended = JobEnded()
        try:
            if job.cancel.is_set():
                ended = JobEnded(stopped=True)
            else:
                with closing(job.start()) as events:
                    for event in events:
                        if event is not None:
                            self.event_arrived.emit(WorkEvent(job.number, event))
                        if job.cancel.is_set():
                            ended = JobEnded(stopped=True)
                            break
        except Exception as exc:
            report = report_from_exception(exc)
            if report.kind == "bug":
                _log.exception("job %d", job.number)
            else:
                _log.info("job %d: %s", job.number, exc)
            ended = JobEnded(stopped=job.cancel.is_set(), report=report)
        self.event_arrived.emit(WorkEvent(job.number, ended))

    @Slot()
    def on_close_requested(self) -> None:
        """End this thread's event loop."""
        QThread.currentThread().quit()


class WorkThread(QObject):
    """The door to the thread, seen from the window's side; the thread starts with the first job.

    Signals:
        event_arrived: A `WorkEvent`, in order, in the window's thread.
    """

    event_arrived = Signal(object)
    _job_requested = Signal(object)
    _close_requested = Signal()

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._worker: _Worker | None = None
        self._thread: QThread | None = None
        self._jobs: dict[int, WorkJob] = {}

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return bool(self._jobs)

    def do(self, job: WorkJob) -> None:
        """Run a job when those before it are done."""
        if self._thread is None:
            self._start()
        self._jobs[job.number] = job
        self._job_requested.emit(job)

    def cancel_all(self) -> None:
        """Let every job end soon."""
        for job in self._jobs.values():
            job.cancel.set()

    def close(self) -> None:
        """Let the thread end as soon as its job does; `wait` waits for that."""
        self.cancel_all()
        self._close_requested.emit()

    def wait(self, seconds: float) -> bool:
        """Whether the thread ended in time."""
        return self._thread is None or wait_for_thread(self._thread, seconds)

    def on_worker_event(self, arrived: WorkEvent) -> None:
        """In the window's thread: forget ended jobs, pass the event on."""
        if isinstance(arrived.event, JobEnded):
            self._jobs.pop(arrived.number, None)
        self.event_arrived.emit(arrived)

    def _start(self) -> None:
        self._worker = _Worker()
        queued = Qt.ConnectionType.QueuedConnection
        self._job_requested.connect(self._worker.on_job_requested, queued)
        self._close_requested.connect(self._worker.on_close_requested, queued)
        self._worker.event_arrived.connect(self.on_worker_event, queued)
        self._thread = started_thread(self._name, self._worker, self)
