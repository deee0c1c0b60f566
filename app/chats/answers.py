"""Writing messages and, above all, answers block by block. The caller opens the transaction around each call."""

from __future__ import annotations

from sqlite_utils import Database

from app.chats.ids import new_id, now_ms, storable
from app.chats.messages import Message, MessageState
from app.chats.reading import MessageReader
from app.chats.rows import block_to_row, error_to_json, params_to_json
from inference.events import BlockCommitted, Failed, Finished
from inference.params import Role, SamplerParams

_FIGURES = (
    "reason",
    "max_steps",
    "answer_tokens",
    "tokens_per_step",
    "time_to_first_draft",
    "time_to_first_block",
    "wall_seconds",
    "decode_seconds",
    "wall_tokens_per_second",
    "decode_tokens_per_second",
)


class AnswerWriter:
    """Changes of messages on one connection.

    A second window that starts marks unfinished answers as stopped, since it cannot know that another one is still
    writing; so the next block makes such an answer a streaming one again, and its end is stored whatever the state
    was.
    """

    def __init__(self, db: Database, reader: MessageReader) -> None:
        self._db = db
        self._reader = reader

    def insert(
        self, conversation_id: str, parent_id: str | None, role: Role, state: MessageState, body: str
    ) -> Message:
        """A new message below `parent_id`, behind its siblings; it becomes the head of its chat."""
        now, new = now_ms(), new_id()
        self._db.execute(
            """INSERT INTO message
                   (id, conversation_id, parent_id, role, state, created_at, updated_at, body, thinking, sibling_no)
               VALUES (:id, :chat, :parent, :role, :state, :now, :now, :body, '', (
                   SELECT COALESCE(MAX(sibling_no) + 1, 0) FROM message
                   WHERE conversation_id = :chat AND parent_id IS :parent))""",
            {
                "id": new,
                "chat": conversation_id,
                "parent": parent_id,
                "role": role,
                "state": state.value,
                "now": now,
                "body": body,
            },
        )
        sql = "UPDATE conversation SET head_message_id = ?, updated_at = ? WHERE id = ?"
        self._db.execute(sql, [new, now, conversation_id])
        return self._reader.message(new)

    def begin(
        self, conversation_id: str, parent_id: str, seed: int | None, params: SamplerParams, model: str, backend: str
    ) -> Message:
        """An empty answer that is being written."""
        if self._reader.message(parent_id).conversation_id != conversation_id:
            raise ValueError(f"parent_id must be a message of chat {conversation_id!r}, not {parent_id!r}")
        message = self.insert(conversation_id, parent_id, "assistant", MessageState.STREAMING, "")
        self._db.execute(
            "INSERT INTO generation (message_id, seed, backend, model, params_json) VALUES (?, ?, ?, ?, ?)",
            [message.id, None if seed is None else str(seed), backend, storable(model), params_to_json(params)],
        )
        return self._reader.message(message.id)

    def commit_block(self, message_id: str, event: BlockCommitted) -> None:
        """Store a block and append its text, once."""
        self._require(message_id)
        row = block_to_row(message_id, event)
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        done = self._db.execute(f"INSERT OR IGNORE INTO block ({names}) VALUES ({marks})", row)
        if done.rowcount != 1:
            return
        self._db.execute(
            """UPDATE message SET body = body || ?, thinking = thinking || ?, updated_at = ?,
                   state = CASE state WHEN 'stopped' THEN 'streaming' ELSE state END
               WHERE id = ?""",
            [row["answer"], row["thinking"], now_ms(), message_id],
        )

    def finish(self, message_id: str, event: Finished) -> Message:
        """Store the whole answer, how it ended and its figures."""
        self._require(message_id)
        state = MessageState.STOPPED if event.reason == "cancelled" else MessageState.DONE
        self._db.execute(
            "UPDATE message SET state = ?, body = ?, thinking = ?, error_json = NULL, updated_at = ? WHERE id = ?",
            [state.value, storable(event.answer), storable(event.thinking), now_ms(), message_id],
        )
        assignments = ", ".join(f"{name} = ?" for name in _FIGURES)
        values = [getattr(event, name) for name in _FIGURES]
        sql = f"UPDATE generation SET seed = ?, {assignments} WHERE message_id = ?"
        self._db.execute(sql, [str(event.seed), *values, message_id])
        return self._reader.message(message_id)

    def fail(self, message_id: str, event: Failed) -> Message:
        """Store why the answer failed."""
        self._require(message_id)
        sql = "UPDATE message SET state = 'error', error_json = ?, updated_at = ? WHERE id = ?"
        self._db.execute(sql, [error_to_json(event), now_ms(), message_id])
        return self._reader.message(message_id)

    def stop(self, message_id: str) -> Message:
        """End an answer that is still being written."""
        self._require(message_id)
        sql = "UPDATE message SET state = 'stopped', updated_at = ? WHERE id = ? AND state = 'streaming'"
        self._db.execute(sql, [now_ms(), message_id])
        return self._reader.message(message_id)

    def _require(self, message_id: str) -> None:
        if self._db.execute("SELECT 1 FROM message WHERE id = ?", [message_id]).fetchone() is None:
            raise KeyError(message_id)
