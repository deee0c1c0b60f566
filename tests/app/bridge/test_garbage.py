"""Garbage that holds Qt objects is deleted in the window's thread, whichever thread makes more of it."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.bridge.garbage import GarbageCollector
from tests.helpers.waiting import WAIT_MS


class Knot(QObject):
    """A cycle."""

    def __init__(self) -> None:
        super().__init__()
        self.me = self


@pytest.fixture
def collector() -> Iterator[GarbageCollector]:
    """One that runs."""
    one = GarbageCollector()
    yield one
    one.stop()


def test_garbage_goes_in_the_thread_of_the_window(qtbot: QtBot, collector: GarbageCollector) -> None:
    threads: list[threading.Thread] = []
    gone = weakref.finalize(Knot(), lambda: threads.append(threading.current_thread()))

    def allocate() -> None:
        kept: list[list[int]] = [[number] for number in range(100_000)]
        assert kept

    worker = threading.Thread(target=allocate)
    worker.start()
    worker.join()
    assert gone.alive, "a worker collects nothing"
    qtbot.waitUntil(lambda: not gone.alive, timeout=WAIT_MS)
    assert threads == [threading.main_thread()]


def test_it_is_python_s_again_in_the_end(collector: GarbageCollector) -> None:
    assert not gc.isenabled()
    collector.stop()
    assert gc.isenabled()
