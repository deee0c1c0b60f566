"""From what the user does to what the model is asked, and from what the model says to what is stored. No Qt.

`ChatSession` stores the user's text, begins the answer's row and makes the request; the `Ask` it returns has all that
the bridge needs. `AnswerRecorder` then takes every event of that answer:

    WAITING --BlockCommitted--> WRITING --BlockCommitted--> WRITING
    WAITING | WRITING --Finished--> DONE (STOPPED if it was cancelled)
    WAITING | WRITING --Failed--> FAILED
    WAITING | WRITING --stop()--> STOPPED

Loading, prompt and draft events change nothing; after an end all events are ignored.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import Enum

from app.base.log import get_logger
from app.base.settings import Settings, preset_params
from app.chats.history import HistoryStore
from app.chats.messages import Conversation, Message
from inference.config import SamplerDefaults
from inference.events import BlockCommitted, Event, Failed, Finished
from inference.params import GenerationRequest

SEEDS = 2**31

_log = get_logger("chats")


class RecorderState(Enum):
    """Where the answer is; the last three are ends."""

    WAITING = "waiting"
    WRITING = "writing"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


_ENDS = frozenset({RecorderState.DONE, RecorderState.STOPPED, RecorderState.FAILED})


class _Stop:
    """Stands for `stop()` among the events that wait to be stored."""


class AnswerRecorder:
    """Stores one answer as its events come in.

    Where the store fails (a full disk), the text stays here: events wait in order and are tried again with the next one
    and by `retry()`.

    Attributes:
        conversation_id: The chat.
        message_id: The answer.
        state: See the module's table.
        answer: Text committed so far; in the end, the whole answer.
        thinking: The same for the thinking channel.
    """

    def __init__(self, store: HistoryStore, conversation_id: str, message_id: str) -> None:
        self.conversation_id = conversation_id
        self.message_id = message_id
        self.state = RecorderState.WAITING
        self.answer = ""
        self.thinking = ""
        self._store = store
        self._waiting: list[BlockCommitted | Finished | Failed | _Stop] = []

    @property
    def ended(self) -> bool:
        """Whether the answer has come to one of its ends."""
        return self.state in _ENDS

    @property
    def unsaved(self) -> bool:
        """Whether something waits to be stored."""
        return bool(self._waiting)

    def apply(self, event: Event) -> None:
        """Take the next event of this answer.

        Raises:
            StoreError: It could not be stored now; it is kept, and `unsaved` is True.
        """
        if not isinstance(event, (BlockCommitted, Finished, Failed)):
            return
        if self.ended:
            _log.debug("%s after the end of answer %s", type(event).__name__, self.message_id)
            return
        match event:
            case BlockCommitted():
                self.state = RecorderState.WRITING
                self.answer += event.answer
                self.thinking += event.thinking
            case Finished():
                self.state = RecorderState.STOPPED if event.reason == "cancelled" else RecorderState.DONE
                self.answer, self.thinking = event.answer, event.thinking
            case Failed():
                self.state = RecorderState.FAILED
        self._waiting.append(event)
        self.retry()

    def stop(self) -> None:
        """End the answer without a word from the engine (the window closes); what is committed stays.

        Raises:
            StoreError: It could not be stored now; see `apply`.
        """
        if not self.ended:
            self.state = RecorderState.STOPPED
            self._waiting.append(_Stop())
        self.retry()

    def retry(self) -> None:
        """Store what waits.

        Raises:
            StoreError: It still cannot be stored.
        """
        while self._waiting:
            self._save(self._waiting[0])
            self._waiting.pop(0)

    def _save(self, event: BlockCommitted | Finished | Failed | _Stop) -> None:
        match event:
            case BlockCommitted():
                self._store.commit_block(self.message_id, event)
            case Finished():
                self._store.finish_answer(self.message_id, event)
            case Failed():
                self._store.fail_answer(self.message_id, event)
            case _Stop():
                self._store.stop_answer(self.message_id)


@dataclass(frozen=True, slots=True)
class AskedModel:
    """The model that is asked.

    Attributes:
        name: What the window calls it.
        backend: "onnx", "torch", "tensorrt" or "fake".
        sampler: Its own sampler values, which the presets start from.
    """

    name: str
    backend: str
    sampler: SamplerDefaults


@dataclass(frozen=True, slots=True)
class Ask:
    """A question that is stored and ready for the engine.

    Attributes:
        conversation: The chat, as it is now.
        user: The user's message.
        answer: The answer, still empty.
        request: What to ask the engine for.
        recorder: To be given every event of the answer.
    """

    conversation: Conversation
    user: Message
    answer: Message
    request: GenerationRequest
    recorder: AnswerRecorder


class ChatSession:
    """What a user can ask for in a chat."""

    def __init__(self, store: HistoryStore) -> None:
        self._store = store

    def send(self, conversation_id: str | None, text: str, settings: Settings, model: AskedModel) -> Ask:
        """Store `text` and begin its answer; None as the chat makes a new one.

        The text is on the disk before the answer is begun, so that it stays even if the answer cannot be.

        Raises:
            ValueError: `text` is blank.
            StoreError: It cannot be stored; nothing was changed, but for a text that was already stored.
        """
        if not text.strip():
            raise ValueError(f"text must hold more than white space, not {text!r}")
        user = self._store.add_user_message(conversation_id, text)
        return self._ask(user, settings, model)

    def can_try_again(self, conversation_id: str) -> bool:
        """Whether the shown branch has a question to ask anew."""
        return self._last_question(conversation_id) is not None

    def try_again(self, conversation_id: str, settings: Settings, model: AskedModel) -> Ask:
        """Ask the last question of the shown branch anew; the answers it has are kept beside the new one.

        Raises:
            ValueError: There is no question yet.
            StoreError: The new answer cannot be stored.
        """
        user = self._last_question(conversation_id)
        if user is None:
            raise ValueError(f"conversation_id must name a chat with a question, not {conversation_id!r}")
        return self._ask(user, settings, model)

    def _last_question(self, conversation_id: str) -> Message | None:
        branch = self._store.messages(conversation_id)
        return next((message for message in reversed(branch) if message.role == "user"), None)

    def _ask(self, user: Message, settings: Settings, model: AskedModel) -> Ask:
        seed = settings.fixed_seed
        if seed is None:
            seed = secrets.randbelow(SEEDS)
        chat = user.conversation_id
        params = preset_params(settings.preset, model.sampler)
        turns = self._store.turns(chat, upto=user.id)
        request = GenerationRequest(turns, seed=seed, sampler=params, step_seconds=settings.step_seconds)
        answer = self._store.begin_answer(
            chat, user.id, seed=seed, params=params, model=model.name, backend=model.backend
        )
        recorder = AnswerRecorder(self._store, chat, answer.id)
        return Ask(self._store.conversation(chat), user, answer, request, recorder)
