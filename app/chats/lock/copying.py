"""All rows of one database into another: where one is encrypted and the other is not, SQLite copies no pages."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from app.base.errors import StoppedError

_ROWS = 500
_PRAGMAS = ("user_version", "application_id")


def copy_rows(source: sqlite3.Connection, target: sqlite3.Connection, stopped: Callable[[], bool]) -> None:
    """Copy tables, rows, indexes, triggers and the version into an empty database, in one transaction.

    Raises:
        StoppedError: `stopped` said so.
        sqlite3.Error: One cannot be read, or the other not be written.
    """
    vacuum = int(source.execute("PRAGMA auto_vacuum").fetchone()[0])
    target.execute(f"PRAGMA auto_vacuum = {vacuum}")
    target.execute("PRAGMA foreign_keys = OFF")
    target.execute("BEGIN IMMEDIATE")
    known = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    for name, sql in source.execute(f"{known} AND type = 'table' ORDER BY rowid").fetchall():
        target.execute(sql)
        _copy_table(source, target, str(name), stopped)
    for _, sql in source.execute(f"{known} AND type <> 'table' ORDER BY rowid").fetchall():
        target.execute(sql)
    target.execute("COMMIT")
    for pragma in _PRAGMAS:
        value = int(source.execute(f"PRAGMA {pragma}").fetchone()[0])
        target.execute(f"PRAGMA {pragma} = {value}")


def _copy_table(source: sqlite3.Connection, target: sqlite3.Connection, name: str, stopped: Callable[[], bool]) -> None:
    table = '"' + name.replace('"', '""') + '"'
    rows = source.execute(f"SELECT * FROM {table}")
    marks = ", ".join("?" * len(rows.description))
    while some := rows.fetchmany(_ROWS):
        if stopped():
            raise StoppedError
        target.executemany(f"INSERT INTO {table} VALUES ({marks})", some)
