"""`HistoryStore`: the chats on disk, as the rest of the program sees them.

A chat is a tree of messages; `head_message_id` names the last message of the branch that is shown. What the user
writes is on the disk before the answer begins, and each block of an answer when it is committed. One store has one
connection, which lives in one thread. Every failure is a `StoreError` with one clear sentence; an unknown id is a
`KeyError`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

from sqlite_utils import Database

from app.chats import texts
from app.chats.answers import AnswerWriter
from app.chats.backup import daily_backup_is_due, make_backup
from app.chats.database import checkpoint, transaction
from app.chats.errors import translated
from app.chats.ids import RENAMED_LENGTH, new_id, now_ms, storable, title_from_text
from app.chats.messages import BlockRecord, Conversation, Message, MessageState, RecoveryReport
from app.chats.opening import open_history
from app.chats.reading import MessageReader
from app.chats.rows import CONVERSATION_COLUMNS, conversation_from_row
from inference.events import BlockCommitted, Failed, Finished
from inference.params import ChatTurn, SamplerParams

KEEP_DELETED = timedelta(days=30)


class HistoryStore:
    """The open history.

    Attributes:
        path: The file.
        recovery: What was saved if the file was damaged or gone when it was opened; to be shown once.
    """

    def __init__(self, db: Database, path: Path, backups: Path, recovery: RecoveryReport | None) -> None:
        self.path = path
        self.recovery = recovery
        self._db = db
        self._backups = backups
        self._reader = MessageReader(db)
        self._writer = AnswerWriter(db, self._reader)

    @classmethod
    def open(cls, path: Path, backups: Path | None = None) -> HistoryStore:
        """Open the history at `path`, which need not exist; backups are in `backups`, else in "backups" beside it.

        A damaged file is set aside and recovered (see `recovery`), an older one is backed up and migrated, and
        answers that were being written when the program died become stopped ones.

        Raises:
            NewerDatabaseError: A newer version of the program wrote it; it is not touched.
            StoreError: It cannot be opened, and why.
        """
        folder = backups or path.parent / "backups"
        with translated(path):
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

    # -- chats -------------------------------------------------------------------------------------------------------

    def list_conversations(self) -> tuple[Conversation, ...]:
        """All chats that are not deleted, the one asked last first."""
        order = "ORDER BY updated_at DESC, id DESC"
        sql = f"SELECT {CONVERSATION_COLUMNS} FROM conversation WHERE deleted_at IS NULL {order}"
        with translated(self.path):
            return tuple(conversation_from_row(row) for row in self._db.execute(sql))

    def conversation(self, conversation_id: str) -> Conversation:
        """One chat, deleted or not."""
        with translated(self.path):
            return self._reader.conversation(conversation_id)

    def create_conversation(self) -> Conversation:
        """A new empty chat, titled by its first message later on."""
        with translated(self.path), transaction(self._db, durable=False):
            return self._reader.conversation(self._insert_conversation())

    def rename(self, conversation_id: str, title: str) -> Conversation:
        """Give a chat another title, made one line; a blank one changes nothing."""
        line = title_from_text(title, RENAMED_LENGTH)
        if not line:
            return self.conversation(conversation_id)
        return self._update(conversation_id, "title = ?, title_source = 'user'", line)

    def delete(self, conversation_id: str) -> None:
        """Take a chat out of the list; `undelete` brings it back until `purge_deleted` removes it for good."""
        self._update(conversation_id, "deleted_at = ?", now_ms())

    def undelete(self, conversation_id: str) -> Conversation:
        """Bring a deleted chat back."""
        return self._update(conversation_id, "deleted_at = ?", None)

    def purge_deleted(self, older_than: timedelta = KEEP_DELETED) -> int:
        """Remove chats that were deleted longer ago than `older_than`; their text is overwritten on the disk.

        Returns:
            How many chats were removed. Backups that hold them go as newer ones take their places.
        """
        limit = now_ms() - int(older_than.total_seconds() * 1000)
        with translated(self.path):
            with transaction(self._db, durable=True):
                cursor = self._db.execute("DELETE FROM conversation WHERE deleted_at <= ?", [limit])
            if cursor.rowcount:
                checkpoint(self._db, truncate=True)
        return cursor.rowcount

    def _insert_conversation(self) -> str:
        now, new = now_ms(), new_id()
        self._db.execute(
            """INSERT INTO conversation (id, title, title_source, created_at, updated_at)
               VALUES (?, ?, 'default', ?, ?)""",
            [new, texts.NEW_CHAT_TITLE, now, now],
        )
        return new

    def _update(self, conversation_id: str, assignments: str, value: str | int | None) -> Conversation:
        with translated(self.path), transaction(self._db, durable=True):
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
        with translated(self.path), transaction(self._db, durable=True):
            conversation = self._reader.message(message_id).conversation_id
            head = self._reader.newest_leaf(message_id)
            self._db.execute("UPDATE conversation SET head_message_id = ? WHERE id = ?", [head, conversation])
            return self._reader.conversation(conversation)

    def add_user_message(self, conversation_id: str | None, text: str) -> Message:
        """Append what the user wrote to the branch that is shown; it is on the disk when this returns.

        None as the chat makes a new one, in the same transaction. The first message titles a chat that the user has
        not renamed.
        """
        text = storable(text)
        with translated(self.path), transaction(self._db, durable=True):
            chat = self._reader.conversation(conversation_id or self._insert_conversation())
            message = self._writer.insert(chat.id, chat.head_message_id, "user", MessageState.DONE, text)
            title = title_from_text(text)
            if chat.title_source == "default" and title:
                sql = "UPDATE conversation SET title = ?, title_source = 'first_message' WHERE id = ?"
                self._db.execute(sql, [title, chat.id])
            return message

    # -- answers -----------------------------------------------------------------------------------------------------

    def begin_answer(
        self, conversation_id: str, parent_id: str, *, seed: int | None, params: SamplerParams, model: str, backend: str
    ) -> Message:
        """A new answer to `parent_id`, empty and streaming, beside those it already has; it becomes the head."""
        with translated(self.path), transaction(self._db, durable=False):
            return self._writer.begin(conversation_id, parent_id, seed, params, model, backend)

    def commit_block(self, message_id: str, event: BlockCommitted) -> None:
        """Store a committed block and append its text; a block that is already there is left as it is."""
        with translated(self.path), transaction(self._db, durable=False):
            self._writer.commit_block(message_id, event)

    def finish_answer(self, message_id: str, event: Finished) -> Message:
        """The answer is complete (state done) or was cancelled (state stopped)."""
        with translated(self.path):
            with transaction(self._db, durable=True):
                message = self._writer.finish(message_id, event)
            checkpoint(self._db)
            return message

    def fail_answer(self, message_id: str, event: Failed) -> Message:
        """The answer could not be made; its committed blocks stay."""
        with translated(self.path), transaction(self._db, durable=True):
            return self._writer.fail(message_id, event)

    def stop_answer(self, message_id: str) -> Message:
        """The answer ends here without a word from the engine; one that has ended already stays as it is."""
        with translated(self.path), transaction(self._db, durable=True):
            return self._writer.stop(message_id)

    # -- upkeep, for quiet moments -----------------------------------------------------------------------------------

    def backup_if_due(self) -> Path | None:
        """Make the daily backup if the newest is a day old."""
        now = datetime.now()
        with translated(self.path):
            if not daily_backup_is_due(self._backups, now):
                return None
            return make_backup(self._db.conn, self._backups, "daily", now)
