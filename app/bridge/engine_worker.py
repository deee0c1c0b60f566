"""Runs the jobs of `engine_jobs` in a thread of its own; every job ends with exactly one `JobEnded`."""

from __future__ import annotations

import multiprocessing
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QThread, Signal, Slot

from app.bridge.engine_jobs import (
    BuildJob,
    EngineJob,
    EngineJobEvent,
    JobEnded,
    Looked,
    LookJob,
    Removed,
    RemoveJob,
    VerifyJob,
)
from app.engines import EngineService
from app.errors import report_from_exception
from app.log import get_logger

if TYPE_CHECKING:
    from app.engines import EngineEvent

ENGINE_PROCESS = "dewpoint-engine"  # of a chat; it has an owner of its own

_log = get_logger("bridge")


class EngineSetWorker(QObject):
    """Runs jobs one after another.

    Signals:
        event_arrived: An `EngineJobEvent`.
    """

    event_arrived = Signal(object)

    def __init__(self, service: EngineService) -> None:
        super().__init__()
        self._service = service

    @Slot(object)
    def on_job_requested(self, job: EngineJob) -> None:
        """Do a job; whether it is cancelled is asked after each event."""
        ended = JobEnded()
        try:
            if job.cancel.is_set():
                ended = JobEnded(stopped=True)
            else:
                with closing(self._events(job)) as events:
                    for event in events:
                        if event is not None:
                            self.event_arrived.emit(EngineJobEvent(job.number, event))
                        if job.cancel.is_set():
                            ended = JobEnded(stopped=True)
                            break
        except Exception as exc:
            report = report_from_exception(exc)
            if report.kind == "bug":
                _log.exception("engine job %d", job.number)
            else:
                _log.info("engine job %d: %s", job.number, exc)
            ended = JobEnded(stopped=job.cancel.is_set(), report=report)
        self.event_arrived.emit(EngineJobEvent(job.number, ended))

    @Slot()
    def on_close_requested(self) -> None:
        """End this thread's event loop."""
        QThread.currentThread().quit()

    def _events(self, job: EngineJob) -> Generator[EngineEvent | Looked | Removed, None, None]:
        match job:
            case LookJob():
                yield Looked(self._service.view(job.folder, job.name), self._service.sets())
            case BuildJob():
                yield from self._service.build(job.view, job.offer, job.anew)
            case VerifyJob():
                yield from self._service.verify(job.view, job.offer)
            case RemoveJob():
                yield Removed(sum(self._service.delete(folder) for folder in job.folders))


def kill_children() -> None:
    """End what builds and self-tests started, by force, from any thread; what they write is whole or not there."""
    for child in multiprocessing.active_children():
        if child.name != ENGINE_PROCESS:
            child.kill()
