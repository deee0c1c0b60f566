"""The last step of a file: read it once more from the disk, make it last, give it its name.

Two threads do it, so that a small file does not wait for a large one, and one hashes while the other waits for the
disk.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from queue import SimpleQueue

from app.base.files import sync_file, sync_folder
from app.transfers.disk import translated
from app.transfers.existing import check_free
from app.transfers.file_state import FileState
from app.transfers.hashing import check_file
from app.transfers.pace import EVENT_SECONDS

THREADS = 2


@dataclass(frozen=True, slots=True)
class Checked:
    """Progress of the check of a complete file, in bytes."""

    state: FileState
    done: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The check is over.

    Attributes:
        state: The file.
        good: Whether the content is right; then the file has its name.
        problem: What was in the way otherwise.
    """

    state: FileState
    good: bool
    problem: BaseException | None = None


class Finisher:
    """Finishes files in the order in which they come.

    Args:
        messages: Gets `Checked` and `Settled`.
    """

    def __init__(self, messages: SimpleQueue[object]) -> None:
        self._messages = messages
        self._states: SimpleQueue[FileState | None] = SimpleQueue()
        self._stop = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, name=f"transfer-finisher-{number}", daemon=True)
            for number in range(THREADS)
        ]

    def add(self, state: FileState) -> None:
        """Finish this file, too."""
        self._states.put(state)

    def end(self) -> None:
        """Let go, also in the middle of a file."""
        self._stop.set()
        for _ in self.threads:
            self._states.put(None)

    def _run(self) -> None:
        while (state := self._states.get()) is not None and not self._stop.is_set():
            try:
                good = self._finish(state)
            except OSError as exc:
                self._messages.put(Settled(state, False, translated(exc)))
            except BaseException as exc:  # thread boundary: the main loop raises it
                self._messages.put(Settled(state, False, exc))
            else:
                if good is not None:
                    self._messages.put(Settled(state, good))

    def _finish(self, state: FileState) -> bool | None:
        """Whether the content is right; None if it was stopped before that was known."""
        part = state.part
        good = state.file.size == 0
        if good:
            part.begin("")
        part.close()
        last = time.monotonic()
        for result in check_file(part.path, state.file.digest, state.file.size):
            if self._stop.is_set():
                return None
            if isinstance(result, bool):
                good = result
            elif time.monotonic() - last >= EVENT_SECONDS:
                last = time.monotonic()
                self._messages.put(Checked(state, result))
        if not good:
            return False
        sync_file(part.path)
        check_free(state)
        state.own.finished(part.path, state.final)
        os.replace(part.path, state.final)
        sync_folder(state.final.parent)
        part.discard()
        return True
