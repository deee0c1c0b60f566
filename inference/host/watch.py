"""Whether a model process hangs, as whoever waits for its answer sees it."""

from __future__ import annotations

import time
from typing import Protocol

from inference.host.messages import Beat

LEAST_PATIENCE = 120.0  # a model of full size on a slow processor takes 5 s for a step, a minute for a part of a prompt
_TIMES, _AT_MOST = 20.0, 10.0  # times the longest step so far; times the least patience
_LONGEST_LOOK = 1.0  # what is longer was a computer that slept, or a window that was halted


class ProcessWatched(Protocol):
    """What is known of the process."""

    heard: int
    beat: Beat


class Watch:
    """One wait for one process.

    It hangs if it has said nothing at all for `patience` seconds, also no beat, or if its work has come to no further
    step for as long; for longer if steps of its model take longer.
    """

    def __init__(self, process: ProcessWatched, patience: float) -> None:
        self._process, self._patience = process, patience
        self._heard, self._silent, self._looked = process.heard, 0.0, time.monotonic()

    def hangs(self) -> bool:
        """Look again; called every while, with nothing left to read."""
        now = time.monotonic()
        self._silent += min(now - self._looked, _LONGEST_LOOK)
        self._looked = now
        if self._process.heard != self._heard:
            self._heard, self._silent = self._process.heard, 0.0
        beat = self._process.beat
        most = min(max(self._patience, _TIMES * beat.longest), _AT_MOST * self._patience)
        return self._silent > self._patience or beat.still > most
