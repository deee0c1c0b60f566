"""Changes of messages and answers on one connection, inside of a transaction that the store has opened."""

from __future__ import annotations

from collections.abc import Sequence

from sqlite_utils import Database

from app.chats.errors import ChatGoneError
from app.chats.ids import new_id, now_ms
from app.chats.messages import Message, MessageRole, MessageState
from app.chats.reading import MessageReader
from app.chats.rows import block_to_row, error_to_json, params_to_json
from inference.events import BlockCommitted, Failed, Finished
from inference.params import SamplerParams
from inference.text.surrogates import storable

NEXT_USE = "(SELECT COALESCE(MAX(used_no), 0) + 1 FROM conversation)"
# A chat that is written in lives, also where another program deleted it meanwhile.
_USED = f"used_no = {NEXT_USE}, deleted_at = NULL"
# Columns of `generation` that are the fields of `Finished` of the same name.
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
        self, conversation_id: str, parent_id: str | None, role: MessageRole, state: MessageState, body: str
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
        sql = f"UPDATE conversation SET head_message_id = ?, updated_at = ?, {_USED} WHERE id = ?"
        self._db.execute(sql, [new, now, conversation_id])
        return self._reader.message(new)

    def copy_branch(self, branch: Sequence[Message], conversation_id: str) -> None:
        """Put copies of messages, with files and how they were made, into an empty chat; the last one is its head.

        They keep their times; an answer that is being written is a stopped one there.
        """
        parent: str | None = None
        for message in branch:
            new = new_id()
            self._db.execute(
                """INSERT INTO message (id, conversation_id, parent_id, sibling_no, role, state, created_at, updated_at,
                                        error_json, body, thinking)
                   SELECT ?, ?, ?, 0, role, CASE state WHEN 'streaming' THEN 'stopped' ELSE state END, created_at,
                          updated_at, error_json, body, thinking FROM message WHERE id = ?""",
                [new, conversation_id, parent, message.id],
            )
            for table in ("generation", "block", "attachment"):
                info = self._db.execute(f"PRAGMA table_info({table})")
                names = ", ".join(row[1] for row in info if row[1] not in ("seq", "message_id"))
                sql = f"INSERT INTO {table} (message_id, {names}) SELECT ?, {names} FROM {table} WHERE message_id = ?"
                self._db.execute(sql, [new, message.id])
            parent = new
        sql = "UPDATE conversation SET head_message_id = ? WHERE id = ?"
        self._db.execute(sql, [parent, conversation_id])

    def begin(
        self,
        conversation_id: str,
        parent_id: str,
        seed: int | None,
        params: SamplerParams,
        model: str,
        backend: str,
        start: str = "",
    ) -> Message:
        """An answer that is being written: empty, or with a given start."""
        if self._reader.message(parent_id).conversation_id != conversation_id:
            raise ValueError(f"parent_id must be a message of chat {conversation_id!r}, not {parent_id!r}")
        message = self.insert(conversation_id, parent_id, "assistant", MessageState.STREAMING, storable(start))
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
        # One statement: each writes the whole row anew, and an answer may be long.
        self._db.execute(
            """UPDATE message SET body = ?, thinking = thinking || ?, updated_at = ?,
                   state = CASE state WHEN 'stopped' THEN 'streaming' ELSE state END
               WHERE id = ?""",
            [self._reader.message(message_id).committed + row["answer"], row["thinking"], now_ms(), message_id],
        )
        self._set_draft_length(message_id, 0)

    def resume(self, message_id: str, start: int) -> Message:
        """An ended answer is written again."""
        message = self._reader.message(message_id)
        now, rest = now_ms(), len(message.body) - start
        sql = "UPDATE message SET state = 'streaming', error_json = NULL, updated_at = ? WHERE id = ?"
        self._db.execute(sql, [now, message_id])
        sql = "UPDATE generation SET reason = NULL, draft_length = ? WHERE message_id = ?"
        self._db.execute(sql, [rest, message_id])
        sql = f"UPDATE conversation SET updated_at = ?, {_USED} WHERE id = ?"
        self._db.execute(sql, [now, message.conversation_id])
        return self._reader.message(message_id)

    def keep_unfinished(self, message_id: str, text: str) -> None:
        """Put a draft's text behind what is committed."""
        text = storable(text)
        body = self._reader.message(message_id).committed + text
        self._db.execute("UPDATE message SET body = ?, updated_at = ? WHERE id = ?", [body, now_ms(), message_id])
        self._set_draft_length(message_id, len(text))

    def _set_draft_length(self, message_id: str, draft_length: int) -> None:
        sql = "UPDATE generation SET draft_length = ? WHERE message_id = ?"
        self._db.execute(sql, [draft_length, message_id])

    def finish(self, message_id: str, event: Finished) -> Message:
        """Store how an answer ended, its figures, and the whole of it; after a cancel it is there already."""
        self._require(message_id)
        cancelled = event.reason == "cancelled"
        state = MessageState.STOPPED if cancelled else MessageState.DONE
        whole = {} if cancelled else {"body": storable(event.answer), "thinking": storable(event.thinking)}
        sets = "".join(f"{name} = ?, " for name in whole)
        sql = f"UPDATE message SET {sets}state = ?, error_json = NULL, updated_at = ? WHERE id = ?"
        self._db.execute(sql, [*whole.values(), state.value, now_ms(), message_id])
        if not cancelled:
            self._set_draft_length(message_id, 0)
        assignments = ", ".join(f"{name} = ?" for name in _FIGURES)
        values = [getattr(event, name) for name in _FIGURES]
        sql = f"UPDATE generation SET seed = ?, {assignments} WHERE message_id = ?"
        self._db.execute(sql, [str(event.seed), *values, message_id])
        return self._reader.message(message_id)

    def fail(self, message_id: str, event: Failed, emptied: bool) -> Message:
        """Store why the answer failed; `emptied`: what it began with goes, too."""
        self._require(message_id)
        if emptied:
            self._db.execute("UPDATE message SET body = '' WHERE id = ?", [message_id])
            self._set_draft_length(message_id, 0)
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
            raise ChatGoneError
