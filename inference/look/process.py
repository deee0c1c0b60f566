"""The look process: answers one question after the other until it is told to end, or its parent is gone."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from inference.host.lifeline import die_with_parent
from inference.look.limits import limit_own_memory
from inference.look.plain import MOST_BYTES, MOST_CHARACTERS, bounded, packed, too_much
from inference.look.questions import LookQuestion
from trt_engines.errors import DewpointError

_QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
_SHARED = ("inference.errors", "trt_engines.errors")  # where errors are that the other side raises again


@dataclass(frozen=True, slots=True)
class LookOptions:
    """What a look process is started with.

    Attributes:
        parent_pid: Process without which it must not live.
        memory: Bytes that it may have of its own.
        threads: Whether libraries may start threads, each of which takes memory.
    """

    parent_pid: int
    memory: int
    threads: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """Questions can be asked."""


@dataclass(frozen=True, slots=True)
class LookAnswered:
    """An answer; `last` closes the question."""

    value: Any
    last: bool


@dataclass(frozen=True, slots=True)
class LookRefused:
    """A question that has no answer.

    Attributes:
        kind: Name of the error's class.
        text: What happened, if it is known.
        hint: What to do.
        known: Whether those are the user's to read; else `detail` is a bug of ours.
        detail: The trace of a bug.
        leaving: Whether the process ends now: its memory was not enough.
    """

    kind: str
    text: str = ""
    hint: str = ""
    known: bool = True
    detail: str = ""
    leaving: bool = False


Reply = Ready | LookAnswered | LookRefused


@dataclass(frozen=True, slots=True)
class GoOn:
    """Sent down after each answer that is not the last: whoever asked wants the next one."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Sent down instead: clear up, and end."""


OUT_OF_MEMORY = "OutOfMemoryError"


def run_look_process(questions: Connection, replies: Connection, options: LookOptions) -> None:
    """Main function of the look process.

    1. Die with the parent; leave Ctrl+C in the terminal to it; print nothing: libraries print what a folder says.
    2. Limit the memory before anything of a folder is touched.
    3. Answer.
    """
    # 1.
    die_with_parent(options.parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _print_nothing()
    # 2.
    if not options.threads:
        os.environ.update(_QUIET)
    limit_own_memory(options.memory)
    # 3.
    with contextlib.suppress(EOFError, OSError, _ParentGone):  # the parent is gone, or wants nothing more
        _send(replies, Ready())
        while _answer_one(questions, replies):
            pass


class _ParentGone(Exception):  # noqa: N818 - nobody is told of it
    """Nobody reads replies any more."""


class _GivenUp(Exception):  # noqa: N818 - nobody is told of it
    """Nobody wants the rest."""


def _answer_one(questions: Connection, replies: Connection) -> bool:
    """Take a question and answer it; False if the process shall end."""
    question = questions.recv()
    if not isinstance(question, LookQuestion):
        return False
    try:
        return _send_all(question, questions, replies)
    except MemoryError:
        refused = LookRefused(OUT_OF_MEMORY, leaving=True)
    except DewpointError as error:
        detail = "" if error.known else _trace()
        refused = LookRefused(_kind(error), error.user_text, error.hint, error.known, detail)
    except _ParentGone:
        return False
    except Exception as error:  # the process's border: the other side learns of everything as a reply
        refused = LookRefused(type(error).__name__, known=False, detail=_trace())
        if _lacks_memory(error):
            refused = LookRefused(OUT_OF_MEMORY, leaving=True)
    _send(replies, bounded(refused))
    return not refused.leaving


def _lacks_memory(error: BaseException | None) -> bool:
    """Whether a failure, or one behind it, is the system's way to say that there is no more memory.

    The loader of shared objects says so in words alone (glibc's dl-map-segments.h), and Python's parser finds errors in
    modules of ours where it has no room for a part of them.
    """
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if isinstance(error, ImportError) and "failed to map segment" in str(error):
            return True
        if isinstance(error, SyntaxError) and str(error.filename).endswith(".py"):
            return True
        error = error.__cause__ or error.__context__
    return False


def _send_all(question: LookQuestion[Any], questions: Connection, replies: Connection) -> bool:
    from inference.look.answer import answers

    def send(value: Any) -> None:
        """One answer that is not the last; returns when whoever asked wants the next one."""
        _send(replies, LookAnswered(value, last=False))
        if not isinstance(questions.recv(), GoOn):
            raise _GivenUp

    given = answers(question, send)
    try:
        with contextlib.closing(given):
            value = next(given)
            for following in given:
                send(value)
                value = following
    except _GivenUp:
        return False
    _send(replies, LookAnswered(value, last=True))
    return True


def _send(replies: Connection, reply: Reply) -> None:
    data = packed(reply)
    if len(data) > MOST_BYTES:
        raise too_much()
    try:
        replies.send_bytes(data)
    except OSError as exc:
        raise _ParentGone from exc


def _kind(error: DewpointError) -> str:
    """The nearest class that the other side knows by its name."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ in _SHARED)


def _trace() -> str:
    return traceback.format_exc()[-MOST_CHARACTERS:]


def _print_nothing() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
