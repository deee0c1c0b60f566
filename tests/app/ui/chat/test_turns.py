"""Turns of the event loop: work is shared among them by units, and by the time that it really takes."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from app.ui.chat import turns as module
from app.ui.chat.turns import AT_ONCE_SECONDS, TURN_SECONDS, Turns


class Clock:
    """The thread's time, by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def thread_time(self) -> float:
        """It."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stands in for the thread's own time."""
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def turns(qapp: QApplication, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Turns:
    """Turns that begin by hand."""
    made = Turns()
    monkeypatch.setattr(made._next, "start", lambda _: None)
    return made


class Work(QObject):
    """Some steps that each take so many seconds, and say they were one unit."""

    def __init__(self, clock: Clock, steps: int, seconds: float) -> None:
        super().__init__()
        self._clock, self.left, self._seconds = clock, steps, seconds

    def step(self) -> float:
        """One of them."""
        if self.left == 0:
            return 0.0
        self.left -= 1
        self._clock.now += self._seconds
        return 1.0


def test_a_turn_ends_with_its_time_however_few_units_it_was(turns: Turns, clock: Clock) -> None:
    """A chat of formulas had turns of 160 ms, for each text was thought to be quick."""
    works = [Work(clock, 4, TURN_SECONDS * 0.6) for _ in range(3)]
    for work in works:
        turns.add(work, work.step)
    left = [12]
    while turns.waiting:
        turns.on_next_turn()
        left.append(sum(work.left for work in works))
        assert left[-2] - left[-1] <= 2
    assert left[-1] == 0


def test_what_is_added_waits_for_the_next_turn(turns: Turns, clock: Clock) -> None:
    work = Work(clock, 1, 0.0)
    turns.add(work, work.step)
    assert (work.left, turns.waiting) == (1, 1)
    turns.on_next_turn()
    assert (work.left, turns.waiting) == (0, 0)


def test_at_once_has_an_end_too(turns: Turns, clock: Clock) -> None:
    works = [Work(clock, 1, AT_ONCE_SECONDS * 0.6) for _ in range(5)]
    for work in works:
        turns.begin(work, work.step)
    assert [work.left for work in works] == [0, 0, 1, 1, 1]
    with turns.last_first():
        more = Work(clock, 1, 0.0)
        turns.begin(more, more.step)
    assert more.left == 1
    turns.on_next_turn()
    assert more.left == 0


def test_what_else_a_turn_was_spent_on_counts(turns: Turns, clock: Clock) -> None:
    work = Work(clock, 100, 0.001)
    turns.spend(AT_ONCE_SECONDS - 0.0105)
    turns.begin(work, work.step)
    assert work.left == 89
    turns.spend(-1.0)
    assert turns.spent == pytest.approx(AT_ONCE_SECONDS + 0.0005)


def test_time_of_a_step_in_a_step_counts_once(turns: Turns, clock: Clock) -> None:
    inner = Work(clock, 1, TURN_SECONDS / 4)

    def outer() -> float:
        turns.begin(inner, inner.step)
        return 0.0

    turns.begin(turns, outer)
    assert inner.left == 0
    assert turns.spent == pytest.approx(TURN_SECONDS / 4)
    assert turns.has_room
    with turns.timed():
        clock.now += TURN_SECONDS
        assert not turns.has_room
    turns.on_next_turn()
    assert turns.spent == 0.0
