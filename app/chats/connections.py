"""Every connection to a database file of this process, and the few looks at such a file that do not go through SQLite.

On POSIX a process that closes *any* descriptor of a file loses all its locks on it, those of SQLite included
(sqlite.org/howtocorrupt.html, 2.2). The next program that closes the database then takes itself for the last one and
deletes the log under the first, and whatever the first one writes from there on is gone. So a database file is opened
by hand only while this process has no connection to it and none can be made; that is what is counted here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeAlias

from app.chats import texts
from app.chats.errors import StoreBusyError, StoreDamagedError

if sys.platform != "win32":
    import fcntl

BUSY_SECONDS = 5.0
SIDE_FILES = ("-wal", "-shm")
# The bytes that SQLite's own locks lie on (pending, reserved, shared): sqlite.org/lockingv3.html.
_LOCK_START, _LOCK_LENGTH = 0x40000000, 512

_FileKey: TypeAlias = tuple[int, int]
_door = threading.RLock()
_connections: Counter[_FileKey] = Counter()
_patience: ContextVar[float | None] = ContextVar("patience", default=None)


class CountedConnection(sqlite3.Connection):
    """A connection that is counted until it is closed.

    Attributes:
        keeps_log: Whether the file is written through a log (WAL), rather than with a rollback journal.
    """

    keeps_log = True
    _key: _FileKey | None = None

    def count(self, path: Path) -> None:
        """From here on the file at `path` is open in this process."""
        self._key = key_of(path)
        if self._key is not None:
            _connections[self._key] += 1

    def close(self) -> None:
        """Close it; doing it twice does no harm."""
        with _door:
            super().close()
            if self._key is not None:
                _connections[self._key] -= 1
                self._key = None


class Waits:
    """How long writes on a connection wait for another program that holds the file."""

    def __init__(self, connection: sqlite3.Connection, milliseconds: int) -> None:
        self._connection, self._milliseconds = connection, milliseconds
        self._once = False
        self._set(milliseconds)

    @contextlib.contextmanager
    def once(self) -> Iterator[None]:
        """In this block, after one that waited in vain, no other waits."""
        self._once = True
        try:
            yield
        finally:
            self._once = False
            self._set(self._milliseconds)

    def ran_out(self) -> None:
        """A write waited in vain."""
        if self._once:
            self._set(0)

    def _set(self, milliseconds: int) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {milliseconds}")


@contextlib.contextmanager
def waiting_at_most(seconds: float | None) -> Iterator[None]:
    """In this block a lock of another program is waited for no longer than this; None is the usual time."""
    before = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(before)


def busy_seconds() -> float:
    """How long a lock of another program is waited for."""
    patience = _patience.get()
    return BUSY_SECONDS if patience is None else patience


def connect(path: Path, mode: str = "rwc") -> CountedConnection:
    """A plain connection in autocommit mode; text that is no UTF-8 is read with replacement characters.

    Args:
        path: The file.
        mode: "rwc" makes the file if it is missing, "rw" does not, "ro" changes nothing; "ro&immutable=1" also takes
            no lock and makes no file beside it.
    """
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    with _door:
        connection = sqlite3.connect(
            uri, uri=True, timeout=busy_seconds(), isolation_level=None, factory=CountedConnection
        )
        connection.count(path)
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    return connection


def make_private(path: Path) -> None:
    """Make the file, for this user's eyes alone, if there is none; one that is there is not opened."""
    if path.exists():
        return
    with contextlib.suppress(FileExistsError):  # another program was faster
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def first_bytes(path: Path, count: int) -> bytes | None:
    """The head of the file; None if this process has a connection to it."""
    with _door:
        if _is_open_here(path):
            return None
        with path.open("rb") as file:
            return file.read(count)


@contextlib.contextmanager
def held_alone(path: Path) -> Iterator[BinaryIO | None]:
    """Hold the file as SQLite would to keep everybody else out, and give it to be read; None if there is no file.

    Nothing else in this block may open the file. No connection is made by any other thread meanwhile. On Windows no
    lock is needed: a file that anybody has open cannot be renamed there.

    Raises:
        StoreDamagedError: This process has connections to it.
        StoreBusyError: Another program has it open.
        OSError: It cannot be opened.
    """
    with _door:
        if not path.exists():
            yield None
            return
        if _is_open_here(path):
            raise StoreDamagedError(texts.STORE_DAMAGED, texts.STORE_DAMAGED_HINT)
        with path.open("r+b" if os.access(path, os.W_OK) else "rb") as file:
            if sys.platform != "win32" and file.writable():
                _lock(file)
            yield file


def copy_side_file(path: Path, side: str, copy: Path) -> None:
    """Copy the log beside a file that is held alone, if there is one."""
    source = path.with_name(path.name + side)
    if source.exists():
        shutil.copyfile(source, copy.with_name(copy.name + side))


def _lock(file: BinaryIO) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCK_LENGTH, _LOCK_START)
    except OSError as exc:
        if exc.errno in (errno.EACCES, errno.EAGAIN):
            raise StoreBusyError(texts.STORE_BUSY, texts.STORE_BUSY_HINT) from exc
        # a drive without locks: SQLite itself has none there


def _is_open_here(path: Path) -> bool:
    """Whether this process has a connection to the file, or to the one that it lies beside (an index has locks)."""
    real = Path(os.path.realpath(path))
    owners = [real.with_name(real.name.removesuffix(side)) for side in SIDE_FILES if real.name.endswith(side)]
    return any(_connections[key] > 0 for key in map(key_of, [real, *owners]) if key is not None)


def key_of(path: Path) -> tuple[int, int] | None:
    """Device and number of a file; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
