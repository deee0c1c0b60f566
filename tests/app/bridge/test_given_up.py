"""A thread that hangs in the system is given up: the window closes, and the process ends with the right status."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.bridge import background
from app.bridge.background import BackgroundThread, Task
from tests.helpers.waiting import WAIT_MS, WAIT_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[3]
HANGS = """
import sys, threading
from PySide6.QtCore import QCoreApplication
from app.bridge.background import BackgroundThread, Task, leave_if_given_up

def hang():
    begun.set()
    threading.Event().wait()
    yield

application, begun = QCoreApplication([]), threading.Event()
thread = BackgroundThread("hangs")
thread.do(Task(1, hang, threading.Event()))
begun.wait()
thread.close()
print(thread.end(0.05), thread.end(3600.0))
leave_if_given_up(3)
"""


@pytest.mark.log_allowed("bridge: the thread looks did not end and is given up")
def test_nobody_waits_for_it_twice(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up: list[BackgroundThread] = []
    monkeypatch.setattr(background, "_given_up", given_up)
    begun, gate = threading.Event(), threading.Event()

    def hang() -> Generator[object, None, None]:
        begun.set()
        gate.wait(WAIT_SECONDS)
        yield None

    thread = BackgroundThread("looks")
    thread.do(Task(1, hang, threading.Event()))
    qtbot.waitUntil(begun.is_set, timeout=WAIT_MS)
    thread.close()
    assert not thread.end(0.01)
    assert not thread.end(WAIT_SECONDS), "at once"
    assert given_up == [thread]
    gate.set()
    wait_until(lambda: thread.wait(0.1))


def test_a_thread_that_ends_is_not_given_up(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up: list[BackgroundThread] = []
    monkeypatch.setattr(background, "_given_up", given_up)
    thread = BackgroundThread("looks")
    thread.do(Task(1, lambda: (one for one in ()), threading.Event()))
    thread.close()
    assert thread.end(WAIT_SECONDS)
    assert not given_up
    background.leave_if_given_up(3)


def test_the_process_ends_all_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGS], cwd=ROOT, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )
    assert (done.returncode, done.stdout) == (3, "False False\n"), done.stderr
