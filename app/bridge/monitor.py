"""Looks at the computer in the background while somebody wants to see it, and follows how answers are made."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.base.paths import AppPaths
from app.bridge.background import BackgroundThread, Task, TaskEvent
from app.library.values import Processor
from app.machine.monitor.history import LastMinute
from app.machine.monitor.speed import SpeedWatch
from app.machine.monitor.values import Reading, SpeedReading

if TYPE_CHECKING:
    from app.bridge.chat import ChatController
    from inference.events import BlockCommitted, PromptEncoded

END_SECONDS = 2.0  # a call that hangs in a driver is given up then

Readings = Callable[[Path, Callable[[], int | None], threading.Event], Generator[Reading, None, None]]


class Monitor(QObject):
    """What this machine does; nothing is looked at before `start`, nor after `stop`.

    Signals:
        changed: There is a new look, or news of an answer.

    Attributes:
        reading: The newest look, None before the first.
        minute: The last minute of it.
    """

    changed = Signal()

    def __init__(
        self,
        controller: ChatController,
        folder: Path,
        readings: Readings | None = None,
        parent: QObject | None = None,
    ) -> None:
        """Nothing is looked at yet.

        Args:
            controller: Whose answers are followed.
            folder: The data folder: what is known of the processor lies there, and its drive is looked at.
            readings: A stand-in for tests and pictures.
            parent: Qt's.
        """
        super().__init__(parent)
        self._controller, self._folder, self._readings = controller, folder, readings
        self._thread = BackgroundThread("monitor", self)
        self._numbers = itertools.count(1)
        self._task: Task | None = None
        self._closed = False
        self._speed = SpeedWatch()
        self.reading: Reading | None = None
        self.minute = LastMinute()
        self._thread.event_arrived.connect(self.on_event)
        answering = controller.answering
        answering.began.connect(self.on_began)
        answering.encoded.connect(self.on_encoded)
        answering.committed.connect(self.on_committed)
        answering.ended.connect(self.on_ended)

    @property
    def running(self) -> bool:
        """Whether it looks."""
        return self._task is not None

    @property
    def speed(self) -> SpeedReading:
        """How the newest answer was or is made."""
        return self._speed.reading()

    def start(self) -> None:
        """Look from now on; the minute begins anew."""
        if self._task is None and not self._closed:
            self.minute.clear()
            cancel = threading.Event()
            self._task = Task(next(self._numbers), lambda: self._looks(cancel), cancel)
            self._thread.do(self._task)

    def stop(self) -> None:
        """Nobody looks any more."""
        if self._task is not None:
            self._task.cancel.set()
            self._task = None

    def cancel_all(self) -> None:
        """The window closes."""
        self._closed = True
        self.stop()
        self._thread.close()

    def shut_down(self) -> bool:
        """End the thread; False if it did not end in time."""
        if not self._closed:
            self.cancel_all()
        return self._thread.end(END_SECONDS)

    def on_event(self, arrived: TaskEvent) -> None:
        """One more look."""
        if self._task is None or arrived.number != self._task.number:
            return
        if isinstance(arrived.event, Processor):
            self._speed.measurable = arrived.event.kernels
            self._speed.peak = arrived.event.speed.int8_peak if arrived.event.speed is not None else None
        elif isinstance(arrived.event, Reading):
            self.reading = arrived.event
            self.minute.add(arrived.event)
            self._speed.note_energy(arrived.event)
            self.changed.emit()
        else:
            self._task = None  # it ended by itself: the next `start` begins anew

    def on_began(self, ask: object) -> None:
        """A new answer."""
        self._speed.begin()
        self.changed.emit()

    def on_encoded(self, event: PromptEncoded) -> None:
        """The question was read."""
        self._take(event)

    def on_committed(self, event: BlockCommitted) -> None:
        """One more block."""
        self._take(event)
        self.changed.emit()

    def on_ended(self, message: object, finished: object) -> None:
        """The answer is complete, or was stopped, or came to nothing."""
        self._speed.end(finished)
        self.changed.emit()

    def _take(self, event: PromptEncoded | BlockCommitted) -> None:
        ready = self._controller.model.ready
        self._speed.take(event, ready.work if ready is not None else None)

    def _looks(self, cancel: threading.Event) -> Generator[Processor | Reading, None, None]:
        """Called in the thread alone: the window starts without what comes with it."""
        from app.library.processor import processor_of
        from app.machine.monitor.watch import readings

        yield processor_of(AppPaths.resolve(self._folder))
        yield from (self._readings or readings)(self._folder, self._pid, cancel)

    def _pid(self) -> int | None:
        return self._controller.model_pid
