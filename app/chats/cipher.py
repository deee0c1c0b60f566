"""Databases that are encrypted: connections of SQLCipher that look like those of Python's own module.

`sqlcipher3` brings a SQLite of its own, with classes and errors of its own. Everybody else in `app.chats` knows those
of `sqlite3`; so what comes from the other is translated here, and nowhere else. No file may be open through both at
once: each of the two libraries would take away the locks of the other.
"""

from __future__ import annotations

import contextlib
import importlib
import sqlite3
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Any, Literal

from app.chats.counted import CountedConnection, door
from app.chats.lock.keys import DataKey

_ERRORS = (
    "IntegrityError", "OperationalError", "ProgrammingError", "DataError", "InternalError", "NotSupportedError",
    "DatabaseError", "InterfaceError", "Error", "Warning",
)  # fmt: skip


PAGE_SIZE = 4096  # of every file that this program makes
RESERVED = 80  # bytes at the end of each page: 16 of a start value, 64 of a check
_START = 16


def decrypted_page(page: bytes, key: DataKey) -> bytes:
    """A page but the first, as SQLite knows it, whether it is sound or not (zetetic.net/sqlcipher/design)."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    body, rest = page[:-RESERVED], page[-RESERVED:]
    decryptor = Cipher(algorithms.AES(key.part("database")), modes.CBC(rest[:_START])).decryptor()
    return bytes(decryptor.update(body)) + bytes(RESERVED)


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """In this block errors of `sqlcipher3` become those of `sqlite3`, code and all."""
    module = importlib.import_module("sqlcipher3.dbapi2")
    try:
        yield
    except (module.Error, module.Warning) as exc:
        name = next(name for name in _ERRORS if isinstance(exc, getattr(module, name)))
        known: Exception = getattr(sqlite3, name)(*exc.args)
        for attribute in ("sqlite_errorcode", "sqlite_errorname"):
            if hasattr(exc, attribute):
                setattr(known, attribute, getattr(exc, attribute))
        raise known from exc


class LockedCursor(sqlite3.Cursor):
    """A cursor of SQLCipher's."""

    def __init__(self, connection: LockedConnection, inner: Any) -> None:
        super().__init__(connection)
        self._inner = inner

    @property
    def description(self) -> Any:
        """The columns."""
        return self._inner.description

    @property
    def rowcount(self) -> int:
        """Rows that were changed."""
        return int(self._inner.rowcount)

    @property
    def lastrowid(self) -> int | None:
        """The row that was inserted last."""
        found = self._inner.lastrowid
        return None if found is None else int(found)

    def execute(self, sql: str, parameters: Any = (), /) -> LockedCursor:
        """Run a statement."""
        with translated_errors():
            self._inner.execute(sql, parameters)
        return self

    def executemany(self, sql: str, parameters: Any, /) -> LockedCursor:
        """Run a statement for each of some parameters."""
        with translated_errors():
            self._inner.executemany(sql, parameters)
        return self

    def executescript(self, sql_script: str, /) -> LockedCursor:
        """Run several statements."""
        with translated_errors():
            self._inner.executescript(sql_script)
        return self

    def fetchone(self) -> Any:
        """The next row."""
        with translated_errors():
            return self._inner.fetchone()

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        """Some rows."""
        with translated_errors():
            return list(self._inner.fetchmany(size))

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        with translated_errors():
            return list(self._inner.fetchall())

    def __iter__(self) -> LockedCursor:
        return self

    def __next__(self) -> Any:
        with translated_errors():
            return next(self._inner)

    def close(self) -> None:
        """Close it."""
        with translated_errors():
            self._inner.close()


