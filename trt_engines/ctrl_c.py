"""Ctrl+C in a terminal reaches every process of the program at once; only the one that was started is to act on it."""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_starting = threading.Lock()


@contextlib.contextmanager
def kept_from_children() -> Iterator[None]:
    """A process that is started in this block never hears of Ctrl+C, from its first instruction on.

    It inherits what is blocked here; on Windows nothing is inherited, and the child says by itself that it takes no
    notice. A Ctrl+C in the meantime acts behind the block: a child whose parent is torn out of starting it finds half
    of what it is to read, and complains in the terminal.
    """
    with _starting, _kept_waiting():
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


@contextlib.contextmanager
def _kept_waiting() -> Iterator[None]:
    """Ctrl+C reaches this process behind the block: also one that another thread takes, which blocks none."""
    if threading.current_thread() is not threading.main_thread():
        yield  # it interrupts the main thread; the end of the program waits, see below
        return
    waiting: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: waiting.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)  # None: not set by Python
        if waiting:
            signal.raise_signal(signal.SIGINT)


# A thread that is in the midst of a start is cut off where the interpreter ends.
atexit.register(_starting.acquire, timeout=5.0)


@contextlib.contextmanager
def ends_at_ctrl_c() -> Iterator[threading.Event]:
    """In this block Ctrl+C sets the event, so that work ends at its next good place; a second one ends the program."""
    cancel = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        cancel.set()
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, previous)
