"""The parent's side of the model process: commands down, replies up. No policy."""

from __future__ import annotations

import os
import pickle
from multiprocessing import connection
from pathlib import Path

from inference.errors import ModelProcessError
from inference.host.child import ChildProcess
from inference.host.entry import run_model_process
from inference.host.messages import Command, ModelProcessOptions, Reply, Shutdown

_MOST_AT_ONCE = 1000


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
        try:
            self._child = ChildProcess(run_model_process, options, "dewpoint-model")
        except OSError as exc:
            text = f"The model process could not be started: {exc.strerror}."
            raise ModelProcessError(text, "Close other programs, then try again.") from exc
        self.pid = self._child.pid

    def alive(self) -> bool:
        """True while the process runs; from any thread."""
        return self._child.alive()

    def exit_code(self) -> int | None:
        """Exit code, negative for a signal; None while it runs or if nobody knows."""
        return self._child.exit_code()

    def send(self, command: Command) -> bool:
        """Send a command; False if the process is gone."""
        try:
            self._child.down.send(command)
        except (OSError, ValueError):
            return False
        return True

    def receive(self, timeout: float) -> tuple[list[Reply], bool]:
        """All replies that are there, after waiting up to `timeout` seconds for the first.

        Returns:
            The replies, oldest first, and True if the process is gone and no more will come.
        """
        replies: list[Reply] = []
        sentinel = self._child.sentinel
        try:
            ready = connection.wait([self._child.up, sentinel], timeout)
            while len(replies) < _MOST_AT_ONCE and self._child.up.poll(0):
                replies.append(self._child.up.recv())
        # The process ended, perhaps in the middle of a reply, or another thread ended this link.
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            return replies, True
        return replies, not replies and sentinel in ready

    def kill(self) -> None:
        """End the process at once; from any thread."""
        self._child.kill()

    def end(self, timeout: float) -> None:
        """End the process: politely within `timeout` seconds, else firmly, at last by force. May be called again."""
        self.send(Shutdown())
        self._child.end(timeout)
