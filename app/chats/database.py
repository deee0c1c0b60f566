"""The SQLite file itself: how it is opened, how a write becomes durable, and whether the file is fit to be used.

The examination reads and never writes: it opens the file read-only, so that a newer or damaged one stays as it is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path

from sqlite_utils import Database

from app.base.log import get_logger
from app.chats.checkpointing import LARGE_BYTES, LAST_RESORT_PAGES
from app.chats.connections import MAGIC, connect, data_key_for, first_bytes, make_private
from app.chats.counted import CountedConnection
from app.chats.errors import CHECK_MARK, ENVIRONMENT_CODES, StoreLockedError, primary_code
from app.chats.key_file import HISTORY, copy_opens, encrypted, of_another_key
from app.chats.lock import texts as lock_texts
from app.chats.lock.keys import KEY_FILE
from app.chats.migrations import MIGRATION_SET, SCHEMA_VERSION, apply_migrations, migration_names, schema_of

_log = get_logger("store")

PLAUSIBLE_VERSIONS = 1_000
FULL_CHECK_BYTES = 16 * 1024 * 1024
ALWAYS_CHECK_BYTES = 64 * 1024 * 1024
LOG = "wal"
# What SQLite says where a log's index cannot be mapped into memory.
NO_MEMORY_CODES = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL})
# SQLite has no checksums: a changed id is no damage to it, but would hide messages. And it looks at no CHECK of a
# database that is open read-only.
_ODD_ROWS = (
    "PRAGMA foreign_key_check",
    "SELECT 1 FROM message WHERE state NOT IN ('draft', 'streaming', 'done', 'stopped', 'error')",
    "SELECT 1 FROM message WHERE role NOT IN ('system', 'user', 'assistant', 'tool')",
    """SELECT 1 FROM conversation c
       WHERE EXISTS (SELECT 1 FROM message m WHERE m.conversation_id = c.id) AND NOT EXISTS (
           SELECT 1 FROM message m WHERE m.id = c.head_message_id AND m.conversation_id = c.id)""",
)


def open_database(path: Path) -> Database:
    """The connection of the history: WAL or a rollback journal, foreign keys, deleted text overwritten with zeros.

    A drive whose files cannot be mapped into shared memory (SMB, 9p, some of FUSE) holds no log: there the file is
    written with a rollback journal.
    """
    make_private(path)
    connection = _connection_with_journal(path)
    try:
        log = (f"wal_autocheckpoint = {LAST_RESORT_PAGES}", f"journal_size_limit = {LARGE_BYTES}")
        for pragma in ("foreign_keys = ON", "secure_delete = ON", "trusted_schema = OFF", *log):
            connection.execute(f"PRAGMA {pragma}")
        return Database(connection, execute_plugins=False)
    except BaseException:
        connection.close()
        raise


def _connection_with_journal(path: Path) -> CountedConnection:
    connection = connect(path)
    try:
        try:
            mode = _journal_mode(connection)
        except sqlite3.OperationalError:  # a log that was made on another drive, perhaps
            if shares_memory(path.parent):
                raise
            connection.close()
            _leave_log(path)
            connection = connect(path)
            mode = _journal_mode(connection)
        if mode != LOG and shares_memory(path.parent):
            mode = _journal_mode(connection, LOG)
        connection.keeps_log = mode == LOG
        return connection
    except BaseException:
        connection.close()
        raise


def _journal_mode(connection: sqlite3.Connection, wanted: str = "") -> str:
    return str(connection.execute(f"PRAGMA journal_mode{' = ' if wanted else ''}{wanted}").fetchone()[0])


def _leave_log(path: Path) -> None:
    """Bring a log into its file where no memory can be shared: alone, SQLite needs none."""
    with contextlib.closing(connect(path)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _journal_mode(connection, "DELETE")


@lru_cache(maxsize=16)
def shares_memory(folder: Path) -> bool:
    """Whether a log can be kept in `folder`; tried once, on a file that is made for it."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix="probe-", dir=folder, ignore_cleanup_errors=True) as name,
            contextlib.closing(connect(Path(name) / "probe.sqlite3")) as probe,
        ):
            probe.execute("PRAGMA synchronous = OFF")
            if _journal_mode(probe, LOG) != LOG:
                return False
            probe.execute("CREATE TABLE tried (it)")
            return True
    except sqlite3.OperationalError as exc:
        _log.info("no log can be kept in the data folder: %s", exc)
        return primary_code(exc) not in NO_MEMORY_CODES
    except OSError:
        return True  # nothing can be made there: whoever writes will say so


