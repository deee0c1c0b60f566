"""Files that are whole or not there, folders that last, and room on a disk.

Here because this is the lowest package and all three need it; the program's own door to it is `app.base.files`.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import json
import os
import re
import secrets
import shutil
import stat
from pathlib import Path
from typing import Any, Protocol

# Bytes of a JSON file for which nobody names a limit, and levels of one inside another.
LARGEST_JSON, DEEPEST_JSON = 32 << 20, 100
# What the kernel shows here looks like regular files; reading some waits for ever, or never ends, or does something.
_KERNEL_FOLDERS = ("/proc", "/sys", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/security")


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


def written_names(*names: str) -> str:
    """A regular expression for the files of these names, and for what `write_whole` calls them until they are whole."""
    either = "|".join(map(re.escape, names))
    return rf"(?:{either})|\.(?:{either})\.[0-9a-f]{{8}}\.tmp"


def read_json(file: Path, most: int = LARGEST_JSON) -> Any:
    """The value in a JSON file that anybody may have written.

    Args:
        file: The file.
        most: Bytes that it may have.

    Raises:
        OSError: It is missing, cannot be read, is too large, or is no regular file: a pipe or a device would never end.
        ValueError: It is no JSON in UTF-8, or nested more deeply than anything that is meant for us.
    """
    return parse_json(read_regular(file, most))


def read_regular(file: Path, most: int = LARGEST_JSON) -> bytes:
    """All bytes of a regular file; never more than `most`, whatever the system says of its size.

    Raises:
        OSError: It is missing, cannot be read, is no regular file, or has more bytes (EFBIG).
    """
    with open_regular(file) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {_amount(most)}", str(file))
    return data


def _amount(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"


def open_regular(file: Path) -> io.BufferedReader:
    """Open a file for reading, at once: what is opened is looked at, not what lay there before.

    Raises:
        OSError: It is missing, cannot be read, or is no regular file (EINVAL).
    """
    check_regular(file)  # to open a device may do something to it
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not _is_regular(os.fstat(handle)):
            raise _no_regular_file(file)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def check_regular(file: Path) -> None:
    """Opening anything but a regular file may wait for ever.

    Raises:
        OSError: It is missing, or is a folder, a pipe, a device, a socket, or a file that the kernel makes up.
    """
    try:
        found = file.stat()
    except ValueError as exc:  # a name with a null character
        raise FileNotFoundError(errno.ENOENT, "there is no such file", str(file)) from exc
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(file))
    if not _is_regular(found):
        raise _no_regular_file(file)


def _is_regular(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_dev not in _kernel_devices()


@functools.cache
def _kernel_devices() -> frozenset[int]:
    return frozenset(os.stat(folder).st_dev for folder in _KERNEL_FOLDERS if os.path.ismount(folder))


def _no_regular_file(file: Path) -> OSError:
    return OSError(errno.EINVAL, "it is no regular file", str(file))


def there(file: Path) -> bool:
    """Whether something is there under this name; what can be no name is not there.

    Raises:
        OSError: The system cannot be asked: no rights, a drive that does not answer.
    """
    try:
        return file.exists()
    except OSError as exc:
        if exc.errno == errno.ENAMETOOLONG:
            return False
        raise


def is_readable_file(file: Path) -> bool:
    """Whether a regular file is there, as far as the system says: a drive that answers with an error has none."""
    try:
        return file.is_file()
    except OSError:
        return False


def parse_json(data: bytes | str, unique: bool = False) -> Any:
    """The value in JSON text that anybody may have written.

    Args:
        data: The text.
        unique: Two fields of an object must not have one name; two readers might take different ones.

    Raises:
        ValueError: It is no JSON in UTF-8, is nested too deeply, or holds a number of thousands of digits.
    """
    text = data if isinstance(data, str) else data.decode("utf-8")
    try:
        value = json.loads(text, object_pairs_hook=_unique if unique else None)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    _check_depth(value)
    return value


def _unique(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(fields)
    if len(made) != len(fields):
        raise ValueError("two fields of one name")
    return made


def _check_depth(value: Any) -> None:
    """What was read may be written, compared and shown elsewhere, with less room on the stack."""
    level = [value]
    for _ in range(DEEPEST_JSON):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError("nested too deeply")


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
