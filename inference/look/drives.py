"""Whether the drive of a folder answers at all: asked in a thread that is given up, before anybody looks into it.

Several drives are asked at the same time, so that all that hang together take the time of one; and one that hangs is
asked once, until it answers.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from inference.errors import LookError

DRIVE_SECONDS = 20.0  # a disk that sleeps takes ten
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class _Call:
    """A question to a drive.

    Attributes:
        began: By `time.monotonic()`.
        answered: Set with the answer, whatever it is.
    """

    began: float = field(default_factory=time.monotonic)
    answered: threading.Event = field(default_factory=threading.Event)


class Drives:
    """Asks drives; any thread may call."""

    def __init__(self, seconds: float = DRIVE_SECONDS) -> None:
        """Nothing is asked yet; an answer may take so many seconds."""
        self.seconds = seconds
        self._calls: dict[Path, _Call] = {}  # that are not answered yet
        self._state = threading.Lock()

    def wake(self, folder: Path) -> None:
        """Ask the drive of a folder, and do not wait for the answer."""
        self._called(folder)

    def answers(self, folder: Path, stopped: Callable[[], bool]) -> bool:
        """Whether the drive of a folder answers in time, counted from the question, which may be an earlier one.

        Args:
            folder: It need not be there.
            stopped: Ends the waiting; the answer is then of no use.
        """
        call = self._called(folder)
        while not call.answered.wait(_POLL_SECONDS):
            if stopped() or time.monotonic() > call.began + self.seconds:
                return False
        return True

    def _called(self, folder: Path) -> _Call:
        with self._state:
            if folder in self._calls:
                return self._calls[folder]
            call = self._calls[folder] = _Call()
        # A daemon: where the drive never answers, it must not keep the program from ending.
        threading.Thread(target=self._ask, args=(folder, call), name="question to a drive", daemon=True).start()
        return call

    def _ask(self, folder: Path, call: _Call) -> None:
        with contextlib.suppress(OSError, ValueError):  # an answer, too
            os.stat(folder)
        with self._state:
            del self._calls[folder]
        call.answered.set()


def too_slow(subject: str, seconds: float) -> LookError:
    """A drive that does not answer."""
    hint = "Check whether its drive answers, or choose another copy of the model."
    return _not_within(subject, seconds, hint)


def too_long(subject: str, seconds: float) -> LookError:
    """A look that goes on and on, on a drive that answers."""
    hint = "Its files are too many or too large for a model, or its drive is slow: choose another copy of the model."
    return _not_within(subject, seconds, hint)


def _not_within(subject: str, seconds: float, hint: str) -> LookError:
    return LookError(f"{subject} could not be looked at within {seconds:g} seconds.", hint)
