"""Models of servers, seen from the window: a question at a time, in a thread of its own, given up at any moment."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator

from PySide6.QtCore import QObject, Signal

from app.base.errors import ErrorReport
from app.bridge.background import BackgroundThread, Task, TaskEnded, TaskEvent
from app.library.services import LibraryServices
from app.server.remote.values import ServerFound

END_SECONDS = 3.0


class ServerModels(QObject):
    """Asks servers which models they have.

    Signals:
        found: A `ServerFound`.
        refused: An `ErrorReport`: there is no answer.
    """

    found = Signal(object)
    refused = Signal(object)

    def __init__(self, services: LibraryServices, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._numbers = itertools.count(1)
        self._thread = BackgroundThread("server models", self)
        self._thread.event_arrived.connect(self.on_event)
        self._task: Task | None = None

    def ask(self, address: str, key: str) -> None:
        """Ask a server; a question before it is given up."""
        self.give_up()
        cancel = threading.Event()

        def start() -> Generator[object, None, None]:
            from app.server.remote.tasks import find_models

            return find_models(self._services, address, key, cancel)

        self._task = Task(next(self._numbers), start, cancel)
        self._thread.do(self._task)

    def give_up(self) -> None:
        """Nobody waits any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel.set()

    def cancel_all(self) -> None:
        """The window closes."""
        self.give_up()
        self._thread.close()

    def shut_down(self) -> bool:
        """Wait for that; False if the thread did not end in time."""
        return self._thread.end(END_SECONDS)

    def on_event(self, arrived: TaskEvent) -> None:
        """News of the newest question."""
        if self._task is None or arrived.number != self._task.number:
            return
        match arrived.event:
            case ServerFound() as found:
                self.found.emit(found)
            case TaskEnded(stopped=stopped, report=report):
                self._task = None
                if isinstance(report, ErrorReport) and not stopped:
                    self.refused.emit(report)
