"""What would take long in one go is done in pieces, over several turns of the event loop: the window stays answering.

Work is a step that is called until nothing is left of it. A little is done at once (an ordinary answer is there when it
is shown), and what is left in later turns, in the order in which it was begun. What may be done at once is counted in
units of work, so that it is the same on any machine; and the time that a turn has taken ends it, for work that takes
longer than it was thought to. It is the thread's own time: other programs do not count.
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
AT_ONCE_SECONDS = 2 * TURN_SECONDS  # where more is to be done at once than was thought
FRESH_SECONDS = 0.004  # a turn that has taken no longer has room for one piece of work that takes long
Step: TypeAlias = Callable[[], float]  # does some work: its units; 0 if there was nothing left to do
_Works: TypeAlias = OrderedDict[tuple[int, str], tuple[QObject, Step]]


class Turns(QObject):
    """Shares the turns of the event loop among all that has work to do."""

    def __init__(self) -> None:
        super().__init__()
        self._left = TURN_UNITS
        self._spent = 0.0  # seconds in this turn
        self._began: float | None = None
        self._works: _Works = OrderedDict()
        self._held = False
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.timeout.connect(self.on_next_turn)

    @property
    def waiting(self) -> int:
        """How many works are not done yet."""
        return len(self._works)

    @property
    def spent(self) -> float:
        """Seconds that this turn has taken so far."""
        return self._spent + (time.thread_time() - self._began if self._began is not None else 0.0)

    @property
    def has_room(self) -> bool:
        """Whether a little more can be done in this turn."""
        return self.spent < TURN_SECONDS

    def spend(self, seconds: float) -> None:
        """Something else has taken so much time of this turn."""
        self._spent += max(0.0, seconds)
        self._next.start(0)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """What is done in this block takes time of this turn."""
        if self._began is not None:  # in a block, or a step, that is timed
            yield
            return
        self._began = time.thread_time()
        try:
            yield
        finally:
            self._spent, self._began = self.spent, None
            self._next.start(0)

    def add(self, owner: QObject, step: Step, name: str = "") -> None:
        """The same as `begin`, and nothing of it is done at once."""
        key = (id(owner), name)
        self._works.pop(key, None)
        self._works[key] = (owner, step)
        self._next.start(0)

    def begin(self, owner: QObject, step: Step, name: str = "") -> None:
        """Do `step` until it is through, as much of it at once as this turn has room for.

        Args:
            owner: Whose work it is; it ends when the owner is deleted.
            step: Does a piece of it; it takes the place of the owner's work of the same name.
            name: Tells several works of one owner apart.
        """
        self._works.pop((id(owner), name), None)
        self._next.start(0)
        if self._held or not self._through(owner, step, AT_ONCE_SECONDS):
            self.add(owner, step, name)

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
            self._work(AT_ONCE_SECONDS)

    def on_next_turn(self) -> None:
        """Another turn of the event loop."""
        self._left, self._spent = TURN_UNITS, 0.0
        self._work(TURN_SECONDS)
        if self._works:
            self._next.start(0)

    def _work(self, most: float) -> None:
        while self._works and self._left > 0 and self.spent < most:
            key, work = next(iter(self._works.items()))
            owner, step = work
            through = not shiboken6.isValid(owner) or self._through(owner, step, most)
            if through and self._works.get(key) is work:  # it may have begun anew
                del self._works[key]

    def _through(self, owner: QObject, step: Step, most: float) -> bool:
        """Go on with a work until the turn has taken so many seconds; whether nothing is left of it."""
        while self._left > 0 and self.spent < most:
            with self.timed():
                units = step()
            if units <= 0 or not shiboken6.isValid(owner):
                return True
            self._left -= units
        return False


@lru_cache(maxsize=1)
def turns() -> Turns:
    """Those of this program."""
    return Turns()