@contextlib.contextmanager
def transaction(db: Database, *, durable: bool) -> Iterator[None]:
    """One write transaction; inside another one it is a part of it.

    It takes the write lock at once: a lock that is only asked for at the first write cannot wait for another process.

    Args:
        db: The history's connection.
        durable: Sync to the disk before returning, so that not even a power cut loses it. Without it, a crash of the
            program loses nothing either, and a power cut at most the writes since the last durable one.
    """
    if db.conn.in_transaction:
        with db.atomic():
            yield
    else:
        yield from _outer_transaction(db, durable)


def _outer_transaction(db: Database, durable: bool) -> Iterator[None]:
    logged = isinstance(db.conn, CountedConnection) and db.conn.keeps_log
    db.conn.execute(f"PRAGMA synchronous = {'NORMAL' if logged and not durable else 'FULL'}")
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.conn.execute("COMMIT")
    except BaseException:
        if db.conn.in_transaction:
            db.conn.execute("ROLLBACK")
        raise


def checkpoint(db: Database, *, truncate: bool = False) -> None:
    """Move the WAL into the file as far as readers allow; with `truncate`, empty it: no old text stays there."""
    db.conn.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if truncate else 'PASSIVE'})").fetchall()


class Health(Enum):
    """What an examination found."""

    ABSENT = "absent"
    GOOD = "good"
    OLDER = "older"
    NEWER = "newer"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Examination:
    """Result of `examine`.

    Attributes:
        health: Whether and how the file can be used.
        version: Its format, for NEWER.
        reason: What is wrong, for DAMAGED.
    """

    health: Health
    version: int = 0
    reason: str = ""


def examine(path: Path, *, whole: bool | None = None) -> Examination:
    """Look at the file without changing it.

    Args:
        path: The file.
        whole: Whether to check all pages; None checks them up to 64 MB, and beyond that once a day or if the last run
            met damage.

    Raises:
        StoreLockedError: Nobody has typed the password, or the key file is gone and its copy is not.
        sqlite3.Error: It cannot be read for a reason other than damage (locked, no permission).
        OSError: The same, from the file system.
    """
    key = data_key_for(path)
    logged = _size(path.with_name(path.name + "-wal"))  # before the file: a log is made after it
    size = _size(path)
    if size == 0:
        if logged:
            return Examination(Health.DAMAGED, reason="the file is empty and its log is not")
        return Examination(Health.ABSENT)
    header = first_bytes(path, 20) if key is None else None  # an encrypted one has none that could be read
    if header is not None and header[: len(MAGIC)] != MAGIC and path.name == HISTORY and encrypted(path.parent):
        hint = lock_texts.KEY_COPY_HINT if copy_opens(path) else lock_texts.KEY_DAMAGED_HINT
        raise StoreLockedError(lock_texts.key_gone(path.with_name(KEY_FILE)), hint)
    if key is not None and path.name == HISTORY and of_another_key(path, key):
        raise StoreLockedError(lock_texts.key_of_others(path.with_name(KEY_FILE)), lock_texts.KEY_OF_OTHERS_HINT)
    if header is not None and (header[: len(MAGIC)] != MAGIC or not {*header[18:20]} <= {1, 2}):
        return Examination(Health.DAMAGED, reason="the file is not a database")
    try:
        with contextlib.closing(open_for_reading(path)) as connection:
            found = _examine_version(connection)
            if found.health in (Health.GOOD, Health.OLDER) and (check_is_due(path, size) if whole is None else whole):
                found = _examine_pages(connection, size, found)
            return found
    except sqlite3.DatabaseError as exc:
        if primary_code(exc) in ENVIRONMENT_CODES:
            raise
        return Examination(Health.DAMAGED, reason=str(exc))
    except UnicodeDecodeError as exc:  # SQLite's message quotes the damaged schema, and Python cannot read that
        return Examination(Health.DAMAGED, reason=exc.object.decode("utf-8", "replace"))


