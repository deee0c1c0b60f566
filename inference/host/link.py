"""The parent's side of the model process: commands down, replies up. No policy.

A pipe blocks who uses it: a process that takes nothing lets its writer wait for ever, and one that stops in the middle
of a reply its reader. So two threads use them, and nobody else: `send` and `receive` wait for a queue, and never for
the process. What a process floods with waits in the pipe: only so many replies are held here.
"""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import queue
import threading
from collections import deque
from multiprocessing import connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

from inference.errors import ModelProcessError
from inference.host.child import ChildProcess
from inference.host.entry import run_model_process
from inference.host.messages import Beat, Command, ModelProcessOptions, Reply, SessionOpener, Shutdown

_log = logging.getLogger(__name__)
MOST_HELD, MOST_HELD_BYTES = 1000, 64_000_000  # replies that nobody has taken yet
LARGEST_REPLY = 32_000_000  # bytes; the largest that the server sends are drafts of some ten thousand
_LEAVE_SECONDS = 1.0


class _Inbox:
    """Replies that have arrived and were not taken; whoever puts one into a full one waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: deque[tuple[Reply, int]] = deque()
        self._bytes = 0
        self._open = True

    def put(self, reply: Reply, size: int) -> None:
        """One more, as soon as there is room; dropped if nobody takes any."""
        with self._changed:
            while self._open and (len(self._held) >= MOST_HELD or self._bytes >= MOST_HELD_BYTES):
                self._changed.wait()
            if self._open:
                self._held.append((reply, size))
                self._bytes += size
                self._changed.notify_all()

    def take(self, timeout: float) -> list[Reply]:
        """All that are there, after waiting up to `timeout` seconds for the first."""
        with self._changed:
            if not self._held and self._open and timeout > 0:
                self._changed.wait(timeout)
            taken = [reply for reply, _ in self._held]
            self._held.clear()
            self._bytes = 0
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Nobody takes any more, or none will come."""
        with self._changed:
            self._open = False
            self._changed.notify_all()


class ProcessLink:
    """One running model process.

    Attributes:
        pid: Its process id.
        heard: How often it has said anything.
        beat: The newest sign of life.
        hung: Whether it was killed because it gave none.
    """

    def __init__(
        self,
        model_dir: str | None,
        backend: str,
        log_file: Path | None,
        engines: Path | None = None,
        opener: SessionOpener | None = None,
    ) -> None:
        """Start the process.

        Raises:
            ModelProcessError: The system does not let us.
        """
        log = None if log_file is None else str(log_file)
        options = ModelProcessOptions(model_dir, backend, log, parent_pid=os.getpid(), engines=engines, opener=opener)
        try:
            self._child = ChildProcess(run_model_process, options, "dewpoint-model")
        except OSError as exc:
            text = f"The model process could not be started: {exc.strerror}."
            raise ModelProcessError(text, "Close other programs, then try again.") from exc
        self.pid = self._child.pid
        self.heard, self.beat, self.hung = 0, Beat(0.0, 0.0), False
        self._ended = False
        self._inbox = _Inbox()
        self._guests: dict[int, _Inbox] = {}  # by the numbers of their requests, which are below 0
        self._guest_numbers = itertools.count(-1, -1)
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._broken = threading.Event()  # it takes no commands any more
        self._over = threading.Event()  # no more replies will come
        self._threads = (
            threading.Thread(target=self._write, name="model-writer", daemon=True),
            threading.Thread(target=self._read, name="model-reader", daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def alive(self) -> bool:
        """True while the process runs; from any thread."""
        return self._child.alive()

    def exit_code(self) -> int | None:
        """Exit code, negative for a signal; None while it runs or if nobody knows."""
        return self._child.exit_code()

    def send(self, command: Command) -> bool:
        """Send a command, as soon as the process takes it; False if the process is gone."""
        if self._broken.is_set() or self._ended:
            return False
        self._outbox.put(bytes(ForkingPickler.dumps(command)))
        return True

    def receive(self, timeout: float) -> tuple[list[Reply], bool]:
        """All replies that are there, after waiting up to `timeout` seconds for the first.

        Returns:
            The replies, oldest first, and True if the process is gone and no more will come.
        """
        over = self._over.is_set()
        replies = self._inbox.take(0.0 if over else timeout)
        return replies, over and not replies

    def open_guest(self) -> int:
        """A number for a guest's request: its replies wait for `receive_guest` until `close_guest`; from any thread."""
        number = next(self._guest_numbers)
        self._guests[number] = _Inbox()
        return number

    def receive_guest(self, number: int, timeout: float) -> tuple[list[Reply], bool]:
        """As `receive`, for a guest's request."""
        over = self._over.is_set()
        replies = self._guests[number].take(0.0 if over else timeout)
        return replies, over and not replies

    def close_guest(self, number: int) -> None:
        """Whatever is still said to it is dropped."""
        inbox = self._guests.pop(number, None)
        if inbox is not None:
            inbox.close()

    def kill(self) -> None:
        """End the process at once; from any thread."""
        self._child.kill()

    def end(self, timeout: float) -> None:
        """End the process: politely within `timeout` seconds, else firmly, at last by force. May be called again."""
        self.send(Shutdown())
        self._ended = True
        self._inbox.close()  # what the process still says is read and dropped: it may be blocked on a full pipe
        self._child.stop(timeout)
        self._outbox.put(None)
        for thread in self._threads:
            thread.join(_LEAVE_SECONDS)
        if not any(thread.is_alive() for thread in self._threads):
            self._child.close()

    def _write(self) -> None:
        """The writer: one command after another; a process that is killed lets it go."""
        while (data := self._outbox.get()) is not None:
            try:
                self._child.down.send_bytes(data)
            except (OSError, ValueError):
                self._broken.set()
                return

    def _read(self) -> None:
        """The reader: until the process is gone and all is read that it said; one that says nonsense is ended."""
        replies, sentinel = self._child.up, self._child.sentinel
        try:
            while True:
                ready = connection.wait([replies, sentinel])
                if replies.poll(0):
                    data = replies.recv_bytes(LARGEST_REPLY)
                    reply = pickle.loads(data)
                    self.heard += 1
                    if isinstance(reply, Beat):
                        self.beat = reply
                        continue
                    if not isinstance(reply, Reply):
                        raise ValueError(type(reply).__name__)
                    inbox = self._inbox if reply.number >= 0 else self._guests.get(reply.number)
                    if inbox is not None:
                        inbox.put(reply, len(data))
                elif sentinel in ready:
                    return
        except (EOFError, OSError) as exc:  # it ended in the middle of a reply, or its reply is too large
            _log.info("the model process's replies end: %s", exc)
            self.kill()
        except Exception:  # no reply: whatever it is, it is no model process any more
            _log.exception("the model process sent what is no reply")
            self.kill()
        finally:
            self._over.set()
            for inbox in (self._inbox, *tuple(self._guests.values())):
                inbox.close()
