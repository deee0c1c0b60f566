"""Looks at the computer once a second, for as long as somebody wants to know."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psutil

from app.machine.monitor.nvml import CardWatch, nvml_bindings
from app.machine.monitor.system import SystemWatch
from app.machine.monitor.values import SECONDS, Reading

MOST_PROCESSES = 64  # of ours
CHILDREN_SECONDS = 10.0  # between two looks for new ones: the system lists all processes for that


def readings(
    folder: Path, model_pid: Callable[[], int | None], cancel: threading.Event, seconds: float = SECONDS
) -> Generator[Reading, None, None]:
    """One look after another until `cancel`; costs well under a hundredth of a core.

    Args:
        folder: Whose drive is looked at.
        model_pid: The model process, which may change.
        cancel: Ends it at once.
        seconds: From one look to the next.
    """
    cards, system, processes = CardWatch(nvml_bindings()), SystemWatch(folder), OurProcesses()
    try:
        while not cancel.is_set():
            ours = processes.numbers(model_pid())
            found = cards.read(ours)
            yield Reading(found, cards.no_card, system.read(ours), time.monotonic())
            cancel.wait(seconds)
    finally:
        cards.close()


class OurProcesses:
    """Numbers of this process and of those that it started; used by one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._listed: frozenset[int] = frozenset()
        self._at: float | None = None

    def numbers(self, model_pid: int | None) -> frozenset[int]:
        """All of them; the model process, which may be new, is always among them."""
        if self._at is None or self._clock() - self._at >= CHILDREN_SECONDS:
            self._at = self._clock()
            try:
                process = psutil.Process()
                children = (child.pid for child in process.children()[:MOST_PROCESSES])
                self._listed = frozenset({process.pid, *children})
            except (psutil.Error, OSError, ValueError, NotImplementedError):
                self._listed = frozenset()
        return self._listed if model_pid is None else self._listed | {model_pid}
