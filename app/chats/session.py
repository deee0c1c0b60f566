"""From what the user does to what the model is asked, and from what the model says to what is stored. No Qt.

`ChatSession` stores the user's text, begins the answer's row and makes the request; the `Ask` it returns has all that
the bridge needs. `AnswerRecorder` then takes every event of that answer:

    WAITING --BlockCommitted--> WRITING --BlockCommitted--> WRITING
    WAITING | WRITING --Finished--> DONE (STOPPED if it was cancelled)
    WAITING | WRITING --Failed--> FAILED
    WAITING | WRITING --stop()--> STOPPED

Of drafts the recorder keeps the newest, and stores what is to be kept of it (`app.chats.unfinished`) now and then, and
when the answer ends before its end. Loading and prompt events change nothing; after an end all events are ignored.
"""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass
from enum import Enum

from app.base.log import get_logger
from app.base.settings import Settings, preset_params
from app.chats.history import HistoryStore
from app.chats.messages import Conversation, Message, MessageError, MessageState
from app.chats.unfinished import added_up, block_count, can_continue, kept_text, numbered_on, start_of
from inference.events import BlockCommitted, DraftUpdated, Event, Failed, Finished
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
_SHOWN_AS = {
    RecorderState.WAITING: MessageState.STREAMING,
    RecorderState.WRITING: MessageState.STREAMING,
    RecorderState.DONE: MessageState.DONE,
    RecorderState.STOPPED: MessageState.STOPPED,
    RecorderState.FAILED: MessageState.ERROR,
}


class _Stop:
    """Stands for `stop()` among the events that wait to be stored."""


@dataclass(frozen=True, slots=True)
class _Unfinished:
    """Stands for the text of a draft among them."""

    text: str


_Stored = BlockCommitted | Finished | Failed | _Stop | _Unfinished


class AnswerRecorder:
    """Stores one answer as its events come in.

    Where the store fails (a full disk), the text stays here: events wait in order and are tried again with the next one
    and by `retry()`.

    Attributes:
        conversation_id: The chat.
        message_id: The answer.
        first_block: The number that the model's block 0 has in the answer.
        state: See the module's table.
        answer: Text committed so far; in the end, the whole answer.
        thinking: The same for the thinking channel.
        draft: What is kept of the newest draft: it is stored behind `answer`, or waits to be. Until a run that goes on
            has more to show, the text that the run before it left there.
    """

    def __init__(self, store: HistoryStore, answer: Message) -> None:
        """Begin to record `answer`, which is empty or goes on."""
        self.conversation_id = answer.conversation_id
        self.message_id = answer.id
        self.first_block = block_count(answer)
        self.state = RecorderState.WAITING
        self.answer = start_of(answer)
        self.thinking = answer.thinking
        self.draft = self._left = answer.body[len(self.answer) :]
        self._before = answer
        self._store = store
        self._newest: DraftUpdated | None = None
        self._error: MessageError | None = None
        self._waiting: list[_Stored] = []

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
        if isinstance(event, DraftUpdated):
            self._newest = event
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
                self.draft = self._left = ""
                self._newest = None
                event = numbered_on(event, self._before)
            case Finished():
                event = added_up(event, self._before)
                self._end(event)
            case Failed():
                self._note_draft()
                self.state = RecorderState.FAILED
                self._error = MessageError(event.user_text, event.hint, event.known, event.detail)
        self._waiting.append(event)
        self.retry()

    def keep_draft(self) -> None:
        """Store what can be read of the newest draft, so that not even a killed program loses it.

        Raises:
            StoreError: It could not be stored now; see `apply`.
        """
        if not self.ended:
            self._note_draft()
        self.retry()

    def stop(self) -> None:
        """End the answer without a word from the engine (the window closes); what is committed or has settled stays.

        Raises:
            StoreError: It could not be stored now; see `apply`.
        """
        if not self.ended:
            self._note_draft()
            self.state = RecorderState.STOPPED
            self._waiting.append(_Stop())
        self.retry()

    def shown(self, stored: Message) -> Message:
        """The answer as it is known here, in the place of `stored`, which may lack what waits."""
        return dataclasses.replace(
            stored,
            state=_SHOWN_AS[self.state],
            body=self.answer + self.draft,
            thinking=self.thinking,
            error=self._error,
            draft_length=len(self.draft),
        )

    def retry(self) -> None:
        """Store what waits.

        Raises:
            StoreError: It still cannot be stored.
        """
        while self._waiting:
            self._save(self._waiting[0])
            self._waiting.pop(0)

    def _end(self, event: Finished) -> None:
        if event.reason == "cancelled":
            self._note_draft()
            self.state = RecorderState.STOPPED
        else:
            self.draft = ""
            self.answer, self.thinking = event.answer, event.thinking
            self.state = RecorderState.DONE

    def _note_draft(self) -> None:
        """The newest draft shall be stored, as it is on the screen; what an earlier run left goes only for more."""
        text = kept_text(self._newest) if self._newest is not None else ""
        if len(text) <= len(self._left):
            text = self._left
        if text == self.draft:
            return
        self.draft = text
        self._waiting = [each for each in self._waiting if not isinstance(each, _Unfinished)]
        self._waiting.append(_Unfinished(text))

    def _save(self, event: _Stored) -> None:
        match event:
            case BlockCommitted():
                self._store.commit_block(self.message_id, event)
            case Finished():
                self._store.finish_answer(self.message_id, event)
            case Failed():
                self._store.fail_answer(self.message_id, event)
            case _Stop():
                self._store.stop_answer(self.message_id)
            case _Unfinished(text):
                self._store.keep_unfinished(self.message_id, text)


