"""The door to one engine worker, seen from the window's side; the thread starts with the first job."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QThread, Signal

from app.bridge.engine_jobs import EngineJob, EngineJobEvent, JobEnded
from app.bridge.engine_worker import EngineSetWorker
from app.bridge.thread import started_thread, wait_for_thread
from app.engines import EngineService


class EngineThread(QObject):
    """Owns a thread and the worker in it.

    Signals:
        event_arrived: An `EngineJobEvent`, in order, in the window's thread.
    """

    event_arrived = Signal(object)
    _job_requested = Signal(object)
    _close_requested = Signal()

    def __init__(self, name: str, service: EngineService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._service = service
        self._worker: EngineSetWorker | None = None
        self._thread: QThread | None = None
        self._jobs: dict[int, EngineJob] = {}

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return bool(self._jobs)

    def do(self, job: EngineJob) -> None:
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

    def on_worker_event(self, arrived: EngineJobEvent) -> None:
        """In the window's thread: forget ended jobs, pass the event on."""
        if isinstance(arrived.event, JobEnded):
            self._jobs.pop(arrived.number, None)
        self.event_arrived.emit(arrived)

    def _start(self) -> None:
        self._worker = EngineSetWorker(self._service)
        queued = Qt.ConnectionType.QueuedConnection
        self._job_requested.connect(self._worker.on_job_requested, queued)
        self._close_requested.connect(self._worker.on_close_requested, queued)
        self._worker.event_arrived.connect(self.on_worker_event, queued)
        self._thread = started_thread(self._name, self._worker, self)
