"""`HistoryStore`: the chats on disk, as the rest of the program sees them.

A chat is a tree of messages; `head_message_id` names the last message of the branch that is shown. What the user
writes is on the disk before the answer begins, and each block of an answer when it is committed. One store has one
connection, which lives in one thread. Every failure is a `StoreError` with one clear sentence; an unknown id is a
`ChatGoneError`, which is a `KeyError`, too.

The store opens transactions and turns SQLite's errors into sentences; what is read and written in them stands in
`MessageReader` and `AnswerWriter` below.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

from sqlite_utils import Database

from app.chats import texts
from app.chats.backup import daily_backup_is_due, make_backup, never
from app.chats.clock import clock_is_trusted
from app.chats.connections import CountedConnection, Waits, connect, key_of, waiting_at_most
from app.chats.database import checkpoint, open_for_reading, transaction
from app.chats.errors import ChatGoneError, StoreBusyError, StoreGoneError, translated
from app.chats.ids import new_id, now_ms
from app.chats.messages import (
    RENAMED_LENGTH,
    BlockRecord,
    Conversation,
    Message,
    MessageState,
    RecoveryReport,
    title_from_text,
)
from app.chats.migrations import NEW_SLOT
from app.chats.opening import open_history
from app.chats.recovery.anew import write_anew
from app.chats.rows import (
    BLOCK_COLUMNS,
    CONVERSATION_COLUMNS,
    MESSAGE_SQL,
    block_from_row,
    block_to_row,
    conversation_from_row,
    error_to_json,
    message_from_row,
    params_to_json,
)
from inference.events import BlockCommitted, Failed, Finished
from inference.params import ChatTurn, Role, SamplerParams
from inference.text.surrogates import storable

KEEP_DELETED = timedelta(days=30)
NEXT_USE = "(SELECT COALESCE(MAX(used_no), 0) + 1 FROM conversation)"
# A chat that is written in lives, also where another program deleted it meanwhile.
_USED = f"used_no = {NEXT_USE}, deleted_at = NULL"
BUSY_MS = 150  # that a write waits for another program
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
# UNION drops what was seen before, so that even a circle of parents comes to an end.
_BRANCH_SQL = f"""
WITH RECURSIVE branch (id, parent_id) AS (
    SELECT id, parent_id FROM message WHERE id = :head
    UNION SELECT p.id, p.parent_id FROM branch b JOIN message p ON p.id = b.parent_id
)
{MESSAGE_SQL} WHERE m.id IN (SELECT id FROM branch)
"""


class HistoryStore:
    """The open history.

    Attributes:
        path: The file.
        recovery: What was saved if the file was damaged or gone when it was opened; to be shown once.
        on_written: Is called whenever a write has worked.
    """

    def __init__(self, db: Database, path: Path, backups: Path, recovery: RecoveryReport | None) -> None:
        self.path = path
        self.recovery = recovery
        self.on_written: Callable[[], object] | None = None
        self._backups = backups
        self._use(db)

    def _use(self, db: Database) -> None:
        self._db = db
        self._reader = MessageReader(db)
        self._writer = AnswerWriter(db, self._reader)
        self._file = key_of(self.path)
        # Whoever waits here is the window: better it says at once that another program holds the file.
        self._waits = Waits(db.conn, BUSY_MS)

    @classmethod
    def open(cls, path: Path, backups: Path | None = None, patience: float | None = None) -> HistoryStore:
        """Open the history at `path`, which need not exist; backups are in `backups`, else in "backups" beside it.

        A damaged file is set aside and recovered (see `recovery`), an older one is backed up and migrated, and
        answers that were being written when the program died become stopped ones.

        Args:
            path: The file.
            backups: Folder of the backups.
            patience: Seconds that each step waits for another program that holds the file; the usual time if left out.

        Raises:
            NewerDatabaseError: A newer version of the program wrote it; it is not touched.
            StoreError: It cannot be opened, and why.
        """
        folder = backups or path.parent / "backups"
        with translated(path), waiting_at_most(patience):
            db, recovery = open_history(path, folder)
        return cls(db, path, folder, recovery)

    def close(self) -> None:
        """Close the connection; doing it twice does no harm."""
        self._db.close()

    def __enter__(self) -> HistoryStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- the file ----------------------------------------------------------------------------------------------------

    def check_file(self) -> None:
        """See whether the file that is open is still the one that a start would find.

        Raises:
            StoreGoneError: It was deleted, moved or replaced.
        """
        if self._file is not None and key_of(self.path) != self._file:
            raise StoreGoneError(texts.STORE_GONE, texts.STORE_GONE_HINT)

    def write_anew(self) -> None:
        """Write the file anew from the one that is open and has lost its name; what stands there now is set aside.

        Raises:
            StoreError: It cannot be written; what is open stays open.
        """
        if self._file == key_of(self.path):
            return  # it is back
        with translated(self.path), waiting_at_most(BUSY_MS / 1000):
            self._use(write_anew(self._db, self.path))

    def waiting_once(self) -> contextlib.AbstractContextManager[None]:
        """In this block a file that another program holds is waited for by one write; those after it fail at once."""
        return self._waits.once()

    @contextlib.contextmanager
    def _writing(self, *, durable: bool) -> Iterator[None]:
        try:
            with translated(self.path):
                self.check_file()
                with transaction(self._db, durable=durable):
                    yield
        except StoreBusyError:
            self._waits.ran_out()
            raise
        if self.on_written is not None:
            self.on_written()

    # -- chats -------------------------------------------------------------------------------------------------------

    def list_conversations(self) -> tuple[Conversation, ...]:
        """All chats that are not deleted, the one asked last first, whatever the clock said then."""
        order = "ORDER BY used_no DESC, updated_at DESC, id DESC"
        sql = f"SELECT {CONVERSATION_COLUMNS} FROM conversation WHERE deleted_at IS NULL {order}"
        with translated(self.path):
            return tuple(conversation_from_row(row) for row in self._db.execute(sql))

    def conversation(self, conversation_id: str) -> Conversation:
        """One chat, deleted or not."""
        with translated(self.path):
            return self._reader.conversation(conversation_id)

    def create_conversation(self) -> Conversation:
        """A new empty chat, titled by its first message later on."""
        with self._writing(durable=False):
            return self._reader.conversation(self._insert_conversation())

    def rename(self, conversation_id: str, title: str) -> Conversation:
        """Give a chat another title, made one line; a blank one changes nothing."""
        line = title_from_text(title, RENAMED_LENGTH)
        if not line:
            return self.conversation(conversation_id)
        return self._update(conversation_id, "title = ?, title_source = 'user'", line)

    def delete(self, conversation_id: str) -> Conversation:
        """Take a chat out of the list; `undelete` brings it back until `purge_deleted` removes it for good."""
        return self._update(conversation_id, "deleted_at = ?", now_ms())

    def undelete(self, conversation_id: str) -> Conversation:
        """Bring a deleted chat back."""
        return self._update(conversation_id, "deleted_at = ?", None)

    def purge_deleted(self, older_than: timedelta = KEEP_DELETED) -> int:
        """Remove chats that were deleted longer ago than `older_than`; their text is overwritten on the disk.

        Returns:
            How many chats were removed. Backups that hold them go as newer ones take their places.
        """
        now = now_ms()
        limit = now - int(older_than.total_seconds() * 1000)
        with translated(self.path):
            with self._writing(durable=True):
                # Deleted while the clock was ahead: its time begins now.
                self._db.execute("UPDATE conversation SET deleted_at = ? WHERE deleted_at > ?", [now, now])
                cursor = self._db.execute("DELETE FROM conversation WHERE deleted_at <= ?", [limit])
                sql = "DELETE FROM unsent WHERE slot <> ? AND slot NOT IN (SELECT id FROM conversation)"
                self._db.execute(sql, [NEW_SLOT])
            if cursor.rowcount:
                checkpoint(self._db, truncate=True)
        return cursor.rowcount

    def _insert_conversation(self) -> str:
        now, new = now_ms(), new_id()
        self._db.execute(
            f"""INSERT INTO conversation (id, title, title_source, created_at, updated_at, used_no)
               VALUES (?, ?, 'default', ?, ?, {NEXT_USE})""",
            [new, texts.NEW_CHAT_TITLE, now, now],
        )
        return new

    def _update(self, conversation_id: str, assignments: str, value: str | int | None) -> Conversation:
        with self._writing(durable=True):
            self._db.execute(f"UPDATE conversation SET {assignments} WHERE id = ?", [value, conversation_id])
            return self._reader.conversation(conversation_id)

    # -- messages ----------------------------------------------------------------------------------------------------

    def messages(self, conversation_id: str) -> tuple[Message, ...]:
        """The branch that is shown, from its first message to its head."""
        with translated(self.path):
            return self._reader.branch(self._reader.conversation(conversation_id).head_message_id)

    def message(self, message_id: str) -> Message:
        """One message."""
        with translated(self.path):
            return self._reader.message(message_id)

    def siblings(self, message_id: str) -> tuple[Message, ...]:
        """All messages with the same parent, itself included, oldest first."""
        with translated(self.path):
            return self._reader.siblings(message_id)

    def blocks(self, message_id: str) -> tuple[BlockRecord, ...]:
        """The committed blocks of an answer."""
        with translated(self.path):
            return self._reader.blocks(message_id)

    def turns(self, conversation_id: str, upto: str | None = None) -> tuple[ChatTurn, ...]:
        """The branch that is shown, or the one that ends in message `upto`, as the model is to read it.

        Answers without a text, and those still being written, are left out; two user turns may then follow one another.
        """
        with translated(self.path):
            end = upto or self._reader.conversation(conversation_id).head_message_id
            branch = self._reader.branch(end)
        unfinished = (MessageState.STREAMING, MessageState.DRAFT)
        return tuple(
            ChatTurn(message.role, message.body)
            for message in branch
            if message.role != "assistant" or (message.body.strip() and message.state not in unfinished)
        )

    def show_branch(self, message_id: str) -> Conversation:
        """Show the branch through this message, down to the newest message below it."""
        with self._writing(durable=True):
            conversation = self._reader.message(message_id).conversation_id
            head = self._reader.newest_leaf(message_id)
            self._db.execute("UPDATE conversation SET head_message_id = ? WHERE id = ?", [head, conversation])
            return self._reader.conversation(conversation)

    def add_user_message(self, conversation_id: str | None, text: str) -> Message:
        """Append what the user wrote to the branch that is shown; it is on the disk when this returns.

        None as the chat makes a new one, in the same transaction, in which it ceases to be unsent, too. The first
        message titles a chat that the user has not renamed. A chat that another program deleted lives again.

        Raises:
            ChatGoneError: The chat was removed for good.
            StoreError: The text cannot be stored.
        """
        text = storable(text)
        with self._writing(durable=True):
            chat = self._reader.conversation(conversation_id or self._insert_conversation())
            message = self._writer.insert(chat.id, chat.head_message_id, "user", MessageState.DONE, text)
            sql = "DELETE FROM unsent WHERE slot = ? AND TRIM(body, char(10)) = ?"
            self._db.execute(sql, [conversation_id or NEW_SLOT, text.strip("\n")])
            title = title_from_text(text)
            if chat.title_source == "default" and title:
                sql = "UPDATE conversation SET title = ?, title_source = 'first_message' WHERE id = ?"
                self._db.execute(sql, [title, chat.id])
            return message

    # -- what is typed and not sent ----------------------------------------------------------------------------------

    def unsent_text(self, conversation_id: str | None) -> str:
        """What was typed in a chat and not sent; None as the chat is the one that is not stored yet."""
        with translated(self.path):
            sql = "SELECT body FROM unsent WHERE slot = ?"
            row = self._db.execute(sql, [conversation_id or NEW_SLOT]).fetchone()
        return str(row[0]) if row else ""

    def keep_unsent(self, conversation_id: str | None, text: str) -> None:
        """Remember what is typed in a chat; "" forgets it. It survives a crash, and a power cut but for the newest."""
        slot, body = conversation_id or NEW_SLOT, storable(text)
        with self._writing(durable=False):
            if not body:
                self._db.execute("DELETE FROM unsent WHERE slot = ?", [slot])
                return
            self._db.execute(
                """INSERT INTO unsent (slot, updated_at, body) VALUES (?, ?, ?)
                   ON CONFLICT (slot) DO UPDATE SET updated_at = excluded.updated_at, body = excluded.body""",
                [slot, now_ms(), body],
            )

    # -- answers -----------------------------------------------------------------------------------------------------

    def begin_answer(
        self, conversation_id: str, parent_id: str, *, seed: int | None, params: SamplerParams, model: str, backend: str
    ) -> Message:
        """A new answer to `parent_id`, empty and streaming, beside those it already has; it becomes the head."""
        with self._writing(durable=False):
            return self._writer.begin(conversation_id, parent_id, seed, params, model, backend)

    def resume_answer(self, message_id: str, start: int) -> Message:
        """An answer that ended goes on behind its first `start` characters; the rest stays until a block replaces it.

        It is a streaming one again, and its chat the one used last.
        """
        with self._writing(durable=False):
            return self._writer.resume(message_id, start)

    def keep_unfinished(self, message_id: str, text: str) -> None:
        """Keep `text`, of an unfinished block, at the end of an answer, in the place of what was kept before."""
        with self._writing(durable=False):
            self._writer.keep_unfinished(message_id, text)

    def commit_block(self, message_id: str, event: BlockCommitted) -> None:
        """Store a committed block and append its text; a block that is already there is left as it is."""
        with self._writing(durable=False):
            self._writer.commit_block(message_id, event)

    def finish_answer(self, message_id: str, event: Finished) -> Message:
        """The answer is complete (state done) or was cancelled (state stopped)."""
        with self._writing(durable=True):
            message = self._writer.finish(message_id, event)
        with translated(self.path):
            checkpoint(self._db)
        return message

    def fail_answer(self, message_id: str, event: Failed) -> Message:
        """The answer could not be made; its committed blocks stay."""
        with self._writing(durable=True):
            return self._writer.fail(message_id, event)

    def stop_answer(self, message_id: str) -> Message:
        """The answer ends here without a word from the engine; one that has ended already stays as it is."""
        with self._writing(durable=True):
            return self._writer.stop(message_id)

    # -- upkeep, for quiet moments -----------------------------------------------------------------------------------

    def purge_if_due(self) -> int:
        """Remove what was deleted long ago, if the clock did not jump lately; gives how many chats were removed."""
        with self._writing(durable=False):
            trusted = clock_is_trusted(self._db, now_ms())
        return self.purge_deleted() if trusted else 0

    def backup_if_due(self, stopped: Callable[[], bool] = never) -> Path | None:
        """Make the daily backup if the newest is a day old; in any thread, through a connection of its own."""
        now = datetime.now()
        with translated(self.path):
            if not daily_backup_is_due(self._backups, now):
                return None
            self.check_file()
            # A reader of a log keeps nobody from writing; without one the copy begins anew when somebody writes.
            logged = isinstance(self._db.conn, CountedConnection) and self._db.conn.keeps_log
            source = open_for_reading(self.path) if logged else connect(self.path, "rw")
            with contextlib.closing(source):
                return make_backup(source, self._backups, "daily", now, stopped)


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
        sql = f"UPDATE conversation SET head_message_id = ?, updated_at = ?, {_USED} WHERE id = ?"
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
        self._set_body(message_id, self._reader.message(message_id).committed + row["answer"], 0)
        self._db.execute(
            """UPDATE message SET thinking = thinking || ?,
                   state = CASE state WHEN 'stopped' THEN 'streaming' ELSE state END
               WHERE id = ?""",
            [row["thinking"], message_id],
        )

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
        self._set_body(message_id, self._reader.message(message_id).committed + text, len(text))

    def _set_body(self, message_id: str, body: str, draft_length: int) -> None:
        self._db.execute("UPDATE message SET body = ?, updated_at = ? WHERE id = ?", [body, now_ms(), message_id])
        sql = "UPDATE generation SET draft_length = ? WHERE message_id = ?"
        self._db.execute(sql, [draft_length, message_id])

    def finish(self, message_id: str, event: Finished) -> Message:
        """Store how an answer ended, its figures, and the whole of it; after a cancel it is there already."""
        self._require(message_id)
        cancelled = event.reason == "cancelled"
        state = MessageState.STOPPED if cancelled else MessageState.DONE
        sql = "UPDATE message SET state = ?, error_json = NULL, updated_at = ? WHERE id = ?"
        self._db.execute(sql, [state.value, now_ms(), message_id])
        if not cancelled:
            self._set_body(message_id, storable(event.answer), 0)
            sql = "UPDATE message SET thinking = ? WHERE id = ?"
            self._db.execute(sql, [storable(event.thinking), message_id])
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
            raise ChatGoneError


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
        return tuple(reversed(path))

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

    def blocks(self, message_id: str) -> tuple[BlockRecord, ...]:
        """The committed blocks of an answer, in order."""
        sql = f"SELECT {BLOCK_COLUMNS} FROM block WHERE message_id = ? ORDER BY ord"
        return tuple(block_from_row(row) for row in self._db.execute(sql, [message_id]))
