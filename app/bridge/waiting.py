"""Messages that were sent while an answer was written, of whatever chat, and wait for its end.

What was sent since the program began is asked by itself. Whoever stopped an answer, or saw it fail, decides what is
next in its chat; so does who starts the program anew.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from PySide6.QtCore import QObject, Signal

from app.bridge.length import LengthCheck
from app.chats.history import HistoryStore
from app.chats.messages import Message, MessageState
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
        self._due: set[str] = set()  # chats whose next message is sent by itself

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
            self._due.add(chat_id)
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

    def elsewhere(self, chat_id: str | None) -> tuple[QueuedMessage, ...]:
        """What is sent by itself in other chats than this one; what waits longest comes first."""
        if not self._due - {chat_id}:
            return ()
        return tuple(each for each in self._everywhere() if each.conversation_id in self._due - {chat_id})

    def title_of(self, chat_id: str) -> str:
        """Title of a chat in which something waits or is written."""
        title = ""
        with self._reporting():
            title = self._store.conversation(chat_id).title
        return title

    def note_ended(self, answer: Message) -> None:
        """An answer has ended: what waits in its chat is next only where nobody stopped it, and it did not fail."""
        if answer.state == MessageState.DONE:
            self._due.add(answer.conversation_id)
        else:
            self._due.discard(answer.conversation_id)

    def next_chat(self) -> str | None:
        """The chat of the message that waits longest and is to be sent now; None if there is none.

        Each chat comes once, until an answer of it is finished.
        """
        chats = (each.conversation_id for each in (self._everywhere() if self._due else ()))
        found = next((chat for chat in chats if chat in self._due), None)
        if found is not None:
            self._due.remove(found)
        return found

    def _everywhere(self) -> tuple[QueuedMessage, ...]:
        found: tuple[QueuedMessage, ...] = ()
        with self._reporting():
            found = self._store.queue.everywhere()
        return found
