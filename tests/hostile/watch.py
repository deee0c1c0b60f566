"""How the window's event loop and memory are doing: a heartbeat, and what the process weighs.

A stall is the time for which no beat could come, less the time for which the thread, or the thread that it may have
waited for, was ready to run and got no processor: a busy machine is not the program's fault (Linux's `schedstat`;
elsewhere only the thread's own processor time counts).
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil
from PySide6.QtCore import QObject, Qt, QTimer

BEAT_MS = 10
LATE_SECONDS = 0.12  # when the thread's stack is looked at
LOOK_SECONDS = 0.03
MOST_CALLS = 8
MEGABYTE = 1_000_000
_TASKS = Path("/proc/self/task")


@dataclass
class Readings:
    """What was seen since the last `start`.

    Attributes:
        stall: Longest stall in milliseconds.
        where: What the thread did at the time of the longest lateness, innermost call first.
    """

    stall: float = 0.0
    where: list[str] = field(default_factory=list)


class Heartbeat(QObject):
    """Beats in the thread that it is made in; a second thread looks at that one's stack when a beat is late."""

    def __init__(self) -> None:
        super().__init__()
        self.readings = Readings()
        self.beats = 0
        self._ident = threading.get_ident()
        self._native = str(threading.get_native_id())
        self._frames: list[str] = []
        self._last, self._cpu, self._delays = time.monotonic(), time.thread_time(), run_delays()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self.on_beat)
        self._timer.start()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="stack watch", daemon=True)
        self._watcher.start()

    def start(self) -> None:
        """Forget what was seen; the next gap begins now."""
        self.readings = Readings()
        self.skip()

    def skip(self) -> None:
        """What was done since the last beat does not count; the next gap begins now."""
        self._frames = []
        self._last, self._cpu, self._delays = time.monotonic(), time.thread_time(), run_delays()

    def stop(self) -> None:
        """No beats any more."""
        self._timer.stop()
        self._over.set()
        self._watcher.join()

    def on_beat(self) -> None:
        """Measure the gap."""
        now, cpu, delays = time.monotonic(), time.thread_time(), run_delays()
        gap = now - self._last - BEAT_MS / 1000
        if delays:
            waited = {thread: delay - self._delays.get(thread, 0.0) for thread, delay in delays.items()}
            gap -= waited.pop(self._native, 0.0) + max(waited.values(), default=0.0)
        else:
            gap = min(gap, cpu - self._cpu)
        gap = max(gap, cpu - self._cpu - BEAT_MS / 1000)
        if gap * 1000 > self.readings.stall:
            self.readings = Readings(gap * 1000, self._frames)
        self._frames = []
        self._last, self._cpu, self._delays = now, cpu, delays
        self.beats += 1

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            if time.monotonic() - self._last > LATE_SECONDS and not self._frames:
                self._frames = calls_of(sys._current_frames().get(self._ident))


def calls_of(frame: FrameType | None) -> list[str]:
    """What a thread is doing, innermost call first; no source is read for it."""
    found = []
    while frame is not None and len(found) < MOST_CALLS:
        code = frame.f_code
        found.append(f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return found


def run_delays() -> dict[str, float]:
    """Seconds for which each thread of this process was ready and got no processor; {} where that is not told."""
    found = {}
    try:
        for task in os.listdir(_TASKS):
            with open(_TASKS / task / "schedstat", encoding="ascii") as file:
                found[task] = int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return {}
    return found


class Peak:
    """The most memory that this process had since `start`, in MB."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.start()

    def start(self) -> None:
        """From now on."""
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def megabytes(self) -> float:
        """The peak where the system keeps one, else what it has now."""
        try:
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024 / MEGABYTE
        except (OSError, ValueError):
            pass
        return self._process.memory_info().rss / MEGABYTE
