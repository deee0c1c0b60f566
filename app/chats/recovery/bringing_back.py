"""The chats of a backup in the place of those of now, while the window is open; and before that, what would change.

Only chats change places, in one transaction: models, downloads and what was written of them stay as they are. A backup
of an older version is brought up to date in a copy. What is there now becomes a backup first, so that this, too, can be
taken back.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from app import __version__
from app.chats import texts
from app.chats.backup import copy_history, make_backup, never
from app.chats.connections import connect
from app.chats.counted import CountedConnection
from app.chats.database import checkpoint, open_database, open_for_reading, transaction
from app.chats.errors import translated
from app.chats.incoming import copy_laid_ready, without_import
from app.chats.migrations import CHAT_TABLES, apply_migrations
from app.chats.recovery.carrying import carry, typed_in
from app.chats.recovery.comparing import Held, held_by, lacked_by
from app.chats.recovery.restoring import check_backup


@dataclass(frozen=True, slots=True)
class BackupPreview:
    """What bringing a backup back would mean.

    Attributes:
        path: The backup.
        held: What is in it.
        newest: When the newest message in it was written, in milliseconds since 1970; None where there is none.
        lost: What of now is not in it.
        back: What of it is not there now.
    """

    path: Path
    held: Held
    newest: int | None
    lost: Held
    back: Held


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """It is done.

    Attributes:
        preview: What was brought back.
        before: The backup of what was there before.
    """

    preview: BackupPreview
    before: Path


def preview_backup(backup: Path, path: Path, in_view: Sequence[str] = ()) -> BackupPreview:
    """What is in a backup, beside the chats at `path`; nothing is changed. `in_view` as in `bring_back`.

    Raises:
        StoreBusyError: An import is at work.
        StoreError: It is damaged, no regular file, no history, of a newer version, or cannot be read.
    """
    check_backup(backup, path, texts.CHOOSE_BACKUP_HINT)
    with contextlib.ExitStack() as stack:
        stack.enter_context(without_import(path))
        stack.enter_context(translated(backup))
        ready = stack.enter_context(_up_to_date(backup, path))
        now = stack.enter_context(contextlib.closing(open_for_reading(path)))
        now.execute("ROLLBACK")  # nothing can be attached in a transaction
        _attach(now, ready)
        now.execute("BEGIN")
        return _compare(now, backup, in_view)


def bring_back(
    backup: Path, path: Path, backups: Path, stopped: Callable[[], bool] = never, in_view: Sequence[str] = ()
) -> BroughtBack:
    """Put the chats of a backup in the place of those at `path`, all or none; those become a backup first.

    What is typed in the slots `in_view` (as `unsent` has them) is not replaced, but carried over.

    Raises:
        StoppedError: It was stopped; nothing was changed.
        StoreBusyError: An import is at work.
        StoreError: As `preview_backup`, or the chats cannot be written; they are as they were.
    """
    check_backup(backup, path, texts.CHOOSE_BACKUP_HINT)
    with without_import(path), translated(path), _up_to_date(backup, path) as ready:
        with contextlib.closing(open_for_reading(path)) as source:
            before = make_backup(source, backups, "restore", datetime.now(), stopped)
        with contextlib.closing(open_database(path)) as db:
            _attach(db.conn, ready)
            found = _compare(db.conn, backup, in_view)
            with transaction(db, durable=True):
                typed = typed_in(db.conn, in_view)
                _change_places(db.conn)
                carry(db.conn, typed)
            db.execute("DETACH backup")
            checkpoint(db, truncate=True)
    return BroughtBack(found, before)


@contextlib.contextmanager
def _up_to_date(backup: Path, path: Path) -> Iterator[Path]:
    """A copy of a backup in this version's format, for as long as it is needed."""
    with copy_laid_ready(path) as copy:
        with contextlib.closing(open_for_reading(backup)) as source:
            copy_history(source, copy)
        with contextlib.closing(connect(copy)) as fresh:
            apply_migrations(Database(fresh, execute_plugins=False), __version__)
        yield copy


def _attach(connection: sqlite3.Connection, copy: Path) -> None:
    """What lies ready beside the history is encrypted as that is."""
    key = connection.data_key if isinstance(connection, CountedConnection) else None
    if key is None:
        connection.execute("ATTACH DATABASE ? AS backup", [str(copy)])
    else:
        connection.execute("ATTACH DATABASE ? AS backup KEY ?", [str(copy), key.of_database()])


def _compare(connection: sqlite3.Connection, backup: Path, in_view: Sequence[str]) -> BackupPreview:
    newest = connection.execute("SELECT MAX(created_at) FROM backup.message").fetchone()[0]
    lost = lacked_by(connection, "backup", "main", in_view)
    back = lacked_by(connection, "main", "backup")
    return BackupPreview(backup, held_by(connection, "backup"), newest, lost, back)


def _change_places(connection: sqlite3.Connection) -> None:
    """All rows of the chats go, those of the backup come; references are looked at when all of it is there."""
    connection.execute("PRAGMA defer_foreign_keys = ON")
    for table in reversed(CHAT_TABLES):
        connection.execute(f"DELETE FROM main.{table}")
    for table in CHAT_TABLES:
        columns = ", ".join(str(row[1]) for row in connection.execute(f"PRAGMA main.table_info({table})"))
        connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM backup.{table}")
