"""Whether the model can take a message, asked before the message is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.base.errors import report_from_failed
from app.bridge.model import AnsweringModel
from app.bridge.model_process import MeasureTask, ModelEvent, ModelThread
from inference.events import Failed, Finished, PromptMeasured
from inference.params import ChatTurn, GenerationRequest

TEMPLATE_TOKENS = 256  # more than any template writes around one message
UNKNOWN_ROOM = 1024  # tokens that every model takes; counts while none is loaded


@dataclass(frozen=True, slots=True)
class Asking:
    """A message that waits to be asked.

    Attributes:
        text: The message.
        chat_id: Its chat; None is a new one.
        again: Whether it is stored already, and asked anew.
        beside: The message that it is another version of.
    """

    text: str
    chat_id: str | None
    again: bool = False
    beside: str | None = None


@dataclass(frozen=True, slots=True)
class TooLong:
    """A message that the model cannot take.

    Attributes:
        asking: The message.
        tokens: Its length.
        most: The greatest length, with room for an answer.
    """

    asking: Asking
    tokens: int
    most: int

    @property
    def characters_fit(self) -> int:
        """About how many characters of the message the model can take, in two digits, and rather less than more."""
        exact = len(self.asking.text) * self.most // max(1, self.tokens)
        unit = int("1".ljust(len(str(exact)) - 1, "0"))
        return exact // unit * unit


class LengthCheck(QObject):
    """One question at a time to the model process; a newer one takes the place of the one before.

    Signals:
        fits: An `Asking` can be asked.
        too_long: A `TooLong`.
        failed: The model cannot say (an `ErrorReport`).
    """

    fits = Signal(object)
    too_long = Signal(object)
    failed = Signal(object)

    def __init__(self, thread: ModelThread, model: AnsweringModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread, self._model = thread, model
        self._task: MeasureTask | None = None
        self._asking: Asking | None = None
        self._counted: dict[int, Callable[[int, int], None]] = {}

    @property
    def asking(self) -> Asking | None:
        """What the model is asked about now."""
        return self._asking

    def surely_fits(self, text: str) -> bool:
        """Whether nobody need be asked: a token stands for a byte at least."""
        room = self._model.room if self._model.room is not None else UNKNOWN_ROOM
        return len(text.encode("utf-8", "surrogatepass")) + TEMPLATE_TOKENS <= room

    def count(self, text: str, answer: Callable[[int, int], None]) -> bool:
        """Have the model count a text: `answer` gets its tokens and the most that a message may have.

        False, and no answer, while no model is ready. What cannot be counted is taken to fit: sending asks anew.
        """
        if self._model.room is None:
            return False
        self._counted[self._thread.measure(GenerationRequest((ChatTurn("user", text),))).number] = answer
        return True

    def ask(self, asking: Asking) -> None:
        """Ask the model process, behind what it does now; one of the signals follows."""
        if asking == self._asking:
            return
        self.forget()
        self._asking = asking
        self._task = self._thread.measure(GenerationRequest((ChatTurn("user", asking.text),)))

    def forget(self) -> None:
        """Nobody wants to know any more."""
        if self._task is not None:
            self._task.cancel.set()
        self._task = self._asking = None

    def on_event(self, arrived: ModelEvent) -> bool:
        """Take an event; True if it was one of the newest question."""
        if arrived.number in self._counted:
            if isinstance(arrived.event, PromptMeasured):
                self._counted.pop(arrived.number)(arrived.event.tokens, arrived.event.most)
            elif isinstance(arrived.event, Failed | Finished):
                self._counted.pop(arrived.number)(0, 0)
            return True
        if self._task is None or self._asking is None or arrived.number != self._task.number:
            return False
        asking, event = self._asking, arrived.event
        if isinstance(event, PromptMeasured | Failed | Finished):
            self._task = self._asking = None
        if isinstance(event, PromptMeasured):
            if event.tokens <= event.most:
                self.fits.emit(asking)
            else:
                self.too_long.emit(TooLong(asking, event.tokens, event.most))
        elif isinstance(event, Failed):
            self.failed.emit(report_from_failed(event))
        return True
