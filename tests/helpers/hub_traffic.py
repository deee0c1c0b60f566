"""How fast the local hub sends, and how much it has sent."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.helpers.waiting import WAIT_SECONDS


@dataclass(slots=True)
class Traffic:
    """Counts body bytes and keeps to a rate; safe for threads.

    Attributes:
        rate: Bytes per second of all answers together; 0 for no limit.
        limit: When about so many body bytes are sent, no more go out until it is raised; 0 for no limit.
        era: Number of times that it was told to forget.
        sent: Body bytes handed to the system, by the file's path; `counts` is exact.
    """

    rate: int = 0
    limit: int = 0
    era: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _due: float = 0.0
    _sending: int = 0

    @contextlib.contextmanager
    def sending(self, path: str, era: int) -> Iterator[Callable[[int], None]]:
        """Around the sending of body bytes; what it gives is told how many bytes of an answer of that era went out."""

        def count(sent: int) -> None:
            with self._lock:
                if era == self.era:
                    self.sent[path] += sent

        with self._lock:
            self._sending += 1
        try:
            yield count
        finally:
            with self._lock:
                self._sending -= 1

    def _settle(self) -> None:
        """A client may have bytes before the thread that sent them has counted them: give it the time to."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self._sending and time.monotonic() < deadline:
            time.sleep(0.002)

    def hold(self, closing: threading.Event) -> None:
        """Wait while the limit is reached."""
        while self.limit and self.sent.total() >= self.limit and not closing.wait(0.01):
            pass

    def pace(self, count: int, rate: int = 0) -> None:
        """Wait as long as `count` bytes take at the common rate, or at one of this answer alone."""
        if rate:
            time.sleep(count / rate)
        if not self.rate:
            return
        with self._lock:
            now = time.monotonic()
            self._due = max(self._due, now - 0.02) + count / self.rate
            wait = self._due - now
        if wait > 0:
            time.sleep(wait)

    def counts(self) -> dict[str, int]:
        """Body bytes by path."""
        self._settle()
        with self._lock:
            return dict(self.sent)

    @property
    def total_sent(self) -> int:
        """Body bytes of all files."""
        self._settle()
        with self._lock:
            return self.sent.total()
