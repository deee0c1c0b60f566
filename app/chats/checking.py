"""The chat file is looked through in quiet moments: damage is told before something is needed that it hit."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from app.base.errors import StoppedError
from app.chats import texts
from app.chats.backup import STEPS
from app.chats.database import open_for_reading
from app.chats.errors import StoreDamagedError, mark_for_check, translated


def check_pages(path: Path, stopped: Callable[[], bool]) -> None:
    """SQLite's `quick_check` through a connection of its own, in any thread; who writes meanwhile is not kept from it.

    Raises:
        StoppedError: It was stopped.
        StoreDamagedError: Something is wrong; the next start recovers what can be read.
        StoreError: It cannot be read now.
    """
    try:
        lines = _lines(path, stopped)
    except StoreDamagedError as exc:
        raise StoreDamagedError(texts.STORE_DAMAGE_SEEN, texts.STORE_DAMAGE_SEEN_HINT, str(exc.__cause__)) from exc
    if lines != ["ok"]:
        mark_for_check(path)
        reason = "; ".join(" ".join(line.split()) for line in lines)[:500]
        raise StoreDamagedError(texts.STORE_DAMAGE_SEEN, texts.STORE_DAMAGE_SEEN_HINT, reason)


def _lines(path: Path, stopped: Callable[[], bool]) -> list[str]:
    with translated(path), contextlib.closing(open_for_reading(path)) as connection:
        connection.set_progress_handler(stopped, STEPS)
        try:
            return [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
        except sqlite3.OperationalError:
            if stopped():
                raise StoppedError from None
            raise
