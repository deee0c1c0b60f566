"""Whether steps became so slow that memory of the card must lie elsewhere: what Windows does instead of refusing."""

from __future__ import annotations

from collections import deque
from statistics import median

USUAL, JUMP, IN_A_ROW = 8, 2.5, 3


class StepWatch:
    """Notes the seconds of denoising steps.

    A step counts as slow if it takes `JUMP` times the median of the last `USUAL` ordinary ones; kernels that are
    compiled make a single step slow, so that `IN_A_ROW` of them are asked for.
    """

    def __init__(self) -> None:
        self._usual: deque[float] = deque(maxlen=USUAL)
        self._slow = 0

    def note(self, seconds: float) -> bool:
        """One step; True if memory should be given back. From then on what is usual is learned anew."""
        if len(self._usual) < USUAL or seconds <= JUMP * median(self._usual):
            self._usual.append(seconds)
            self._slow = 0
            return False
        self._slow += 1
        if self._slow < IN_A_ROW:
            return False
        self.forget()
        return True

    def forget(self) -> None:
        """Weights were moved: steps may take another time."""
        self._usual.clear()
        self._slow = 0
