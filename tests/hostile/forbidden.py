"""Whether anybody opened a file that nobody may open, C++ included: Linux's inotify, by its own calls."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from pathlib import Path

_OPEN, _MODIFY, _ATTRIB, _MOVED, _CREATE, _DELETE = 0x20, 0x2, 0x4, 0xC0, 0x100, 0x200
_IS_FOLDER = 0x40000000
_EVENT = struct.Struct("iIII")
_NONBLOCK = 0o4000


class ForbiddenFiles:
    """Watches some folders from now on; without inotify nothing is seen.

    Args:
        opened: Folders whose files nobody may open or change.
        changed: Folders whose files nobody may change.
    """

    def __init__(self, opened: Path, changed: Path) -> None:
        self._places: dict[int, Path] = {}
        self._file = -1
        if not sys.platform.startswith("linux"):
            return
        system = ctypes.CDLL(None, use_errno=True)
        self._file = system.inotify_init1(_NONBLOCK)
        for root, events in ((opened, _OPEN), (changed, 0)):
            for place in (root, *(path for path in root.rglob("*") if path.is_dir())):
                mask = events | _MODIFY | _ATTRIB | _MOVED | _CREATE | _DELETE
                self._places[system.inotify_add_watch(self._file, os.fsencode(place), mask)] = place

    def touched(self) -> list[str]:
        """What was opened or changed since the last call."""
        found = []
        with contextlib.suppress(BlockingIOError, OSError):
            while data := os.read(self._file, 1 << 16):
                while data:
                    watch, mask, _, length = _EVENT.unpack_from(data)
                    name = data[_EVENT.size : _EVENT.size + length].rstrip(b"\0").decode("utf-8", "replace")
                    data = data[_EVENT.size + length :]
                    if not mask & _IS_FOLDER and watch in self._places:
                        found.append(f"{'opened' if mask & _OPEN else 'changed'}: {self._places[watch] / name}")
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Watch no more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
