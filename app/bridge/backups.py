"""Backups, made and purged in a thread beside the window, and looks through the chat file: a gigabyte takes a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.bridge.background import BackgroundThread, Task, TaskEnded, TaskEvent
from app.chats.history import HistoryStore

FIRST_CHECK_SECONDS = 3_000.0  # a start looks itself
CHECK_SECONDS = 86_400.0
POLITE_SECONDS = 1.5  # that a copy which is stopped may take to end


@dataclass(frozen=True, slots=True)
class _Purged:
    """So many backups held chats that are removed from them now."""

    count: int


class Backups(QObject):
    """Does one thing at a time.

    Signals:
        problem: It could not be done, or the file is damaged (an `ErrorReport`).
        purged: From how many backups chats were removed.
    """

    problem = Signal(object)
    purged = Signal(int)

    def __init__(self, store: HistoryStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store, self._number = store, 0
        self._check_at = time.monotonic() + FIRST_CHECK_SECONDS
        self._thread = BackgroundThread("backups", self)
        self._thread.event_arrived.connect(self.on_event)

    @property
    def busy(self) -> bool:
        """Whether one is looked for, or made."""
        return self._thread.busy

    def make_if_due(self) -> None:
        """Make it soon, unless the newest is not a day old, or one is being made."""
        if not self.busy:
            self._do(self._make)

    def check_if_due(self) -> None:
        """Look through the chat file soon, once a day; `problem` follows if there is damage."""
        if time.monotonic() >= self._check_at:
            self._check_at = time.monotonic() + CHECK_SECONDS
            self._do(self._check)

    def purge(self, chats: Sequence[str]) -> None:
        """Remove chats from all backups; `purged` or `problem` follows."""
        self._do(partial(self._purge, tuple(chats)))

    def close(self) -> None:
        """Stop what is made: nothing is left of it."""
        self._thread.close()

    def end(self) -> bool:
        """Wait for that; False if the thread hangs in the system and is given up."""
        return self._thread.end(POLITE_SECONDS)

    def on_event(self, arrived: TaskEvent) -> None:
        """It is done, or could not be."""
        if isinstance(arrived.event, _Purged):
            self.purged.emit(arrived.event.count)
        if isinstance(arrived.event, TaskEnded) and arrived.event.report is not None:
            self.problem.emit(arrived.event.report)

    def _do(self, work: Callable[[threading.Event], Generator[object, None, None]]) -> None:
        cancel = threading.Event()
        self._number += 1
        self._thread.do(Task(self._number, partial(work, cancel), cancel))

    # -- in the thread ----------------------------------------------------------------------------------------------

    def _check(self, cancel: threading.Event) -> Generator[object, None, None]:
        self._store.check_pages(cancel.is_set)
        yield None

    def _purge(self, chats: tuple[str, ...], cancel: threading.Event) -> Generator[object, None, None]:
        yield _Purged(self._store.purge_backups(chats, cancel.is_set))

    def _make(self, cancel: threading.Event) -> Generator[object, None, None]:
        yield self._store.backup_if_due(cancel.is_set)
