"""Waiting for a state, as long as a busy machine may need: no test waits for a time to pass or judges how long one was.

`qtbot.waitUntil(..., timeout=WAIT_MS)` where Qt must go on meanwhile, `wait_until` elsewhere. Only a test that fails
waits that long.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

WAIT_SECONDS = 120.0
WAIT_MS = int(WAIT_SECONDS * 1000)
LOOK_AGAIN_SECONDS = 0.01


def wait_until(reached: Callable[[], object], what: str = "") -> None:
    """Come back as soon as it is so; fail if it never is."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            pytest.fail(f"never came to be: {what or 'what the test waits for'}")
        time.sleep(LOOK_AGAIN_SECONDS)
