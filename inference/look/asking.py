"""`LookAsker`: asking a look process from any thread, and never waiting longer than one was told to."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Generator
from typing import Any, TypeVar, cast

from inference import errors as inference_errors
from inference.errors import LookError, LookStoppedError
from inference.look.drives import too_long
from inference.look.limits import MEMORY
from inference.look.link import GoneError, LookLink, OverdueError
from inference.look.process import OUT_OF_MEMORY, LookAnswered, LookRefused, Reply
from inference.look.questions import LookQuestion
from trt_engines import errors as engine_errors
from trt_engines.errors import DewpointError

A = TypeVar("A")
START_SECONDS = 60.0  # a scanner of viruses may look at every file of the program first
TURN_SECONDS = 0.05  # how often a cancel is looked at while another question is answered
MERGE_SHARE = 0.75  # of the machine's memory
_OTHER_COPY = "Choose another copy of the model."

_log = logging.getLogger(__name__)


class LookAsker:
    """What `inference.look.client.Looks` does, once there is something to ask."""

    def __init__(self, memory: int = MEMORY, seconds: float | None = None) -> None:
        """Nothing is started yet; see `Looks` for the arguments."""
        self.memory = memory
        self.seconds = seconds
        self._turn = threading.Lock()
        self._state = threading.Lock()
        self._link: LookLink | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Id of the process; None if none runs."""
        link = self._link
        return link.pid if link is not None and link.usable else None

    def ask(self, question: LookQuestion[A], cancel: threading.Event | None = None) -> A:
        """The answer to a question.

        Raises:
            LookStoppedError: `cancel` was set, or this was closed; the process is ended.
            LookError: It took too long or too much memory, the process died, or the answer is larger than any may be.
            InferenceError, EngineError: What the question says.
        """
        with self._mine(cancel):
            link, fresh = self._started(cancel)
            reply = self._reply(link, question, cancel)
            if _out_of_memory(reply) and not fresh:  # what was looked at before may have left too little
                link, _ = self._started(cancel)
                reply = self._reply(link, question, cancel)
            return cast("A", _value(reply, question, self.memory))

    def follow(self, question: LookQuestion[A], cancel: threading.Event) -> Generator[A, None, None]:
        """All answers to a question that takes long, from a process of its own.

        It may take as long as it likes, and three quarters of the machine's memory. Ends without a last answer after a
        cancel, and without any if this is closed. Closing the generator ends the process, too.

        Raises:
            LookError: The process died, or the memory was not enough.
            InferenceError, EngineError: What the question says.
        """
        import psutil

        memory = int(psutil.virtual_memory().total * MERGE_SHARE)
        link = LookLink(memory, threads=True)
        whole = False
        try:
            if self._closed:
                raise stopped()
            _start(link, cancel)
            link.ask(question)
            while not whole:
                reply = _wait(link, question, None, cancel)
                value = cast("A", _value(reply, question, memory))
                whole = isinstance(reply, LookAnswered) and reply.last
                yield value
                if not whole:
                    link.go_on()
        except LookStoppedError:
            pass
        finally:
            link.leave(0.0 if whole else question.tidy_seconds)

    def close(self) -> None:
        """End the process: a question that waits for an answer is stopped, and later ones are at once.

        What is followed has a process of its own, with which its `cancel` ends it when it has cleared up.
        """
        with self._state:
            self._closed = True
            link = self._link
        if link is not None:
            link.leave(0.0)

    # -- inside -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _mine(self, cancel: threading.Event | None) -> Generator[None, None, None]:
        while not self._turn.acquire(timeout=TURN_SECONDS):
            if cancel is not None and cancel.is_set():
                raise stopped()
        try:
            yield
        except LookError as exc:
            if self._closed:  # which ended the process, wherever the question was just then
                raise stopped() from exc
            raise
        finally:
            self._turn.release()

    def _started(self, cancel: threading.Event | None) -> tuple[LookLink, bool]:
        """The process, and whether it was started just now."""
        if self._link is not None and self._link.usable:
            return self._link, False
        if self._link is not None:
            self._link.leave(0.0)
        with self._state:
            if self._closed:
                raise stopped()
            link = self._link = LookLink(self.memory)
        _start(link, cancel)
        return link, True

    def _reply(self, link: LookLink, question: LookQuestion[Any], cancel: threading.Event | None) -> Reply:
        try:
            link.ask(question)
            reply = _wait(link, question, question.seconds if self.seconds is None else self.seconds, cancel)
        except BaseException:  # Ctrl+C, too: a process that hangs would keep the program from ending
            link.kill()
            raise
        if isinstance(reply, LookRefused) and reply.leaving:
            link.kill()
        return reply


def stopped() -> LookStoppedError:
    """Of a look that somebody gave up."""
    return LookStoppedError("The look was stopped.")


def _start(link: LookLink, cancel: threading.Event | None) -> None:
    """Start a process and wait until it can be asked."""
    try:
        link.start()
        link.reply(time.monotonic() + START_SECONDS, cancel)
        return
    except GoneError as gone:
        why = gone.reason or f"exit code {gone.code}"
    except OverdueError:
        link.kill()
        why = f"no sign of life within {START_SECONDS:g} seconds"
    except BaseException:
        link.kill()
        raise
    text = f"The process that looks at models could not be started: {why}."
    raise LookError(text, "Close other programs, then try again.")


def _wait(link: LookLink, question: LookQuestion[Any], seconds: float | None, cancel: threading.Event | None) -> Reply:
    """The next reply to a question; whatever else happens to the process is a sentence."""
    try:
        return link.reply(None if seconds is None else time.monotonic() + seconds, cancel)
    except OverdueError as exc:
        assert seconds is not None
        raise too_long(question.subject, seconds) from exc
    except GoneError as gone:
        text = f"The process that looked at {question.subject} ended unexpectedly (exit code {gone.code})."
        raise LookError(text, f"Try again; if it happens again: {_OTHER_COPY[0].lower()}{_OTHER_COPY[1:]}") from gone


def _out_of_memory(reply: Reply) -> bool:
    return isinstance(reply, LookRefused) and reply.kind == OUT_OF_MEMORY


def _value(reply: Reply, question: LookQuestion[Any], memory: int) -> Any:
    """The answer in a reply; a refusal is raised as the error that it was in the other process."""
    if isinstance(reply, LookAnswered):
        return reply.value
    if not isinstance(reply, LookRefused):
        raise LookError("A look gave an answer that makes no sense.", "Try again.")
    if _out_of_memory(reply):
        text = f"{question.subject} needs more than {memory / 1e9:.1f} GB of memory to be looked at."
        raise LookError(text, _OTHER_COPY)
    if not reply.known:
        _log.warning("a look at %s failed: %s", question.subject, reply.detail)
        raise LookError(f"{question.subject} could not be looked at ({reply.kind}).", _OTHER_COPY)
    kind = getattr(inference_errors, reply.kind, None) or getattr(engine_errors, reply.kind, None)
    known = kind if isinstance(kind, type) and issubclass(kind, DewpointError) else LookError
    raise known(reply.text, reply.hint)
