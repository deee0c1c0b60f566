"""A history whose file was deleted, moved or replaced while it is open: what is open is written to a file of its name.

1. A sound copy of what is open is made beside it, synced, under the name that a recovery uses.
2. What stands under the name of the history by now is set aside, unless somebody has it open, and the copy takes its
   place; a crash in between loses nothing, for the next start goes on.
3. The new file is opened, and only then the old one closed: whatever fails before, it is still open.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlite_utils import Database

from app.base.files import sync_folder
from app.chats import texts
from app.chats.backup import copy_history
from app.chats.connections import held_alone
from app.chats.database import open_database
from app.chats.errors import StoreBusyError, StoreDamagedError
from app.chats.key_file import write_key_file_anew
from app.chats.recovery.recover import RECOVERED, one_at_a_time, set_aside


def write_anew(lost: Database, path: Path) -> Database:
    """Put a copy of what `lost` has open in the place of `path`; gives a connection to it, and closes `lost`.

    Raises:
        StoreBusyError: Somebody has what stands there open, or recovers it; `lost` stays open, as after the others.
        sqlite3.Error: The copy cannot be written or opened.
        OSError: The same, from the file system.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with one_at_a_time(path):
        write_key_file_anew(path.parent)
        ready = path.with_name(path.name + RECOVERED)
        ready.unlink(missing_ok=True)
        try:
            copy_history(lost.conn, ready)
        except BaseException:
            ready.unlink(missing_ok=True)
            raise
        _put(ready, path)
        # SQLite looks whether the file still has its name before it deletes a log: that of the new one is safe.
        fresh = open_database(path)
    lost.close()
    return fresh


def _put(ready: Path, path: Path) -> None:
    try:
        with held_alone(path):
            set_aside(path)
            os.replace(ready, path)
    except StoreDamagedError as exc:  # another thread has it open, for the list of models
        raise StoreBusyError(texts.STORE_BUSY, texts.STORE_BUSY_HINT) from exc
    sync_folder(path.parent)
