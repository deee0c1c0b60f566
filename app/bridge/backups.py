"""The daily backup, made in a thread beside the window: a history of a gigabyte takes a while to be copied."""

from __future__ import annotations

import threading
from collections.abc import Generator
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.bridge.background import BackgroundThread, Task, TaskEnded, TaskEvent
from app.chats.history import HistoryStore

POLITE_SECONDS = 1.5  # that a copy which is stopped may take to end


class Backups(QObject):
    """Makes one at a time.

    Signals:
        problem: It could not be made (an `ErrorReport`).
    """

    problem = Signal(object)

    def __init__(self, store: HistoryStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store, self._number = store, 0
        self._thread = BackgroundThread("backups", self)
        self._thread.event_arrived.connect(self.on_event)

    @property
    def busy(self) -> bool:
        """Whether one is looked for, or made."""
        return self._thread.busy

    def make_if_due(self) -> None:
        """Make it soon, unless the newest is not a day old, or one is being made."""
        if self.busy:
            return
        cancel = threading.Event()
        self._number += 1
        self._thread.do(Task(self._number, partial(self._make, cancel), cancel))

    def close(self) -> None:
        """Stop what is made: nothing is left of it."""
        self._thread.close()

    def end(self) -> bool:
        """Wait for that; False if the thread hangs in the system and is given up."""
        return self._thread.end(POLITE_SECONDS)

    def on_event(self, arrived: TaskEvent) -> None:
        """It is made, or could not be."""
        if isinstance(arrived.event, TaskEnded) and arrived.event.report is not None:
            self.problem.emit(arrived.event.report)

    def _make(self, cancel: threading.Event) -> Generator[object, None, None]:
        yield self._store.backup_if_due(cancel.is_set)
