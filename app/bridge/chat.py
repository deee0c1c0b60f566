"""The window's only partner: takes what the user does, answers with signals.

It owns the history (used in the window's thread, for a SQLite connection belongs to one thread, and every write takes a
few milliseconds; backups are copied beside it), the thread of the model process, the model's status and the one answer
that may be in the making.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PySide6.QtCore import QObject, QTimer, Signal

from app.base.errors import AppError, ErrorReport, report_from_exception
from app.bridge.answer import Answering
from app.bridge.backups import Backups
from app.bridge.length import Asking, LengthCheck
from app.bridge.model import AnsweringModel
from app.bridge.model_process import ModelEvent, ModelProcessFactory, ModelThread
from app.bridge.preferences import Preferences
from app.bridge.unsent import Unsaved, UnsentTexts
from app.chats.history import HistoryStore
from app.chats.messages import Conversation, Message
from app.chats.session import Ask, ChatSession
from app.library.answering import ModelChoice

UPKEEP_FIRST_MS = 5_000
UPKEEP_MS = 3_600_000
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
        answer_grown: The committed text so far of the shown chat's answer.
        answer_ended: The stored `Message`, and the `Finished` or None; of any chat.
        chat_deleted: The `Conversation` that was deleted.
        sent_late: A text that was sent after it had been measured.
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
    answer_grown = Signal(str)
    answer_ended = Signal(object, object)
    chat_deleted = Signal(object)
    sent_late = Signal(str)
    busy_changed = Signal(bool)
    file_written = Signal()
    problem = Signal(object)
    stored = Signal()

    def __init__(
        self, store: HistoryStore, factory: ModelProcessFactory, choice: ModelChoice, preferences: Preferences
    ) -> None:
        super().__init__()
        self._store = store
        self._session = ChatSession(store)
        self._preferences = preferences
        self._thread = ModelThread(factory, self)
        self.model = AnsweringModel(self._thread, choice, self)
        self.answering = Answering(store, self._thread, self.model, self)
        self.unsent = UnsentTexts(store, self)
        self.length = LengthCheck(self._thread, self.model, self)
        self.backups = Backups(store, self)
        self.chat_id: str | None = None
        self._closed = False
        self._not_anew: ErrorReport | None = None  # why the chat file could not be written anew
        self._thread.event_arrived.connect(self.on_model_event)
        self._thread.draft_arrived.connect(self.answering.on_draft)
        self.answering.draft_updated.connect(self.on_draft)
        self.answering.committed.connect(self.on_committed)
        self.answering.ended.connect(self.on_ended)
        self.answering.problem.connect(self.problem)
        self.unsent.problem.connect(self.problem)
        self.backups.problem.connect(self.problem)
        self.length.fits.connect(self.on_fits)
        self.length.failed.connect(self.problem)
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
        self._upkeep.start()
        self._watch.start()
        conversations = self._publish()
        known = {conversation.id for conversation in conversations}
        self.open_chat(last_chat if last_chat in known else None)

    def shut_down(self) -> None:
        """Save what there is, end the model process and the thread; takes two seconds at most."""
        if self._closed:
            return
        self._closed = True
        self._upkeep.stop()
        self._watch.stop()
        self.backups.close()
        with self._store.waiting_once():
            self.unsent.end()
            self.answering.abandon()
        self._store.on_written = None  # nobody is told of these last writes, nor of any later one
        self._stored.stop()
        self._thread.shut_down()
        self.backups.end()

    @property
    def model_pid(self) -> int | None:
        """Process id of the model process."""
        return self._thread.model_pid

    @property
    def busy(self) -> bool:
        """Whether an answer is being made, in whatever chat."""
        return self.answering.busy

    @property
    def busy_here(self) -> bool:
        """Whether the shown chat's answer is being made."""
        return self.busy and self.answering.conversation_id == self.chat_id

    # -- chats ------------------------------------------------------------------------------------------------------

    def open_chat(self, conversation_id: str | None) -> None:
        """Show a chat; None is a new, empty one."""
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

    def show_sibling(self, message_id: str, step: int) -> None:
        """Show another of several answers."""
        if self.busy_here:
            return
        with self._reporting():
            siblings = self._store.siblings(message_id)
            at = [message.id for message in siblings].index(message_id) + step
            if 0 <= at < len(siblings):
                self._store.show_branch(siblings[at].id)
                self.open_chat(self.chat_id)

    # -- answers ----------------------------------------------------------------------------------------------------

    def send(self, text: str) -> bool:
        """Store the user's text and ask for an answer; False if that is not possible now.

        A text that may be too long for the model is measured first (`length`), and `sent_late` or
        `length.too_long` follows.
        """
        if not text.strip() or self.busy:
            return False
        if not self.length.surely_fits(text):
            self.length.ask(Asking(text, self.chat_id))
            return False
        return self._send(text)

    def _send(self, text: str) -> bool:
        sent = False
        with self._reporting():
            self.answering.store_first(self.chat_id)
            ask = self._session.send(self.chat_id, text, self._preferences.settings, self.model.asked())
            self.chat_id = ask.conversation.id
            self._preferences.set(last_chat=ask.conversation.id)
            self.message_added.emit(ask.user)
            self.message_added.emit(ask.answer)
            self._begin(ask)
            self._preferences.flush()  # a crash from now on finds its way back to this chat
            sent = True
        return sent

    def can_try_again(self) -> bool:
        """Whether the shown chat's last question can be asked anew."""
        if self.busy or self.chat_id is None:
            return False
        possible = False
        with self._reporting():
            possible = self._session.can_try_again(self.chat_id)
        return possible

    def try_again(self) -> None:
        """Ask the last question anew; the answers it has are kept. One that may be too long is measured first."""
        if self.chat_id is None or not self.can_try_again():
            return
        with self._reporting():
            text = self._session.question(self.chat_id)
            if self.length.surely_fits(text):
                self._try_again(self.chat_id)
            else:
                self.length.ask(Asking(text, self.chat_id, again=True))

    def _try_again(self, chat_id: str) -> None:
        with self._reporting():
            self.answering.store_first(chat_id)
            ask = self._session.try_again(chat_id, self._preferences.settings, self.model.asked())
            self.answer_replaced.emit(ask.answer)
            self._begin(ask)

    def continue_answer(self) -> None:
        """Let the last answer go on from where it stood."""
        if self.chat_id is None or self.busy:
            return
        with self._reporting():
            self.answering.store_first(self.chat_id)
            ask = self._session.continue_answer(self.chat_id, self._preferences.settings, self.model.asked())
            self.answer_resumed.emit(ask.answer)
            self._begin(ask)

    def stop(self) -> None:
        """Stop the answer; what is committed or has settled stays."""
        self.answering.stop()

    def _begin(self, ask: Ask) -> None:
        self.answering.begin(ask)
        self.busy_changed.emit(True)
        self.conversation_changed.emit(ask.conversation)

    # -- events -----------------------------------------------------------------------------------------------------

    def on_model_event(self, arrived: ModelEvent) -> None:
        """Give an event to whom it belongs."""
        if self._closed:
            return
        if not self.model.on_event(arrived):
            if not self.length.on_event(arrived):
                self.answering.on_event(arrived)
        elif self.busy:
            self.model.show_writing()

    def on_fits(self, asking: Asking) -> None:
        """The model can take a message that was measured."""
        if self.busy or asking.chat_id != self.chat_id:
            return
        if not asking.again:
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
            self.answer_grown.emit(self.answering.source)

    def on_ended(self, message: Message, finished: object) -> None:
        """The answer is complete."""
        self.answer_ended.emit(message, finished)
        self.busy_changed.emit(False)

    def on_upkeep_due(self) -> None:
        """In a quiet moment: remove what was deleted long ago, make the daily backup."""
        if self.busy:
            return
        self._upkeep.setInterval(UPKEEP_MS)
        with self._reporting():
            self._store.purge_if_due()
        self.backups.make_if_due()

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
        with self._reporting():
            changed.append(change())
            self.conversation_changed.emit(changed[0])
        if changed:
            return changed[0]
        self._publish()
        return None

    def _publish(self) -> tuple[Conversation, ...]:
        conversations: tuple[Conversation, ...] = ()
        with self._reporting():
            conversations = self._store.list_conversations()
            self.conversations_changed.emit(conversations)
        return conversations

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Errors of the store are shown, not raised: the window lives on."""
        try:
            yield
        except AppError as exc:
            self.problem.emit(report_from_exception(exc))
