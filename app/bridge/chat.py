"""The window's only partner: takes what the user does, answers with signals.

It owns the history (used in the window's thread, as a SQLite connection must be; a write takes some milliseconds), the
thread of the model process, the model's status and the one answer that may be in the making.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from app.base.errors import AppError, ErrorReport, report_from_exception
from app.bridge.answer import Answering
from app.bridge.backups import Backups
from app.bridge.chat_model import ChatModels
from app.bridge.context import ChatContext
from app.bridge.finding import ChatSearch
from app.bridge.length import Asking, LengthCheck
from app.bridge.list_order import ListOrder
from app.bridge.model import AnsweringModel
from app.bridge.model_process import ModelEvent, ModelProcessFactory, ModelThread
from app.bridge.operations import Operations
from app.bridge.preferences import Preferences
from app.bridge.server import LocalServer
from app.bridge.tables import FileTables
from app.bridge.unsent import Unsaved, UnsentTexts
from app.bridge.waiting import WaitingMessages
from app.chats.errors import ChatGoneError
from app.chats.history import HistoryStore
from app.chats.messages import Conversation, Message
from app.chats.options import NO_OPTIONS, ChatOptions
from app.chats.recordings import Recordings
from app.chats.session import Ask, ChatSession, OtherWord
from app.library.answering import ModelChoice

Found = TypeVar("Found")

UPKEEP_FIRST_MS, UPKEEP_MS = 5_000, 3_600_000
MORE_STEPS = 8
WATCH_MS = 2_000  # between two looks whether the chat file is still there


class ChatController(QObject):
    """Chats, answers, model.

    Signals:
        conversations_changed: All chats (tuple of `Conversation`), newest first.
        conversation_changed: A `Conversation` that changed, was used, is new, came back, or was deleted.
        chat_shown: Id of the chat that is shown now (or None for a new one), and its messages.
        message_added: A `Message` at the end of the shown chat.
        answer_replaced: A new answer (`Message`) in the place of the last one.
        answer_resumed: The last answer (`Message`), which goes on.
        draft_updated: A `DraftUpdated` of the shown chat's answer.
        answer_grown: The committed text so far of the shown chat's answer, and what was thought before it.
        answer_ended: The stored `Message`, and the `Finished` or None; of any chat.
        chat_deleted: The `Conversation` that was deleted.
        sent_late: A text that was sent after it had been measured.
        edit_sent: Id of a message of which another version was sent.
        busy_changed: Whether an answer is being made.
        file_written: The chat file that was lost is written anew.
        problem: An `ErrorReport` to show.
        stored: Something was stored, and nothing waits any more that could not be.
    """

    conversations_changed = Signal(object)
    conversation_changed = Signal(object)
    chat_shown = Signal(object, object)
    message_added = Signal(object)
    answer_replaced = Signal(object)
    answer_resumed = Signal(object)
    draft_updated = Signal(object)
    answer_grown = Signal(str, str)
    answer_ended = Signal(object, object)
    chat_deleted = Signal(object)
    sent_late = Signal(str)
    edit_sent = Signal(str)
    busy_changed = Signal(bool)
    file_written = Signal()
    problem = Signal(object)
    stored = Signal()

    def __init__(
        self,
        store: HistoryStore,
        factory: ModelProcessFactory,
        choice: ModelChoice,
        preferences: Preferences,
        recordings: Recordings,
    ) -> None:
        super().__init__()
        self._store = store
        self._session = ChatSession(store)
        self._preferences = preferences
        self._thread = ModelThread(factory, self)
        self.model = AnsweringModel(self._thread, choice, self)
        self.recordings = recordings
        self.answering = Answering(store, self._thread, self.model, recordings, preferences, self)
        self.unsent = UnsentTexts(store, self)
        self.length = LengthCheck(self._thread, self.model, self)
        self.waiting = WaitingMessages(store, self.length, self._reporting, self)
        self.models = ChatModels(self.model, self)
        self.context = ChatContext(self._thread, self.models, self.answering, preferences, self.options, self)
        self.operations = Operations(self._thread, self.model, self._session, preferences, self)
        self.tables = FileTables(store, self.operations, self.length, self.answering, self.model, self)
        self.server = LocalServer(self._thread, self.model, preferences, self)
        self.backups = Backups(store, self)
        self.search = ChatSearch(store.path, self)
        self.list = ListOrder(store, self._publish, self._reporting)
        self.chat_id: str | None = None
        self._new_options = NO_OPTIONS  # of the chat that is not stored yet
        self._closed = self._held = self._replaced = False  # held while all chats are replaced
        self._not_anew: ErrorReport | None = None  # why the chat file could not be written anew
        self._thread.event_arrived.connect(self.on_model_event)
        self._thread.draft_arrived.connect(self.answering.on_draft)
        self._thread.draft_arrived.connect(self.operations.on_draft)
        self.answering.draft_updated.connect(self.on_draft)
        self.answering.committed.connect(self.on_committed)
        self.answering.ended.connect(self.on_ended)
        self.length.fits.connect(self.on_fits)
        problems = (self.answering.problem, self.unsent.problem, self.backups.problem, self.operations.problem)
        for problem in (*problems, self.length.failed, self.models.refused):
            problem.connect(self.problem)
        self._upkeep = QTimer(self)
        self._upkeep.setInterval(UPKEEP_FIRST_MS)
        self._upkeep.timeout.connect(self.on_upkeep_due)
        self._watch = QTimer(self)
        self._watch.setInterval(WATCH_MS)
        self._watch.timeout.connect(self.on_watch_due)
        self._stored = QTimer(self)  # looks when whoever stored has noted that it worked
        self._stored.setSingleShot(True)
        self._stored.setInterval(0)
        self._stored.timeout.connect(self.on_stored)
        store.on_written = self._stored.start

    # -- life -------------------------------------------------------------------------------------------------------

    def start(self, last_chat: str = "") -> None:
        """Show the chats and load the model in the background."""
        self.model.load(self.model.choice)
        self.server.start()
        self._upkeep.start()
        self._watch.start()
        known = {conversation.id for conversation in self._publish()}
        self.open_chat(last_chat if last_chat in known else None)

    def shut_down(self) -> None:
        """Save what there is, end the model process and the thread; takes two seconds at most."""
        if self._closed:
            return
        self._closed = True
        self._upkeep.stop()
        self._watch.stop()
        self.context.stop()
        self.backups.close()
        self.search.close()
        self.server.cancel_all()
        with self._store.waiting_once():
            self.unsent.end()
            self.answering.abandon()
        self._store.on_written = None  # nobody is told of these last writes, nor of any later one
        self._stored.stop()
        self._thread.shut_down()
        self.recordings.close()
        self.server.shut_down()
        self.backups.end()
        self.search.end()

    @property
    def model_pid(self) -> int | None:
        """Process id of the model process."""
        return self._thread.model_pid

    @property
    def busy(self) -> bool:
        """Whether an answer is being made, in whatever chat, or all chats are being replaced."""
        return self.answering.busy or self._held

    @property
    def busy_here(self) -> bool:
        """Whether the shown chat's answer is being made."""
        return self.answering.busy and self.answering.conversation_id == self.chat_id

    @property
    def held(self) -> bool:
        """Whether all chats are being replaced: nothing is sent, opened or changed then."""
        return self._held

    # -- chats ------------------------------------------------------------------------------------------------------

    def open_chat(self, conversation_id: str | None) -> None:
        """Show a chat; None is a new, empty one."""
        if self._held:
            return
        self.length.forget()
        with self._reporting():
            messages = self.answering.as_known(self._store.messages(conversation_id)) if conversation_id else ()
            self.chat_id = conversation_id
            self._preferences.set(last_chat=conversation_id or "")
            self.chat_shown.emit(conversation_id, messages)
            self._preferences.flush()  # for the next start, also after a crash

    def rename(self, conversation_id: str, title: str) -> None:
        """Give a chat another title."""
        self._change(lambda: self._store.rename(conversation_id, title))

    def delete(self, conversation_id: str) -> None:
        """Delete a chat; `undelete` brings it back."""
        if self.answering.conversation_id == conversation_id:
            self.answering.stop()
        conversation = self._change(lambda: self._store.delete(conversation_id))
        if conversation is not None:
            if conversation_id == self.chat_id:
                self.open_chat(None)
            self.chat_deleted.emit(conversation)

    def undelete(self, conversation_id: str) -> None:
        """Bring a deleted chat back and show it."""
        if self._change(lambda: self._store.undelete(conversation_id)) is not None:
            self.open_chat(conversation_id)

    def options(self) -> ChatOptions:
        """What was chosen for the shown chat alone; for a new one, what it will have."""
        return self._read(lambda chat: self._store.conversation(chat).options, self._new_options)

    def set_options(self, options: ChatOptions) -> None:
        """They hold from the next message of the shown chat on."""
        chat = self.chat_id
        if chat is None:
            self._new_options = options
        else:
            self._change(lambda: self._store.order.set_options(chat, options))
        self.context.look_again()

    def load_everywhere(self, choice: ModelChoice) -> None:
        """Let a model answer in all chats that have none of their own, and in the shown one, whatever it had."""
        options = self.options()
        if options.model:
            self.set_options(dataclasses.replace(options, model="", model_name=""))
        self.model.load(choice)

    def stop_if_in(self, chats: Sequence[str]) -> None:
        """Stop the answer that is written in one of these chats."""
        if self.answering.conversation_id in chats:
            self.answering.stop()

    def show_sibling(self, message_id: str, step: int) -> None:
        """Show another of several answers."""
        if self.busy_here or self._held:
            return
        with self._reporting():
            siblings = self._store.siblings(message_id)
            at = [message.id for message in siblings].index(message_id) + step
            if 0 <= at < len(siblings):
                self._store.show_branch(siblings[at].id)
                self.open_chat(self.chat_id)

    def show_message(self, message_id: str) -> bool:
        """Open the chat of a message, in the branch that it is in; False while an answer is written in another one."""
        shown = False
        with self._reporting():
            chat = self._store.message(message_id).conversation_id
            if message_id not in [each.id for each in self._store.messages(chat)]:
                if self.busy and self.answering.conversation_id == chat:
                    return False
                self._store.show_branch(message_id)
                self.open_chat(chat)
            elif chat != self.chat_id:
                self.open_chat(chat)
            shown = True
        return shown

    def find_in_chat(self, text: str) -> tuple[str, ...]:
        """Ids of the shown chat's messages, in all branches, in which `text` stands."""
        return self._read(lambda chat: self._store.find_in_chat(chat, text), ())

    # -- answers ----------------------------------------------------------------------------------------------------

    def send(self, text: str) -> bool:
        """Store the user's text and ask for an answer; False if that is not possible now.

        A text that may be too long for the model is measured first (`length`), and `sent_late` or
        `length.too_long` follows.
        """
        if not text.strip() or self.busy or not self.models.take(self.options(), self.chat_id, text):
            return False
        if not self.length.surely_fits(text):
            self.length.ask(Asking(text, self.chat_id))
            return False
        return self._send(text)

    def _send(self, text: str) -> bool:
        sent = False
        with self._reporting():
            self.answering.store_first(self.chat_id)
            ask = self._session.send(
                self.chat_id, text, self._preferences.settings, self.model.asked(), options=self._new_options
            )
            if self.chat_id is None:
                self._new_options = NO_OPTIONS
            self.chat_id = ask.conversation.id
            self._preferences.set(last_chat=ask.conversation.id)
            self.message_added.emit(ask.user)
            self.message_added.emit(ask.answer)
            self._begin(ask)
            self._preferences.flush()  # a crash from now on finds its way back to this chat
            sent = True
        return sent

    def send_edited(self, message_id: str, text: str) -> None:
        """Send another version of a message of the user's; `edit_sent` follows, or `length.too_long`."""
        if self.busy or not self.models.take(self.options(), self.chat_id, text):
            return
        if not self.length.surely_fits(text):
            self.length.ask(Asking(text, self.chat_id, beside=message_id))
        else:
            self._send_edited(message_id, text)

    def _send_edited(self, message_id: str, text: str) -> None:
        with self._reporting():
            self.answering.store_first(self.chat_id)
            ask = self._session.send_edited(message_id, text, self._preferences.settings, self.model.asked())
            self.edit_sent.emit(message_id)
            self._show_and_begin(ask)

    def pick_word(self, message_id: str, word: OtherWord) -> None:
        """Write an answer beside another one that has another word in one place, and what settles around it."""
        if self.busy or not self.models.take(self.options(), self.chat_id):
            return
        with self._reporting():
            self.answering.store_first(self.chat_id)
            settings, model = self._preferences.settings, self.model.asked()
            self._show_and_begin(self._session.with_word(message_id, word, settings, model))

    def _show_and_begin(self, ask: Ask) -> None:
        self.chat_shown.emit(ask.conversation.id, self._store.messages(ask.conversation.id))
        self._begin(ask)

    def add_version(self, message_id: str, text: str) -> bool:
        """Keep another version of an answer, and show it, or the one that has this text; whether that was possible."""
        if self.busy_here or self._held:
            return False
        done = False
        with self._reporting():
            version = self._session.version(message_id, text)
            self.conversation_changed.emit(self._store.conversation(version.conversation_id))
            self.open_chat(version.conversation_id)
            done = True
        return done

    def branch_off(self, message_id: str, *_: object) -> None:
        """Copy a message and all before it into a new chat, and show that."""
        chat = self._change(lambda: self._store.branch_off(message_id))
        if chat is not None:
            self.open_chat(chat.id)

    def edits(self) -> tuple[str, ...]:
        """Ids of the shown chat's messages that were being edited."""
        return self._read(self._store.edits, ())

    # -- the queue --------------------------------------------------------------------------------------------------

    def send_queued(self, chat_id: str) -> None:
        """Send what waits longest in a chat."""
        waiting = () if self.busy else self.waiting.of(chat_id)
        with self._reporting():
            options = self._store.conversation(chat_id).options
            if not waiting or not self.models.take(options, chat_id, waiting[0].body):
                return
            self.answering.store_first(chat_id)
            ask = self._session.send_queued(waiting[0], self._preferences.settings, self.model.asked())
            if chat_id == self.chat_id:
                self.message_added.emit(ask.user)
                self.message_added.emit(ask.answer)
            self._begin(ask)
            self.waiting.changed.emit()

    def same_again(self) -> bool:
        """Whether "Try again" would give the answer that is shown."""
        settings, model = self._preferences.settings, self.model.asked()
        return self._read(lambda chat: self._session.same_again(chat, settings, model), False)

    def try_again_with_new_seed(self) -> None:
        """Ask the last question anew, whatever the settings say of the seed."""
        if self.chat_id is not None and self.can_try_again() and self._takes_question():
            self._try_again(self.chat_id, new_seed=True)

    def _takes_question(self) -> bool:
        return self.models.take(self.options(), self.chat_id, self._read(self._session.question, ""))

    def can_try_again(self) -> bool:
        """Whether the shown chat's last question can be asked anew."""
        return not self.busy and self._read(self._session.can_try_again, False)

    def try_again(self) -> None:
        """Ask the last question anew; the answers it has are kept. One that may be too long is measured first."""
        if self.chat_id is None or not self.can_try_again() or not self._takes_question():
            return
        with self._reporting():
            text = self._session.question(self.chat_id)
            if self.length.surely_fits(text):
                self._try_again(self.chat_id)
            else:
                self.length.ask(Asking(text, self.chat_id, again=True))

    def _try_again(self, chat_id: str, new_seed: bool = False) -> None:
        with self._reporting():
            self.answering.store_first(chat_id)
            settings, model = self._preferences.settings, self.model.asked()
            ask = self._session.try_again(chat_id, settings, model, new_seed=new_seed)
            self.answer_replaced.emit(ask.answer)
            self._begin(ask)

    def continue_answer(self) -> None:
        """Let the last answer go on from where it stood."""
        if self.chat_id is None or self.busy or not self._takes_question():
            return
        with self._reporting():
            self.answering.store_first(self.chat_id)
            ask = self._session.continue_answer(self.chat_id, self._preferences.settings, self.model.asked())
            self.answer_resumed.emit(ask.answer)
            self._begin(ask)

    def stop(self) -> None:
        """Stop the answer; what is committed or has settled stays."""
        self.answering.stop()

    def settle_now(self) -> None:
        """Commit the block that is being written as it stands; the answer goes on behind it."""
        self.answering.settle_now()

    def more_steps(self) -> None:
        """Let the block that is being written take some more steps than its limit."""
        self.answering.more_steps(MORE_STEPS)

    def _begin(self, ask: Ask) -> None:
        self.operations.stop_all()  # what is written in a chat goes first
        self.answering.begin(ask)
        self.busy_changed.emit(True)
        self.conversation_changed.emit(ask.conversation)

    # -- events -----------------------------------------------------------------------------------------------------

    def on_model_event(self, arrived: ModelEvent) -> None:
        """Give an event to whom it belongs."""
        if self._closed:
            return
        if not self.model.on_event(arrived):
            first = (self.length, self.context, self.operations)
            if not any(each.on_event(arrived) for each in first):
                self.answering.on_event(arrived)
        elif self.busy:
            self.model.show_writing()

    def on_fits(self, asking: Asking) -> None:
        """The model can take a message that was measured."""
        if self.busy or asking.chat_id != self.chat_id:
            return
        if asking.beside is not None:
            self._send_edited(asking.beside, asking.text)
        elif not asking.again:
            if self._send(asking.text):
                self.sent_late.emit(asking.text)
        elif asking.chat_id is not None:
            self._try_again(asking.chat_id)

    def on_draft(self, draft: object) -> None:
        """Pass a draft on if its chat is in view."""
        if self.busy_here:
            self.draft_updated.emit(draft)

    def on_committed(self) -> None:
        """Pass the text so far on if its chat is in view."""
        if self.busy_here:
            self.answer_grown.emit(self.answering.source, self.answering.thinking)

    def on_ended(self, message: Message, finished: object) -> None:
        """The answer is complete."""
        self.answer_ended.emit(message, finished)
        self.busy_changed.emit(False)
        self.waiting.note_ended(message)
        while not self.busy and (chat := self.waiting.next_chat()) is not None:
            self.send_queued(chat)

    def on_upkeep_due(self) -> None:
        """In a quiet moment: remove what was deleted long ago, make the daily backup."""
        if self.busy:
            return
        self._upkeep.setInterval(UPKEEP_MS)
        with self._reporting():
            self._store.purge_if_due()
            self.recordings.keep_only(set if self._replaced else self._store.known_messages)  # an Undo is on offer
            self.recordings.trim(self._preferences.settings.recorded_bytes)
        self.backups.make_if_due()
        self.backups.check_if_due()
        self.search.refresh()

    def on_stored(self) -> None:
        """What was said of a file that cannot be written is over, unless something still waits."""
        if not (self.unsent.failing or self.answering.failing):
            self.stored.emit()

    def on_watch_due(self) -> None:
        """Whether what is written still goes into the chat file; said once, until it is written anew."""
        try:
            self._store.check_file()
        except AppError as exc:
            self._watch.stop()
            self.problem.emit(report_from_exception(exc))

    def write_anew(self) -> None:
        """Write the chat file anew that was deleted or replaced, and store what waited for it."""
        self._not_anew = None
        try:
            self._store.write_anew()
        except AppError as exc:
            self._not_anew = report_from_exception(exc)
            self.on_watch_due()  # that it is gone is still true, and stands below the reason
            self.problem.emit(self._not_anew)
            return
        self.file_written.emit()
        with self._reporting():
            self.unsent.flush()
            self.answering.on_retry_due()
            self._watch.start()
            self._publish()

    def unsaved(self) -> Unsaved:
        """What would be lost if the program ended now: it was tried to be stored just now, in vain."""
        if self._closed:
            return Unsaved((), None)
        with self._store.waiting_once():
            typed, answers = self.unsent.unsaved(), self.answering.unsaved()
        texts, report = (*answers.texts, *typed.texts), answers.report or typed.report
        try:
            self._store.check_file()
        except AppError as exc:
            return Unsaved(texts, self._not_anew or report_from_exception(exc), file_gone=True)
        self._not_anew = None
        return Unsaved(texts, report)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _change(self, change: Callable[[], Conversation]) -> Conversation | None:
        """Change one chat and tell of it alone; where that fails, what is shown is what is stored, for all of them."""
        changed: list[Conversation] = []
        if self._held:
            return None
        with self._reporting():
            changed.append(change())
            self.conversation_changed.emit(changed[0])
        if changed:
            return changed[0]
        self._publish()
        return None

    def hold(self) -> None:
        """All chats are about to be replaced: what is typed is stored, and nothing else is until `let_go`."""
        self.length.forget()
        self.tables.stop()
        self.unsent.hold()
        self._held = True

    def let_go(self, replaced: bool) -> tuple[Conversation, ...]:
        """They are replaced, or it failed; gives those of now."""
        self._held, self._replaced = False, self._replaced or replaced
        conversations = self._publish()
        self.unsent.let_go({each.id for each in conversations} if replaced else None)
        return conversations

    def look_again(self) -> None:
        """Another hand has changed the chats: an import."""
        self._publish()

    def _publish(self) -> tuple[Conversation, ...]:
        conversations: tuple[Conversation, ...] = ()
        with self._reporting():
            conversations = self._store.list_conversations()
            self.conversations_changed.emit(conversations)
        return conversations

    def _read(self, read: Callable[[str], Found], otherwise: Found) -> Found:
        """Read something of the shown chat; where there is none, or that fails, it is `otherwise`."""
        found = otherwise
        if self.chat_id is not None:
            with self._reporting():
                found = read(self.chat_id)
        return found

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Errors of the store are shown, not raised: the window lives on."""
        try:
            yield
        except AppError as exc:
            if not (self._held and isinstance(exc, ChatGoneError)):  # it is being replaced, or comes back
                self.problem.emit(report_from_exception(exc))
