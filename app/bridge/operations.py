"""What the window asks of the model beside answers: parts written anew, other words, decisions.

One task each, in the order of the model's thread; an answer that is begun stops them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.base.errors import AppError, report_from_exception
from app.bridge.model import AnsweringModel
from app.bridge.model_process import MeasureTask, ModelEvent, ModelThread, NewestDraft, PerformTask
from app.bridge.preferences import Preferences
from app.chats.session import ChatSession
from inference.events import Closing, Event, ModelLoading, ModelReady
from inference.forms.wanted import Form
from inference.operations.requests import Operation
from inference.params import ChatTurn, GenerationRequest


@dataclass(frozen=True, slots=True)
class _Asked:
    task: PerformTask | MeasureTask
    tell: Callable[[Event], None]


class Operations(QObject):
    """Brings operations to the model, and their events to whoever asked.

    Signals:
        problem: What was to be asked of cannot be read (an `ErrorReport`).
    """

    problem = Signal(object)

    def __init__(
        self,
        thread: ModelThread,
        model: AnsweringModel,
        session: ChatSession,
        preferences: Preferences,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._preferences = session, preferences
        self._thread, self._model = thread, model
        self._asked: dict[int, _Asked] = {}

    @property
    def running(self) -> bool:
        """Whether one is asked for that has not come to its end."""
        return bool(self._asked)

    def begin(self, request: Operation | GenerationRequest, tell: Callable[[Event], None]) -> int:
        """Ask; `tell` gets drafts and events, the last of which is a closing one. Gives the number to stop it by."""
        task = self._thread.perform(request)
        self._asked[task.number] = _Asked(task, tell)
        self._model.show_writing()
        return task.number

    def rewrite(
        self, message_id: str, part: tuple[int, int], wish: str, unlike: str, tell: Callable[[Event], None]
    ) -> tuple[int, int] | None:
        """Have a part of an answer written anew; gives the number and how many variants come.

        None where the answer cannot be read. Nothing is stored.
        """
        try:
            request = self._session.rewriting(message_id, part, wish, self._preferences.settings, unlike)
        except AppError as exc:
            self.problem.emit(report_from_exception(exc))
            return None
        return self.begin(request, tell), request.variants

    def other_words(
        self,
        message_id: str,
        before: str,
        canvas: tuple[int, ...],
        place: int,
        count: int,
        tell: Callable[[Event], None],
    ) -> int | None:
        """Ask what else a place of a block could hold; gives the number. None where the answer cannot be read."""
        settings = self._preferences.settings
        try:
            request = self._session.other_words(message_id, before, canvas, place, count, settings)
        except AppError as exc:
            self.problem.emit(report_from_exception(exc))
            return None
        return self.begin(request, tell)

    def check(self, form: Form, tell: Callable[[Event], None]) -> int:
        """Ask whether the model can keep a form: `PromptMeasured`, or `Failed` with the reason."""
        task = self._thread.measure(GenerationRequest((ChatTurn("user", "?"),), later_forms=(form,)))
        self._asked[task.number] = _Asked(task, tell)
        return task.number

    def stop(self, number: int) -> None:
        """Let one end soon; its closing event comes nevertheless."""
        if number in self._asked:
            self._asked[number].task.cancel.set()

    def forget(self, number: int) -> None:
        """The same, and nobody is told of it any more."""
        if number in self._asked:
            self.stop(number)
            self._asked[number] = _Asked(self._asked[number].task, _ignore)

    def stop_all(self) -> None:
        """Let all end soon."""
        for number in self._asked:
            self.stop(number)

    def on_draft(self, arrived: NewestDraft) -> None:
        """A draft came."""
        asked = self._asked.get(arrived.number)
        if asked is not None and not asked.task.cancel.is_set():
            asked.tell(arrived.draft)

    def on_event(self, arrived: ModelEvent) -> bool:
        """Take an event; True if it was one of an operation."""
        asked = self._asked.get(arrived.number)
        if asked is None:
            return False
        event = arrived.event
        if isinstance(event, ModelLoading | ModelReady):  # on the way, where the model is started anew
            self._model.on_answer_event(event)
            return True
        if isinstance(event, Closing):
            del self._asked[arrived.number]
            if not self._asked:
                self._model.show_ready()
        asked.tell(event)
        return True


def _ignore(event: Event) -> None:
    """Whoever asked has gone."""
