"""A slot for one thing between two threads: the newest wins, nothing queues up."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class LatestSlot(Generic[T]):
    """Holds at most one value."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: T | None = None

    def put(self, value: T) -> None:
        """Keep `value`; one that nobody took is forgotten."""
        with self._lock:
            self._value = value

    def take(self) -> T | None:
        """The newest value that nobody has taken yet, or None."""
        with self._lock:
            value, self._value = self._value, None
            return value
