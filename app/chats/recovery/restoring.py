"""A backup in the place of the history: the one that stands there is kept, under another name.

A sound copy of the backup is made beside the history, synced, under the name that a recovery uses; then the history is
set aside and the copy takes its place. A crash in between loses nothing: the next start goes on.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from app.base.files import sync_folder
from app.chats import texts
from app.chats.backup import copy_history
from app.chats.connections import MAGIC, first_bytes, held_alone
from app.chats.counted import key_of
from app.chats.database import Health, examine, open_for_reading
from app.chats.errors import StoreBusyError, StoreError, translated
from app.chats.incoming import without_import
from app.chats.key_file import unknown_key_file
from app.chats.migrations import SCHEMA_VERSION
from app.chats.recovery.recover import RECOVERED, one_at_a_time, set_aside


def check_backup(backup: Path, path: Path, hint: str = texts.NO_BACKUP_HINT) -> None:
    """See whether a backup can take the place of the history at `path`; `hint` says what to do where it cannot.

    Raises:
        StoreError: It is damaged, no regular file, no history, of a newer version, or that history itself.
    """
    if key_of(backup) is None:
        raise StoreError(texts.no_backup(backup), hint)
    if not backup.is_file():
        raise StoreError(texts.backup_is_no_file(backup), hint)
    if key_of(backup) == key_of(path):
        raise StoreError(texts.backup_is_the_history(backup), hint)
    with translated(backup):
        found = examine(backup, whole=True)
    match found.health:
        case Health.NEWER:
            raise StoreError(texts.store_newer(backup, found.version, SCHEMA_VERSION), texts.STORE_NEWER_HINT)
        case Health.DAMAGED | Health.ABSENT:
            raise StoreError(texts.bad_backup(backup, found.reason), hint)


def key_file_wanted(backup: Path) -> Path | None:
    """The key file whose password must be said before a backup can be read; None if none is needed, or it lacks."""
    try:
        plain = not backup.is_file() or first_bytes(backup, len(MAGIC)) in (None, MAGIC)
    except OSError:
        return None
    return None if plain else unknown_key_file(backup)


def restore_backup(backup: Path, path: Path) -> Path | None:
    """Put the history of a backup in the place of the one at `path`; gives where that is kept, None if there was none.

    Raises:
        StoreError: As `check_backup`, or the history cannot be written; it is as it was.
        StoreBusyError: A window or another program has the history open, or an import into it is at work.
    """
    check_backup(backup, path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with without_import(path):
        return _put_alone(backup, path)


def _put_alone(backup: Path, path: Path) -> Path | None:
    try:
        return _put_in_place(backup, path)
    except StoreBusyError as exc:
        raise StoreBusyError(texts.RESTORE_BUSY, texts.RESTORE_BUSY_HINT) from exc


def _put_in_place(backup: Path, path: Path) -> Path | None:
    with translated(path), one_at_a_time(path):
        ready = path.with_name(path.name + RECOVERED)
        ready.unlink(missing_ok=True)
        try:
            with contextlib.closing(open_for_reading(backup)) as source:
                copy_history(source, ready)
            with held_alone(path):
                kept = set_aside(path, "replaced")
                os.replace(ready, path)
        except BaseException:
            if path.exists():
                ready.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    return kept
