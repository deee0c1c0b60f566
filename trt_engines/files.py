"""Files that are whole or not there, folders that last, and room on a disk.

Here because this is the lowest package and all three need it; the program's own door to it is `app.base.files`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import Any, Protocol


class FileNotes(Protocol):
    """Is told of every file that is made, so that whatever a kill leaves is known."""

    def made(self, path: Path) -> None:
        """A file was made at `path` and holds nothing yet; whatever is written to it is ours."""

    def finished(self, part: Path, final: Path) -> None:
        """The file at `part` is complete and gets the name `final` next."""

    def gone(self, path: Path) -> None:
        """The file at `path` was deleted, or has another name now."""


def write_whole(path: Path, data: bytes | str, private: bool = False, notes: FileNotes | None = None) -> None:
    """Write a file in one step: a crash, a kill or a full disk leaves the old one or the new one, never half of either.

    Args:
        path: The file; its folder is there.
        data: What it holds from now on; text becomes UTF-8.
        private: Nobody but this user may read it; else it gets the rights of any new file.
        notes: Is told what is made.

    Raises:
        OSError: It cannot be written; the old file is as it was, and nothing is left beside it.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(part, "xb", opener=_private if private else None) as stream:
            if notes is not None:
                notes.made(part)
            stream.write(data if isinstance(data, bytes) else data.encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
        if notes is not None:
            notes.finished(part, path)
        part.replace(path)
        if notes is not None:
            notes.gone(part)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    with contextlib.suppress(OSError):  # some network drives cannot; the file is written all the same
        sync_folder(path.parent)


def read_json(file: Path) -> Any:
    """The value in a JSON file that anybody may have written.

    Raises:
        OSError: It is missing, cannot be read, or is no regular file: a pipe or a device would never end.
        ValueError: It is no JSON in UTF-8, or nested more deeply than anything that is meant for us.
    """
    return parse_json(read_regular(file))


def read_regular(file: Path) -> bytes:
    """All bytes of a regular file.

    Raises:
        OSError: It is missing, cannot be read, or is no regular file.
    """
    check_regular(file)
    return file.read_bytes()


def check_regular(file: Path) -> None:
    """Opening anything but a regular file may wait for ever.

    Raises:
        OSError: It is missing, or is a pipe, a device, a socket.
    """
    mode = file.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # what a folder is, is said where it is opened
        raise OSError(errno.EINVAL, "it is no regular file", str(file))


def parse_json(data: bytes | str) -> Any:
    """The value in JSON text that anybody may have written.

    Raises:
        ValueError: It is no JSON in UTF-8, or nested too deeply.
    """
    try:
        return json.loads(data if isinstance(data, str) else data.decode("utf-8"))
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def sync_file(path: Path) -> None:
    """Make a file's bytes last through a power cut.

    Raises:
        OSError: The disk refuses, or is full.
    """
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last through a power cut, where the system offers that (not on Windows).

    Raises:
        OSError: The disk refuses.
    """
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def free_bytes(folder: Path) -> int:
    """Bytes that can be written at `folder`, which need not exist yet.

    Raises:
        OSError: The disk cannot be asked.
    """
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free
