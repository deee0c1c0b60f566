"""The history at one moment, for reading alone: what a command or an export looks at, whatever is written meanwhile."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlite_utils import Database

from app import __version__
from app.base.errors import KnownAppError
from app.base.graphemes import shortened
from app.chats import texts
from app.chats.backup import copy_history
from app.chats.connections import connect
from app.chats.database import Examination, Health, examine, open_for_reading
from app.chats.errors import NewerDatabaseError, StoreDamagedError, translated
from app.chats.exporting import texts as export_texts
from app.chats.exporting.portable import Portable, portable_chat
from app.chats.files import files_folder
from app.chats.messages import Conversation, Message
from app.chats.migrations import CHAT_TABLES, SCHEMA_VERSION, apply_migrations
from app.chats.reading import MessageReader
from app.chats.rows import CONVERSATION_COLUMNS, conversation_from_row

_MOST_NAMED = 60  # characters of what was given


class NoSuchChatError(KnownAppError):
    """No chat is meant by what was given, or several are."""


class Snapshot:
    """A history that is open for reading; nothing of it is changed, and no lock of another program is touched.

    Attributes:
        path: The file.
        db: The connection, which stands in a transaction; None where there is no history yet.
        newer: Whether a newer version wrote it; what that added is not known here.
    """

    def __init__(self, path: Path, db: Database | None, newer: bool = False) -> None:
        self.path = path
        self.db = db
        self.newer = newer
        self._reader = MessageReader(db) if db is not None else None

    def conversations(self, deleted: bool = False) -> tuple[Conversation, ...]:
        """All chats, the one used last first; with `deleted`, those in the bin, too.

        Raises:
            StoreError: They cannot be read.
        """
        if self.db is None:
            return ()
        where = f"WHERE deleted_at IS NULL{' OR deleted_at > 0' if deleted else ''}"
        order = "ORDER BY used_no DESC, updated_at DESC, id DESC"
        with translated(self.path):
            rows = self.db.execute(f"SELECT {CONVERSATION_COLUMNS} FROM conversation {where} {order}")
            return tuple(conversation_from_row(row) for row in rows)

    def message_counts(self) -> dict[str, int]:
        """How many messages each chat has, in all its branches."""
        if self.db is None:
            return {}
        with translated(self.path):
            rows = self.db.execute("SELECT conversation_id, COUNT(*) FROM message GROUP BY conversation_id")
            return {str(chat): int(count) for chat, count in rows}

    def totals(self, deleted: bool = False) -> tuple[int, int]:
        """How many chats there are and how many messages they hold; with `deleted`, those in the bin, too.

        Chats of an import that is not through, and what it adds to others, count nowhere.

        Raises:
            StoreError: They cannot be read.
        """
        counts = self.message_counts()
        chats = self.conversations(deleted)
        return len(chats), sum(counts.get(each.id, 0) for each in chats)

    def branch(self, conversation: Conversation) -> tuple[Message, ...]:
        """The branch that is shown."""
        if self._reader is None:
            return ()
        with translated(self.path):
            return self._reader.branch(conversation.head_message_id)

    def portable(self, conversation_id: str) -> Portable:
        """All that is stored of a chat, as the JSON export has it (docs/import-export.md).

        Raises:
            NoSuchChatError: There is none of this id.
        """
        with translated(self.path):
            found = (
                portable_chat(self.db.conn, conversation_id, files_folder(self.path)) if self.db is not None else None
            )
        if found is None:
            raise _no_chat(conversation_id)
        return found

    def chosen(self, names: Sequence[str]) -> tuple[Conversation, ...]:
        """The chats that are meant by `names`: each an id, the beginning of one, or a title.

        Raises:
            NoSuchChatError: One of them means none, or several.
        """
        known = self.conversations()
        return tuple(dict.fromkeys(_one(name, known) for name in names))

    def damage(self) -> str:
        """What is wrong with the pages or the rows; "" if nothing is."""
        with translated(self.path):
            found = examine(self.path, whole=True)
        return found.reason if found.health is Health.DAMAGED else ""


def _one(name: str, known: Sequence[Conversation]) -> Conversation:
    for chosen in (
        [each for each in known if each.id == name],
        [each for each in known if each.title == name],
        [each for each in known if name and each.id.startswith(name)],
        [each for each in known if each.title.casefold() == name.casefold()],
    ):
        if len(chosen) == 1:
            return chosen[0]
        if chosen:
            raise NoSuchChatError(
                export_texts.several_chats(shortened(name, _MOST_NAMED), len(chosen)),
                export_texts.several_chats_hint([each.id for each in chosen]),
            )
    raise _no_chat(name)


def _no_chat(name: str) -> NoSuchChatError:
    return NoSuchChatError(export_texts.no_chat(shortened(name, _MOST_NAMED)), export_texts.NO_CHAT_HINT)


@contextlib.contextmanager
def snapshot(path: Path, newer: bool = False) -> Iterator[Snapshot]:
    """Open the history at `path` for reading; one of an older version is read from a copy, which is brought up to date.

    With `newer`, one of a newer version, too, as long as it has all that this version knows.

    Raises:
        NewerDatabaseError: A newer version of the program wrote it.
        StoreDamagedError: It is damaged; the next start of the window recovers it.
        StoreError: It cannot be read, and why.
    """
    with translated(path):
        found = examine(path, whole=False)
    with contextlib.ExitStack() as stack:
        connection = _connection(path, found, stack, newer)
        db = Database(connection, execute_plugins=False) if connection is not None else None
        yield Snapshot(path, db, found.health is Health.NEWER)


def _connection(path: Path, found: Examination, stack: contextlib.ExitStack, newer: bool) -> sqlite3.Connection | None:
    text = texts.store_newer(path, found.version, SCHEMA_VERSION)
    match found.health:
        case Health.ABSENT:
            return None
        case Health.NEWER if not newer:
            raise NewerDatabaseError(text, texts.STORE_NEWER_HINT)
        case Health.DAMAGED:
            raise StoreDamagedError(texts.STORE_DAMAGED, texts.STORE_DAMAGED_HINT, found.reason)
    with translated(path):
        source = stack.enter_context(contextlib.closing(open_for_reading(path)))
        if found.health is Health.NEWER and not _has_what_is_known(source):
            raise NewerDatabaseError(text, texts.STORE_TOO_NEW_HINT)
        if found.health in (Health.GOOD, Health.NEWER):
            return source
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dewpoint-", ignore_cleanup_errors=True))
        copy = Path(folder) / path.name
        copy_history(source, copy, as_it_is=True)
        fresh = stack.enter_context(contextlib.closing(connect(copy)))
        apply_migrations(Database(fresh, execute_plugins=False), __version__)
        return fresh


def _has_what_is_known(connection: sqlite3.Connection) -> bool:
    """Whether a newer version has only added to the chats' tables: then its file can be read as one of ours."""
    known, found = _columns_of(None), _columns_of(connection)
    return all(known[table] <= found[table] for table in CHAT_TABLES)


def _columns_of(connection: sqlite3.Connection | None) -> dict[str, set[str]]:
    """The columns of each table of chats; of this version's own where there is no connection."""
    with Database(memory=True, execute_plugins=False) as db:
        if connection is None:
            apply_migrations(db, "")
            connection = db.conn
        return {
            table: {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")} for table in CHAT_TABLES
        }