class LockedConnection(CountedConnection):
    """A connection to an encrypted database; without a key it is one of SQLCipher's to a plain one.

    It is a `sqlite3.Connection` (to an empty database in memory, which nobody uses) so that it goes wherever one does.
    """

    def __init__(self, uri: str, timeout: float, key: DataKey | None) -> None:
        """Open the file; nothing of it is read yet.

        Raises:
            sqlite3.Error: It cannot be opened.
        """
        super().__init__(":memory:", isolation_level=None, check_same_thread=False)
        module = importlib.import_module("sqlcipher3.dbapi2")
        with translated_errors():
            self._inner = module.connect(uri, uri=True, timeout=timeout, isolation_level=None)
        self.data_key = key
        try:
            self.execute("PRAGMA cipher_log_level = NONE")  # it would write to the standard error stream
            if key is not None:
                self.execute(f'PRAGMA key = "{key.of_database()}"')
            self.execute("PRAGMA temp_store = MEMORY")
        except BaseException:
            self.close()
            raise

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._inner.in_transaction)

    @property
    def total_changes(self) -> int:
        """Rows that were changed through this connection."""
        return int(self._inner.total_changes)

    @property
    def text_factory(self) -> Any:
        """What makes texts of bytes."""
        return self._inner.text_factory

    @text_factory.setter
    def text_factory(self, value: Any) -> None:
        self._inner.text_factory = value

    @property
    def row_factory(self) -> Any:
        """What makes rows."""
        return self._inner.row_factory

    @row_factory.setter
    def row_factory(self, value: Any) -> None:
        self._inner.row_factory = value

    def cursor(self, factory: Any = None) -> Any:
        """A new cursor."""
        with translated_errors():
            return LockedCursor(self, self._inner.cursor())

    def execute(self, sql: str, parameters: Any = ..., /) -> sqlite3.Cursor:
        """Run a statement."""
        with translated_errors():
            return LockedCursor(self, self._inner.execute(sql, () if parameters is ... else parameters))

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        """Run a statement for each of some parameters."""
        with translated_errors():
            return LockedCursor(self, self._inner.executemany(sql, parameters))

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        """Run several statements."""
        with translated_errors():
            return LockedCursor(self, self._inner.executescript(sql_script))

    def commit(self) -> None:
        """End the transaction."""
        with translated_errors():
            self._inner.commit()

    def rollback(self) -> None:
        """Take the transaction back."""
        with translated_errors():
            self._inner.rollback()

    def interrupt(self) -> None:
        """Break off what another thread asks."""
        self._inner.interrupt()

    def create_function(
        self, name: str, narg: int, func: Callable[..., Any] | None, *, deterministic: bool = False
    ) -> None:
        """Make a function of ours one of SQL's."""
        with translated_errors():
            self._inner.create_function(name, narg, func)

    def set_progress_handler(self, progress_handler: Callable[[], Any] | None, n: int, /) -> None:
        """Ask a function every `n` steps whether to go on."""
        self._inner.set_progress_handler(progress_handler, n)

    def set_trace_callback(self, trace_callback: Callable[[str], object] | None, /) -> None:
        """Tell a function of every statement."""
        self._inner.set_trace_callback(trace_callback)

    def backup(
        self,
        target: sqlite3.Connection,
        *,
        pages: int = -1,
        progress: Callable[[int, int, int], object] | None = None,
        name: str = "main",
        sleep: float = 0.25,
    ) -> None:
        """Copy the pages to another encrypted database; between an encrypted and a plain one SQLCipher refuses that."""
        if not isinstance(target, LockedConnection):
            raise sqlite3.NotSupportedError("pages go between encrypted databases only")
        with translated_errors():
            self._inner.backup(target._inner, pages=pages, progress=progress, name=name, sleep=sleep)

    def iterdump(self, *_: Any, **__: Any) -> Generator[str, None, None]:
        """Nothing of ours writes an encrypted database out as text."""
        raise sqlite3.NotSupportedError("an encrypted database is not written out as text")

    def close(self) -> None:
        """Close it; doing it twice does no harm."""
        with door:
            with translated_errors():
                self._inner.close()
            super().close()

    def __enter__(self) -> LockedConnection:
        with translated_errors():
            self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None, /
    ) -> Literal[False]:
        with translated_errors():
            self._inner.__exit__(kind, value, trace)
        return False
