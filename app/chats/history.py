"""`HistoryStore`: the chats on disk, as the rest of the program sees them.

A chat is a tree of messages; `head_message_id` names the last message of the branch that is shown. What the user
writes is on the disk before the answer begins, and each block of an answer when it is committed. One store has one
connection, which lives in one thread. Every failure is a `StoreError` with one clear sentence; an unknown id is a
`ChatGoneError`, which is a `KeyError`, too.

The store opens transactions and turns SQLite's errors into sentences; what is read and written in them stands in
`app.chats.reading` and `app.chats.writing`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

from sqlite_utils import Database

from app.chats import texts
from app.chats.backup import daily_backup_is_due, make_backup, never
from app.chats.checking import check_pages
from app.chats.checkpointing import Checkpointer
from app.chats.clock import clock_is_trusted
from app.chats.connections import Waits, connect, waiting_at_most
from app.chats.counted import CountedConnection, key_of
from app.chats.database import checkpoint, open_for_reading, transaction
from app.chats.documents.kept import KeptFiles
from app.chats.errors import ChatGoneError, StoreBusyError, StoreGoneError, translated
from app.chats.ids import new_id, now_ms
from app.chats.messages import (
    RENAMED_LENGTH,
    BlockRecord,
    Conversation,
    Message,
    MessageState,
    RecoveryReport,
    title_from_exchange,
    title_from_text,
    turns_of,
)
from app.chats.migrations import EDIT_SLOT, NEW_SLOT
from app.chats.opening import open_history
from app.chats.options import ChatOptions
from app.chats.order import ChatOrder
from app.chats.purging import purge_backups
from app.chats.queue import MessageQueue
from app.chats.reading import MessageReader
from app.chats.recovery.anew import write_anew
from app.chats.removal import delete_chats
from app.chats.rows import CONVERSATION_COLUMNS, conversation_from_row
from app.chats.search.index import SearchHit, SearchIndex, index_path
from app.chats.search.query import folded
from app.chats.tables.kept import KeptTables
from app.chats.writing import NEXT_USE, AnswerWriter
from inference.events import BlockCommitted, Failed, Finished
from inference.params import ChatTurn, SamplerParams
from inference.text.surrogates import storable

KEEP_DELETED = timedelta(days=30)
BUSY_MS = 150  # that a write waits for another program


class HistoryStore:
    """The open history.

    Attributes:
        path: The file.
        recovery: What was saved if the file was damaged or gone when it was opened; to be shown once.
        on_written: Is called whenever a write has worked.
        order: Folders, tags, pins, options: where chats stand and what was chosen for them.
        queue: Messages that wait for their turn.
        tables: Tables over files.
    """

    def __init__(self, db: Database, path: Path, backups: Path, recovery: RecoveryReport | None) -> None:
        self.path = path
        self.recovery = recovery
        self.on_written: Callable[[], object] | None = None
        self._backups = backups
        self._checkpointer = Checkpointer(path)
        self._use(db)

    def _use(self, db: Database) -> None:
        self._db = db
        self._reader = MessageReader(db)
        self._writer = AnswerWriter(db, self._reader)
        self.order = ChatOrder(db, self._reader, self._durably)
        self.queue = MessageQueue(db, self._durably)
        self.kept = KeptFiles(db, self.path, self._durably)
        self.tables = KeptTables(db, self._durably)
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
        self._checkpointer.rest()
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
        self._checkpointer.rest()
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
        self._checkpointer.look()
        if self.on_written is not None:
            self.on_written()

    def _durably(self) -> contextlib.AbstractContextManager[None]:
        return self._writing(durable=True)

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
        """Put a chat into the bin; `undelete` brings it back until `purge_deleted` removes it for good."""
        self.order.delete([conversation_id])
        return self.conversation(conversation_id)

    def undelete(self, conversation_id: str) -> Conversation:
        """Bring a deleted chat back."""
        self.order.undelete([conversation_id])
        return self.conversation(conversation_id)

    def bin(self) -> tuple[Conversation, ...]:
        """The chats that were deleted and are not yet removed, the one deleted last first."""
        sql = f"SELECT {CONVERSATION_COLUMNS} FROM conversation WHERE deleted_at > 0 ORDER BY deleted_at DESC, id"
        with translated(self.path):
            return tuple(conversation_from_row(row) for row in self._db.execute(sql))

    def branch_off(self, message_id: str) -> Conversation:
        """A new chat that holds copies of a message and of all before it; the old one stays as it is."""
        with self._writing(durable=True):
            branch = self._reader.branch(message_id)
            if not branch:
                raise ChatGoneError
            old = self._reader.conversation(branch[0].conversation_id)
            new = self._insert_conversation()
            self._writer.copy_branch(branch, new)
            title = title_from_text(texts.branch_title(old.title), RENAMED_LENGTH)
            self._db.execute(
                """UPDATE conversation SET title = ?, title_source = 'user', folder_id = ?, options_json = ?
                   WHERE id = ?""",
                [title, old.folder_id, old.options.as_json(), new],
            )
            return self._reader.conversation(new)

    def search(self, text: str, limit: int = 50) -> tuple[SearchHit, ...]:
        """Messages and titles in which all words of `text` stand, the best first; see `app.chats.search`.

        What was written since the last search is indexed first: all chats, the first time. Chats in the bin are left
        out, archived ones are not.

        Raises:
            StoreError: The index cannot be made or read.
        """
        with translated(self.path), SearchIndex(self.path) as index:
            index.refresh()
            return index.find(text, limit)

    def find_in_chat(self, conversation_id: str, text: str) -> tuple[str, ...]:
        """Ids of the messages of a chat, in every branch, that hold `text`, oldest first; case and accents are one."""
        wanted = folded(text)
        if not wanted.strip():
            return ()
        with translated(self.path):
            sql = "SELECT id, body FROM message WHERE conversation_id = ? ORDER BY seq"
            rows = self._db.execute(sql, [conversation_id])
            return tuple(str(name) for name, body in rows if wanted in folded(body))

    def purge_deleted(self, older_than: timedelta = KEEP_DELETED, index: bool = True) -> int:
        """Remove chats that were deleted longer ago than `older_than`; their text is overwritten on the disk.

        Args:
            older_than: How long they have been in the bin.
            index: Whether the search index, if there is one, forgets them now, and not when it is refreshed.

        Returns:
            How many chats were removed. Backups that hold them go as newer ones take their places.
        """
        now = now_ms()
        limit = now - int(older_than.total_seconds() * 1000)
        with translated(self.path):
            with self._writing(durable=True):
                # Deleted while the clock was ahead: its time begins now.
                self._db.execute("UPDATE conversation SET deleted_at = ? WHERE deleted_at > ?", [now, now])
                removed, unnamed = delete_chats(self._db, "deleted_at > 0 AND deleted_at <= ?", limit)
                self._forget_unsent_of_none()
                unnamed |= self.kept.drop_lost()
            self.kept.remove(unnamed)
            if removed:
                self._empty_log()
                if index and index_path(self.path).exists():
                    with SearchIndex(self.path) as known:
                        known.refresh()
        return removed

    def _empty_log(self) -> None:
        """Move all of the log into the file and leave none of its text on the disk."""
        self._checkpointer.rest()
        checkpoint(self._db, truncate=True)

    def _forget_unsent_of_none(self) -> None:
        self._db.execute(
            """DELETE FROM unsent WHERE slot <> ? AND slot NOT IN (SELECT id FROM conversation)
               AND slot NOT IN (SELECT ? || id FROM message)""",
            [NEW_SLOT, EDIT_SLOT],
        )

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
        """One message; an answer with what it may quote."""
        with translated(self.path):
            return self._reader.with_sources(self._reader.message(message_id))

    def siblings(self, message_id: str) -> tuple[Message, ...]:
        """All messages with the same parent, itself included, oldest first."""
        with translated(self.path):
            return self._reader.siblings(message_id)

    def known_messages(self, message_ids: Collection[str]) -> set[str]:
        """Those of some messages that are still stored."""
        with translated(self.path):
            return self._reader.known(message_ids)

    def blocks(self, message_id: str) -> tuple[BlockRecord, ...]:
        """The committed blocks of an answer."""
        with translated(self.path):
            return self._reader.blocks(message_id)

    def turns(self, conversation_id: str, upto: str | None = None) -> tuple[ChatTurn, ...]:
        """The branch that is shown, or the one that ends in message `upto`, as the model is to read it."""
        with translated(self.path):
            end = upto or self._reader.conversation(conversation_id).head_message_id
            branch = self._reader.branch(end)
        return turns_of(branch)

    def show_branch(self, message_id: str) -> Conversation:
        """Show the branch through this message, down to the newest message below it."""
        with self._writing(durable=True):
            conversation = self._reader.message(message_id).conversation_id
            head = self._reader.newest_leaf(message_id)
            self._db.execute("UPDATE conversation SET head_message_id = ? WHERE id = ?", [head, conversation])
            return self._reader.conversation(conversation)

    def add_user_message(
        self,
        conversation_id: str | None,
        text: str,
        *,
        beside: str | None = None,
        queued: str | None = None,
        options: ChatOptions | None = None,
    ) -> Message:
        """Append what the user wrote to the branch that is shown; it is on the disk when this returns.

        None as the chat makes a new one, in the same transaction, in which it ceases to be unsent, too. The first
        message titles a chat that the user has not renamed. A chat that another program deleted lives again.

        Args:
            conversation_id: The chat.
            text: What the user wrote.
            beside: Put it beside this message of the user's, as another version of it, and not at the end.
            queued: The message that waited (`queue`) and is sent now.
            options: What was chosen for a chat that is new.

        Raises:
            ChatGoneError: The chat was removed for good.
            StoreError: The text cannot be stored.
        """
        text = storable(text)
        with self._writing(durable=True):
            chat = self._reader.conversation(conversation_id or self._insert_conversation())
            parent = chat.head_message_id if beside is None else self._reader.message(beside).parent_id
            message = self._writer.insert(chat.id, parent, "user", MessageState.DONE, text)
            self._db.execute("DELETE FROM queued WHERE id = ?", [queued])
            if queued is None and beside is None:
                sql = "DELETE FROM unsent WHERE slot = ? AND TRIM(body, char(10)) = ?"
                self._db.execute(sql, [conversation_id or NEW_SLOT, text.strip("\n")])
            direct = queued is None and beside is None
            unnamed = self.kept.bind(message.id, chat.id, text, conversation_id is None, direct)
            if beside is not None:
                self.kept.copy(beside, message.id)
            if options is not None and conversation_id is None:
                self.order.set_options(chat.id, options)
            title = title_from_exchange(text)
            if parent is None and chat.title_source != "user" and title:
                sql = "UPDATE conversation SET title = ?, title_source = 'first_message' WHERE id = ?"
                self._db.execute(sql, [title, chat.id])
            message = self._reader.message(message.id)
        self.kept.remove(unnamed)
        return message

    def add_version(self, message_id: str, text: str) -> Message:
        """Put a text beside an answer, as another version of it that the user wrote; it is the one shown.

        What followed the old version stays with it.
        """
        with self._writing(durable=True):
            old = self._reader.message(message_id)
            text = storable(text)
            return self._writer.insert(old.conversation_id, old.parent_id, old.role, MessageState.DONE, text)

    # -- what is typed and not sent ----------------------------------------------------------------------------------

    def unsent_text(self, conversation_id: str | None) -> str:
        """What was typed in a chat and not sent; None as the chat is the one that is not stored yet."""
        with translated(self.path):
            sql = "SELECT body FROM unsent WHERE slot = ?"
            row = self._db.execute(sql, [conversation_id or NEW_SLOT]).fetchone()
        return str(row[0]) if row else ""

    def edits(self, conversation_id: str) -> tuple[str, ...]:
        """Ids of the messages of a chat that are being edited."""
        with translated(self.path):
            sql = "SELECT m.id FROM unsent u JOIN message m ON u.slot = ? || m.id WHERE m.conversation_id = ?"
            return tuple(str(row[0]) for row in self._db.execute(sql, [EDIT_SLOT, conversation_id]))

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
        self,
        conversation_id: str,
        parent_id: str,
        *,
        seed: int | None,
        params: SamplerParams,
        model: str,
        backend: str,
        start: str = "",
    ) -> Message:
        """A new answer to `parent_id`, streaming, beside those it already has; it becomes the head.

        It is empty, or has the `start` that is given.
        """
        with self._writing(durable=False):
            return self._writer.begin(conversation_id, parent_id, seed, params, model, backend, start)

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
            self._title_from_exchange(message)
        self._checkpointer.begin()
        return message

    def _title_from_exchange(self, answer: Message) -> None:
        """A first message that says little ("Hi") is no title: the answer to it says more."""
        chat = self._reader.conversation(answer.conversation_id)
        if chat.title_source != "first_message" or answer.parent_id is None or answer.state != MessageState.DONE:
            return
        asked = self._reader.message(answer.parent_id)
        title = title_from_exchange(asked.body, answer.body) if asked.parent_id is None else ""
        if title:
            self._db.execute("UPDATE conversation SET title = ? WHERE id = ?", [title, chat.id])

    def fail_answer(self, message_id: str, event: Failed, emptied: bool = False) -> Message:
        """The answer could not be made; its committed blocks stay. `emptied`: it has none, nor a text."""
        with self._writing(durable=True):
            return self._writer.fail(message_id, event, emptied)

    def stop_answer(self, message_id: str) -> Message:
        """The answer ends here without a word from the engine; one that has ended already stays as it is."""
        with self._writing(durable=True):
            return self._writer.stop(message_id)

    # -- upkeep, for quiet moments -----------------------------------------------------------------------------------

    def remove_for_good(self, conversation_ids: Sequence[str]) -> int:
        """Remove chats of the bin now; their text is overwritten on the disk. Gives how many were removed.

        Whoever calls refreshes the search index then. Backups hold them until newer ones take their places, or
        `purge_backups`.
        """
        with self._writing(durable=True):
            gone = [delete_chats(self._db, "deleted_at > 0 AND id = ?", each) for each in conversation_ids]
            self._forget_unsent_of_none()
            lost = self.kept.drop_lost()
        self.kept.remove(lost.union(*(unnamed for _, unnamed in gone)))
        with translated(self.path):
            self._empty_log()
        return sum(removed for removed, _ in gone)

    def purge_if_due(self) -> int:
        """Remove what was deleted long ago, if the clock did not jump lately; gives how many chats were removed.

        Whoever calls refreshes the search index then, which may take a second.
        """
        with self._writing(durable=False):
            trusted = clock_is_trusted(self._db, now_ms())
        return self.purge_deleted(index=False) if trusted else 0

    def check_pages(self, stopped: Callable[[], bool] = never) -> None:
        """Look through the whole file; in any thread, through a connection of its own.

        Raises:
            StoreDamagedError: Something is wrong in it.
        """
        self.check_file()
        check_pages(self.path, stopped)

    def purge_backups(self, conversation_ids: Sequence[str], stopped: Callable[[], bool] = never) -> int:
        """Remove chats from the backups, too; in any thread. Gives how many backups held one."""
        return purge_backups(self._backups, conversation_ids, stopped)

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
