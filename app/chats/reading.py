"""Queries of chats, messages and blocks on one connection."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlite_utils import Database

from app.chats.errors import ChatGoneError
from app.chats.messages import BlockRecord, Conversation, FileSource, Message
from app.chats.rows import (
    BLOCK_COLUMNS,
    CONVERSATION_COLUMNS,
    MESSAGE_SQL,
    block_from_row,
    conversation_from_row,
    message_from_row,
)

# UNION drops what was seen before, so that even a circle of parents comes to an end.
_BRANCH_SQL = f"""
WITH RECURSIVE branch (seq, parent_id) AS (
    SELECT seq, parent_id FROM message WHERE id = :head
    UNION SELECT p.seq, p.parent_id FROM branch b JOIN message p ON p.id = b.parent_id
)
{MESSAGE_SQL} WHERE m.seq IN (SELECT seq FROM branch)
"""


class MessageReader:
    """Queries on one connection; unknown ids raise `ChatGoneError`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def conversation(self, conversation_id: str) -> Conversation:
        """One chat."""
        sql = f"SELECT {CONVERSATION_COLUMNS} FROM conversation WHERE id = ?"
        row = self._db.execute(sql, [conversation_id]).fetchone()
        if row is None:
            raise ChatGoneError
        return conversation_from_row(row)

    def message(self, message_id: str) -> Message:
        """One message."""
        row = self._db.execute(f"{MESSAGE_SQL} WHERE m.id = ?", [message_id]).fetchone()
        if row is None:
            raise ChatGoneError
        return message_from_row(row)

    def branch(self, head: str | None) -> tuple[Message, ...]:
        """The messages from the root to `head`; none for None."""
        if head is None:
            return ()
        found = {row[0]: message_from_row(row) for row in self._db.execute(_BRANCH_SQL, {"head": head})}
        path: list[Message] = []
        at: str | None = head
        while at is not None and at in found:
            message = found.pop(at)
            path.append(message)
            at = message.parent_id
        return _with_sources(path[::-1])

    def with_sources(self, message: Message) -> Message:
        """An answer with what it may quote; another message as it is."""
        sql = "SELECT 1 FROM attachment a JOIN message m ON m.id = a.message_id WHERE m.conversation_id = ? LIMIT 1"
        if message.role != "assistant" or self._db.execute(sql, [message.conversation_id]).fetchone() is None:
            return message
        return self.branch(message.id)[-1]

    def siblings(self, message_id: str) -> tuple[Message, ...]:
        """The children of the same parent in the same chat."""
        message = self.message(message_id)
        sql = f"{MESSAGE_SQL} WHERE m.conversation_id = ? AND m.parent_id IS ? ORDER BY m.sibling_no, m.id"
        return tuple(
            message_from_row(row) for row in self._db.execute(sql, [message.conversation_id, message.parent_id])
        )

    def newest_leaf(self, message_id: str) -> str:
        """The message itself or, where it has children, the newest of them, and so on."""
        at, seen = message_id, {message_id}
        while True:
            sql = "SELECT id FROM message WHERE parent_id = ? ORDER BY sibling_no DESC, id DESC LIMIT 1"
            row = self._db.execute(sql, [at]).fetchone()
            if row is None or row[0] in seen:
                return at
            at = str(row[0])
            seen.add(at)

    def known(self, message_ids: Collection[str]) -> set[str]:
        """Those of some messages that exist."""
        sql = "SELECT id FROM message WHERE id IN (SELECT value FROM json_each(?))"
        return {str(row[0]) for row in self._db.execute(sql, [json.dumps(list(message_ids))])}

    def blocks(self, message_id: str) -> tuple[BlockRecord, ...]:
        """The committed blocks of an answer, in order."""
        sql = f"SELECT {BLOCK_COLUMNS} FROM block WHERE message_id = ? ORDER BY ord"
        return tuple(block_from_row(row) for row in self._db.execute(sql, [message_id]))


def _with_sources(branch: Sequence[Message]) -> tuple[Message, ...]:
    """Each answer of a branch with the messages before it that hold files."""
    sources: tuple[FileSource, ...] = ()
    found = []
    for message in branch:
        if message.files:
            sources += (FileSource(message.body, message.files),)
        found.append(replace(message, sources=sources) if sources and message.role == "assistant" else message)
    return tuple(found)
