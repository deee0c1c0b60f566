"""Errors of the history. SQLite's error codes become one clear sentence here and nowhere else."""

from __future__ import annotations

import contextlib
import errno
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from app.base.errors import KnownAppError
from app.base.log import get_logger
from app.chats import texts

_log = get_logger("store")

DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
ENVIRONMENT_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    }
)
CHECK_MARK = ".check"
SHARED_BYTES = 32 * 1024  # what SQLite adds at a time to the memory that it shares
_importing: set[Path] = set()


class StoreError(KnownAppError):
    """The history cannot be opened, read or written; nothing that is in memory is lost."""


class NewerDatabaseError(StoreError):
    """A newer version of the program wrote the file. It was not touched."""


class StoreFullError(StoreError):
    """No space is left on the disk."""


class StoreBusyError(StoreError):
    """Another program has held a lock for too long."""


class StoreReadOnlyError(StoreError):
    """The file or its folder may not be written, or cannot be opened."""


class StoreDamagedError(StoreError):
    """The file turned out to be damaged while it was open; the next start recovers it."""


class StoreLockedError(StoreError):
    """The chats are locked, and nobody has typed the password."""


class StoreGoneError(StoreError):
    """The file was deleted, moved or replaced while it was open: what is written would be lost."""


class ChatGoneError(StoreError, KeyError):
    """There is no chat, or no message, of this id; another program may have removed it."""

    def __init__(self, user_text: str = texts.CHAT_GONE, hint: str = texts.CHAT_GONE_HINT) -> None:
        super().__init__(user_text, hint)

    def __str__(self) -> str:
        return f"{self.user_text} {self.hint}"


def primary_code(exc: sqlite3.Error) -> int:
    """SQLite's primary result code of `exc`, 0 if it has none."""
    return (getattr(exc, "sqlite_errorcode", 0) or 0) & 0xFF


def is_damage(exc: sqlite3.Error) -> bool:
    """Whether `exc` says that the file is damaged or is no database."""
    return primary_code(exc) in DAMAGE_CODES


def store_error_from_sqlite(exc: sqlite3.Error, path: Path) -> StoreError:
    """The sentence for an error of SQLite."""
    match primary_code(exc):
        case sqlite3.SQLITE_FULL:
            return StoreFullError(texts.STORE_FULL, texts.STORE_FULL_HINT)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            if path.absolute() in _importing:
                return StoreBusyError(texts.STORE_IMPORTING, texts.STORE_IMPORTING_HINT)
            return StoreBusyError(texts.STORE_BUSY, texts.STORE_BUSY_HINT)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StoreReadOnlyError(texts.STORE_READ_ONLY, texts.store_not_writable_hint(path))
        case sqlite3.SQLITE_CANTOPEN:
            return StoreReadOnlyError(texts.store_not_opened(path), texts.store_not_writable_hint(path))
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreDamagedError(texts.STORE_DAMAGED, texts.STORE_DAMAGED_HINT)
        case _:
            return StoreError(texts.store_failed(str(exc)), texts.STORE_FAILED_HINT)


@contextlib.contextmanager
def held_by_import(path: Path) -> Iterator[None]:
    """In this block an import of this process holds the file: whoever waits in vain for it is told so."""
    _importing.add(path.absolute())
    try:
        yield
    finally:
        _importing.discard(path.absolute())


def store_error_from_os(exc: OSError, path: Path) -> StoreError:
    """The sentence for an error of the file system."""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFullError(texts.STORE_FULL, texts.STORE_FULL_HINT)
    if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreReadOnlyError(texts.STORE_READ_ONLY, texts.store_not_writable_hint(path))
    if exc.errno == errno.EINVAL and path.exists() and not path.is_file():
        return StoreReadOnlyError(texts.store_no_file(path), texts.STORE_NO_FILE_HINT)
    return StoreReadOnlyError(texts.store_not_opened(path), texts.store_not_writable_hint(path))


def mark_for_check(path: Path) -> None:
    """The next start looks at the whole file, however large it is."""
    with contextlib.suppress(OSError):
        path.with_name(path.name + CHECK_MARK).touch()


@contextlib.contextmanager
def translated(path: Path, full: tuple[str, str] | None = None) -> Iterator[None]:
    """Turn errors of SQLite and the file system into `StoreError`; leave a mark if they mean damage.

    `full` is the sentence and the hint for a disk that is full, where no chat of a window is being saved.

    The mark makes the next start look at the whole file, however large it is. Misuse of the API
    (`sqlite3.ProgrammingError`, for one a call from another thread) is a bug and passes through.
    """
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise
    except sqlite3.Error as exc:
        _log.info("sqlite: %s", exc)
        if is_damage(exc):
            mark_for_check(path)
        raise _of_its_own(store_error_from_sqlite(exc, path), full) from exc
    except UnicodeDecodeError as exc:  # see `app.chats.database.examine`
        mark_for_check(path)
        raise StoreDamagedError(texts.STORE_DAMAGED, texts.STORE_DAMAGED_HINT) from exc
    except OSError as exc:
        raise _of_its_own(store_error_from_os(exc, path), full) from exc


@contextlib.contextmanager
def only_read(path: Path) -> Iterator[None]:
    """In this block nothing of the chats shall be saved: sentences that speak of that become those about reading.

    SQLite wants some room for a reader, too, and names another reason now and then where a full disk has none.
    """
    try:
        yield
    except StoreError as exc:
        if (said := _of_reading(exc, path)) is exc:
            raise
        raise said from exc


def _of_reading(exc: StoreError, path: Path) -> StoreError:
    cause = exc.__cause__
    failed = isinstance(cause, sqlite3.Error) and not is_damage(cause) and not isinstance(exc, StoreFullError)
    if exc.user_text == texts.STORE_FULL or (failed and has_no_room(path.parent)):
        return StoreFullError(texts.READ_FULL, texts.READ_FULL_HINT)
    if exc.user_text == texts.STORE_READ_ONLY:
        return StoreReadOnlyError(texts.READ_REFUSED, exc.hint)
    if exc.user_text == texts.STORE_BUSY:
        return StoreBusyError(texts.READ_BUSY, exc.hint)
    if exc.user_text == texts.store_failed(str(cause)):
        return StoreError(texts.not_read(str(cause)), exc.hint)
    return exc


def has_no_room(folder: Path) -> bool:
    """Whether the disk of a folder has not even the room that SQLite shares among those who have a file open."""
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free < SHARED_BYTES
    return False


def _of_its_own(error: StoreError, full: tuple[str, str] | None) -> StoreError:
    return StoreFullError(*full) if full is not None and isinstance(error, StoreFullError) else error
