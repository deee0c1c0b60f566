"""Time between two drafts, so that a reader can watch a small model whose steps are faster than the eye."""

from __future__ import annotations

import time
from collections.abc import Callable

from inference.backends.base import CancelFlag

LOOK_SECONDS = 0.02  # how often a wait looks whether it was cancelled


class Pace:
    """Keeps drafts apart; the first one is never held back.

    Args:
        step_seconds: Least time from one draft to the next; 0 is full speed.
        clock: Seconds of a monotonic clock.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        step_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._step_seconds, self._clock, self._sleep = step_seconds, clock, sleep
        self._due: float | None = None

    def wait(self, cancel: CancelFlag) -> None:
        """Return when the next draft may be shown, or at once if cancelled."""
        if self._step_seconds <= 0:
            return
        while self._due is not None and (left := self._due - self._clock()) > 0 and not cancel.is_set():
            self._sleep(min(left, LOOK_SECONDS))
        self._due = self._clock() + self._step_seconds
