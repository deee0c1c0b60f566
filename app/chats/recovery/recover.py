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
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout
from sqlite_utils import Database

from app import __version__
from app.base.files import sync_file, sync_folder
from app.base.log import get_logger
from app.chats import texts
from app.chats.backup import newest_sound_backup
from app.chats.connections import SIDE_FILES, busy_seconds, connect, copy_side_file, data_key_for, held_alone
from app.chats.database import Health, examine, open_for_reading
from app.chats.errors import CHECK_MARK, StoreBusyError
from app.chats.incoming import settle
from app.chats.messages import RecoveryReport
from app.chats.migrations import CHAT_TABLES, MODEL_TABLES, apply_migrations
from app.chats.recovery.links import count_lost, mend_links
from app.chats.recovery.pages import Columns, PageCarver, Row
from app.chats.recovery.rows import READ_ERRORS, fit_row, readable_rows
from trt_engines.held import remove_below

RECOVERED = ".recovered"
RECOVERY_LOCK = ".lock"
WORK_PREFIX = "recovery-"
_WORK = re.compile(rf"{WORK_PREFIX}[a-z0-9_]{{8}}")
_COPIES = {name + side for name in ("new.sqlite3", "damaged.sqlite3") for side in ("", "-journal", *SIDE_FILES)}

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

    def read_from(self, opened: Callable[[], sqlite3.Connection], path: Path) -> None:
        """Add all rows that SQLite reads."""
        try:
            with contextlib.closing(opened()) as source:
                source.execute("PRAGMA writable_schema = ON")  # go on where one entry of the schema is damaged
                for table in CHAT_TABLES:
                    for row in readable_rows(source, table, self.columns[table]):
                        self.insert(table, row)
        except READ_ERRORS as exc:
            _log.info("%s cannot be opened: %s", path.name, exc)

    def take_models(self, opened: Callable[[], sqlite3.Connection], path: Path) -> None:
        """Add the models and what was written for them, as far as SQLite reads them, unless some were found before."""
        if self.count("model"):
            return
        try:
            with contextlib.closing(opened()) as source:
                for table in MODEL_TABLES:
                    columns = {row[1]: (row[2], bool(row[3])) for row in self.db.execute(f"PRAGMA table_info({table})")}
                    for row in readable_rows(source, table, columns):
                        names = [name for name in row if name != "seq"]
                        sql = (
                            f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
                        )
                        with contextlib.suppress(sqlite3.IntegrityError, sqlite3.DataError, OverflowError):
                            self.db.execute(sql, [row[name] for name in names])
        except READ_ERRORS as exc:
            _log.info("%s cannot be opened: %s", path.name, exc)

    def carve(self, path: Path) -> None:
        """Add all rows that the file's pages hold; put off those of which parts are missing."""
        for table, row, whole in PageCarver(self.columns, data_key_for(path)).rows(path):
            if whole:
                self.insert(table, row)
            else:
                self.partial.append((table, row))

    def count(self, what: str) -> int:
        """How many rows a table has (with a condition)."""
        return int(self.db.execute(f"SELECT COUNT(*) FROM {what}").fetchone()[0])


def finish_interrupted_recovery(path: Path) -> None:
    """Complete or forget what a crash left of an earlier recovery.

    Raises:
        StoreBusyError: It is no leftover: another program recovers the history at this moment.
    """
    ready = path.with_name(path.name + RECOVERED)
    if not ready.exists() and not _work_folders(path.parent):
        return
    with one_at_a_time(path):
        if ready.exists():
            if path.exists():
                ready.unlink()
            else:
                set_aside(path)  # a log that is left over must never meet the new file
                os.replace(ready, path)
        for leftover in _work_folders(path.parent):
            remove_below(leftover)


def _work_folders(base: Path) -> tuple[Path, ...]:
    """What killed recoveries left: folders of the names that `tempfile` makes, holding nothing but copies."""
    found = (folder for folder in base.glob(f"{WORK_PREFIX}*") if _WORK.fullmatch(folder.name))
    return tuple(folder for folder in found if folder.is_dir() and {each.name for each in folder.iterdir()} <= _COPIES)


