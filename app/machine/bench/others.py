"""How much of the processor other programs take while something is measured: figures are good where it is little."""

from __future__ import annotations

import psutil

DISTURBED = 0.1  # of all cores; from there on the report says so


class OtherPrograms:
    """Counts from its construction on; used by one thread.

    Args:
        pid: The process that is measured; this one does not count as another either.
    """

    def __init__(self, pid: int | None) -> None:
        self._pids = (pid, psutil.Process().pid)
        self._before = self._now()

    def share(self) -> float | None:
        """Of all cores, 0 to 1; None where the system does not tell."""
        now, before = self._now(), self._before
        if now is None or before is None:
            return None
        passed, busy, ours = (after - first for after, first in zip(now, before, strict=True))
        return min(1.0, max(0.0, (busy - ours) / passed)) if passed > 0 else None

    def _now(self) -> tuple[float, float, float] | None:
        """Seconds of all cores together: passed, busy, and by our two processes."""
        try:
            times = psutil.cpu_times()
            spent = [psutil.Process(pid).cpu_times() for pid in self._pids if pid is not None]
        except (psutil.Error, OSError, ValueError, NotImplementedError):
            return None
        passed = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)  # user has those already
        busy = passed - times.idle - getattr(times, "iowait", 0.0)
        return passed, busy, sum(each.user + each.system for each in spent)
