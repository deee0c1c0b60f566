"""The parent's side of the process and its two pipes: start, send, receive, end. No policy."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
from multiprocessing import connection
from pathlib import Path

from inference.errors import ModelProcessError
from inference.host.messages import Command, ModelProcessOptions, Reply, Shutdown
from inference.host.server import run_model_process

# Two pipes of one direction each, not one of two: a thread may then read while another one writes on every system.
_SPAWN = multiprocessing.get_context("spawn")
_MOST_AT_ONCE = 1000
_TERMINATE_SECONDS = 1.0


class ProcessLink:
    """One running model process.

    Attributes:
        pid: Its process id.
    """

    def __init__(self, model_dir: str | None, backend: str, log_file: Path | None, engines: Path | None = None) -> None:
        """Start the process.

        Raises:
            ModelProcessError: The system does not let us.
        """
        log = None if log_file is None else str(log_file)
        options = ModelProcessOptions(model_dir, backend, log, parent_pid=os.getpid(), engines=engines)
        child_commands, self._commands = _SPAWN.Pipe(duplex=False)
        self._replies, child_replies = _SPAWN.Pipe(duplex=False)
        # daemon: an interpreter that ends without `end` being called ends the process first
        self._process = _SPAWN.Process(
            target=run_model_process, args=(child_commands, child_replies, options), name="dewpoint-model", daemon=True
        )
        try:
            self._process.start()
        except OSError as exc:
            self._commands.close()
            self._replies.close()
            text = f"The model process could not be started: {exc.strerror}."
            raise ModelProcessError(text, "Close other programs, then try again.") from exc
        finally:
            # Only the child may hold its ends, or nobody would ever see the end of a pipe.
            child_commands.close()
            child_replies.close()
        self.pid = self._process.pid
        self._ended = False

    def alive(self) -> bool:
        """True while the process runs; from any thread."""
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

    def send(self, command: Command) -> bool:
        """Send a command; False if the process is gone."""
        try:
            self._commands.send(command)
        except (OSError, ValueError):
            return False
        return True

    def receive(self, timeout: float) -> tuple[list[Reply], bool]:
        """All replies that are there, after waiting up to `timeout` seconds for the first.

        Returns:
            The replies, oldest first, and True if the process is gone and no more will come.
        """
        replies: list[Reply] = []
        try:
            sentinel = self._process.sentinel
            ready = connection.wait([self._replies, sentinel], timeout)
            while len(replies) < _MOST_AT_ONCE and self._replies.poll(0):
                replies.append(self._replies.recv())
        # The process ended, perhaps in the middle of a reply, or another thread ended this link.
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            return replies, True
        return replies, not replies and sentinel in ready

    def kill(self) -> None:
        """End the process at once; from any thread."""
        with contextlib.suppress(ValueError):  # raised if it was ended meanwhile
            self._process.kill()

    def end(self, timeout: float) -> None:
        """End the process: politely within `timeout` seconds, else firmly, at last by force. May be called again."""
        if self._ended:
            return
        self.send(Shutdown())
        # The child may be blocked on a full pipe that nobody reads any more.
        self._replies.close()
        self._process.join(timeout)
        for stop in (self._process.terminate, self._process.kill):
            if self._process.is_alive():
                stop()
                self._process.join(_TERMINATE_SECONDS)
        self._ended = True
        self._commands.close()
        if not self._process.is_alive():  # a process stuck in the kernel cannot be closed; it holds nothing of ours
            self._process.close()
