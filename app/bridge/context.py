"""How much of the model's context the shown chat takes, with what is typed: counted by the model process, not here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from app.bridge.answer import Answering
from app.bridge.chat_model import ChatModels
from app.bridge.model_process import MeasureTask, ModelEvent, ModelThread
from app.bridge.preferences import Preferences
from app.chats.messages import Message, turns_of
from app.chats.options import ChatOptions
from inference.events import Failed, Finished, PromptMeasured
from inference.params import ChatTurn, GenerationRequest
from inference.text.context import MOST_CHARACTERS_A_TOKEN

PAUSE_MS = 400  # of typing, before it is counted


@dataclass(frozen=True, slots=True)
class ContextUse:
    """What the model would read if the message were sent now.

    Attributes:
        tokens: Length of what it would read, or of the message alone where that is too long.
        most: The most that it may have, so that there is room for an answer.
        left_out: How many of the oldest messages it would not read.
        system_too_long: It is too long because of the system prompt.
    """

    tokens: int
    most: int
    left_out: int = 0
    system_too_long: bool = False

    @property
    def too_long(self) -> bool:
        """Whether the message cannot be sent as it is."""
        return self.tokens > self.most


class ChatContext(QObject):
    """Asks the model process when typing pauses, one question at a time; while an answer is written nobody is asked.

    Signals:
        changed: A `ContextUse`, or None while it is not known.
    """

    changed = Signal(object)

    def __init__(
        self,
        thread: ModelThread,
        models: ChatModels,
        answering: Answering,
        preferences: Preferences,
        options: Callable[[], ChatOptions],
        parent: QObject | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            thread: Owns the model process.
            models: The model of each chat, and the one that answers.
            answering: The answer that is being made.
            preferences: How long answers may be.
            options: Those of the shown chat.
            parent: Owns it.
        """
        super().__init__(parent)
        self._thread, self._model, self._models = thread, models.model, models
        self._answering, self._preferences, self._options = answering, preferences, options
        self._chat_id: str | None = None
        self._messages: list[Message] = []
        self._typed = ""
        self._task: MeasureTask | None = None
        self._skipped = 0  # messages that cannot fit and were not even sent to be counted
        self.use: ContextUse | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self.ask)
        self._model.status_changed.connect(self.look_again)

    def show_messages(self, chat_id: str | None, messages: Sequence[Message]) -> None:
        """Another chat, or another branch, is shown."""
        self._chat_id, self._messages = chat_id, list(messages)
        self._set(None)
        self.look_again()

    def add_message(self, message: Message) -> None:
        """The shown chat has grown."""
        self._chat_id = message.conversation_id
        self._messages.append(message)
        self.look_again()

    def replace_message(self, message: Message, *_: object) -> None:
        """A message is another one now; an answer that takes the place of the last one, or the end of one."""
        if message.id in [each.id for each in self._messages]:
            self._messages = [message if each.id == message.id else each for each in self._messages]
        elif message.conversation_id == self._chat_id:
            if self._messages and self._messages[-1].role == message.role:
                self._messages.pop()
            self._messages.append(message)
        self.look_again()

    def note(self, typed: str) -> None:
        """What stands in the message box."""
        if typed != self._typed:
            self._typed = typed
            self.look_again()

    def look_again(self, *_: object) -> None:
        """Ask soon."""
        if self._model.room is None:
            self._set(None)
        self._pause.start()

    def stop(self) -> None:
        """Ask no more."""
        self._pause.stop()

    def ask(self) -> None:
        """Ask the model process now, if it has nothing else to do."""
        if self._model.ready is None or self._model.room is None or self._answering.busy:
            return
        if not self._models.answers(self._options()):
            self._set(None)  # the model of this chat is loaded when it is asked
            return
        if self._task is not None:  # its answer is of older text: ask behind it
            self._pause.start()
            return
        self._task = self._thread.measure(self._request(self._model.ready.max_context), chat=True)

    def on_event(self, arrived: ModelEvent) -> bool:
        """Take an event; True if it was one of the newest question."""
        if self._task is None or arrived.number != self._task.number:
            return False
        event = arrived.event
        if isinstance(event, PromptMeasured):
            left_out = event.dropped_turns + self._skipped if event.tokens <= event.most else 0
            self._set(ContextUse(event.tokens, event.most, left_out, event.system_too_long))
        elif isinstance(event, Failed | Finished):
            self._set(None)
        if isinstance(event, PromptMeasured | Failed | Finished):
            self._task = None
        return True

    def _request(self, max_context: int) -> GenerationRequest:
        """The chat, as far as it may fit; what is far too much for any token is not sent to be counted."""
        options = self._options()
        told = options.system_prompt.strip()
        turns = turns_of(self._messages)
        left, first = MOST_CHARACTERS_A_TOKEN * max_context, len(turns)
        while first and left >= len(turns[first - 1].text):
            left -= len(turns[first - 1].text)
            first -= 1
        while 0 < first < len(turns) and turns[first].role != "user":
            first += 1
        self._skipped = first
        system = (ChatTurn("system", told),) if told else ()
        return GenerationRequest(
            (*system, *turns[first:], ChatTurn("user", self._typed)),
            max_new_tokens=options.most_new_tokens(self._preferences.settings),
            thinking=options.thinking,
        )

    def _set(self, use: ContextUse | None) -> None:
        if use != self.use:
            self.use = use
            self.changed.emit(use)
