"""Work on what strangers supply, in a process of its own: parsers, converters, printers (ARCHITECTURE.md).

The work is a generator of plain dictionaries, named "module:function". They come up as JSON, each of a bounded size, so
nothing is made of them here but values. A process that takes too much memory or too long, dies, or is not wanted any
more is ended, and whoever waits for it gets one sentence.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from app.base.errors import AppError, KnownAppError, StoppedError
from app.base.log import get_logger
from app.chats import texts
from app.chats.backup import never
from app.chats.lock.keys import Held, held, hold_all
from inference.host.child import ChildProcess
from inference.host.lifeline import die_with_parent
from inference.look.limits import MemoryJob, limit_own_memory
from trt_engines.errors import DewpointError

Plain: TypeAlias = dict[str, Any]
MEMORY = 1 << 30  # bytes that a process may have of its own
MOST_BYTES = 64 << 20  # of one value
START_SECONDS = 60.0  # a scanner of viruses may look at every file of the program first
_POLL_SECONDS = 0.05
_OUT_OF_MEMORY = "memory"

_log = get_logger("chats")


class ApartError(KnownAppError):
    """What was given could not be worked on."""


@dataclass(frozen=True, slots=True)
class ApartWork:
    """What a process shall do.

    Attributes:
        work: "module:function" of a generator function that takes `given` and yields plain dictionaries.
        given: Its arguments, plain.
        subject: What is worked on, for sentences.
        memory: Bytes that the process may have of its own.
        seconds: How long it may take in all; None for as long as it likes, for it can be stopped.
        parent: Process without which it must not live.
        keys: What it needs for locked data folders; it goes down by the pipe that the process is started with.
    """

    work: str
    given: Plain
    subject: str
    memory: int = MEMORY
    seconds: float | None = None
    parent: int = field(default_factory=os.getpid)
    keys: Held = field(default_factory=held, repr=False)


# -- the process that asks -------------------------------------------------------------------------------------------


def worked_apart(work: ApartWork, stopped: Callable[[], bool] = never) -> Generator[Plain, None, None]:
    """Everything that the work yields; the process ends with the generator.

    It must be used up, or closed, in the thread that began it: the process dies with that thread.

    Raises:
        StoppedError: `stopped` said so.
        ApartError: What the work says of what it was given, or what became of the process.
    """
    try:
        process = ChildProcess(run_apart, work, "dewpoint-apart")
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise ApartError(texts.apart_not_started(work.subject, reason), texts.TRY_AGAIN) from exc
    job: MemoryJob | None = None
    try:
        if sys.platform == "win32":
            with contextlib.suppress(OSError):  # a system that has other plans for jobs
                job = MemoryJob(process.sentinel, work.memory)
        deadline = None if work.seconds is None else time.monotonic() + work.seconds + START_SECONDS
        while (value := _next(process, work, deadline, stopped)) is not None:
            yield value
    finally:
        process.kill()
        process.end(0.0)
        if job is not None:
            job.close()


def _next(process: ChildProcess, work: ApartWork, deadline: float | None, stopped: Callable[[], bool]) -> Plain | None:
    """The next value; None at the end."""
    while not _arrived(process):
        if stopped():
            raise StoppedError
        if deadline is not None and time.monotonic() > deadline:
            raise ApartError(texts.apart_too_slow(work.subject, work.seconds or 0.0), texts.APART_HINT)
    if stopped():
        raise StoppedError
    try:
        data = process.up.recv_bytes(MOST_BYTES)
        reply = json.loads(data)
    except EOFError as exc:
        code = process.exit_code()
        raise ApartError(texts.apart_died(work.subject, code), texts.APART_HINT) from exc
    except (OSError, ValueError, RecursionError) as exc:
        raise ApartError(texts.apart_too_much(work.subject), texts.APART_HINT) from exc
    if "value" in reply:
        return dict(reply["value"])
    if "ended" in reply:
        return None
    if reply.get("refused") == _OUT_OF_MEMORY:
        raise ApartError(texts.apart_memory(work.subject, work.memory), texts.APART_HINT)
    if "bug" in reply:
        _log.error("work on %s failed: %s", work.subject, reply["bug"])
        raise AppError(texts.apart_bug(work.subject), "", str(reply["bug"]))
    raise ApartError(str(reply.get("text")), str(reply.get("hint")))


def _arrived(process: ChildProcess) -> bool:
    try:
        return process.up.poll(_POLL_SECONDS)
    except (OSError, EOFError):
        return True  # it is gone, which reading says


# -- the process that works ------------------------------------------------------------------------------------------


def run_apart(_: Connection, replies: Connection, work: ApartWork) -> None:
    """Main function of the process: dies with its parent, prints nothing, limits its memory, then works."""
    die_with_parent(work.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    limit_own_memory(work.memory)
    hold_all(work.keys)
    with contextlib.suppress(OSError):  # nobody reads any more
        _send(replies, _last(replies, work))


def _last(replies: Connection, work: ApartWork) -> Plain:
    """Do the work; gives the reply that ends it."""
    try:
        module, _, name = work.work.partition(":")
        function = getattr(importlib.import_module(module), name)
        with contextlib.closing(function(work.given)) as values:
            for value in values:
                _send(replies, {"value": value})
        return {"ended": True}
    except MemoryError:
        return {"refused": _OUT_OF_MEMORY}
    except DewpointError as exc:
        if exc.known:
            return {"refused": "known", "text": exc.user_text, "hint": exc.hint}
        return {"bug": traceback.format_exc()}
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        return {"refused": "known", "text": texts.apart_file(work.subject, reason), "hint": texts.APART_FILE_HINT}
    except Exception:  # the process's border: the other side learns of everything as a reply
        return {"bug": traceback.format_exc()}


def _send(replies: Connection, reply: Plain) -> None:
    replies.send_bytes(json.dumps(reply).encode("ascii"))