def recover(path: Path, backups: Path, reason: str, unless_sound: bool = False) -> RecoveryReport | None:
    """Put a new history in the place of `path`, with everything that can be read of the old one and its newest backup.

    Args:
        path: The file.
        backups: Folder of the backups.
        reason: What is wrong, for the log.
        unless_sound: Look again first, alone: another start may have recovered it meanwhile. None comes back then.

    Raises:
        StoreDamagedError: This process has the file open, and would go on to write to what was set aside.
        StoreBusyError: Another program has it open, or recovers it.
        sqlite3.Error: The new file cannot be written; the old one is as it was.
        OSError: The same, from the file system.
    """
    _log.info("the history is recovered: %s", reason)
    with one_at_a_time(path):
        if unless_sound and examine(path).health in (Health.GOOD, Health.OLDER):
            return None
        with held_alone(path) as damaged:
            return _recovered(path, damaged, newest_sound_backup(backups), reason)


def _recovered(path: Path, damaged: BinaryIO | None, backup: Path | None, reason: str) -> RecoveryReport:
    ready = path.with_name(path.name + RECOVERED)
    with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=path.parent) as name:
        new_file = Path(name) / "new.sqlite3"
        with contextlib.closing(Database(connect(new_file), execute_plugins=False)) as db:
            filling = _filled(db, _copied(path, damaged, Path(name)), backup)
            chats, messages = filling.count("conversation WHERE deleted_at IS NULL"), filling.count("message")
        new_file.chmod(0o600)
        sync_file(new_file)
        os.replace(new_file, ready)
    if sys.platform == "win32" and damaged is not None:
        damaged.close()  # what is open cannot be renamed there
    kept_as = set_aside(path)
    os.replace(ready, path)
    path.with_name(path.name + CHECK_MARK).unlink(missing_ok=True)
    sync_folder(path.parent)
    return RecoveryReport(kept_as, reason, chats, messages, filling.from_backup, filling.lost, backup)


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Of two programs that put a new file in the place of the history one does it, and the other says that it waits.

    Raises:
        StoreBusyError: Another one is at it.
    """
    lock = FileLock(path.with_name(path.name + RECOVERY_LOCK), timeout=busy_seconds())
    try:
        lock.acquire()
    except Timeout as exc:
        raise StoreBusyError(texts.STORE_BUSY, texts.STORE_BUSY_HINT) from exc
    except NotImplementedError:
        _log.info("this drive has no locks")
    try:
        yield
    finally:
        lock.release()


def _copied(path: Path, damaged: BinaryIO | None, work: Path) -> Path | None:
    """A copy of the damaged file and its log, or None if there is no file."""
    if damaged is None:
        return None
    copy = work / "damaged.sqlite3"
    with copy.open("wb") as target:
        shutil.copyfileobj(damaged, target)
    copy_side_file(path, "-wal", copy)
    return copy


def _filled(db: Database, damaged: Path | None, backup: Path | None) -> _Filling:
    """Fill the new database from all sources and mend it."""
    db.execute("PRAGMA foreign_keys = OFF")
    apply_migrations(db, __version__)
    filling = _Filling(db)
    with db.atomic():
        if damaged is not None:
            # With its log, which goes into the copy when it is closed.
            filling.read_from(lambda: connect(damaged), damaged)
            filling.take_models(lambda: connect(damaged), damaged)
            filling.carve(damaged)
        before = filling.count("message")
        if backup is not None:
            filling.read_from(lambda: open_for_reading(backup), backup)
            filling.take_models(lambda: open_for_reading(backup), backup)
        filling.from_backup = filling.count("message") - before
        for table, row in filling.partial:
            filling.insert(table, row)
        settle(db.conn)
        filling.lost = count_lost(db)
        mend_links(db)
    return filling


def set_aside(path: Path, word: str = "damaged") -> Path | None:
    """Give the file and what belongs to it a name that says why, which is returned; None if there is no file."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    number = 0
    while True:
        suffix = f"-{number}" if number else ""
        target = path.with_name(f"{path.stem}-{word}-{stamp}{suffix}{path.suffix}")
        if not any(target.with_name(target.name + side).exists() for side in ("", *SIDE_FILES)):
            break
        number += 1
    for side in ("", *SIDE_FILES):
        source = path.with_name(path.name + side)
        if source.exists():
            source.rename(target.with_name(target.name + side))
    return target if target.exists() else None
