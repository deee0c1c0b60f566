"""The last minute of every series, for the graphs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from app.machine.monitor.values import SAMPLES, Reading

Series = tuple[float | None, ...]


class LastMinute:
    """Keeps so many looks, and no more."""

    def __init__(self) -> None:
        self._series: dict[str, deque[float | None]] = {}

    def add(self, reading: Reading) -> None:
        """One more look; a series that it does not tell has a gap there, and a card that is new begins with gaps."""
        values = dict(_values(reading))
        for name in values.keys() - self._series.keys():
            self._series[name] = deque(maxlen=SAMPLES)
        for name, series in self._series.items():
            series.append(values.get(name))

    def series(self, name: str) -> Series:
        """Oldest first, at most `SAMPLES`; empty for a name that never came."""
        return tuple(self._series.get(name, ()))

    def clear(self) -> None:
        """Forget all: nobody looked for a while."""
        self._series.clear()


def _values(reading: Reading) -> Iterator[tuple[str, float | None]]:
    system = reading.system
    yield "load", system.load
    yield "memory", _share(system.memory_used, system.memory_total)
    for number, card in enumerate(reading.cards):
        yield f"card {number} load", None if card.load is None else float(card.load)
        yield f"card {number} memory", _share(card.memory_used, card.memory_total)
        yield f"card {number} temperature", None if card.temperature is None else float(card.temperature)
        yield f"card {number} power", card.power


def _share(used: int | None, total: int | None) -> float | None:
    return 100 * used / total if used is not None and total else None
