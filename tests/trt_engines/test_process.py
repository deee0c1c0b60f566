"""A child process of the engine layer: deaf to Ctrl+C from its first instruction on, and silent when nobody listens."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from contextlib import closing
from multiprocessing.connection import Connection, wait
from typing import Any

import pytest

from inference.host.child import ChildProcess
from tests.helpers.waiting import WAIT_SECONDS, wait_until
from trt_engines.ctrl_c import kept_from_children
from trt_engines.process import messages

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows hands down no blocked signals")


def _tell_blocked(job: object, connection: Connection) -> None:
    if sys.platform != "win32":
        connection.send(("done", signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())))


def _tell_blocked_to_the_host(down: Connection, up: Connection, options: Any) -> None:
    _tell_blocked(options, up)


def _interrupt_self(job: object, connection: Connection) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    connection.send(("done",))


def _speak_to_nobody(job: object, connection: Connection) -> None:
    connection.send(("begun",))
    with contextlib.suppress(EOFError, OSError):
        connection.recv()
    connection.send(("done",))


@POSIX
def test_a_child_is_born_deaf_to_ctrl_c() -> None:
    for _ in range(2):  # also the first one, which starts a process of the library's, too
        with closing(messages(_tell_blocked, None, "told")) as news:
            assert [message for message in news if message is not None] == [("done", True)]
    host = ChildProcess(_tell_blocked_to_the_host, None, "told")
    assert wait([host.up], WAIT_SECONDS)
    assert host.up.recv() == ("done", True)
    host.end(1.0)
    if sys.platform != "win32":
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@POSIX
def test_ctrl_c_while_a_child_is_started_acts_behind_the_start() -> None:
    """Another thread blocks no signal and takes it; the main thread acts on it, wherever it stands."""
    done, taken = threading.Event(), os.pipe()
    reached: list[bytes] = []

    def start() -> None:
        with kept_from_children():
            signal.pthread_kill(thread.ident or 0, signal.SIGINT)
            reached.append(os.read(taken[0], 1))  # it was taken

    os.set_blocking(taken[1], False)
    thread = threading.Thread(target=done.wait)
    thread.start()
    woken = signal.set_wakeup_fd(taken[1])
    try:
        with pytest.raises(KeyboardInterrupt):
            start()
        assert reached
    finally:
        signal.set_wakeup_fd(woken)
        done.set()
        thread.join()
        for end in taken:
            os.close(end)


@POSIX
def test_a_child_takes_no_notice_of_ctrl_c() -> None:
    with closing(messages(_interrupt_self, None, "went on")) as news:
        assert [message for message in news if message is not None] == [("done",)]


def test_a_child_that_speaks_to_nobody_leaves_silently(capfd: pytest.CaptureFixture[str]) -> None:
    news = messages(_speak_to_nobody, None, "spoke")
    begun: list[object] = []

    def heard() -> bool:
        begun.append(next(news))
        return begun[-1] is not None

    wait_until(heard)
    news.close()
    assert capfd.readouterr().err == ""
