"""A QThread or QTimer that a test made must not run any more when it ends, widgets having been closed and deleted.

Objects are noted when they are made. Single shots through QTimer.singleShot are not seen.
"""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer

from tests.helpers.waiting import GRACE_SECONDS


def is_running(thing: QThread | QTimer) -> bool:
    """Whether the C++ object still exists and runs."""
    if not shiboken6.isValid(thing):
        return False
    return thing.isRunning() if isinstance(thing, QThread) else thing.isActive()


def describe(thing: QThread | QTimer) -> str:
    """One line about an object that runs."""
    where = f", parent {type(thing.parent()).__name__}" if thing.parent() else ""
    return f"{type(thing).__name__} {thing.objectName()!r} still runs{where}"


def delete_what_waits() -> None:
    """Let Qt and Python delete what is only waiting for it."""
    if QCoreApplication.instance() is not None:
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        QCoreApplication.processEvents()
    gc.collect()


@pytest.fixture(autouse=True)
def qt_guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test if a QThread or QTimer of its own is left running; stop it."""
    made: list[weakref.ref[Any]] = []

    def noting(original: Any) -> Any:
        def init(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            made.append(weakref.ref(self))

        return init

    for kind in (QThread, QTimer):
        monkeypatch.setattr(kind, "__init__", noting(kind.__init__))

    def running() -> list[Any]:
        return [thing for ref in made if (thing := ref()) is not None and is_running(thing)]

    yield
    deadline = time.monotonic() + GRACE_SECONDS
    while running() and time.monotonic() < deadline:
        delete_what_waits()
        time.sleep(0.02)
    left = running()
    complaints = [describe(thing) for thing in left]
    for thing in left:
        if isinstance(thing, QTimer):
            thing.stop()
        else:
            thing.requestInterruption()
            thing.quit()
            thing.wait(2000)
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)
