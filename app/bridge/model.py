"""Which model is there and how it is doing, in words for the header.

LOADING --ModelReady--> READY --answer--> WRITING --end--> READY
LOADING --Failed--> FAILED, or back to READY with the model that was there before
"""

from __future__ import annotations

import dataclasses

from PySide6.QtCore import QObject, Signal

from app.base.errors import report_from_failed
from app.bridge.model_process import LoadTask, ModelEvent, ModelThread
from app.chats.session import AskedModel
from app.library import texts
from app.library.answering import AnsweringStatus, ModelChoice, ModelPhase
from inference.events import Event, Failed, Finished, ModelLoading, ModelReady


class AnsweringModel(QObject):
    """Loads models and follows their state.

    Attributes:
        usual: The model of all chats that have none of their own.
        status: For the header.

    Signals:
        status_changed: The new `AnsweringStatus`.
        choice_changed: The `ModelChoice` that now answers.
        refused: A model could not be loaded and the one before stays (an `ErrorReport`).
        own_refused: The same of a model of one chat alone (its `ModelChoice`, an `ErrorReport`).
    """

    status_changed = Signal(object)
    choice_changed = Signal(object)
    refused = Signal(object)
    own_refused = Signal(object, object)

    def __init__(self, thread: ModelThread, choice: ModelChoice, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = thread
        self._choice = choice
        self.usual = self._usual_before = choice
        self._ready: ModelReady | None = None
        self._task: LoadTask | None = None
        self.status = AnsweringStatus(ModelPhase.LOADING, choice.name)

    @property
    def loading(self) -> bool:
        """Whether a model is being loaded."""
        return self._task is not None

    @property
    def choice(self) -> ModelChoice:
        """The model that answers, or that is loaded as the first one."""
        return self._choice

    @property
    def wanted(self) -> ModelChoice:
        """The model that is being loaded, else the one that answers."""
        return self._task.choice if self._task is not None else self._choice

    @property
    def ready(self) -> ModelReady | None:
        """What was loaded; None before that."""
        return self._ready

    @property
    def room(self) -> int | None:
        """Tokens that a question may have, so that a block of answer fits; None if that is not known now."""
        if self._ready is None or self._task is not None:
            return None
        return self._ready.max_context - self._ready.canvas_length

    def load(self, choice: ModelChoice, usual: bool = True) -> None:
        """Load a model; the one that is there stays until the new one is ready. `usual`: for all chats."""
        if self._task is not None:
            self._task.cancel.set()
        if usual:
            self._usual_before, self.usual = self.usual, choice
        self._task = self._thread.load(choice, own=choice != self.usual)
        self._set(AnsweringStatus(ModelPhase.LOADING, choice.name))

    def asked(self) -> AskedModel:
        """The model that the next question goes to."""
        if self._task is not None:  # what is asked now waits for it
            return AskedModel(self._task.choice.name, self._task.choice.backend)
        if self._ready is not None:
            return AskedModel(self._ready.name, self._ready.backend)
        return AskedModel(self._choice.name, self._choice.backend)

    def on_event(self, arrived: ModelEvent) -> bool:
        """Take an event of a load task; True if it was one."""
        if self._task is None or arrived.number != self._task.number:
            return False
        choice = self._task.choice
        match arrived.event:
            case ModelLoading(stage, fraction):
                self._set(AnsweringStatus(ModelPhase.LOADING, choice.name, fraction=fraction, stage=stage))
            case ModelReady() as ready:
                self._task, self._ready, self._choice = None, ready, choice
                self.show_ready()
                self.choice_changed.emit(choice)
            case Failed() as failed:
                self._task = None
                self._fail(choice, failed)
            case Finished():
                self._task = None
                self.show_ready()
        return True

    def on_answer_event(self, event: Event) -> None:
        """Follow a model that is loaded anew on the way to an answer."""
        if isinstance(event, ModelLoading):
            self._set(AnsweringStatus(ModelPhase.LOADING, self.status.name, fraction=event.fraction, stage=event.stage))
        elif isinstance(event, ModelReady):
            self._ready = event
            self.show_writing()

    def show_writing(self) -> None:
        """An answer is being made."""
        if self._ready is not None and self._task is None:
            self._set(AnsweringStatus(ModelPhase.WRITING, self._ready.name, self._ready.device, self._ready.why))

    def show_stopping(self) -> None:
        """An answer is being stopped."""
        self._set(dataclasses.replace(self.status, phase=ModelPhase.STOPPING))

    def show_ready(self) -> None:
        """Nothing is being made."""
        if self._task is not None:
            return
        if self._ready is not None:
            self._set(AnsweringStatus(ModelPhase.READY, self._ready.name, self._ready.device, self._ready.why))
        elif self.status.phase != ModelPhase.FAILED:
            self._set(AnsweringStatus(ModelPhase.FAILED, self.status.name, error=self.status.error))

    def _fail(self, choice: ModelChoice, failed: Failed) -> None:
        report, own = report_from_failed(failed), choice != self.usual
        if not own and self._ready is not None:
            self.usual = self._usual_before
        if self._ready is not None:
            if failed.engine_lost:  # its hint is for an answer: there, asking again starts the model anew
                report = dataclasses.replace(report, hint=texts.goes_on_answering(self._ready.name))
            self.show_ready()
        else:
            self._set(AnsweringStatus(ModelPhase.FAILED, choice.name, error=f"{report.text} {report.hint}".strip()))
        if own:
            self.own_refused.emit(choice, report)
        elif self._ready is not None:
            self.refused.emit(report)

    def _set(self, status: AnsweringStatus) -> None:
        if status != self.status:
            self.status = status
            self.status_changed.emit(status)
