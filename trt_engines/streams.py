"""What a program prints to: a standard output that exists, takes every character, and may be closed by its reader."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable

INTERRUPTED = 130  # exit status after Ctrl+C, as a shell gives it
PIPE_CLOSED = 141  # exit status of a program whose reader (head, for one) has seen enough, as a shell gives it
# Control characters, line separators, what turns the direction of writing, and lone surrogates.
_STEERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def run_program(run: Callable[[], int]) -> int:
    """Run a whole program; returns its exit status.

    Without a standard output (`pythonw`, `>&-`) what it prints goes nowhere. What the output's encoding does not have
    is written as an escape. A reader that has gone, and Ctrl+C, end it without a word.
    """
    _fill_descriptors()
    _prepare_streams()
    try:
        status = run()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        return status
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED


def _fill_descriptors() -> None:
    """A file that the program opens must not get a number that a library takes for the standard output."""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
                os.set_inheritable(opened, True)
            os.close(opened)


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
