"""Files whose bytes are overwritten before the system gets their room back.

That is as much as a program can do. A drive without moving parts, a file system that keeps old versions, and a backup
of somebody else's may hold the old bytes elsewhere (docs/privacy.md).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_CHUNK = 1 << 20


@contextlib.contextmanager
def overwritten(path: Path) -> Iterator[None]:
    """What is at `path` now is overwritten with zeros when it has lost its name; where that cannot be, it only goes.

    What has another name, too (a copy of a folder by hard links), is somebody else's, and stays as it is.
    """
    with contextlib.ExitStack() as stack:
        old = None
        if os.name == "posix":  # elsewhere a file that is open cannot be replaced
            with contextlib.suppress(OSError):
                old = stack.enter_context(path.open("r+b"))
        yield
        if old is not None and os.fstat(old.fileno()).st_nlink == 0:
            _fill(old)


def erase(path: Path) -> None:
    """Overwrite a file and remove it; one that is not there is fine.

    Raises:
        OSError: It cannot be removed.
    """
    if os.name == "posix":
        with overwritten(path):
            path.unlink(missing_ok=True)
        return
    with contextlib.suppress(OSError), path.open("r+b") as old:
        if os.fstat(old.fileno()).st_nlink <= 1:
            _fill(old)
    path.unlink(missing_ok=True)


def _fill(file: BinaryIO) -> None:
    left = os.fstat(file.fileno()).st_size
    while left > 0:
        left -= file.write(bytes(min(left, _CHUNK)))
    file.flush()
    os.fsync(file.fileno())