@dataclass(frozen=True, slots=True)
class AskedModel:
    """The model that is asked.

    Attributes:
        name: What the window calls it.
        backend: "onnx", "torch", "tensorrt" or "fake".
    """

    name: str
    backend: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A question that is stored and ready for the engine.

    Attributes:
        conversation: The chat, as it is now.
        user: The user's message.
        answer: The answer, still empty, or one that goes on.
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

    def question(self, conversation_id: str) -> str:
        """The last question of the shown branch; "" if there is none."""
        user = self._last_question(conversation_id)
        return user.body if user is not None else ""

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

    def continue_answer(self, conversation_id: str, settings: Settings, model: AskedModel) -> Ask:
        """Let the last answer of the shown branch go on from where it stood; it keeps its text whatever happens.

        Raises:
            ValueError: There is no answer, or it came to its end (`can_continue`).
            StoreError: Nothing can be stored; nothing was changed.
        """
        branch = self._store.messages(conversation_id)
        if len(branch) < 2 or not can_continue(branch[-1]):
            raise ValueError(f"conversation_id must name a chat with an unfinished answer, not {conversation_id!r}")
        user, answer = branch[-2:]
        start = start_of(answer)
        request = self._request(user, settings, start)
        return self._asked(user, self._store.resume_answer(answer.id, len(start)), request)

    def _last_question(self, conversation_id: str) -> Message | None:
        branch = self._store.messages(conversation_id)
        return next((message for message in reversed(branch) if message.role == "user"), None)

    def _ask(self, user: Message, settings: Settings, model: AskedModel) -> Ask:
        request = self._request(user, settings)
        answer = self._store.begin_answer(
            user.conversation_id,
            user.id,
            seed=request.seed,
            params=request.sampler,
            model=model.name,
            backend=model.backend,
        )
        return self._asked(user, answer, request)

    def _request(self, user: Message, settings: Settings, start: str = "") -> GenerationRequest:
        seed = settings.fixed_seed
        return GenerationRequest(
            self._store.turns(user.conversation_id, upto=user.id),
            seed=secrets.randbelow(SEEDS) if seed is None else seed,
            sampler=preset_params(settings.preset),
            max_new_tokens=settings.answer_tokens or None,
            step_seconds=settings.step_seconds,
            answer_start=start,
        )

    def _asked(self, user: Message, answer: Message, request: GenerationRequest) -> Ask:
        conversation = self._store.conversation(user.conversation_id)
        return Ask(conversation, user, answer, request, AnswerRecorder(self._store, answer))
