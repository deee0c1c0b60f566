"""Whether a model is opened on the card in the careful way: the last time ended badly, or somebody says so.

A crash of CUDA ends the process before it can note anything. So whatever is done on the card before the first step is
done is noted before it begins, and the note is taken back after it. The rule of what counts as a crash:

- The process ended while something was under way on the card (loading, a pass), or that raised an error: counts.
- A process that is loaded and does nothing on the card may end in any way: its note is what it was before.
- The window ended the process on purpose (it closes, or the user cancels the loading) or is gone: taken back by
  `take_back`. A window that kills a first pass which did not react to Stop does not do so: the card hangs.
- What nobody can tell counts: the whole machine went down, or somebody killed both while a model was loading.
- The first step that is done wipes the note.

One that counts makes the next attempt careful; two make all that follow so, until the driver or TensorRT is another.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from trt_engines.building.names import ATTEMPT
from trt_engines.files import read_json, write_whole

SAFE_VARIABLE = "DEWPOINT_SAFE_CARD"  # "1": always careful, "0": never
STICKY = 2  # attempts that count
FREE_SHARE = 0.25  # of the card's memory that stays free in the careful way


@dataclass(frozen=True, slots=True)
class _Note:
    unfinished: int
    pending: bool
    machine: str
    pid: int = 0  # of the process that has something under way; 0: of none
    before: dict[str, Any] | None = None  # the note that this one took the place of


class Attempt:
    """One opening of a model on the card; a context manager around everything that is done on it until a step is done.

    Attributes:
        safe: Whether it is careful: no CUDA graphs, no kernels that are compiled while it runs, a quarter of the card
            free.
    """

    def __init__(self, folder: Path, machine: str) -> None:
        """`folder`: of the engines; `machine`: driver and TensorRT, with which notes of others count for nothing."""
        self._file = folder / ATTEMPT
        before = _read(self._file)
        self._before = before if before is not None and before.machine == machine else None
        found = self._before or _Note(0, False, machine)
        wanted = os.environ.get(SAFE_VARIABLE, "")
        careful = found.pending or found.unfinished >= STICKY
        self.safe = wanted == "1" or (wanted != "0" and careful)
        self._under_way = _Note(
            found.unfinished if self.safe else found.unfinished + 1, not self.safe, machine,
            os.getpid(), None if self._before is None else asdict(dataclasses.replace(self._before, before=None)),
        )  # fmt: skip

    def __enter__(self) -> None:
        _write(self._file, self._under_way)

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None and issubclass(kind, Exception):  # counts, however the process ends
            _write(self._file, dataclasses.replace(self._under_way, pid=0, before=None))
        else:  # done, or given up by somebody (Ctrl+C)
            _write(self._file, self._before)

    def succeeded(self) -> None:
        """Its first step is done."""
        kept = dataclasses.replace(self._under_way, pid=0, before=None) if self.safe else None
        _write(self._file, kept)


def take_back(engines: Path, pid: int) -> None:
    """A process was ended on purpose: what it had under way on the card does not count.

    Args:
        engines: Folder of all engine sets.
        pid: Of the process.
    """
    with contextlib.suppress(OSError):
        for file in engines.glob(f"*/{ATTEMPT}"):
            note = _read(file)
            if note is not None and note.pid == pid:
                with contextlib.suppress(TypeError):  # what was before is damaged: the note stays
                    _write(file, None if note.before is None else _Note(**note.before))


def _read(file: Path) -> _Note | None:
    """None if there is none that can be read."""
    try:
        note = _Note(**read_json(file))
    except (OSError, ValueError, TypeError):
        return None
    return note if (type(note.unfinished), type(note.pending)) == (int, bool) else None


def _write(file: Path, note: _Note | None) -> None:
    with contextlib.suppress(OSError):  # a folder that cannot be written has no memory
        if note is None:
            file.unlink(missing_ok=True)
        else:
            write_whole(file, json.dumps(asdict(note)) + "\n")
