"""A thread or child process that a test started must be gone when it ends (after a short grace)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.helpers.waiting import GRACE_SECONDS

# One for the whole session, by design: tqdm's monitor, and the process that tracks multiprocessing's shared memory.
THREADS_THAT_STAY = ("tqdm_monitor", "TMonitor")
_THREADS = "/proc/self/task"
_LIST, _OPEN, _READ, _CLOSE = os.listdir, os.open, os.read, os.close  # some tests take them away
PROCESSES_THAT_STAY = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


def living_threads() -> set[threading.Thread]:
    """Threads that Python started; foreign ones (Qt's, a library's) have no end that Python sees."""
    return {
        thread
        for thread in threading.enumerate()
        if not isinstance(thread, threading._DummyThread) and not thread.name.startswith(THREADS_THAT_STAY)
    }


def command_of(process: psutil.Process) -> str:
    """Command line of a process, or "" if it is gone or only waits to be collected."""
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def has_children() -> bool:
    """Whether there may be any: Linux tells that at once, and looking through all processes takes milliseconds."""
    told = []
    try:
        for thread in _LIST(_THREADS):
            descriptor = _OPEN(f"{_THREADS}/{thread}/children", os.O_RDONLY)
            told.append(_READ(descriptor, 16))
            _CLOSE(descriptor)
    except OSError:  # a thread that has just ended, or a kernel that does not tell
        return True
    return any(told)


def living_children() -> set[psutil.Process]:
    """Descendants of this process that run and are not known to stay."""
    if not has_children():
        return set()
    return {
        child
        for child in psutil.Process().children(recursive=True)
        if (command := command_of(child)) and not any(name in command for name in PROCESSES_THAT_STAY)
    }


@pytest.fixture(autouse=True)
def leak_guard() -> Iterator[None]:
    """Fail the test if it leaves threads or child processes; end the processes."""
    threads, children = living_threads(), living_children()
    yield
    deadline = time.monotonic() + GRACE_SECONDS
    while (left_threads := living_threads() - threads) | (left_children := living_children() - children):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    complaints = [f"thread still runs: {thread.name}" for thread in left_threads]
    for child in left_children:
        complaints.append(f"child process still runs: {command_of(child)[:200]}")
        child.kill()
        child.wait(10)
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)
