"""Many events at once: the window has its turns between them, and they keep their order."""

from __future__ import annotations

import threading
from collections.abc import Generator
from itertools import pairwise

import pytest
from PySide6.QtCore import QEventLoop, QTimer
from pytestqt.qtbot import QtBot

from app.bridge import background
from app.bridge.background import BURST_SECONDS, BackgroundThread, Task, TaskEnded, TaskEvent
from tests.helpers.waiting import WAIT_MS, WAIT_SECONDS

COUNT = 60


class Clock:
    """Time that passes when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the bursts."""
    made = Clock()
    monkeypatch.setattr(background.time, "monotonic", made.monotonic)
    return made


def run(qtbot: QtBot, clock: Clock, cost: float, nested: bool = False) -> list[object]:
    """What happened in the window: events, each of which takes `cost` seconds there, and "turn" where it had one."""
    happened: list[object] = []
    all_sent = threading.Event()

    def news() -> Generator[object, None, None]:
        yield from range(COUNT)
        all_sent.set()

    def on_event(arrived: TaskEvent) -> None:
        if arrived.event == 0:
            assert all_sent.wait(WAIT_SECONDS), "all wait in the queue"
        happened.append(arrived.event)
        clock.now += cost
        if nested and arrived.event == 5:  # a dialog that runs a loop of its own
            loop = QEventLoop()
            QTimer.singleShot(0, loop.quit)
            loop.exec()

    thread = BackgroundThread("test")
    other = QTimer()
    other.timeout.connect(lambda: happened.append("turn"))
    other.start(0)
    thread.event_arrived.connect(on_event)
    thread.do(Task(1, news, threading.Event()))
    qtbot.waitUntil(lambda: not thread.busy, timeout=WAIT_MS)
    other.stop()
    thread.close()
    assert thread.wait(WAIT_SECONDS)
    return happened


@pytest.mark.parametrize("nested", [False, True])
def test_the_window_has_its_turn_between_events_that_take_long(qtbot: QtBot, clock: Clock, nested: bool) -> None:
    happened = run(qtbot, clock, BURST_SECONDS / 2, nested)
    events = [each for each in happened if each != "turn"]
    assert events[:-1] == list(range(COUNT)), "none is lost and none overtakes another"
    assert isinstance(events[-1], TaskEnded)
    turns = [number for number, each in enumerate(happened) if each == "turn"]
    assert max(after - before for before, after in pairwise(turns)) <= 4


def test_events_that_take_no_time_wait_for_nothing(qtbot: QtBot, clock: Clock) -> None:
    happened = run(qtbot, clock, 0.0)
    events = [each for each in happened if each != "turn"]
    assert events[:-1] == list(range(COUNT))
    between = happened[happened.index(0) : happened.index(COUNT - 1)]
    assert between.count("turn") < COUNT / 4, "many are passed on in one go"
