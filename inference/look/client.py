"""`Looks`: what asks a look process. Importing it costs nothing: a window that looks at nothing starts no later."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from inference.errors import LookStoppedError
from inference.look.drives import DRIVE_SECONDS, Drives, too_slow

if TYPE_CHECKING:
    from inference.look.asking import LookAsker
    from inference.look.questions import LookQuestion

A = TypeVar("A")


class Looks:
    """A look process, started at the first question, and anew after it was ended, for whatever reason.

    Questions are answered one after the other. Any thread may ask.
    """

    def __init__(self, memory: int | None = None, seconds: float | None = None) -> None:
        """Note the limits.

        Args:
            memory: Bytes that the process may have of its own; the usual ones if left out.
            seconds: How long an answer may take; as long as the question says if left out.
        """
        self._drives = Drives(DRIVE_SECONDS if seconds is None else min(seconds, DRIVE_SECONDS))
        self._memory = memory
        self._seconds = seconds
        self._asking: LookAsker | None = None
        self._closed = False
        self._state = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Id of the process; None if none runs."""
        return self._asking.pid if self._asking is not None else None

    def ask(self, question: LookQuestion[A], cancel: threading.Event | None = None) -> A:
        """The answer to a question.

        Raises:
            LookStoppedError: `cancel` was set, or this was closed; the process is ended.
            LookError: It took too long or too much memory, the process died, or the answer is larger than any may be.
            InferenceError, EngineError: What the question says.
        """
        if question.place is not None and not self.answers(question.place, cancel):
            raise too_slow(question.subject, self._drives.seconds)
        return self._begun().ask(question, cancel)

    def wake(self, folders: Iterable[Path]) -> None:
        """Ask the drives of these folders whether they answer: those that hang are then waited for at the same time."""
        for folder in folders:
            self._drives.wake(folder)

    def answers(self, folder: Path, cancel: threading.Event | None = None) -> bool:
        """Whether the drive of a folder answers, so that the folder can be touched.

        Raises:
            LookStoppedError: `cancel` was set, or this was closed.
        """

        def stopped() -> bool:
            return self._closed or (cancel is not None and cancel.is_set())

        answered = self._drives.answers(folder, stopped)
        if not answered and stopped():
            raise LookStoppedError("The look was stopped.")
        return answered

    def follow(self, question: LookQuestion[A], cancel: threading.Event) -> Generator[A, None, None]:
        """All answers to a question that takes long, from a process of its own.

        It may take as long as it likes, and three quarters of the machine's memory. Ends without a last answer after a
        cancel, and without any if this is closed. Closing the generator ends the process, too.

        Raises:
            LookError: The process died, or the memory was not enough.
            InferenceError, EngineError: What the question says.
        """
        return self._begun().follow(question, cancel)

    def close(self) -> None:
        """End the process: a question that waits for an answer is stopped, and later ones are at once.

        What is followed has a process of its own, with which its `cancel` ends it when it has cleared up.
        """
        with self._state:
            self._closed = True
            asking = self._asking
        if asking is not None:
            asking.close()

    def _begun(self) -> LookAsker:
        from inference.look.asking import LookAsker
        from inference.look.limits import MEMORY

        with self._state:
            if self._asking is None:
                self._asking = LookAsker(self._memory or MEMORY, self._seconds)
                if self._closed:
                    self._asking.close()
            return self._asking
