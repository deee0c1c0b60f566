"""Reads processor, memory and disk; what the system does not tell is left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

import psutil

from app.machine.monitor.energy import ProcessorEnergy
from app.machine.monitor.values import SystemReading

T = TypeVar("T")


class SystemWatch:
    """The computer, looked at again and again; used by one thread.

    Args:
        folder: Whose drive is looked at.
        energy: Of the processor.
        clock: Seconds that never go back.
    """

    def __init__(
        self, folder: Path, energy: ProcessorEnergy | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._clock = folder, clock
        self._energy = energy or ProcessorEnergy()
        self._cores = _told(lambda: psutil.cpu_count()) or 1
        self._processes: dict[int, psutil.Process] = {}
        self._spent: dict[int, float] = {}
        self._looked: float | None = None
        _told(lambda: psutil.cpu_percent(None))  # the first answer means nothing

    def read(self, ours: Collection[int]) -> SystemReading:
        """One look.

        Args:
            ours: Numbers of Dewpoint's processes.
        """
        memory = _told(psutil.virtual_memory)
        disk = _told(lambda: psutil.disk_usage(str(self._folder)))
        load_ours, memory_ours = self._ours(ours)
        return SystemReading(
            load=_told(lambda: psutil.cpu_percent(None)),
            load_ours=load_ours,
            memory_used=None if memory is None else int(memory.total - memory.available),
            memory_total=None if memory is None else int(memory.total),
            memory_ours=memory_ours,
            disk_free=None if disk is None else int(disk.free),
            disk_total=None if disk is None else int(disk.total),
            joules=self._energy.joules(),
        )

    def _ours(self, ours: Collection[int]) -> tuple[float | None, int | None]:
        """Share of all cores since the last look, and bytes; a process that has just begun counts from the next one."""
        now, before = self._clock(), self._looked
        self._processes = {pid: process for pid, process in self._processes.items() if pid in ours}
        spent: dict[int, float] = {}
        amounts = []
        for pid in ours:
            process = self._processes.get(pid) or _told(lambda pid=pid: psutil.Process(pid))  # type: ignore[misc]
            times = _told(process.cpu_times) if process is not None else None
            held = _told(process.memory_info) if process is not None else None
            if process is None or times is None or held is None:
                continue
            self._processes[pid] = process
            spent[pid] = times.user + times.system
            amounts.append(int(held.rss))
        passed = 0.0 if before is None else now - before
        used = sum(spent[pid] - self._spent[pid] for pid in spent.keys() & self._spent.keys())
        self._spent, self._looked = spent, now
        share = min(100.0, max(0.0, 100 * used / passed / self._cores)) if passed > 0 else None
        return share, sum(amounts) if amounts else None


def _told(ask: Callable[[], T]) -> T | None:
    """What the system answers, None where it does not: a process that is gone, a drive, a limit of a container."""
    try:
        return ask()
    except (psutil.Error, OSError, ValueError, RuntimeError, NotImplementedError, AttributeError):
        return None
