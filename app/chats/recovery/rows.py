"""Rows of a damaged table as SQLite reads them, and what makes any row fit to be written again."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from typing import Any

from app.chats import texts
from app.chats.migrations import INCOMING, JOINING
from app.chats.recovery.pages import Columns, Row

READ_ERRORS = (sqlite3.Error, MemoryError, OverflowError, ValueError)
KEYS = {
    "conversation": ("id",),
    "message": ("id", "conversation_id"),
    "generation": ("message_id",),
    "block": ("message_id", "ord"),
    "unsent": ("slot",),
    "folder": ("id",),
    "tag": ("conversation_id", "name"),
    "prompt": ("id",),
    "queued": ("id", "conversation_id"),
    "origin": ("item_id", "conversation_id"),
    "attachment": ("message_id", "digest"),
    "file_table": ("id",),
    "file_row": ("id", "table_id", "path"),
}
ALLOWED: dict[str, tuple[str, ...]] = {
    "title_source": ("user", "first_message", "default"),
    "role": ("user", "assistant", "system", "tool"),
    "state": ("stopped", "done", "error", "draft"),
}
STAND_INS: dict[str, Any] = {
    "params_json": "{}",
    "options_json": "{}",
    "extra_json": "{}",
    "questions_json": "[]",
    "cells_json": "{}",
    "body": texts.UNREADABLE_MESSAGE,
}
TYPES: dict[str, tuple[type, Any]] = {
    "TEXT": (str, ""),
    "INTEGER": (int, 0),
    "REAL": (float, 0.0),
    "BLOB": (bytes, b""),
}
TIMES = ("created_at", "updated_at", "deleted_at")
FUTURE_MS = 24 * 3600 * 1000


def readable_rows(connection: sqlite3.Connection, table: str, columns: Columns) -> Iterator[Row]:
    """The rows of a table in the order of their numbers, until SQLite meets damage, without the columns it lacks."""
    try:
        found = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        names = [name for name in columns if name in found]
        if names[:1] != ["seq"]:
            return
        last = None
        for values in connection.execute(f"SELECT {', '.join(names)} FROM {table} NOT INDEXED ORDER BY seq"):
            if last is not None and values[0] <= last:  # a damaged tree may lead round in a circle
                return
            last = values[0]
            yield dict(zip(names, values, strict=True))
    except READ_ERRORS:
        return


def fit_row(table: str, row: Row, columns: Columns) -> Row | None:
    """`row` without its number, every value of a type and range that the table takes; None if a key is missing."""
    if not all(type(row.get(key)) is TYPES[columns[key][0]][0] and row[key] != "" for key in KEYS[table]):
        return None
    if any(not isinstance(row.get(name), str | None) for name in ALLOWED if name in columns):
        return None  # of another table, whose page stands in the place of this one's
    fitted: Row = {}
    for name, (kind, required) in columns.items():
        if name == "seq":
            continue
        wanted, empty = TYPES[kind]
        value = row.get(name)
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            value = STAND_INS.get(name, empty) if required else None
        if name in ALLOWED and value not in ALLOWED[name]:
            value = ALLOWED[name][0]
        fitted[name] = value
    now = int(time.time() * 1000)
    for name in TIMES:
        value = fitted.get(name)
        if name == "deleted_at" and value in (INCOMING, JOINING):
            continue
        if value is not None and not 0 < value <= now + FUTURE_MS:
            fitted[name] = None if name == "deleted_at" else now  # in doubt a chat is not a deleted one
    return fitted
