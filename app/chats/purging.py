"""Chats that were removed for good go from the backups, too, if the user wants that.

Each backup that holds one of them is copied without it, checked, synced and put in its place; of one that is killed in
between, the old one or the new one is there. What stood in the old file is overwritten before the system gets its room
back.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Collection
from pathlib import Path

from app.base.errors import StoppedError
from app.base.files import sync_file, sync_folder
from app.base.log import get_logger
from app.chats.backup import backups_in, copy_history, never
from app.chats.connections import connect
from app.chats.database import open_for_reading
from app.chats.errors import StoreLockedError, translated
from app.chats.lock.erasing import overwritten
from app.chats.migrations import EDIT_SLOT

_log = get_logger("store")


def purge_backups(folder: Path, chats: Collection[str], stopped: Callable[[], bool] = never) -> int:
    """Remove chats from all backups in `folder`; gives how many backups held one. A damaged backup stays as it is.

    Raises:
        StoppedError: It was stopped between two backups.
        StoreError: A backup cannot be written; those before it are purged.
    """
    purged = 0
    for backup in backups_in(folder):
        if stopped():
            raise StoppedError
        try:
            held = _holds(backup, chats)
        except (sqlite3.Error, OSError, UnicodeDecodeError, StoreLockedError) as exc:
            _log.info("backup %s is not purged: %s", backup.name, exc)
            continue
        if held:
            with translated(backup):
                _purge(backup, chats)
            purged += 1
    return purged


def _holds(backup: Path, chats: Collection[str]) -> bool:
    with contextlib.closing(open_for_reading(backup)) as found:
        return any(found.execute("SELECT 1 FROM conversation WHERE id = ?", [chat]).fetchone() for chat in chats)


def _purge(backup: Path, chats: Collection[str]) -> None:
    temporary = backup.with_suffix(".tmp")  # a leftover of a kill goes before the next backup
    try:
        with contextlib.closing(open_for_reading(backup)) as source:
            copy_history(source, temporary)
        with contextlib.closing(connect(temporary)) as copy:
            _delete(copy, chats)
        sync_file(temporary)
        with overwritten(backup):
            os.replace(temporary, backup)
        sync_folder(backup.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _delete(copy: sqlite3.Connection, chats: Collection[str]) -> None:
    """Without a journal on the disk: what it would hold is what shall be gone."""
    for pragma in ("foreign_keys = ON", "secure_delete = ON", "trusted_schema = OFF", "journal_mode = MEMORY"):
        copy.execute(f"PRAGMA {pragma}").fetchall()
    copy.execute("BEGIN IMMEDIATE")
    for chat in chats:
        with contextlib.suppress(sqlite3.OperationalError):  # a format before there were unsent texts
            slots = "slot = ? OR slot IN (SELECT ? || id FROM message WHERE conversation_id = ?)"
            copy.execute(f"DELETE FROM unsent WHERE {slots}", [chat, EDIT_SLOT, chat])
        copy.execute("DELETE FROM conversation WHERE id = ?", [chat])
    copy.execute("COMMIT")
    if copy.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
        raise sqlite3.DatabaseError("the copy is not sound")
