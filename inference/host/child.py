"""A process of ours and two pipes of one direction each, seen from its parent: start, send, receive, end. No policy."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any

from trt_engines.ctrl_c import kept_from_children

# Two pipes of one direction each, not one of two: a thread may then read while another one writes on every system.
_SPAWN = multiprocessing.get_context("spawn")
_TERMINATE_SECONDS = 1.0


class ChildProcess:
    """One running child.

    Attributes:
        pid: Its process id.
        sentinel: What becomes ready when it ends; on Windows its handle.
        down: Our end of the pipe to it.
        up: Our end of the pipe from it.
    """

    def __init__(self, target: Callable[[Connection, Connection, Any], None], options: Any, name: str) -> None:
        """Start it: `target(its end of the first pipe, its end of the second, options)`.

        Raises:
            OSError: The system does not let us.
        """
        child_down, self.down = _SPAWN.Pipe(duplex=False)
        self.up, child_up = _SPAWN.Pipe(duplex=False)
        # daemon: an interpreter that ends without `end` being called ends the process first
        self._process = _SPAWN.Process(target=target, args=(child_down, child_up, options), name=name, daemon=True)
        try:
            with kept_from_children():
                self._process.start()
        except OSError:
            self.down.close()
            self.up.close()
            raise
        finally:
            # Only the child may hold its ends, or nobody would ever see the end of a pipe.
            child_down.close()
            child_up.close()
        self.pid = self._process.pid
        self.sentinel = self._process.sentinel
        self._ended = False

    def alive(self) -> bool:
        """True while it runs; from any thread."""
        try:
            # The sentinel tells it also where someone else has collected the process's exit code.
            return not self._ended and self._process.is_alive() and not connection.wait([self._process.sentinel], 0)
        except (OSError, ValueError):  # ended by another thread just now
            return False

    def exit_code(self) -> int | None:
        """Exit code, negative for a signal; None while it runs or if nobody knows."""
        if self._ended:
            return None
        self._process.join(_TERMINATE_SECONDS)
        return self._process.exitcode

    def kill(self) -> None:
        """End it at once; from any thread."""
        with contextlib.suppress(ValueError):  # raised if it was ended meanwhile
            self._process.kill()

    def end(self, timeout: float) -> None:
        """Wait `timeout` seconds for its end, then bring it about: firmly, at last by force. May be called again."""
        if self._ended:
            return
        # The child may be blocked on a full pipe that nobody reads any more.
        self.up.close()
        self.stop(timeout)
        self.close()

    def stop(self, timeout: float) -> None:
        """The same, but the pipes stay open: other threads may still use them."""
        if self._ended:
            return
        self._process.join(timeout)
        for stop in (self._process.terminate, self._process.kill):
            if self._process.is_alive():
                stop()
                self._process.join(_TERMINATE_SECONDS)
        self._ended = True

    def close(self) -> None:
        """Let go of the pipes, after `stop`, when nobody uses them."""
        self.up.close()
        self.down.close()
        with contextlib.suppress(ValueError):  # closed already
            if (
                not self._process.is_alive()
            ):  # one that is stuck in the kernel cannot be closed; it holds nothing of ours
                self._process.close()
