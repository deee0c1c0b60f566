"""Time between two drafts, so that a reader can watch a small model, and between two steps, so that a machine rests."""

from __future__ import annotations

import time
from collections.abc import Callable

from inference.backends.base import CancelFlag

NOISE_SECONDS = 0.4  # for which the noise that a block begins with can be seen
LOOK_SECONDS = 0.02  # how often a wait looks whether it was cancelled


class Pace:
    """Keeps drafts apart, of which the first one is never held back, and steps.

    Args:
        step_seconds: Least time from one draft to the next; 0 is full speed.
        rest: How many times as long as a step takes nothing is computed after it; 0 is full power.
        clock: Seconds of a monotonic clock.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        step_seconds: float,
        rest: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._step_seconds, self._rest, self._clock, self._sleep = step_seconds, rest, clock, sleep
        self._due: float | None = None

    def hold(self, seconds: float) -> None:
        """What was shown just now stays for so long, unless everything goes at full speed."""
        if self._step_seconds > 0:
            self._due = self._clock() + seconds

    def wait(self, cancel: CancelFlag) -> None:
        """Return when the next draft may be shown, or at once if cancelled."""
        if self._step_seconds <= 0:
            return
        if self._due is not None:
            self._sleep_until(self._due, cancel)
        self._due = self._clock() + self._step_seconds

    def rest(self, took: float, cancel: CancelFlag) -> None:
        """Compute nothing for as long as is wanted after a step that took so many seconds, or until cancelled."""
        if self._rest > 0:
            self._sleep_until(self._clock() + self._rest * took, cancel)

    def _sleep_until(self, when: float, cancel: CancelFlag) -> None:
        while (left := when - self._clock()) > 0 and not cancel.is_set():
            self._sleep(min(left, LOOK_SECONDS))
