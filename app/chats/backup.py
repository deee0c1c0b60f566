"""Backups of the history by SQLite's own backup call: before each migration, and once a day.

A backup is one file in the `backups` folder, written under a temporary name, checked, synced and renamed. The newest
few of each kind are kept. A history that is damaged makes no backup, so that it cannot push out a good one.
"""

from __future__ import annotations

import os
import re
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from app.base.files import sync_file, sync_folder
from app.base.log import get_logger
from app.chats.connections import connect
from app.chats.database import Health, examine

BackupKind = Literal["daily", "migration"]
KEPT = 3
PERIOD = timedelta(days=1)
_NAME = re.compile(r"chats-(daily|migration)-(\d{8}-\d{6})\.sqlite3")
_HALF_WRITTEN = re.compile(r"chats-(daily|migration)-\d{8}-\d{6}\.tmp(-journal|-wal|-shm)?")
_STAMP = "%Y%m%d-%H%M%S"

_log = get_logger("store")


def backups_in(folder: Path, kind: BackupKind | None = None) -> tuple[Path, ...]:
    """The backups in `folder`, newest first."""
    if not folder.is_dir():
        return ()
    found = [
        (match[2], path)
        for path in folder.iterdir()
        if (match := _NAME.fullmatch(path.name)) and kind in (None, match[1])
    ]
    return tuple(path for _, path in sorted(found, reverse=True))


def daily_backup_is_due(folder: Path, now: datetime) -> bool:
    """Whether the newest daily backup is a day old (or from the future, after the clock was set back)."""
    newest = next(iter(backups_in(folder, "daily")), None)
    if newest is None:
        return True
    match = _NAME.fullmatch(newest.name)
    made = datetime.strptime(match[2], _STAMP) if match else datetime.min
    return not timedelta(0) <= now - made < PERIOD


def make_backup(connection: sqlite3.Connection, folder: Path, kind: BackupKind, now: datetime) -> Path:
    """Copy the history that `connection` has open, and remove the oldest backups of this kind.

    Raises:
        sqlite3.Error: The copy cannot be written, or is not sound.
        OSError: The same, from the file system.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"chats-{kind}-{now.strftime(_STAMP)}.sqlite3"
    temporary = target.with_suffix(".tmp")
    for leftover in folder.iterdir():
        if _HALF_WRITTEN.fullmatch(leftover.name):
            leftover.unlink(missing_ok=True)
    try:
        copy = connect(temporary)
        try:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, no log beside it
            lines = copy.execute("PRAGMA quick_check(1)").fetchall()
        finally:
            copy.close()
        if lines != [("ok",)]:
            raise sqlite3.DatabaseError(f"the backup is not sound: {lines}")
        sync_file(temporary)
        os.replace(temporary, target)
        sync_folder(folder)
    finally:
        temporary.unlink(missing_ok=True)
    for old in backups_in(folder, kind)[KEPT:]:
        old.unlink(missing_ok=True)
    _log.info("backup written: %s", target.name)
    return target


def newest_sound_backup(folder: Path) -> Path | None:
    """The newest backup that this version can read."""
    for path in backups_in(folder):
        try:
            if examine(path, whole=True).health in (Health.GOOD, Health.OLDER):
                return path
        except (sqlite3.Error, OSError) as exc:
            _log.info("backup %s is skipped: %s", path.name, exc)
    return None
