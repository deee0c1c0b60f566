"""SIGTERM and SIGINT, brought into Qt's event loop: the program ends as if its window was closed."""

from __future__ import annotations

import contextlib
import signal
import socket
from types import FrameType
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier, Signal


class SignalWatch(QObject):
    """Watches for the system's wish to end the program.

    Python runs its handlers only between its own instructions, and Qt's event loop runs none; a socket that the
    interpreter writes to when a signal comes wakes the loop.

    Signals:
        arrived: The program shall end.
    """

    arrived = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._old_fd = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._old: dict[int, Any] = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            self._old[number] = signal.signal(number, self._handle)
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self.on_woken)

    def on_woken(self) -> None:
        """In the event loop: a signal came."""
        with contextlib.suppress(BlockingIOError):
            if any(number in self._old for number in self._read.recv(64)):
                self.arrived.emit()

    def stop(self) -> None:
        """Put everything back as it was."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._old_fd)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        self._read.close()
        self._write.close()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """Nothing: the wake-up socket carries the news."""
