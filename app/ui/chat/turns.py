"""What would take long in one go is done in pieces, over several turns of the event loop: the window stays answering.

Work is a step that is called until nothing is left of it. A little is done at once (an ordinary answer is there when it
is shown), and what is left in later turns, in the order in which it was begun. What may be done at once is counted in
units of work, not in time, so that it is the same on any machine.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeAlias

import shiboken6
from PySide6.QtCore import QObject, QTimer

UNITS_A_SECOND = 4_000.0
TURN_SECONDS = 0.025
TURN_UNITS = TURN_SECONDS * UNITS_A_SECOND
Step: TypeAlias = Callable[[], float]  # does some work: its units; 0 if there was nothing left to do
_Works: TypeAlias = OrderedDict[tuple[int, str], tuple[QObject, Step]]


class Turns(QObject):
    """Shares the turns of the event loop among all that has work to do."""

    def __init__(self) -> None:
        super().__init__()
        self._left = TURN_UNITS
        self._works: _Works = OrderedDict()
        self._held = False
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.timeout.connect(self.on_next_turn)

    @property
    def waiting(self) -> int:
        """How many works are not done yet."""
        return len(self._works)

    def begin(self, owner: QObject, step: Step, name: str = "") -> None:
        """Do `step` until it is through, as much of it at once as this turn has room for.

        Args:
            owner: Whose work it is; it ends when the owner is deleted.
            step: Does a piece of it; it takes the place of the owner's work of the same name.
            name: Tells several works of one owner apart.
        """
        key = (id(owner), name)
        self._works.pop(key, None)
        self._next.start(0)
        if self._held or not self._through(owner, step, float("inf")):
            self._works[key] = (owner, step)

    def end(self, owner: QObject, name: str = "") -> None:
        """That work is wanted no longer."""
        self._works.pop((id(owner), name), None)

    @contextmanager
    def last_first(self) -> Iterator[None]:
        """What is begun in this block is done when it ends, from the last one on, and before what waits."""
        before, self._works, self._held = self._works, OrderedDict(), True
        try:
            yield
        finally:
            self._held = False
            self._works = OrderedDict(reversed(self._works.items()))
            self._works.update((key, work) for key, work in before.items() if key not in self._works)
            self._work(float("inf"))

    def on_next_turn(self) -> None:
        """Another turn of the event loop."""
        self._left = TURN_UNITS
        self._work(time.perf_counter() + TURN_SECONDS)
        if self._works:
            self._next.start(0)

    def _work(self, ends: float) -> None:
        while self._works and self._left > 0 and time.perf_counter() < ends:
            key, work = next(iter(self._works.items()))
            owner, step = work
            through = not shiboken6.isValid(owner) or self._through(owner, step, ends)
            if through and self._works.get(key) is work:  # it may have begun anew
                del self._works[key]

    def _through(self, owner: QObject, step: Step, ends: float) -> bool:
        """Go on with a work; whether nothing is left of it."""
        while self._left > 0 and time.perf_counter() < ends:
            units = step()
            if units <= 0 or not shiboken6.isValid(owner):
                return True
            self._left -= units
        return False


@lru_cache(maxsize=1)
def turns() -> Turns:
    """Those of this program."""
    return Turns()
