"""What is typed and not sent: one text a chat, on the disk a moment after it was typed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from app.base.errors import AppError, ErrorReport, report_from_exception
from app.chats.history import HistoryStore
from app.chats.messages import MessageFile
from app.chats.migrations import EDIT_SLOT
from app.chats.recovery.carrying import together

STORE_MS = 500
RETRY_MS = 5_000  # after a failure, which may have taken its time


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Texts that would be lost if the program ended now.

    Attributes:
        texts: What they say.
        report: Why they could not be stored; None if all are.
        file_gone: Whether the chat file is gone: then all chats would be lost, too, unless it is written anew.
    """

    texts: tuple[str, ...]
    report: ErrorReport | None
    file_gone: bool = False

    @property
    def anything(self) -> bool:
        """Whether anything would be lost."""
        return bool(self.texts) or self.file_gone


class UnsentTexts(QObject):
    """Keeps unsent texts; None as the chat is the new one, which is not stored yet.

    What cannot be stored (a full disk, a locked file) stays here, and is tried again by itself every few seconds.

    Signals:
        problem: Something could not be stored (an `ErrorReport`); once until it works again.
        replaced: What is kept is other than what the window shows: it is to be read anew.
    """

    problem = Signal(object)
    replaced = Signal()

    def __init__(self, store: HistoryStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._waiting: dict[str | None, str] = {}  # by chat, or by EDIT_SLOT and the message that is edited
        self._complained = self._held = False
        self._trouble: ErrorReport | None = None  # of the last try to store
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.flush)

    def note(self, chat_id: str | None, text: str) -> None:
        """The message box of this chat holds `text`; it is stored soon, also if the typing never pauses."""
        self._waiting[chat_id] = text
        if not self._held and not self._timer.isActive():
            self._timer.start(STORE_MS)

    def text_of(self, chat_id: str | None) -> str:
        """What was typed in this chat and not sent."""
        if chat_id in self._waiting:
            return self._waiting[chat_id]
        try:
            return self._store.unsent_text(chat_id)
        except AppError as exc:
            self._complain(exc)
            return ""

    def attach(self, chat_id: str | None, file: MessageFile, sign: str) -> None:
        """The text of a file is in a chat's message box; `sign` is a part of it."""
        self.flush()
        try:
            self._store.kept.attach(chat_id, file, sign)
        except AppError as exc:
            self._complain(exc)

    def unsaved(self) -> Unsaved:
        """Texts that cannot be stored; tried just now."""
        self._store_waiting()
        return Unsaved(tuple(text for text in self._waiting.values() if text.strip()), self._trouble)

    @property
    def failing(self) -> bool:
        """Whether something waits that could not be stored."""
        return self._trouble is not None

    def end(self) -> None:
        """Store what waits, for the last time: the program ends."""
        self._store_waiting()
        self._timer.stop()

    def hold(self) -> None:
        """All chats are about to be replaced: what waits is stored now, what comes later waits for `let_go`."""
        self.flush()
        self._held = True
        self._timer.stop()

    def let_go(self, known: Collection[str] | None = None) -> None:
        """Store again; `known` are the chats that took the place of all others, None if none did.

        What waits for a chat that is gone goes to the new one.
        """
        self._held = False
        if known is not None:
            for slot in [each for each in self._waiting if each is not None and not each.startswith(EDIT_SLOT)]:
                if slot not in known and (text := self._waiting.pop(slot)).strip():
                    self._waiting[None] = together(self.text_of(None), text)
            self.replaced.emit()
        if self._waiting:
            self._timer.start(STORE_MS)

    def flush(self) -> None:
        """Store what waits, now, unless it is held; what cannot be stored is tried again later."""
        if not self._held:
            self._store_waiting()

    def _store_waiting(self) -> None:
        self._timer.stop()
        self._trouble = None
        for chat_id, text in list(self._waiting.items()):
            try:
                self._store.keep_unsent(chat_id, text)
            except AppError as exc:
                self._trouble = report_from_exception(exc)
                self._complain(exc)
                self._timer.start(RETRY_MS)
                return
            self._complained = False
            del self._waiting[chat_id]

    def _complain(self, exc: AppError) -> None:
        if not self._complained:
            self._complained = True
            self.problem.emit(report_from_exception(exc))
