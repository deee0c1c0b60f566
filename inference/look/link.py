"""The parent's side of a look process: a thread that owns it, and replies, waited for no longer than allowed."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
from typing import Any

from inference.errors import LookError, LookStoppedError
from inference.host.child import ChildProcess
from inference.look.limits import MemoryJob
from inference.look.plain import MOST_BYTES, too_much, unpacked
from inference.look.process import GiveUp, GoOn, LookAnswered, LookOptions, Reply, run_look_process
from inference.look.questions import LookQuestion

POLL_SECONDS = 0.05
_END_SECONDS = 3.0


class GoneError(Exception):
    """The process is gone.

    Attributes:
        code: Its exit code, None if nobody knows.
        reason: Why it could not be started.
    """

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class OverdueError(Exception):
    """The time is over."""


class LookLink(threading.Thread):
    """Starts a look process and lives as long as it (see `die_with_parent`); this thread alone waits for the pipes."""

    def __init__(self, memory: int, threads: bool = False) -> None:
        super().__init__(name="look process", daemon=True)
        self._options = LookOptions(os.getpid(), memory, threads)
        self._questions: queue.SimpleQueue[LookQuestion[Any] | None] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[Reply | GoneError | LookError] = queue.SimpleQueue()
        self._process: ChildProcess | None = None
        self._killed = False
        self._state = threading.Lock()

    @property
    def usable(self) -> bool:
        """Whether it can be asked."""
        process = self._process
        return not self._killed and process is not None and process.alive()

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return self._process.pid if self._process is not None else None

    def ask(self, question: LookQuestion[Any]) -> None:
        """Put a question; replies follow."""
        self._questions.put(question)

    def reply(self, deadline: float | None, cancel: threading.Event | None) -> Reply:
        """The next reply. After an error the process is of no more use, and the caller's to end.

        Args:
            deadline: By `time.monotonic()`; None waits for ever.
            cancel: Ends the waiting.

        Raises:
            LookStoppedError: It was cancelled.
            OverdueError: The time was over.
            GoneError: The process is gone, for another reason.
            LookError: The reply is too large, or no reply.
        """
        while True:
            if cancel is not None and cancel.is_set():
                raise LookStoppedError("The look was stopped.")
            if deadline is not None and time.monotonic() > deadline:
                raise OverdueError
            with contextlib.suppress(queue.Empty):
                found = self._replies.get(timeout=POLL_SECONDS)
                if isinstance(found, GoneError | LookError):
                    raise found
                return found

    def go_on(self) -> None:
        """Ask for the next reply to a question that has several."""
        self._send(GoOn())

    def kill(self) -> None:
        """End the process at once; from any thread."""
        with self._state:
            self._killed = True
            if self._process is not None:
                self._process.kill()
        self._questions.put(None)

    def leave(self, seconds: float) -> None:
        """Let the process give up what it does and clear up, for so long; then end it, and this thread."""
        if seconds and self.usable:
            self._send(GiveUp())
            self._questions.put(None)
            self.join(seconds)
        self.kill()
        if self.is_alive():
            self.join(_END_SECONDS)

    def _send(self, word: GoOn | GiveUp) -> None:
        """Say it while a question is answered: the thread itself writes nothing then."""
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError, ValueError):  # gone already
                process.down.send(word)

    def run(self) -> None:
        """Start the process, then bring questions down and replies up until it ends."""
        try:
            process = ChildProcess(run_look_process, self._options, "dewpoint-look")
        except OSError as exc:
            self._replies.put(GoneError(None, exc.strerror or type(exc).__name__))
            return
        job: MemoryJob | None = None
        try:
            if sys.platform == "win32":
                with contextlib.suppress(OSError):  # a system that has other plans for jobs: time and size stay limited
                    job = MemoryJob(process.sentinel, self._options.memory)
            with self._state:
                self._process = process
                if self._killed:
                    process.kill()
            self._take(process)
            while (question := self._questions.get()) is not None:
                process.down.send(question)
                while not self._take(process):
                    pass
        except LookError as exc:
            self._replies.put(exc)
        except (EOFError, OSError, ValueError):
            pass  # it is gone
        finally:
            self._killed = True
            process.kill()
            self._replies.put(GoneError(process.exit_code()))
            process.end(0.0)
            if job is not None:
                job.close()

    def _take(self, process: ChildProcess) -> bool:
        """Take one reply; True if it closes what was asked."""
        try:
            data = process.up.recv_bytes(MOST_BYTES)
        except OSError:
            if process.up.closed:  # what a pipe does with more than it was to take
                raise too_much() from None
            raise
        reply = unpacked(data)
        self._replies.put(reply)
        return not isinstance(reply, LookAnswered) or reply.last
