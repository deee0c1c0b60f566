"""Ctrl+C in a terminal reaches every process of the program at once; only the one that was started is to act on it."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def kept_from_children() -> Iterator[None]:
    """A process that is started in this block never hears of Ctrl+C, from its first instruction on.

    It inherits what is blocked here. A Ctrl+C in the meantime reaches this process behind the block. On Windows nothing
    is inherited, and the child says by itself that it takes no notice.
    """
    if sys.platform == "win32":
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # else the start of the first child starts it, and takes the block away
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
