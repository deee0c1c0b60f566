"""A damaged (or missing) history: it is set aside, and everything that can be read goes into a new one.

1. The damaged file and its log are copied into a work folder; the originals stay as they are.
2. A new database is filled beside it: with the rows of the copy that SQLite reads, with those that its pages hold but
   SQLite cannot reach, with what only the newest sound backup has, and last with the rows of which only parts can be
   read. Of two versions of a row the first one found stays.
3. Links are mended (`app.chats.recovery.links`).
4. The new file is synced and gets the name `*.recovered`; only then the originals are renamed to
   `chats-damaged-<time>`, never over another file, and the new one takes their place. A crash at any point loses
   nothing: the next start goes on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from app import __version__
from app.base.files import sync_file, sync_folder
from app.base.log import get_logger
from app.chats.backup import newest_sound_backup
from app.chats.database import SIDE_FILES, connect
from app.chats.errors import CHECK_MARK
from app.chats.messages import RecoveryReport
from app.chats.migrations import CHAT_TABLES, apply_migrations
from app.chats.recovery.links import count_lost, mend_links
from app.chats.recovery.pages import Columns, PageCarver, Row
from app.chats.recovery.rows import READ_ERRORS, fit_row, readable_rows

RECOVERED = ".recovered"
WORK_PREFIX = "recovery-"

_log = get_logger("store")


@dataclass(slots=True)
class _Filling:
    """The new database while it is filled; `from_backup` and `lost` count messages and rows, see `RecoveryReport`."""

    db: Database
    columns: dict[str, Columns] = field(default_factory=dict)
    partial: list[tuple[str, Row]] = field(default_factory=list)
    from_backup: int = 0
    lost: int = 0

    def __post_init__(self) -> None:
        for table in CHAT_TABLES:
            found = self.db.execute(f"PRAGMA table_info({table})")
            self.columns[table] = {row[1]: (row[2], bool(row[3])) for row in found}

    def insert(self, table: str, row: Row) -> None:
        """Add `row` unless one with its key is there or it makes no sense."""
        fitted = fit_row(table, row, self.columns[table])
        if fitted is None:
            return
        names, marks = ", ".join(fitted), ", ".join("?" * len(fitted))
        with contextlib.suppress(sqlite3.IntegrityError, sqlite3.DataError, OverflowError):
            self.db.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", list(fitted.values()))

    def read_from(self, path: Path, *, read_only: bool) -> None:
        """Add all rows that SQLite reads."""
        try:
            with contextlib.closing(connect(path, read_only=read_only)) as source:
                source.execute("PRAGMA writable_schema = ON")  # go on where one entry of the schema is damaged
                for table in CHAT_TABLES:
                    for row in readable_rows(source, table, self.columns[table]):
                        self.insert(table, row)
        except READ_ERRORS as exc:
            _log.info("%s cannot be opened: %s", path.name, exc)

    def carve(self, path: Path) -> None:
        """Add all rows that the file's pages hold; put off those of which parts are missing."""
        for table, row, whole in PageCarver(self.columns).rows(path):
            if whole:
                self.insert(table, row)
            else:
                self.partial.append((table, row))

    def count(self, what: str) -> int:
        """How many rows a table has (with a condition)."""
        return int(self.db.execute(f"SELECT COUNT(*) FROM {what}").fetchone()[0])


def finish_interrupted_recovery(path: Path) -> None:
    """Complete or forget what a crash left of an earlier recovery."""
    ready = path.with_name(path.name + RECOVERED)
    if ready.exists():
        if path.exists():
            ready.unlink()
        else:
            _set_aside(path)  # a log that is left over must never meet the new file
            os.replace(ready, path)
    for leftover in path.parent.glob(f"{WORK_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def recover(path: Path, backups: Path, reason: str) -> RecoveryReport:
    """Put a new history in the place of `path`, with everything that can be read of the old one and its newest backup.

    Raises:
        sqlite3.Error: The new file cannot be written; the old one is as it was.
        OSError: The same, from the file system.
    """
    _log.info("the history is recovered: %s", reason)
    backup = newest_sound_backup(backups)
    ready = path.with_name(path.name + RECOVERED)
    with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=path.parent) as name:
        new_file = Path(name) / "new.sqlite3"
        with contextlib.closing(Database(connect(new_file), execute_plugins=False)) as db:
            filling = _filled(db, _copied(path, Path(name)), backup)
            chats, messages = filling.count("conversation WHERE deleted_at IS NULL"), filling.count("message")
        new_file.chmod(0o600)
        sync_file(new_file)
        os.replace(new_file, ready)
    kept_as = _set_aside(path)
    os.replace(ready, path)
    path.with_name(path.name + CHECK_MARK).unlink(missing_ok=True)
    sync_folder(path.parent)
    return RecoveryReport(kept_as, reason, chats, messages, filling.from_backup, filling.lost, backup)


def _copied(path: Path, work: Path) -> Path | None:
    """A copy of the damaged file and its log, or None if there is no file."""
    if not path.exists():
        return None
    copy = work / "damaged.sqlite3"
    shutil.copyfile(path, copy)
    log = path.with_name(path.name + "-wal")
    if log.exists():
        shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
    return copy


def _filled(db: Database, damaged: Path | None, backup: Path | None) -> _Filling:
    """Fill the new database from all sources and mend it."""
    db.execute("PRAGMA foreign_keys = OFF")
    apply_migrations(db, __version__)
    filling = _Filling(db)
    with db.atomic():
        if damaged is not None:
            filling.read_from(damaged, read_only=False)  # with its log, which goes into the copy when it is closed
            filling.carve(damaged)
        before = filling.count("message")
        if backup is not None:
            filling.read_from(backup, read_only=True)
        filling.from_backup = filling.count("message") - before
        for table, row in filling.partial:
            filling.insert(table, row)
        filling.lost = count_lost(db)
        mend_links(db)
    return filling


def _set_aside(path: Path) -> Path | None:
    """Rename the damaged file and what belongs to it to a new name, which is returned; None if there is no file."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    number = 0
    while True:
        suffix = f"-{number}" if number else ""
        target = path.with_name(f"{path.stem}-damaged-{stamp}{suffix}{path.suffix}")
        if not any(target.with_name(target.name + side).exists() for side in ("", *SIDE_FILES)):
            break
        number += 1
    for side in ("", *SIDE_FILES):
        source = path.with_name(path.name + side)
        if source.exists():
            source.rename(target.with_name(target.name + side))
    return target if target.exists() else None
