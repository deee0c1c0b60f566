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
from app.base.settings import Settings
from app.chats.blanks import Blanks, blanks_of
from app.chats.history import HistoryStore
from app.chats.messages import Conversation, Message, MessageError, MessageState
from app.chats.options import ChatOptions
from app.chats.queue import QueuedMessage
from app.chats.unfinished import added_up, block_count, can_continue, kept_text, numbered_on, start_of
from inference.events import BlockCommitted, DraftUpdated, Event, Failed, Finished
from inference.forms.wanted import Form
from inference.operations.requests import AlternativesRequest, RewriteRequest, with_alternative
from inference.params import ChatTurn, GenerationRequest

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

    def __init__(self, store: HistoryStore, answer: Message, given: bool = False) -> None:
        """Begin to record `answer`, which is empty or goes on; `given`: it begins with the asker's own words."""
        self.conversation_id = answer.conversation_id
        self.message_id = answer.id
        self.first_block = block_count(answer)
        self.state = RecorderState.WAITING
        self.answer = start_of(answer)
        self.thinking = answer.thinking
        self.draft = self._left = answer.body[len(self.answer) :]
        self._before = answer
        self._store, self._given, self._emptied = store, given, False
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
                if self._given and event.refused == "form" and self.state == RecorderState.WAITING:
                    self.answer, self._emptied = "", True  # no word of it is the model's: nothing could go on
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
                self._store.fail_answer(self.message_id, event, self._emptied)
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
class OtherWord:
    """Another token in one place of a block of an answer.

    Attributes:
        before: The answer's text before the block.
        canvas: The block's tokens, as they were committed.
        place: Which one is replaced, from 0.
        token: By what.
    """

    before: str
    canvas: tuple[int, ...]
    place: int
    token: int


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

    def send(
        self,
        conversation_id: str | None,
        text: str,
        settings: Settings,
        model: AskedModel,
        *,
        options: ChatOptions | None = None,
    ) -> Ask:
        """Store `text` and begin its answer; None as the chat makes a new one, with these options.

        The text is on the disk before the answer is begun, so that it stays even if the answer cannot be.

        Raises:
            ValueError: `text` is blank.
            StoreError: It cannot be stored; nothing was changed, but for a text that was already stored.
        """
        if not text.strip():
            raise ValueError(f"text must hold more than white space, not {text!r}")
        user = self._store.add_user_message(conversation_id, text, options=options)
        return self._ask(user, settings, model)

    def send_queued(self, first: QueuedMessage, settings: Settings, model: AskedModel) -> Ask:
        """Send a message that waited, and begin its answer.

        Raises:
            StoreError: It cannot be stored, and still waits.
        """
        user = self._store.add_user_message(first.conversation_id, first.body, queued=first.id)
        return self._ask(user, settings, model)

    def send_edited(self, message_id: str, text: str, settings: Settings, model: AskedModel) -> Ask:
        """Store `text` beside a message of the user's, as another version of it, and begin its answer.

        Raises:
            ValueError: `text` is blank.
            StoreError: It cannot be stored; nothing was changed, but for a text that was already stored.
        """
        if not text.strip():
            raise ValueError(f"text must hold more than white space, not {text!r}")
        old = self._store.message(message_id)
        user = self._store.add_user_message(old.conversation_id, text, beside=message_id)
        return self._ask(user, settings, model)

    def can_try_again(self, conversation_id: str) -> bool:
        """Whether the shown branch has a question to ask anew."""
        return self._last_question(conversation_id) is not None

    def question(self, conversation_id: str) -> str:
        """The last question of the shown branch; "" if there is none."""
        user = self._last_question(conversation_id)
        return user.body if user is not None else ""

    def same_again(self, conversation_id: str, settings: Settings, model: AskedModel) -> bool:
        """Whether asking the last question anew would give the answer that is shown: all is as it was, and so the seed.

        A graphics card adds in another order now and then: there it is nearly the same.
        """
        branch = self._store.messages(conversation_id)
        made = branch[-1].generation if branch else None
        if made is None or settings.fixed_seed is None or branch[-1].state != MessageState.DONE:
            return False
        options = self._store.conversation(conversation_id).options
        now = (settings.fixed_seed, options.sampler(settings), model.name, model.backend)
        return now == (made.seed, made.params, made.model, made.backend)

    def try_again(self, conversation_id: str, settings: Settings, model: AskedModel, *, new_seed: bool = False) -> Ask:
        """Ask the last question of the shown branch anew; the answers it has are kept beside the new one.

        With `new_seed` it is another seed, also where the settings have a fixed one.

        Raises:
            ValueError: There is no question yet.
            StoreError: The new answer cannot be stored.
        """
        user = self._last_question(conversation_id)
        if user is None:
            raise ValueError(f"conversation_id must name a chat with a question, not {conversation_id!r}")
        return self._ask(user, dataclasses.replace(settings, seed_mode="new") if new_seed else settings, model)

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

    def rewriting(
        self, message_id: str, part: tuple[int, int], wish: str, settings: Settings, unlike: str = ""
    ) -> RewriteRequest:
        """What to ask for to have a part of an answer written anew; nothing is stored.

        Args:
            message_id: The answer.
            part: Where it begins and ends, in characters.
            wish: See `RewriteRequest`, and so is `unlike`.
            settings: As they are now.
            unlike: See above.

        Raises:
            ValueError: The message answers nothing, or the part is none of it.
            StoreError: It cannot be read.
        """
        answer = self._store.message(message_id)
        asked = self._request(self._question_of(message_id), settings)
        first, last = part
        return RewriteRequest(
            asked.turns,
            answer.body,
            first,
            last,
            answer.body[first:last],
            wish,
            seed=asked.seed or 0,
            sampler=asked.sampler,
            unlike=unlike,
        )

    def other_words(
        self, message_id: str, before: str, canvas: tuple[int, ...], place: int, count: int, settings: Settings
    ) -> AlternativesRequest:
        """What to ask for to learn what else a place of a block could hold; nothing is stored.

        Args:
            message_id: The answer.
            before: Its text before the block.
            canvas: The block's tokens.
            place: Which one, from 0.
            count: How many others.
            settings: As they are now.

        Raises:
            ValueError: The message answers nothing.
            StoreError: It cannot be read.
        """
        request = self._request(self._question_of(message_id), settings, before)
        return AlternativesRequest(request, canvas, place, count)

    def with_word(self, message_id: str, word: OtherWord, settings: Settings, model: AskedModel) -> Ask:
        """Begin an answer beside another one: as that, but for one word, and what settles around it and behind.

        Raises:
            ValueError: The message answers nothing.
            StoreError: The new answer cannot be stored.
        """
        user = self._question_of(message_id)
        request = self._request(user, settings, word.before)
        return self._begun(user, with_alternative(request, word.canvas, word.place, word.token), model)

    def version(self, message_id: str, text: str) -> Message:
        """Show the version of an answer that has this text; where there is none, it is stored beside the others.

        Raises:
            StoreError: It cannot be stored.
        """
        same = (each for each in self._store.siblings(message_id) if each.body == text)
        found = next((each for each in same if each.state == MessageState.DONE), None)
        if found is None:
            return self._store.add_version(message_id, text)
        self._store.show_branch(found.id)
        return found

    def _question_of(self, message_id: str) -> Message:
        answer = self._store.message(message_id)
        if answer.role != "assistant" or answer.parent_id is None:
            raise ValueError(f"message_id must name an answer, not {message_id!r}")
        return self._store.message(answer.parent_id)

    def _last_question(self, conversation_id: str) -> Message | None:
        branch = self._store.messages(conversation_id)
        return next((message for message in reversed(branch) if message.role == "user"), None)

    def _ask(self, user: Message, settings: Settings, model: AskedModel) -> Ask:
        return self._begun(user, self._request(user, settings), model)

    def _begun(self, user: Message, request: GenerationRequest, model: AskedModel) -> Ask:
        answer = self._store.begin_answer(
            user.conversation_id,
            user.id,
            seed=request.seed,
            params=request.sampler,
            model=model.name,
            backend=model.backend,
            start=request.answer_start,
        )
        return self._asked(user, answer, request)

    def _request(self, user: Message, settings: Settings, start: str = "") -> GenerationRequest:
        seed = settings.fixed_seed
        options = self._store.conversation(user.conversation_id).options
        told = options.system_prompt.strip()
        system = (ChatTurn("system", told),) if told else ()
        plain = GenerationRequest(
            (*system, *self._store.turns(user.conversation_id, upto=user.id)),
            seed=secrets.randbelow(SEEDS) if seed is None else seed,
            sampler=options.sampler(settings),
            max_new_tokens=options.most_new_tokens(settings),
            thinking=options.thinking,
            step_seconds=settings.step_seconds,
            rest=settings.rest,
            answer_start=start,
            traced=settings.recorded_bytes > 0,
        )
        blanks = blanks_of(user.body)
        if blanks is not None:
            return _with_blanks(plain, blanks)
        form = options.wanted_form
        return plain if form is None else dataclasses.replace(plain, form=form, thinking=False)

    def _asked(self, user: Message, answer: Message, request: GenerationRequest) -> Ask:
        conversation = self._store.conversation(user.conversation_id)
        return Ask(conversation, user, answer, request, AnswerRecorder(self._store, answer, request.form_is_new))


def _with_blanks(plain: GenerationRequest, blanks: Blanks) -> GenerationRequest:
    """The request for a text with blanks in the place of one for an answer; one that goes on keeps its start."""
    turn, filled = blanks.request_parts()
    asked = dataclasses.replace(plain, turns=(*plain.turns[:-1], turn), thinking=False)
    if plain.answer_start:
        return dataclasses.replace(asked, form=Form("template", blanks.template))
    return dataclasses.replace(asked, answer_start=filled.answer_start, form=filled.form, form_is_new=True)
