"""The folders that graph templates are made in until they are whole, and what a kill leaves of them.

Their names are random, and begin alike: nobody else has folders of such names in the program's own folder of graphs.
One process makes templates at a time; while one does, no such folder is a leftover.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from trt_engines.files import written_names
from trt_engines.graphs.names import MANIFEST
from trt_engines.held import FileMark, HeldFolder, mark_at, remove_below

LOCK = "making.lock"
_PREFIX = "making-"
_SCRATCH = re.compile(r"making-[a-z0-9_]{8}")
# What exports write, of whatever version; anything else in their folder is the user's.
OWN = re.compile(rf"(embed|head|layer\d+-\w+)\.onnx|{written_names(MANIFEST)}")


@dataclass(frozen=True, slots=True)
class KilledMaking:
    """What was left of one.

    Attributes:
        folder: Where.
        files: What exports wrote, by name.
        others: What else lies there.
        size: Bytes of the files.
    """

    folder: Path
    files: tuple[str, ...]
    others: tuple[str, ...]
    size: int


@contextlib.contextmanager
def making_folder(cache: Path) -> Iterator[Path]:
    """A new folder in `cache`, which is gone afterwards with all that was not moved out of it.

    Raises:
        OSError: It cannot be made.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / LOCK):
        scratch = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=cache))
        try:
            yield scratch
        finally:
            remove_below(scratch)


def killed_makings(cache: Path) -> tuple[KilledMaking, ...]:
    """What kills have left in `cache`; nothing while templates are made."""
    with contextlib.suppress(OSError, Timeout):
        names = sorted(path.name for path in cache.iterdir() if _SCRATCH.fullmatch(path.name))
        if names:
            with FileLock(cache / LOCK, timeout=0):
                return tuple(filter(None, (_killed(cache / name) for name in names)))
    return ()


def remove_making(found: KilledMaking) -> int:
    """Delete it, as far as it was listed; returns the bytes that came free.

    Raises:
        OSError: A file cannot be deleted.
    """
    freed = 0
    with HeldFolder(found.folder) as held:
        for name in found.files:
            mark = held.mark((name,))
            if mark is not None and mark.is_file and OWN.fullmatch(name):
                held.unlink((name,))
                freed += mark.size
        empty = not held.names()
    if empty:
        found.folder.rmdir()
    return freed


def _killed(folder: Path) -> KilledMaking | None:
    mark = mark_at(folder)
    if mark is None or not mark.is_folder:
        return None
    marks: dict[str, FileMark] = {}
    others = []
    with HeldFolder(folder) as held:
        for name in held.names():
            found = held.mark((name,))
            if found is not None and found.is_file and OWN.fullmatch(name):
                marks[name] = found
            else:
                others.append(name)
    return KilledMaking(folder, tuple(marks), tuple(others), sum(each.size for each in marks.values()))
