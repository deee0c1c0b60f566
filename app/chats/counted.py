"""Connections that are counted: which database files this process has open, and with which key.

See `app.chats.connections` for why that is counted.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from app.chats.lock.keys import DataKey

FileKey: TypeAlias = tuple[int, int]
door = threading.RLock()
_connections: Counter[FileKey] = Counter()
_data_keys: dict[FileKey, DataKey | None] = {}


class CountedConnection(sqlite3.Connection):
    """A connection that is counted until it is closed.

    Attributes:
        keeps_log: Whether the file is written through a log (WAL), rather than with a rollback journal.
        data_key: What the file is encrypted with; None for a plain one.
    """

    keeps_log = True
    data_key: DataKey | None = None
    _key: FileKey | None = None

    def count(self, path: Path) -> None:
        """From here on the file at `path` is open in this process."""
        self._key = key_of(path)
        if self._key is not None:
            _connections[self._key] += 1
            _data_keys[self._key] = self.data_key

    def close(self) -> None:
        """Close it; doing it twice does no harm."""
        with door:
            super().close()
            if self._key is not None:
                _connections[self._key] -= 1
                self._key = None


def key_of(path: Path) -> FileKey | None:
    """Device and number of a file; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def any_open(paths: Iterable[Path]) -> bool:
    """Whether this process has a connection to one of these files."""
    return any(_connections[key] > 0 for key in map(key_of, paths) if key is not None)


def data_key_of_open(path: Path) -> DataKey | None:
    """What a file that is open in this process was opened with."""
    key = key_of(path)
    return _data_keys.get(key) if key is not None else None
