"""The energy of cards (NVML) and of the processor, where Linux tells it (RAPL), as numbers that only grow.

Since 2020 kernels let only the administrator read the processor's on most computers; there nothing is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from app.machine.monitor.values import CardReading

Counters = Mapping[str, float]  # joules since some moment, of each that tells
LEAST_SECONDS = 1.0  # between two looks whose difference means something: counters move some times a second
POWERCAP = Path("/sys/class/powercap")
_MOST = 1 << 62


class ProcessorEnergy:
    """Adds up the counters of all packages, which begin anew at a limit of their own; used by one thread."""

    def __init__(self, folder: Path = POWERCAP) -> None:
        try:
            found = sorted(place for place in folder.glob("intel-rapl:*") if place.name.count(":") == 1)
        except OSError:
            found = []
        self._packages = found[:16]
        self._before: dict[Path, int] = {}
        self._sum = 0

    def joules(self) -> float | None:
        """Since the first look; None where the system does not tell."""
        told = False
        for package in self._packages:
            now = _number(package / "energy_uj")
            if now is None:
                continue
            told = True
            before = self._before.get(package, now)
            if now < before:  # it has begun anew
                before -= _number(package / "max_energy_range_uj") or before
            self._sum += max(0, now - before)
            self._before[package] = now
        return self._sum / 1e6 if told else None


def counters(cards: Sequence[CardReading], processor: float | None) -> Counters:
    """Of all cards that tell, and of the processor where the system does."""
    found = {f"{number} {card.name}": card.joules for number, card in enumerate(cards) if card.joules is not None}
    return found if processor is None else {**found, "processor": processor}


def spent(before: Counters, after: Counters) -> float | None:
    """Joules between two looks, of those that told both times and did not begin anew; None where that is nobody."""
    told = [after[name] - before[name] for name in before.keys() & after.keys() if after[name] >= before[name]]
    return sum(told) or None


def _number(file: Path) -> int | None:
    try:
        value = int(file.read_text("ascii").strip()[:30])
    except (OSError, ValueError):
        return None
    return value if 0 <= value < _MOST else None
