"""The one door to the worker thread, seen from the window's side, and the only file that starts threads.

Jobs go in by a queued signal, events come out by another; drafts are polled from a slot every 16 ms while a job runs.
"""

from __future__ import annotations

import itertools
import threading
import time

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal

from app.base.log import get_logger
from app.bridge.jobs import AnswerJob, Job, JobDraft, JobEvent, LoadJob, ModelChoice, ModelProcessFactory
from app.bridge.latest import LatestSlot
from app.bridge.worker import ModelWorker
from inference.events import BlockCommitted, Failed, Finished, ModelReady
from inference.params import GenerationRequest

POLL_MS = 16
POLITE_SECONDS = 1.0
FORCED_SECONDS = 0.9

_log = get_logger("bridge")


class WorkerThread(QObject):
    """Owns the thread and the worker in it.

    Signals:
        event_arrived: A `JobEvent`, in order.
        draft_arrived: A `JobDraft`; only the newest of many.
    """

    event_arrived = Signal(object)
    draft_arrived = Signal(object)
    _job_requested = Signal(object)
    _close_requested = Signal()

    def __init__(self, factory: ModelProcessFactory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._drafts: LatestSlot[JobDraft] = LatestSlot()
        self._worker = ModelWorker(factory, self._drafts)
        queued = Qt.ConnectionType.QueuedConnection
        self._job_requested.connect(self._worker.on_job_requested, queued)
        self._close_requested.connect(self._worker.on_close_requested, queued)
        self._worker.event_arrived.connect(self.on_worker_event, queued)
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self.on_poll_due)
        self._thread = started_thread("engine", self._worker, self)

    @property
    def model_pid(self) -> int | None:
        """Process id of the engine."""
        return self._worker.model_pid

    def load(self, choice: ModelChoice) -> LoadJob:
        """Ask for a model."""
        job = LoadJob(next(self._numbers), choice, threading.Event())
        self._request(job)
        return job

    def answer(self, request: GenerationRequest) -> AnswerJob:
        """Ask for an answer."""
        job = AnswerJob(next(self._numbers), request, threading.Event())
        self._request(job)
        self._poll.start()
        return job

    def cancel_all(self) -> None:
        """Let every job end soon."""
        for job in self._jobs.values():
            job.cancel.set()

    def shut_down(self) -> bool:
        """End the process and the thread: politely, then by force; False if even that did not help."""
        self._poll.stop()
        self.cancel_all()
        self._close_requested.emit()
        if not wait_for_thread(self._thread, POLITE_SECONDS):
            _log.info("the engine did not end in time and is killed")
            self._worker.kill_processes()
            if not wait_for_thread(self._thread, FORCED_SECONDS):
                _log.error("the worker thread did not end")
                return False
        return True

    def _request(self, job: Job) -> None:
        self._jobs[job.number] = job
        self._job_requested.emit(job)

    def on_poll_due(self) -> None:
        """Pass on the newest draft, if there is one."""
        draft = self._drafts.take()
        if draft is not None and draft.number in self._jobs:
            self.draft_arrived.emit(draft)

    def on_worker_event(self, arrived: JobEvent) -> None:
        """In the window's thread: keep the order of draft and commit, pass the event on, forget ended jobs."""
        if isinstance(arrived.event, BlockCommitted):
            self._flush(arrived.event.block)
        if isinstance(arrived.event, ModelReady | Finished | Failed):
            self._end(arrived)
        self.event_arrived.emit(arrived)

    def _flush(self, block: int) -> None:
        draft = self._drafts.take()
        if draft is None:
            return
        if draft.draft.block <= block:
            self.draft_arrived.emit(draft)
        else:
            self._drafts.put(draft)

    def _end(self, arrived: JobEvent) -> None:
        job = self._jobs.get(arrived.number)
        if isinstance(arrived.event, ModelReady) and isinstance(job, AnswerJob):
            return  # a model that was loaded anew on the way to an answer
        self._jobs.pop(arrived.number, None)
        if not any(isinstance(each, AnswerJob) for each in self._jobs.values()):
            self._poll.stop()


def started_thread(name: str, worker: QObject, parent: QObject) -> QThread:
    """A running thread in which `worker` lives."""
    thread = QThread(parent)
    thread.setObjectName(name)
    worker.moveToThread(thread)
    thread.start()
    return thread


def wait_for_thread(thread: QThread, seconds: float) -> bool:
    """Wait without holding the interpreter's lock, which a worker needs to end; False if it did not end in time."""
    deadline = time.monotonic() + seconds
    while not thread.wait(1):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
