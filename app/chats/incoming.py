"""What the history holds of an import that is not through, and that nobody sees.

A new chat is hidden by its mark (`INCOMING`). What a chat that is there lacks waits in a hidden chat of its own, an
*addition*: its origin names the chat, and below which of its messages those of the addition stand. When all is there
one transaction shows the new chats and marks the additions as agreed to (`JOINING`). From there on the import is done:
each addition is joined to its chat in a moment of its own, and whoever finds one that is left joins it.

An import, and whatever puts other chats in the place of all, keep each other out by one lock, and have folders of one
kind for what they lay ready: what a kill leaves of them, chats as plain text, goes with the next start.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from app.chats import texts
from app.chats.errors import StoreBusyError
from app.chats.migrations import INCOMING, JOINING

ADDITION = 2  # as `origin.kind`: of a hidden chat that holds what the chat `source_id` lacks
LOCK = "import.lock"
FOLDER_PREFIX = "import-"
BACKUP_COPY = "backup.sqlite3"


def import_lock(history: Path) -> FileLock:
    """The lock that an import holds from its first look at a file to its end."""
    return FileLock(history.with_name(LOCK), timeout=0, thread_local=False)


@contextlib.contextmanager
def without_import(history: Path) -> Iterator[None]:
    """In this block no import is at work, and none begins.

    Raises:
        StoreBusyError: One is, or other chats are put in the place of these already.
    """
    lock = import_lock(history)
    try:
        lock.acquire()
    except Timeout as exc:
        raise StoreBusyError(texts.IMPORT_AT_WORK, texts.IMPORT_AT_WORK_HINT) from exc
    except NotImplementedError:
        pass  # a drive without locks
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def copy_laid_ready(history: Path) -> Iterator[Path]:
    """Where a copy of a backup may lie in this block, beside the history and for this user's eyes alone.

    Raises:
        OSError: No folder can be made there.
    """
    with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX, dir=history.parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder) / BACKUP_COPY


def note_of_addition(below: Mapping[str, str | None], head: str | None) -> str:
    """What the origin of an addition says: the parents of its first messages, and the message that shall be shown."""
    return json.dumps({"below": dict(below), "head": head})


def agreed_additions(connection: sqlite3.Connection) -> list[str]:
    """Ids of additions that are still to be joined."""
    rows = connection.execute("SELECT id FROM conversation WHERE deleted_at = ? ORDER BY seq", [JOINING])
    return [str(row[0]) for row in rows.fetchall()]


def join(connection: sqlite3.Connection, addition: str) -> None:
    """Bring what an addition holds into its chat, within a transaction with deferred foreign keys.

    One whose chat was removed for good meanwhile goes, too.
    """
    sql = """SELECT c.id, c.head_message_id, o.extra_json FROM origin o JOIN conversation c ON c.id = o.source_id
             WHERE o.item_id = ? AND o.kind = ?"""
    row = connection.execute(sql, [addition, ADDITION]).fetchone()
    if row is None:
        _drop(connection, "id", addition)
        return
    chat, shown, note = str(row[0]), row[1], json.loads(row[2])
    for message, parent in note["below"].items():
        sql = "SELECT COALESCE(MAX(sibling_no) + 1, 0) FROM message WHERE conversation_id = ? AND parent_id IS ?"
        number = connection.execute(sql, [chat, parent]).fetchone()[0]
        sql = "UPDATE message SET conversation_id = ?, parent_id = ?, sibling_no = ? WHERE id = ?"
        connection.execute(sql, [chat, parent, number, message])
    connection.execute("UPDATE message SET conversation_id = ? WHERE conversation_id = ?", [chat, addition])
    connection.execute("UPDATE origin SET conversation_id = ? WHERE conversation_id = ? AND kind = 1", [chat, addition])
    if note["head"] is not None and _leads_to(connection, note["head"], shown):
        connection.execute("UPDATE conversation SET head_message_id = ? WHERE id = ?", [note["head"], chat])
    connection.execute("DELETE FROM conversation WHERE id = ?", [addition])


def _leads_to(connection: sqlite3.Connection, message: str, other: str | None) -> bool:
    """Whether a message stands somewhere below another one, or below nothing where that is None."""
    at: str | None = message
    seen = set[str]()
    while at is not None and at != other and at not in seen:
        seen.add(at)
        row = connection.execute("SELECT parent_id FROM message WHERE id = ?", [at]).fetchone()
        at = row[0] if row is not None else None
    return at == other


def settle(connection: sqlite3.Connection) -> None:
    """In a copy, or a file that is made anew: what was not agreed to is not there, what was is joined.

    Foreign keys may be enforced or not.
    """
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'conversation'").fetchone()
    if known is None or connection.execute("SELECT 1 FROM conversation WHERE deleted_at < 0").fetchone() is None:
        return
    connection.execute("PRAGMA defer_foreign_keys = ON")
    _drop(connection, "deleted_at", INCOMING)
    for addition in agreed_additions(connection):
        join(connection, addition)


def _drop(connection: sqlite3.Connection, column: str, value: str | int) -> None:
    chats = f"SELECT id FROM conversation WHERE {column} = ?"
    messages = f"SELECT id FROM message WHERE conversation_id IN ({chats})"
    for table in ("generation", "block", "attachment"):
        connection.execute(f"DELETE FROM {table} WHERE message_id IN ({messages})", [value])
    connection.execute(f"DELETE FROM unsent WHERE slot IN ({chats})", [value])
    for table in ("tag", "queued", "origin", "message"):
        connection.execute(f"DELETE FROM {table} WHERE conversation_id IN ({chats})", [value])
    connection.execute(f"DELETE FROM conversation WHERE {column} = ?", [value])
