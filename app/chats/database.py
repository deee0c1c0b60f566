"""The SQLite file itself: how it is opened, how a write becomes durable, and whether the file is fit to be used.

The examination reads and never writes: it opens the file read-only, so that a newer or damaged one stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path

from sqlite_utils import Database

from app.chats.errors import CHECK_MARK, ENVIRONMENT_CODES, primary_code
from app.chats.migrations import MIGRATION_SET, SCHEMA_VERSION, apply_migrations, migration_names, schema_of

MAGIC = b"SQLite format 3\x00"
BUSY_SECONDS = 5.0
PLAUSIBLE_VERSIONS = 1_000
FULL_CHECK_BYTES = 16 * 1024 * 1024
ALWAYS_CHECK_BYTES = 64 * 1024 * 1024
SIDE_FILES = ("-wal", "-shm")
# SQLite has no checksums: a changed id is no damage to it, but would hide messages. And it looks at no CHECK of a
# database that is open read-only.
_ODD_ROWS = (
    "PRAGMA foreign_key_check",
    "SELECT 1 FROM message WHERE state NOT IN ('draft', 'streaming', 'done', 'stopped', 'error')",
    "SELECT 1 FROM message WHERE role NOT IN ('system', 'user', 'assistant')",
    """SELECT 1 FROM conversation c
       WHERE EXISTS (SELECT 1 FROM message m WHERE m.conversation_id = c.id) AND NOT EXISTS (
           SELECT 1 FROM message m WHERE m.id = c.head_message_id AND m.conversation_id = c.id)""",
)


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A plain connection in autocommit mode; text that is no UTF-8 is read with replacement characters.

    Args:
        path: The file.
        read_only: Change nothing. Without a log beside it nobody has the file open, and then not even a log is made.
    """
    mode = "rwc"
    if read_only:
        mode = "ro" if path.with_name(path.name + "-wal").exists() else "ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    return connection


def open_database(path: Path) -> Database:
    """The connection of the history: WAL, foreign keys, deleted text overwritten with zeros."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # chats are for this user's eyes
    connection = connect(path)
    try:
        for pragma in ("journal_mode = WAL", "foreign_keys = ON", "secure_delete = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        return Database(connection, execute_plugins=False)
    except BaseException:
        connection.close()
        raise


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
    db.conn.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
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
    db.conn.execute("PRAGMA busy_timeout = 200")
    try:
        db.conn.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if truncate else 'PASSIVE'})").fetchall()
    finally:
        db.conn.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")


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
        sqlite3.Error: It cannot be read for a reason other than damage (locked, no permission).
        OSError: The same, from the file system.
    """
    wal = path.with_name(path.name + "-wal")
    size = path.stat().st_size if path.exists() else 0
    if size == 0:
        if wal.exists() and wal.stat().st_size:
            return Examination(Health.DAMAGED, reason="the file is empty and its log is not")
        return Examination(Health.ABSENT)
    with path.open("rb") as file:
        header = file.read(20)
    if header[: len(MAGIC)] != MAGIC or not {*header[18:20]} <= {1, 2}:
        return Examination(Health.DAMAGED, reason="the file is not a database")
    logged = wal.exists()
    found = _examine_content(path, size, whole)
    if found.health is Health.DAMAGED and wal.exists() and not logged:  # someone opened it meanwhile
        found = _examine_content(path, size, whole)
    return found


def _examine_content(path: Path, size: int, whole: bool | None) -> Examination:
    connection = connect(path, read_only=True)
    try:
        connection.execute("PRAGMA cell_size_check = ON")
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
    finally:
        connection.close()


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
        reason = f"its format is unclear ({version}, {noted}, {len(names)} migrations)"
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
    return time.time() - path.stat().st_mtime > 24 * 3600


@lru_cache(maxsize=1)
def expected_schema() -> dict[str, str]:
    """The schema that the migrations make."""
    with Database(memory=True, execute_plugins=False) as db:
        apply_migrations(db, "")
        return schema_of(db.conn)
