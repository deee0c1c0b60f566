"""Waiting for a state, as long as a busy machine may need: no test waits for a time to pass or judges how long one was.

`qtbot.waitUntil(..., timeout=WAIT_MS)` where Qt must go on meanwhile, `wait_until` elsewhere. Only a test that fails
waits that long. Where a product waits for a time, a test drives its clock, or calls what the timer would call.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

WAIT_SECONDS = 120.0
WAIT_MS = int(WAIT_SECONDS * 1000)
NEVER_SECONDS = 3600.0  # as a timeout of what is tested: a test that comes to its end did not wait for it
# What a test has started must be gone at its end; tests of the guards themselves wait less.
GRACE_SECONDS = float(os.environ.get("DEWPOINT_TEST_GRACE", "30"))
LOOK_AGAIN_SECONDS = 0.01
STEADY_LOOKS = 6


def wait_until(reached: Callable[[], object], what: str = "") -> None:
    """Come back as soon as it is so; fail if it never is."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            pytest.fail(f"never came to be: {what or 'what the test waits for'}")
        time.sleep(LOOK_AGAIN_SECONDS)


def steady(value: Callable[[], object]) -> Callable[[], bool]:
    """For `qtbot.waitUntil`: whether the value was the same at the last looks, with Qt's events between them."""
    seen: list[object] = []

    def reached() -> bool:
        seen.append(value())
        return len(seen) > STEADY_LOOKS and all(each == seen[-1] for each in seen[-STEADY_LOOKS:])

    return reached
