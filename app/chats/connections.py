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
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import BinaryIO

from app.chats import texts
from app.chats.counted import CountedConnection, any_open, data_key_of_open, door
from app.chats.errors import StoreBusyError, StoreDamagedError, StoreLockedError
from app.chats.lock import texts as lock_texts
from app.chats.lock.keys import (
    COMPANION,
    ID_BYTES,
    KEY_FILE,
    DataKey,
    asked_for,
    data_folder_of,
    hold,
    key_of,
    know,
    with_id,
)

if sys.platform != "win32":
    import fcntl

BUSY_SECONDS = 5.0
MAGIC = b"SQLite format 3\x00"
SIDE_FILES = ("-wal", "-shm")
# The bytes that SQLite's own locks lie on (pending, reserved, shared): sqlite.org/lockingv3.html.
_LOCK_START, _LOCK_LENGTH = 0x40000000, 512

_patience: ContextVar[float | None] = ContextVar("patience", default=None)


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


def connect(path: Path, mode: str = "rwc", key: DataKey | None = None) -> CountedConnection:
    """A plain connection in autocommit mode; text that is no UTF-8 is read with replacement characters.

    Args:
        path: The file.
        mode: "rwc" makes the file if it is missing, "rw" does not, "ro" changes nothing; "ro&immutable=1" also takes
            no lock and makes no file beside it.
        key: What a new file outside of a locked data folder is encrypted with.

    Raises:
        StoreLockedError: See `data_key_for`.
        sqlite3.Error: It cannot be opened.
    """
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    with door:
        connection = _made(uri, data_key_for(path, key))
        connection.count(path)
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    return connection


def _made(uri: str, key: DataKey | None) -> CountedConnection:
    if key is not None:
        from app.chats.cipher import LockedConnection  # what a plain history does without

        return LockedConnection(uri, busy_seconds(), key)
    return sqlite3.connect(uri, uri=True, timeout=busy_seconds(), isolation_level=None, factory=CountedConnection)


def data_key_for(path: Path, fresh: DataKey | None = None) -> DataKey | None:
    """What the database at `path` is encrypted with, or will be if there is none yet; None for a plain one.

    `fresh` is for one that is made outside of a locked data folder.

    Raises:
        StoreLockedError: It lies in a locked data folder, and nobody has typed the password.
    """
    with door:
        if _is_open_here(path):
            return data_key_of_open(path)
        head = _head_of(path)
        if head and (known := with_id(head)) is not None:
            return known
        key = _of_folder(path)
        head = _head_of(path)  # who was asked may have finished what encrypts or decrypts it
        if not head or head == MAGIC:
            return None if head else key or fresh
        companion = path.with_name(path.name + COMPANION)
        return _asked_or_refused(companion) if companion.is_file() else key


def _of_folder(path: Path) -> DataKey | None:
    folder = data_folder_of(path)
    if folder is None:
        return None
    if (key := key_of(folder)) is None and (key := asked_for(folder / KEY_FILE)) is not None:
        hold(folder, key)
    if key is None and data_folder_of(path) is not None:  # looked at again: who was asked may have unlocked it
        raise StoreLockedError(lock_texts.LOCKED, lock_texts.LOCKED_HINT)
    return key


def _asked_or_refused(key_file: Path) -> DataKey:
    """The key of a database that lies elsewhere, with its key file beside it.

    Raises:
        StoreLockedError: Nobody knows the password.
    """
    key = asked_for(key_file)
    if key is None:
        raise StoreLockedError(lock_texts.BACKUP_OF_ANOTHER, lock_texts.BACKUP_OF_ANOTHER_HINT)
    know(key)
    return key


def _head_of(path: Path) -> bytes:
    """What a file begins with; nothing if it cannot be read, which SQLite will say."""
    if not path.is_file():
        return b""
    try:
        with path.open("rb") as file:
            return file.read(ID_BYTES)
    except OSError:
        return b""


def make_private(path: Path) -> None:
    """Make the file, for this user's eyes alone, if there is none; one that is there is not opened."""
    if path.exists():
        return
    with contextlib.suppress(FileExistsError):  # another program was faster
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def first_bytes(path: Path, count: int) -> bytes | None:
    """The head of the file; None if this process has a connection to it."""
    with door:
        if _is_open_here(path):
            return None
        with path.open("rb") as file:
            return file.read(count)


def some_pages(path: Path, size: int, most: int) -> list[bytes]:
    """Pages from all over a file, but for the first; none if this process has a connection to it.

    Raises:
        OSError: It cannot be read.
    """
    with door:
        if _is_open_here(path):
            return []
        found = []
        with path.open("rb") as file:
            count = path.stat().st_size // size
            for number in range(1, count, max(1, (count - 1) // most)):
                file.seek(number * size)
                found.append(file.read(size))
        return found


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
    with door:
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
    return any_open([real, *owners])
