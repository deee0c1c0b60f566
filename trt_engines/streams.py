"""What a program prints to: an output that takes every character, and may be full, closed, or left by its reader."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO, cast

INTERRUPTED = 130  # exit status after Ctrl+C, as a shell gives it
PIPE_CLOSED = 141  # exit status of a program whose reader (head, for one) has seen enough, as a shell gives it
# Control characters, line separators, what turns the direction of writing, and lone surrogates.
_STEERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


STOPPED = "Stopped by Ctrl+C."
CANNOT_WRITE = "The output cannot be written: "
CLOSED = "it is closed"


class OutputError(BrokenPipeError):
    """The standard output takes nothing; from `print` to `run_program` it counts as a reader that has gone."""


def run_program(run: Callable[[], int]) -> int:
    """Run a whole program; returns its exit status.

    Without a console (`pythonw`) what it prints goes nowhere. What the output's encoding does not have is written as an
    escape. An output that is full or closed ends it with a sentence and status 1 as soon as something is printed. A
    reader that has gone ends it without a word, Ctrl+C with one sentence, unless the command has said one of its own.
    """
    closed = sys.stdout is None and os.name == "posix"
    _fill_descriptors()
    _prepare_streams()
    stdout = sys.stdout
    sys.stdout = cast("TextIO", _Output(stdout, closed))
    try:
        try:
            return run()
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
    except OutputError as error:
        _forget_output()
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{CANNOT_WRITE}{error}.\n")
        return 1
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return _stopped()
    except Exception as exc:
        if not isinstance(exc.__cause__, KeyboardInterrupt):
            raise
        return _stopped()  # Python makes a RuntimeError of it where it interrupts the making of a class
    finally:
        sys.stdout = stdout


def _stopped() -> int:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{STOPPED}\n")
    return INTERRUPTED


def _fill_descriptors() -> None:
    """A file that the program opens must not get a number that a library takes for the standard output."""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
                os.set_inheritable(opened, True)
            os.close(opened)


class _Output:
    """A standard output whose failures are told from those of files; all else is the stream's own.

    A failure stays: argparse, for one, says nothing of it, so the last `flush` has to.
    """

    def __init__(self, stream: TextIO, closed: bool) -> None:
        self._stream = stream
        self._closed = closed
        self._failure = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._told():
            if self._closed:
                raise OutputError(CLOSED)
            return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with self._told():
            self._stream.flush()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        if self._failure:
            raise OutputError(self._failure)
        try:
            yield
        except OSError as exc:
            if isinstance(exc, BrokenPipeError) and not isinstance(exc, OutputError):
                raise
            self._failure = exc.strerror or str(exc)
            raise OutputError(self._failure) from exc


def _prepare_streams() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8", errors="replace"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_output() -> None:
    """What is not written yet goes nowhere, so that nothing complains about it at the end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def escaped(text: str, kept: str = "\n\t") -> str:
    """`text` as any terminal and any file can take it: what would steer them is shown as an escape.

    Args:
        text: May hold names that anybody chose: escape codes, line breaks, bytes that are no UTF-8 (lone surrogates).
        kept: Control characters that are meant.
    """
    return "".join(char if char in kept or not _STEERS.match(char) else _escape(char) for char in text)


def _escape(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # a byte of a path, as Python keeps it
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
