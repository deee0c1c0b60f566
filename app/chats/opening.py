"""From a path to an open history: examine, recover or migrate where needed, settle what a crash left unfinished."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from app import __version__
from app.chats import texts
from app.chats.backup import backups_in, make_backup
from app.chats.database import Examination, Health, examine, open_database, transaction
from app.chats.errors import NewerDatabaseError, is_damage
from app.chats.ids import now_ms
from app.chats.messages import LONGEST_TITLE, RecoveryReport
from app.chats.migrations import SCHEMA_VERSION, apply_migrations
from app.chats.recovery.recover import finish_interrupted_recovery, recover

_listeners: list[Callable[[RecoveryReport], object]] = []


@contextlib.contextmanager
def recoveries_told(listener: Callable[[RecoveryReport], object]) -> Iterator[None]:
    """In this block `listener` is told of each history that this process recovers, whoever opens it and for what."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def open_history(path: Path, backups: Path) -> tuple[Database, RecoveryReport | None]:
    """The connection to a sound history of this version, and what was recovered on the way.

    1. Finish what a crash left of an earlier recovery.
    2. Examine the file. A newer one is refused; a damaged one, or a missing one of which there are backups, is
       recovered.
    3. Open it; back up and migrate an older one.
    4. Answers that were being written become stopped ones, and titles that are as long as a book are cut.

    Raises:
        NewerDatabaseError: A newer version of the program wrote the file.
        sqlite3.Error: The file cannot be opened or written.
        OSError: The same, from the file system.
    """
    db, report = _open_history(path, backups)
    if report is not None:
        for listener in tuple(_listeners):
            listener(report)
    return db, report


def _open_history(path: Path, backups: Path) -> tuple[Database, RecoveryReport | None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    finish_interrupted_recovery(path)  # 1
    found = examine(path)  # 2
    report = _recovered_if_needed(path, backups, found)
    if found.health in (Health.DAMAGED, Health.ABSENT):
        found = examine(path)
    try:
        return _opened(path, backups, found), report  # 3, 4
    except sqlite3.Error as exc:
        if report is not None or not is_damage(exc):
            raise
        report = recover(path, backups, str(exc))  # damage that shows only when the file is written
    return _opened(path, backups, examine(path)), report


def _recovered_if_needed(path: Path, backups: Path, found: Examination) -> RecoveryReport | None:
    match found.health:
        case Health.NEWER:
            raise NewerDatabaseError(texts.store_newer(path, found.version, SCHEMA_VERSION), texts.STORE_NEWER_HINT)
        case Health.DAMAGED:
            return recover(path, backups, found.reason, unless_sound=True)
        case Health.ABSENT if backups_in(backups):
            return recover(path, backups, "the file is missing", unless_sound=True)
    return None


def _opened(path: Path, backups: Path, found: Examination) -> Database:
    db = open_database(path)
    try:
        if found.health is Health.OLDER:
            with transaction(db, durable=False):
                pass  # a file that is held now is tried again soon, and would have a backup each time
            make_backup(db.conn, backups, "migration", datetime.now())
        if found.health in (Health.OLDER, Health.ABSENT):
            with transaction(db, durable=True):
                apply_migrations(db, __version__)
        _stop_unfinished_answers(db)
        _cut_long_titles(db)
        return db
    except BaseException:
        db.close()
        raise


def _stop_unfinished_answers(db: Database) -> None:
    if db.execute("SELECT 1 FROM message WHERE state = 'streaming' LIMIT 1").fetchone() is None:
        return
    with transaction(db, durable=True):
        sql = "UPDATE message SET state = 'stopped', updated_at = ? WHERE state = 'streaming'"
        db.execute(sql, [now_ms()])


def _cut_long_titles(db: Database) -> None:
    """The list is read with every change, and SQLite reads a title to its end even where only its beginning is asked.

    Asked in bytes, because SQLite takes a null character for the end of a text.
    """
    long = f"length(CAST(title AS BLOB)) > {4 * LONGEST_TITLE}"
    if db.execute(f"SELECT 1 FROM conversation WHERE {long} LIMIT 1").fetchone() is None:
        return
    with transaction(db, durable=True):
        db.execute(f"UPDATE conversation SET title = substr(title, 1, {LONGEST_TITLE}) WHERE {long}")
