"""How answers were written, step by step, kept beside the chats so that they can be replayed.

One SQLite file of its own: what is in it is large, can be done without, and is no part of backups. It holds at most so
many bytes; the oldest answers' recordings go first, the answers stay. A file that is damaged is begun anew, and what
cannot be stored is left out: neither is worth a word to the user, who loses no text by it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from app.base.log import get_logger
from app.chats.connections import SIDE_FILES, connect, make_private

MEGABYTE = 1_000_000
_WAIT_MS = 100
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS recording (seq INTEGER PRIMARY KEY, message_id TEXT NOT NULL, block INTEGER NOT NULL,"
    " data BLOB NOT NULL, UNIQUE (message_id, block)) STRICT"
)

_log = get_logger("chats")


class Recordings:
    """Traces of blocks (`inference.traces`), by answer; used in the window's thread."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened before it is needed; a file that cannot be used at all keeps nothing."""
        self._path = path
        self._sizes: dict[str, int] = {}
        self._db: sqlite3.Connection | None = None
        self._opened = False

    def _use(self) -> sqlite3.Connection | None:
        """The connection, made at the first time; None if the file cannot be used."""
        if self._opened:
            return self._db
        self._opened = True
        for _ in range(2):
            try:
                self._open()
                break
            except sqlite3.DatabaseError as exc:
                self._end()
                _log.info("recordings: %s", exc)
                if isinstance(exc, sqlite3.OperationalError):  # it is held, or the drive is not there
                    break
                self._remove()
            except OSError as exc:
                _log.info("recordings: %s", exc)
                break
        return self._db

    def _open(self) -> None:
        make_private(self._path)
        self._db = db = connect(self._path)
        db.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
        db.execute("PRAGMA auto_vacuum = FULL")
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(_SCHEMA)
        rows = db.execute("SELECT message_id, SUM(length(data)) FROM recording GROUP BY message_id ORDER BY MIN(seq)")
        self._sizes = {str(message_id): int(size) for message_id, size in rows}

    def _remove(self) -> None:
        for side in ("", "-journal", *SIDE_FILES):
            with contextlib.suppress(OSError):
                self._path.with_name(self._path.name + side).unlink()

    def close(self) -> None:
        """Close the file; nothing is kept from here on."""
        self._opened = True
        self._end()

    def _end(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    @property
    def size(self) -> int:
        """Bytes of all recordings."""
        self._use()
        return sum(self._sizes.values())

    def has(self, message_id: str) -> bool:
        """Whether there is one of this answer."""
        self._use()
        return message_id in self._sizes

    def size_of(self, message_id: str) -> int:
        """Bytes of an answer's recording."""
        return self._sizes.get(message_id, 0)

    def keep(self, message_id: str, block: int, data: bytes, most: int) -> None:
        """Keep the recording of a block, in the place of one that the block has, and no more than `most` bytes of all.

        Args:
            message_id: The answer.
            block: Its number in the answer, from 0.
            data: Its trace; b"" is none.
            most: Bytes that all of them may take.
        """
        if not data or len(data) > most:
            return
        with self._changing() as db:
            if db is None:
                return
            sql = "SELECT length(data) FROM recording WHERE message_id = ? AND block = ?"
            before = db.execute(sql, [message_id, block]).fetchone()
            sql = "INSERT OR REPLACE INTO recording (message_id, block, data) VALUES (?, ?, ?)"
            db.execute(sql, [message_id, block, data])
            self._sizes[message_id] = self.size_of(message_id) + len(data) - (before[0] if before else 0)
        self.trim(most, message_id)

    def read(self, message_id: str) -> tuple[bytes, ...]:
        """The traces of an answer's blocks, in order."""
        found: list[bytes] = []
        with self._changing() as db:
            if db is not None:
                sql = "SELECT data FROM recording WHERE message_id = ? ORDER BY block"
                found += [bytes(row[0]) for row in db.execute(sql, [message_id])]
        return tuple(found)

    def trim(self, most: int, but: str = "") -> None:
        """Drop the oldest answers' recordings until all take `most` bytes; that of answer `but` stays."""
        left = self.size
        gone: list[str] = []
        for message_id, size in self._sizes.items():
            if left <= most:
                break
            if message_id != but:
                gone.append(message_id)
                left -= size
        self._drop(gone)

    def keep_only(self, known: Callable[[Collection[str]], set[str]]) -> None:
        """Drop recordings of answers that are gone; `known` says which of some ids are still there."""
        ids = list(self._sizes)
        there = known(ids)
        self._drop([message_id for message_id in ids if message_id not in there])

    def _drop(self, message_ids: list[str]) -> None:
        if not message_ids:
            return
        with self._changing() as db:
            if db is not None:
                db.executemany("DELETE FROM recording WHERE message_id = ?", [[each] for each in message_ids])
                for each in message_ids:
                    self._sizes.pop(each, None)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection | None]:
        try:
            yield self._use()
        except sqlite3.Error as exc:
            _log.info("recordings: %s", exc)
