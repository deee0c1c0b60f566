"""Where the chats of a command lie: opened for reading alone, so that a window beside it keeps its locks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from app.base.paths import AppPaths
from app.chats.backup import backups_in
from app.chats.database import Health, examine
from app.chats.errors import StoreError, only_read
from app.chats.exporting import texts
from app.chats.exporting.snapshot import Snapshot, snapshot
from app.chats.history import HistoryStore
from app.chats.search.index import SearchIndex


def history_file() -> Path:
    """The file of the chats; it need not be there."""
    return AppPaths.resolve().data_file


def backups_folder() -> Path:
    """The folder of its backups; it need not be there."""
    return AppPaths.resolve().backups


def searchable(history: Path) -> SearchIndex:
    """The search index beside the history, which is brought to this version's format first.

    Raises:
        sqlite3.Error: It cannot be opened.
        StoreError: The history cannot be brought up to date.
    """
    if examine(history, whole=False).health is not Health.GOOD:
        HistoryStore.open(history, backups_folder()).close()
    return SearchIndex(history)


@contextlib.contextmanager
def opened_chats(newer: bool = False) -> Iterator[Snapshot]:
    """The chats as they are now; with `newer`, those that a newer version wrote, too.

    Raises:
        StoreError: They cannot be read, and why.
    """
    path = history_file()
    with only_read(path), snapshot(path, newer) as found:
        if found.db is None and backups_in(backups_folder()):
            raise StoreError(texts.CHATS_MISSING, texts.CHATS_MISSING_HINT)
        yield found
