"""Backups of the history by SQLite's own backup call: daily, when asked for, before a migration or a bringing back.

A backup is one file in the `backups` folder, written under a temporary name, checked, synced and renamed. The newest
few of each kind are kept, so that one made by hand pushes out no earlier day. A history that is damaged makes no
backup, so that it cannot push out a good one. A number in its name says which one is the newest, not the time beside
it: clocks are set back. All are for this user's eyes alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, cast

from app.base.errors import StoppedError
from app.base.files import sync_file, sync_folder
from app.base.log import get_logger
from app.chats.connections import connect, make_private
from app.chats.counted import CountedConnection
from app.chats.database import Health, examine
from app.chats.errors import StoreLockedError
from app.chats.incoming import settle
from app.chats.lock.copying import copy_rows

BackupKind = Literal["daily", "hand", "migration", "restore"]
KEPT: dict[BackupKind, int] = {"daily": 7, "hand": 7, "migration": 7, "restore": 3}
PERIOD = timedelta(days=1)
PAGES = 256  # that are copied between two questions whether to stop: about a megabyte
STEPS = 100_000  # of SQLite's between two of them
MOST_BEGINNINGS = 4  # of a copy that begins anew because somebody writes
_NAME = re.compile(r"chats-(daily|hand|migration|restore)-(\d{8}-\d{6})(?:-(\d{1,9}))?\.sqlite3", re.ASCII)
_HALF_WRITTEN = re.compile(r"chats-(daily|hand|migration|restore)-\d{8}-\d{6}(-\d{1,9})?\.tmp(-journal|-wal|-shm)?")
_STAMP = "%Y%m%d-%H%M%S"

_log = get_logger("store")


def backups_in(folder: Path, kind: BackupKind | None = None) -> tuple[Path, ...]:
    """The backups in `folder`, the one made last first; those of older versions have no number, and come last."""
    if not folder.is_dir():
        return ()
    found = [
        (_number(match), match[2], path)
        for path in folder.iterdir()
        if (match := _NAME.fullmatch(path.name)) and kind in (None, match[1]) and path.is_file()
    ]
    return tuple(path for _, _, path in sorted(found, reverse=True))


@dataclass(frozen=True, slots=True)
class BackupFile:
    """One backup, by its name.

    Attributes:
        path: The file.
        kind: Why it was made.
        made: When, by the clock of then; None where its name holds no date.
        size: Bytes.
    """

    path: Path
    kind: BackupKind
    made: datetime | None
    size: int


def listed_backups(folder: Path) -> tuple[BackupFile, ...]:
    """The backups in `folder`, the one made last first."""
    found = []
    for path in backups_in(folder):
        match = _NAME.fullmatch(path.name)
        with contextlib.suppress(OSError):  # another window has removed it
            if match is not None:
                found.append(BackupFile(path, cast(BackupKind, match[1]), _made(match[2]), path.stat().st_size))
    return tuple(found)


def _made(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, _STAMP)
    except ValueError:  # a name with the 99th of a month in it
        return None


def _number(match: re.Match[str]) -> int:
    return int(match[3] or 0)


def daily_backup_is_due(folder: Path, now: datetime) -> bool:
    """Whether the newest daily backup is a day old (or from the future, after the clock was set back)."""
    newest = next(iter(backups_in(folder, "daily")), None)
    match = _NAME.fullmatch(newest.name) if newest is not None else None
    if match is None:
        return True
    made = _made(match[2])
    return made is None or not timedelta(0) <= now - made < PERIOD


def never() -> bool:
    """Nobody stops it."""
    return False


def make_backup(
    connection: sqlite3.Connection,
    folder: Path,
    kind: BackupKind,
    now: datetime,
    stopped: Callable[[], bool] = never,
) -> Path:
    """Copy the history that `connection` has open, and remove the oldest backups of this kind.

    Args:
        connection: To the history.
        folder: Of the backups.
        kind: Whether a day is over, the user asked, a migration follows, or another backup is brought back.
        now: For its name.
        stopped: Asked again and again; nothing is left of a copy that is stopped.

    Raises:
        StoppedError: It was stopped, or others write all the time into a file without a log.
        sqlite3.Error: The copy cannot be written, or is not sound.
        OSError: The same, from the file system.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = backups_in(folder)
    for path, mode in ((folder, 0o700), *((each, 0o600) for each in known)):
        with contextlib.suppress(OSError):  # of another user, or on a drive without such marks
            path.chmod(mode)
    number = 1 + max((_number(match) for each in known if (match := _NAME.fullmatch(each.name))), default=0)
    target = folder / f"chats-{kind}-{now.strftime(_STAMP)}-{number}.sqlite3"
    temporary = target.with_suffix(".tmp")
    for leftover in folder.iterdir():
        if _HALF_WRITTEN.fullmatch(leftover.name):
            leftover.unlink(missing_ok=True)
    try:
        copy_history(connection, temporary, stopped)
        os.replace(temporary, target)
        sync_folder(folder)
    finally:
        temporary.unlink(missing_ok=True)
    for old in backups_in(folder, kind)[KEPT[kind] :]:
        old.unlink(missing_ok=True)
    _log.info("backup written: %s", target.name)
    return target


def copy_history(
    connection: sqlite3.Connection, target: Path, stopped: Callable[[], bool] = never, as_it_is: bool = False
) -> None:
    """Copy what `connection` has open to a new file, for this user's eyes alone, and sync it.

    Of an import that is at work nothing is in the copy. In a locked data folder it is encrypted with the key of that
    folder; elsewhere it is plain, or `as_it_is` encrypted as the history is.

    Raises:
        StoppedError: See `make_backup`.
        sqlite3.Error: The copy cannot be written, or is not sound.
        OSError: The same, from the file system.
    """
    make_private(target)
    source_key = connection.data_key if isinstance(connection, CountedConnection) else None
    copy = connect(target, key=source_key if as_it_is else None)
    alike = (copy.data_key is None) == (source_key is None)
    beginnings, left = 1, 0

    def look(_: int, remaining: int, total: int) -> None:
        nonlocal beginnings, left
        beginnings, left = beginnings + (0 < left < remaining), remaining
        if stopped() or beginnings > MOST_BEGINNINGS:
            raise StoppedError

    try:
        if alike:
            connection.backup(copy, pages=PAGES, progress=look)
        else:
            copy_rows(connection, copy, stopped)
        copy.set_progress_handler(stopped, STEPS)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, no log beside it
        _settle(copy)
        lines = copy.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.OperationalError:
        if stopped():
            raise StoppedError from None
        raise
    finally:
        copy.close()
    if lines != [("ok",)]:
        raise sqlite3.DatabaseError(f"the copy is not sound: {lines}")
    sync_file(target)


def _settle(copy: sqlite3.Connection) -> None:
    for pragma in ("foreign_keys = ON", "secure_delete = ON", "trusted_schema = OFF"):
        copy.execute(f"PRAGMA {pragma}").fetchall()
    copy.execute("BEGIN IMMEDIATE")
    settle(copy)
    copy.execute("COMMIT")


def newest_sound_backup(folder: Path) -> Path | None:
    """The newest backup that this version can read; what was replaced on purpose comes last."""
    replaced = backups_in(folder, "restore")
    for path in (*(each for each in backups_in(folder) if each not in replaced), *replaced):
        try:
            if examine(path, whole=True).health in (Health.GOOD, Health.OLDER):
                return path
        except (sqlite3.Error, OSError, StoreLockedError) as exc:
            _log.info("backup %s is skipped: %s", path.name, exc)
    return None
