"""How fast, and when again: the limit that all connections share, the wait after failures, what is shown how often."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BURST_SECONDS = 0.1
WINDOW_SECONDS = 5.0
EVENT_SECONDS = 0.2  # between two events that say how far it is
_LOOK_AGAIN = 0.1  # seconds; a limit that was changed holds that soon


class RateLimit:
    """A bucket of bytes that fills at a fixed rate; any thread may take from it or change the rate."""

    def __init__(self, bytes_per_second: int = 0) -> None:
        self._lock = threading.Lock()
        self._rate = bytes_per_second
        self._level = 0.0
        self._then = time.monotonic()

    @property
    def bytes_per_second(self) -> int:
        """The limit; 0 for none."""
        return self._rate

    def change(self, bytes_per_second: int) -> None:
        """Set another limit, also while a download runs; 0 for none.

        Raises:
            ValueError: The limit is negative.
        """
        if bytes_per_second < 0:
            raise ValueError(f"bytes_per_second is {bytes_per_second}; it must be 0 or more")
        with self._lock:
            self._rate = bytes_per_second
            self._level = 0.0
            self._then = time.monotonic()

    def piece(self, most: int) -> int:
        """How many bytes to read at once, so that the limit is felt evenly."""
        rate = self._rate
        return most if rate == 0 else max(1024, min(most, int(rate * BURST_SECONDS)))

    def take(self, count: int, halt: threading.Event) -> None:
        """Account for `count` bytes that came, and wait until the limit allows more, or `halt` is set."""
        if self._rate == 0:
            return
        with self._lock:
            self._refill()
            self._level -= count
        while not halt.is_set():
            with self._lock:
                self._refill()
                if self._rate == 0 or self._level >= 0:
                    return
                wait = -self._level / self._rate
            halt.wait(min(wait, _LOOK_AGAIN))

    def _refill(self) -> None:
        now = time.monotonic()
        self._level = min(self._level + (now - self._then) * self._rate, self._rate * BURST_SECONDS)
        self._then = now


class RateMeter:
    """Bytes per second over the last seconds."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def rate(self, done: int, now: float) -> float:
        """Note that `done` bytes are there at the time `now` in seconds, and say the rate.

        Less than before (a file starts over) begins a new measurement.
        """
        if self._marks and done < self._marks[-1][1]:
            self._marks.clear()
        self._marks.append((now, done))
        while now - self._marks[0][0] > WINDOW_SECONDS and len(self._marks) > 2:
            self._marks.popleft()
        then, before = self._marks[0]
        return (done - before) / (now - then) if now > then else 0.0


def backoff(failures: int, base: float, cap: float) -> float:
    """Seconds to wait after so many failures in a row: anything up to a bound that doubles ("full jitter")."""
    return random.uniform(0.0, min(cap, base * 2.0 ** min(failures - 1, 30)))


LONGEST_DATE = 100  # characters; what is longer is none


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or as a date; None if it says nothing usable."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text[:LONGEST_DATE])
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
