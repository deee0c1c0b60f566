"""The worker: lives in its own thread, owns the engine process, turns generators of events into one Qt signal.

Drafts go into a slot that keeps the newest alone; everything else is emitted in order. Every job ends with exactly one
closing event (ModelReady, Finished or Failed), whatever is raised: a RuntimeError of a backend must not vanish.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from PySide6.QtCore import QObject, QThread, Signal, Slot

from app.base import texts
from app.base.log import get_logger
from app.bridge.jobs import AnswerJob, Job, JobDraft, JobEvent, LoadJob, ModelProcess, ModelProcessFactory
from app.bridge.latest import LatestSlot
from app.chats import texts as chats_texts
from inference.errors import InferenceError, KnownError
from inference.events import DraftUpdated, Event, Failed, Finished, ModelReady
from inference.stats import RunStats

CLOSE_SECONDS = 0.6

_log = get_logger("bridge")


class ModelWorker(QObject):
    """Runs jobs one after another.

    Signals:
        event_arrived: A `JobEvent`.
    """

    event_arrived = Signal(object)

    def __init__(self, factory: ModelProcessFactory, drafts: LatestSlot[JobDraft]) -> None:
        super().__init__()
        self._factory = factory
        self._drafts = drafts
        self._engine: ModelProcess | None = None
        self._loading: ModelProcess | None = None

    def kill_processes(self) -> None:
        """End the engine processes by force; the only method for other threads."""
        for engine in (self._loading, self._engine):
            if engine is not None:
                engine.kill()

    @property
    def model_pid(self) -> int | None:
        """Process id of the engine that answers."""
        engine = self._engine or self._loading
        return engine.pid if engine is not None else None

    @Slot(object)
    def on_job_requested(self, job: Job) -> None:
        """Do a job; one that was cancelled before it began ends as one that was cancelled."""
        if job.cancel.is_set():
            self._emit(job, RunStats().finished("cancelled", "", "", seed=0, max_steps=0, tokens=0))
            return
        match job:
            case LoadJob():
                self._load(job)
            case AnswerJob():
                self._answer(job)

    @Slot()
    def on_close_requested(self) -> None:
        """End the engine process, then this thread's event loop."""
        if self._engine is not None:
            try:
                self._engine.close(CLOSE_SECONDS)
            except Exception:
                _log.exception("closing the engine")
        self._engine = None
        QThread.currentThread().quit()

    def _load(self, job: LoadJob) -> None:
        engine = self._loading = self._factory(job.choice)
        last = self._pass_on(job, engine.load(job.cancel))
        self._loading = None
        if isinstance(last, ModelReady) or self._engine is None:
            self._engine, engine = engine, self._engine or engine
        if engine is not self._engine:
            engine.close(CLOSE_SECONDS)

    def _answer(self, job: AnswerJob) -> None:
        if self._engine is None:
            self._emit(job, Failed(chats_texts.NO_MODEL, chats_texts.NO_MODEL_HINT, known=True))
            return
        self._pass_on(job, self._engine.generate(job.request, job.cancel))

    def _pass_on(self, job: Job, events: Iterator[Event]) -> Event | None:
        """Emit all events; the last one is a closing event even if the generator breaks."""
        last: Event | None = None
        try:
            for event in events:
                last = event
                if isinstance(event, DraftUpdated):
                    self._drafts.put(JobDraft(job.number, event))
                else:
                    self._emit(job, event)
        except Exception as exc:
            _log.exception("job %d", job.number)
            last = failed_from_exception(exc)
            self._emit(job, last)
        closing = (ModelReady, Failed, Finished) if isinstance(job, LoadJob) else (Failed, Finished)
        if not isinstance(last, closing):
            last = Failed(texts.BUG, texts.BUG_HINT, known=False, detail=f"the engine ended with {last!r}")
            self._emit(job, last)
        return last

    def _emit(self, job: Job, event: Event) -> None:
        self.event_arrived.emit(JobEvent(job.number, event))


def failed_from_exception(exc: Exception) -> Failed:
    """Any exception as the closing event of a job."""
    detail = "".join(traceback.format_exception(exc))
    if isinstance(exc, InferenceError):
        return Failed(exc.user_text, exc.hint, known=isinstance(exc, KnownError), detail=detail)
    return Failed(texts.BUG, texts.BUG_HINT, known=False, detail=detail)
