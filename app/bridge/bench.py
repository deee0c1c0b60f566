"""The benchmark, seen from the window: one at a time, in the background."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.base.errors import KnownAppError
from app.bridge.background import BackgroundThread, Task, TaskEnded, TaskEvent
from app.machine.bench import texts
from app.machine.bench.values import BenchPlan, BenchReport, BenchStep

if TYPE_CHECKING:
    from app.library.answering import ModelChoice
    from app.library.services import LibraryServices

END_SECONDS = 8.0  # a model process that is loading gets some of them

Measuring = Callable[[threading.Event], Generator[BenchStep | BenchReport, None, None]]


class Benchmark(QObject):
    """Measures a model of this computer, by every backend there is; nothing is sent anywhere.

    Signals:
        stepped: A `BenchStep`.
        ended: The `BenchReport`, None if there is none; and an `ErrorReport` if something went wrong, else None.
    """

    stepped = Signal(object)
    ended = Signal(object, object)

    def __init__(self, services: LibraryServices, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._numbers = itertools.count(1)
        self._thread = BackgroundThread("benchmark", self)
        self._thread.event_arrived.connect(self.on_event)
        self._task: Task | None = None
        self._report: BenchReport | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """Whether it measures."""
        return self._task is not None

    def start(self, choice: ModelChoice, plan: BenchPlan) -> None:
        """Measure a model; nothing happens while another measurement goes on."""
        self.run(lambda cancel: self._measuring(choice, plan, cancel))

    def run(self, measuring: Measuring) -> None:
        """The same with a measurement that somebody brings."""
        if self._task is None and not self._closed:
            cancel = threading.Event()
            self._report = None
            self._task = Task(next(self._numbers), lambda: measuring(cancel), threading.Event())
            self._cancel = cancel
            self._thread.do(self._task)

    def stop(self) -> None:
        """End soon; what was measured until then is reported."""
        if self._task is not None:
            self._cancel.set()

    def cancel_all(self) -> None:
        """The window closes."""
        self._closed = True
        if self._task is not None:
            self._cancel.set()
        self._thread.close()

    def shut_down(self) -> bool:
        """End the thread; False if it did not end in time."""
        if not self._closed:
            self.cancel_all()
        return self._thread.end(END_SECONDS)

    def on_event(self, arrived: TaskEvent) -> None:
        """News of the measurement."""
        if self._closed or self._task is None or arrived.number != self._task.number:
            return
        match arrived.event:
            case BenchStep() as step:
                self.stepped.emit(step)
            case BenchReport() as report:
                self._report = report
            case TaskEnded(_, trouble):
                self._task = None
                self.ended.emit(self._report, trouble)

    def _measuring(
        self, choice: ModelChoice, plan: BenchPlan, cancel: threading.Event
    ) -> Generator[BenchStep | BenchReport, None, None]:
        """Called in the thread alone: the window starts without what comes with it."""
        from app.machine.bench.service import Asked, whole_benchmark
        from app.machine.bench.values import BACKENDS

        if choice.server is not None:
            raise KnownAppError(texts.ON_A_SERVER, texts.ON_A_SERVER_HINT)
        backends = BACKENDS if choice.folder is not None else (choice.backend,)
        asked = Asked(choice.folder, choice.name, backends, plan=plan)
        return whole_benchmark(asked, self._services, cancel)
