"""Rust's panics print a trace on standard error before anybody can catch them: it is closed to them meanwhile."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

_STANDARD_ERROR = 2
_state = threading.Lock()
_users = 0
_kept: int | None = None  # what standard error was before the first user


@contextlib.contextmanager
def quiet_panics() -> Iterator[None]:
    """Nothing reaches standard error inside, from any thread; threads may overlap."""
    _begin()
    try:
        yield
    finally:
        _end()


def _begin() -> None:
    global _users, _kept
    with _state:
        _users += 1
        if _users > 1:
            return
        try:
            kept = os.dup(_STANDARD_ERROR)
        except OSError:  # a program without a console has none
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, _STANDARD_ERROR)
            os.close(nowhere)
        except OSError:  # no room for another open file: the trace is printed, that is all
            os.close(kept)
            return
        _kept = kept


def _end() -> None:
    global _users, _kept
    with _state:
        _users -= 1
        if _users or _kept is None:
            return
        os.dup2(_kept, _STANDARD_ERROR)
        os.close(_kept)
        _kept = None
