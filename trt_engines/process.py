"""A child process and what it sends, as a generator: closing the generator ends the process."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Generator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from trt_engines.ctrl_c import kept_from_children
from trt_engines.errors import EngineError

HEARTBEAT = 0.5  # seconds without news after which None is yielded

Message = tuple[Any, ...]


class ProcessError(EngineError):
    """A child process failed or died."""


def messages(target: Callable[..., None], job: Any, what: str) -> Generator[Message | None, None, None]:
    """Start `target(job, connection)` in a process of its own and yield what it sends, None when there is nothing new.

    The process ends with the message ("done", ...); ("error", text, hint) is raised, with a library's own words where
    they come as a third.

    Args:
        target: A function of a module, which the child imports.
        job: Its first argument.
        what: What the process does, for the sentence about its death: "built stack00".

    Raises:
        ProcessError: The child reports an error, or died.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(target, job, theirs), name=what, daemon=True)
    try:
        with kept_from_children():
            process.start()
        theirs.close()
        while True:
            message = _received(ours, process, what) if ours.poll(HEARTBEAT) else None
            if message is not None and message[0] == "error":
                raise ProcessError(*map(str, message[1:]))
            yield message
            if message is not None and message[0] == "done":
                return
    finally:
        ours.close()
        if process.pid is not None:
            _end(process)


def _run(target: Callable[..., None], job: Any, connection: Connection) -> None:
    """Entry of the child: Ctrl+C in the terminal is for its parent, which ends it and then hears nothing more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(ConnectionError):
        target(job, connection)


def _received(connection: Connection, process: SpawnProcess, what: str) -> Message:
    try:
        message: Message = connection.recv()
        return message
    except (EOFError, OSError) as exc:
        process.join(5)
        killed = process.exitcode is not None and process.exitcode < 0
        why = "was ended from outside, perhaps because the memory was full" if killed else "ended without an answer"
        raise ProcessError(
            f"The process that {what} {why}.", "Close other programs and try again; what is finished is kept."
        ) from exc


def _end(process: SpawnProcess) -> None:
    """End the child: politely after its last message, else by the system. All that it writes is whole or not there."""
    process.join(0.5)
    if process.is_alive():
        process.terminate()
        process.join(10)
    if process.is_alive():
        process.kill()
        process.join()
