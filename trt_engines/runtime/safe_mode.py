"""Whether a model is opened on the card in the careful way: the last time ended badly, or somebody says so.

A crash of CUDA ends the process before it can note anything. So an attempt is noted before it begins, and wiped when
its first step is done. One that did not get so far makes the next one careful; two make all that follow so, until the
driver or TensorRT is another one.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from trt_engines.files import read_json, write_whole

NOTE = "attempt.json"
SAFE_VARIABLE = "DEWPOINT_SAFE_CARD"  # "1": always careful, "0": never
STICKY = 2  # attempts that did not get to their first step
FREE_SHARE = 0.25  # of the card's memory that stays free in the careful way


@dataclass(frozen=True, slots=True)
class _Note:
    unfinished: int
    pending: bool
    machine: str


class Attempt:
    """One opening of a model on the card.

    Attributes:
        safe: Whether it is careful: no CUDA graphs, no kernels that are compiled while it runs, a quarter of the card
            free.
    """

    def __init__(self, folder: Path, machine: str) -> None:
        """`folder`: of the engines; `machine`: driver and TensorRT, with which notes of others count for nothing."""
        self._file, self._machine = folder / NOTE, machine
        found = self._read()
        wanted = os.environ.get(SAFE_VARIABLE, "")
        careful = found.pending or found.unfinished >= STICKY
        self.safe = wanted == "1" or (wanted != "0" and careful)
        self._unfinished = found.unfinished if self.safe else found.unfinished + 1
        self._write(_Note(self._unfinished, not self.safe, machine))

    def succeeded(self) -> None:
        """Its first step is done."""
        if not self.safe:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)

    def _read(self) -> _Note:
        try:
            note = _Note(**read_json(self._file))
            return note if note.machine == self._machine else _Note(0, False, self._machine)
        except (OSError, ValueError, TypeError):
            return _Note(0, False, self._machine)

    def _write(self, note: _Note) -> None:
        with contextlib.suppress(OSError):  # a folder that cannot be written has no memory
            write_whole(self._file, json.dumps(asdict(note)) + "\n")