def open_for_reading(path: Path) -> CountedConnection:
    """A connection that stands in a transaction: all that it reads was there at one moment, whoever writes meanwhile.

    1. A log that is there is read and left as it is; without one there is nothing that reading could change.
    2. Where no memory can be shared, a log can be read only by one that has the file alone.
    3. In a folder that may not be written nobody writes.

    Raises:
        sqlite3.Error: It is no database, is locked, or cannot be opened.
    """
    logged = _size(path.with_name(path.name + "-wal")) > 0
    first = "ro" if logged else "rw"
    ways = [(first, "NORMAL"), ("rw", "EXCLUSIVE")]
    if not logged and not os.access(path.parent, os.W_OK):
        ways = [(first, "NORMAL"), ("ro&immutable=1", "NORMAL")]
    for mode, locking in ways:
        connection = connect(path, mode)
        try:
            for statement in (f"PRAGMA locking_mode = {locking}", "PRAGMA cell_size_check = ON", "BEGIN"):
                connection.execute(statement)
            connection.execute("PRAGMA schema_version").fetchone()
            return connection
        except sqlite3.OperationalError as exc:
            connection.close()
            if (mode, locking) == ways[-1] or primary_code(exc) not in NO_MEMORY_CODES:
                raise
        except BaseException:
            connection.close()
            raise
    raise AssertionError("one of the ways returns or raises")


def _size(path: Path) -> int:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0
    if not stat.S_ISREG(found.st_mode):  # a pipe has no size, but is no chat file that is missing
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return found.st_size


def _examine_version(connection: sqlite3.Connection) -> Examination:
    """Compare the two witnesses of the version, the records of the migrations, and the schema itself."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    noted = _noted_version(connection)
    newest = max(version, noted or 0)
    if SCHEMA_VERSION < newest <= PLAUSIBLE_VERSIONS:  # beyond that it is no version but damage
        return Examination(Health.NEWER, version=newest)
    names = _applied(connection)
    if not names and version == 0 and not connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
        return Examination(Health.ABSENT)  # the very first start ended before it had made the tables
    if names != migration_names()[: len(names)] or not names or version != len(names) or noted != len(names):
        ours = bool(names) or noted is not None
        reason = "what it says of its format does not fit together" if ours else "it is a database of another program"
        return Examination(Health.DAMAGED, reason=reason)
    if len(names) < SCHEMA_VERSION:
        return Examination(Health.OLDER, version=version)
    found = schema_of(connection)
    wrong = [name for name, sql in expected_schema().items() if found.get(name) != sql]
    if wrong:
        return Examination(Health.DAMAGED, reason=f"its schema is damaged ({', '.join(wrong)})")
    return Examination(Health.GOOD, version=version)


def _noted_version(connection: sqlite3.Connection) -> int | None:
    try:
        row = connection.execute("SELECT value FROM app_meta WHERE key = 'schema_version'").fetchone()
        return int(row[0]) if row else None
    except (sqlite3.DatabaseError, ValueError):
        return None


def _applied(connection: sqlite3.Connection) -> tuple[str, ...]:
    try:
        rows = connection.execute(
            "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY id", [MIGRATION_SET]
        ).fetchall()
    except sqlite3.OperationalError as exc:
        if "no such table" in str(exc):
            return ()
        raise
    return tuple(str(row[0]) for row in rows)


def _examine_pages(connection: sqlite3.Connection, size: int, found: Examination) -> Examination:
    check = "integrity_check" if size <= FULL_CHECK_BYTES else "quick_check"
    lines = [str(row[0]) for row in connection.execute(f"PRAGMA {check}(3)")]
    if lines != ["ok"]:
        return Examination(Health.DAMAGED, reason="; ".join(" ".join(line.split()) for line in lines)[:500])
    odd = any(connection.execute(sql).fetchone() for sql in _ODD_ROWS)
    return Examination(Health.DAMAGED, reason="rows point to nothing or have odd values") if odd else found


def check_is_due(path: Path, size: int) -> bool:
    """Whether the next start should look at all pages; see `examine`."""
    mark = path.with_name(path.name + CHECK_MARK)
    if size <= ALWAYS_CHECK_BYTES or mark.exists():
        return True
    return not 0 <= time.time() - path.stat().st_mtime < 24 * 3600  # also after the clock was set back


@lru_cache(maxsize=1)
def expected_schema() -> dict[str, str]:
    """The schema that the migrations make."""
    with Database(memory=True, execute_plugins=False) as db:
        apply_migrations(db, "")
        return schema_of(db.conn)
