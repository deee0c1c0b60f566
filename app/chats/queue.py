"""Messages that were sent while an answer was being written: they are on the disk, and wait for their turn."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from app.chats.ids import new_id, now_ms
from app.chats.order import Writing
from inference.text.surrogates import storable


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message that waits.

    Attributes:
        id: Sortable text id.
        conversation_id: The chat.
        body: The text.
    """

    id: str
    conversation_id: str
    body: str


class MessageQueue:
    """What waits, on one connection; every change is one transaction."""

    def __init__(self, db: Database, writing: Writing) -> None:
        self._db, self._writing = db, writing

    def add(self, conversation_id: str, text: str) -> QueuedMessage:
        """Let a message wait behind those that do already; what was typed in its chat is none any more."""
        message = QueuedMessage(new_id(), conversation_id, storable(text))
        with self._writing():
            sql = "INSERT INTO queued (id, created_at, conversation_id, body) VALUES (?, ?, ?, ?)"
            self._db.execute(sql, [message.id, now_ms(), conversation_id, message.body])
            sql = "DELETE FROM unsent WHERE slot = ? AND TRIM(body, char(10)) = ?"
            self._db.execute(sql, [conversation_id, message.body.strip("\n")])
        return message

    def of(self, conversation_id: str) -> tuple[QueuedMessage, ...]:
        """What waits in a chat, the first one first."""
        sql = "SELECT id, conversation_id, body FROM queued WHERE conversation_id = ? ORDER BY seq"
        return tuple(QueuedMessage(*row) for row in self._db.execute(sql, [conversation_id]))

    def everywhere(self) -> tuple[QueuedMessage, ...]:
        """What waits in all chats that are not deleted, the first one first."""
        sql = """SELECT q.id, q.conversation_id, q.body FROM queued q
            JOIN conversation c ON c.id = q.conversation_id AND c.deleted_at IS NULL ORDER BY q.seq"""
        return tuple(QueuedMessage(*row) for row in self._db.execute(sql))

    def take_back(self, message_id: str) -> str | None:
        """A message waits no longer; gives its text, None if it was sent or taken back already."""
        with self._writing():
            row = self._db.execute("SELECT body FROM queued WHERE id = ?", [message_id]).fetchone()
            self._db.execute("DELETE FROM queued WHERE id = ?", [message_id])
        return None if row is None else str(row[0])
