"""Which processors the kernels' threads run on: one a physical core, performance cores where the system tells them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_SYSTEM = Path("/sys/devices")
MOST_THREADS = 64
# From so many cores on, one is left to everything else: the window, the system, the process that waits.
_ROOM_FROM = 4


@dataclass(frozen=True, slots=True)
class Cores:
    """What the threads get.

    Attributes:
        threads: How many there shall be.
        cpus: Numbers of the processors that they may run on; empty: wherever the system puts them.
    """

    threads: int
    cpus: tuple[int, ...]


def best_cores(system: Path = _SYSTEM) -> Cores:
    """One thread a physical (performance) core that this process may use; one core is left free of four.

    On processors of two kinds of cores only the fast ones are taken: a step waits for its slowest thread.
    """
    if not hasattr(os, "sched_getaffinity"):
        return Cores(_without_one(max(1, (os.cpu_count() or 2) // 2)), ())
    allowed = os.sched_getaffinity(0)
    fast = _listed(system / "cpu_core" / "cpus") & allowed  # Intel's hybrid processors alone have this file
    usable = fast or allowed
    first: set[int] = set()
    for cpu in sorted(usable):
        siblings = _listed(system / "system" / "cpu" / f"cpu{cpu}" / "topology" / "thread_siblings_list") & usable
        first.add(min(siblings or {cpu}))
    return Cores(_without_one(len(first)), tuple(sorted(usable)) if fast else ())


def _without_one(cores: int) -> int:
    return min(MOST_THREADS, cores - 1 if cores >= _ROOM_FROM else cores)


def _listed(file: Path) -> set[int]:
    """The numbers in a list such as "0-3,8"; empty where there is no such file or it says something else."""
    found: set[int] = set()
    try:
        for part in file.read_text("ascii").strip().split(","):
            low, _, high = part.partition("-")
            found |= set(range(int(low), int(high or low) + 1))
    except (OSError, ValueError):
        return set()
    return found
