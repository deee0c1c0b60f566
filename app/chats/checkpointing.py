"""Moving the log into the history's file, in a thread of its own: that waits for the disk, and the window must not."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

from app.base.log import get_logger
from app.chats.connections import connect

LARGE_BYTES = 16_000_000  # of the log, above which it is emptied whatever was written
# Pages of the log at which SQLite itself empties it, in the thread that writes: only if nobody else can.
LAST_RESORT_PAGES = 16_384
END_SECONDS = 2.0  # that closing waits for a disk

_log = get_logger("store")


class Checkpointer:
    """Empties the log of one history whenever it is asked to; it has a thread only while there is something to do.

    What is not moved, since a disk is full or another program reads, stays in the log, where nothing is lost: whoever
    writes next hears of the disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log_path = path.with_name(path.name + "-wal")
        self._lock = threading.Lock()
        self._asked = False
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Empty the log if it has become large."""
        with contextlib.suppress(OSError):  # no log
            if self._log_path.stat().st_size > LARGE_BYTES:
                self.begin()

    def begin(self) -> None:
        """Empty the log; comes back at once."""
        with self._lock:
            self._asked = True
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="history log", daemon=True)
                with contextlib.suppress(RuntimeError):  # no room for one more: the log stays as it is
                    thread.start()
                    self._thread = thread

    def rest(self) -> None:
        """Wait until no thread of this holds the file any more."""
        with self._lock:
            self._asked, thread = False, self._thread
        if thread is not None:
            thread.join(END_SECONDS)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._asked:
                    self._thread = None
                    return
                self._asked = False
            try:
                with contextlib.closing(connect(self._path, "rw")) as connection:
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except (OSError, sqlite3.Error) as exc:
                _log.info("the log stays as it is: %s", exc)
