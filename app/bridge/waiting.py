"""Messages that were sent while an answer was written, and wait for its end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from PySide6.QtCore import QObject, Signal

from app.bridge.length import LengthCheck
from app.chats.history import HistoryStore
from app.chats.queue import QueuedMessage


class WaitingMessages(QObject):
    """The queue of each chat.

    Signals:
        changed: Another message waits, or one does no longer.
    """

    changed = Signal()

    def __init__(
        self,
        store: HistoryStore,
        length: LengthCheck,
        reporting: Callable[[], AbstractContextManager[None]],
        parent: QObject | None = None,
    ) -> None:
        """Nothing is read yet.

        Args:
            store: The history.
            length: What surely fits need not be measured.
            reporting: In this block errors of the store are shown, not raised.
            parent: Owns it.
        """
        super().__init__(parent)
        self._store, self._length, self._reporting = store, length, reporting

    def of(self, chat_id: str | None) -> tuple[QueuedMessage, ...]:
        """What waits in a chat; nothing in one that is not stored."""
        found: tuple[QueuedMessage, ...] = ()
        if chat_id is not None:
            with self._reporting():
                found = self._store.queue.of(chat_id)
        return found

    def add(self, chat_id: str | None, text: str) -> bool:
        """Let a message wait until no answer is being written; False for a chat that is not stored, or a long text."""
        if chat_id is None or not text.strip() or not self._length.surely_fits(text):
            return False
        done = False
        with self._reporting():
            self._store.queue.add(chat_id, text)
            self.changed.emit()
            done = True
        return done

    def take_back(self, message_id: str) -> str:
        """A message waits no longer; gives its text."""
        text = None
        with self._reporting():
            text = self._store.queue.take_back(message_id)
            self.changed.emit()
        return text or ""
