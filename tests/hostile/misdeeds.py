"""What a program may not do, done on purpose: each must be seen by those who watch the window."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONG = 0.6  # seconds
MUCH = 400_000_000  # bytes

Misdeed = Callable[[dict[str, Any]], object]


def _work(case: dict[str, Any]) -> None:
    end = time.thread_time() + LONG
    while time.thread_time() < end:
        pass


def _sleep(case: dict[str, Any]) -> None:
    time.sleep(LONG)


def _fill(case: dict[str, Any]) -> None:
    bytearray(MUCH).count(1)


def _connect(case: dict[str, Any]) -> None:
    try:
        socket.create_connection(("192.0.2.1", 9), 1)
    except RuntimeError:
        return


def _read_outside(case: dict[str, Any]) -> None:
    Path(case["outside"], "secret.txt").read_bytes()


def _read_here(case: dict[str, Any]) -> None:
    Path(case["folder"], "config.json").read_bytes()


def _read_in_a_thread(case: dict[str, Any]) -> None:
    thread = threading.Thread(target=_read_here, args=(case,))
    thread.start()
    thread.join()


def _write(case: dict[str, Any]) -> None:
    Path(case["linked"], "new.txt").write_bytes(b"x")


def _delete_tree(case: dict[str, Any]) -> None:
    shutil.rmtree(Path(case["folder"], "keep"))


def _log(case: dict[str, Any]) -> None:
    logging.getLogger("dewpoint.test").error("something broke")


def _raise(case: dict[str, Any]) -> None:
    threading.Thread(target=_fail).start()


def _fail() -> None:
    raise ValueError("a bug")


def _end(case: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


MISDEEDS: dict[str, Misdeed] = {
    "work": _work,
    "sleep": _sleep, "fill": _fill, "connect": _connect, "read_outside": _read_outside, "read_here": _read_here,
    "read_in_a_thread": _read_in_a_thread, "write": _write, "delete_tree": _delete_tree, "log": _log, "raise": _raise,
    "end": _end, "nothing": lambda case: None,
}  # fmt: skip
