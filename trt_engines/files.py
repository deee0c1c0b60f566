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
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Protocol

# Bytes of a JSON file for which nobody names a limit, and levels of one inside another.
LARGEST_JSON, DEEPEST_JSON = 32 << 20, 100
_MOST_DIGITS = 4000  # of a whole number; Python reads no more than 4,300
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
        path: The file; its folder is there. A link, or a pipe, of this name is replaced: see `named_target`.
        data: What it holds from now on; text becomes UTF-8.
        private: Nobody but this user may read it; else it gets the rights of any new file.
        notes: Is told what is made.

    Raises:
        OSError: It cannot be written; the old file is as it was, and nothing is left beside it.
    """
    with writing_whole(path, private, notes) as stream:
        stream.write(data if isinstance(data, bytes) else data.encode("utf-8"))


@contextlib.contextmanager
def writing_whole(path: Path, private: bool = False, notes: FileNotes | None = None) -> Iterator[BinaryIO]:
    """The same for what is written piece by piece: the file is there when the block has ended, and not before.

    Args:
        path: The file; its folder is there.
        private: Nobody but this user may read it.
        notes: Is told what is made.

    Raises:
        OSError: As `write_whole`. Whatever the block raises passes through, and leaves nothing, either.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(part, "xb", opener=_private if private else None) as stream:
            if notes is not None:
                notes.made(part)
            yield stream
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


def named_target(path: Path) -> Path:
    """The file to be written for a name that a user gave: links are followed, so that they stay links.

    The program's own files are written without it: what else has such a name was put there by somebody.

    Raises:
        OSError: What is there is a folder, a pipe, a device, a socket, or a file that the kernel makes up (EINVAL).
    """
    real = Path(os.path.realpath(path))
    with contextlib.suppress(FileNotFoundError):
        check_regular(real)
    return real


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
    return parse_json(read_regular(file, most), lenient=True)


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


def parse_json(data: bytes | str, unique: bool = False, lenient: bool = False) -> Any:
    """The value in JSON text that anybody may have written.

    Args:
        data: The text.
        unique: Two fields of an object must not have one name; two readers might take different ones.
        lenient: Take NaN, Infinity and -Infinity, which Python writes into files of models.

    Raises:
        json.JSONDecodeError: It is no JSON, as NaN, Infinity and -Infinity are not (see `lenient`); says where.
        ValueError: It is no text in UTF-8, is nested too deeply, or holds a number of thousands of digits. What each of
            these says is meant for people.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ValueError("it is no text in UTF-8") from exc

    def no_number(name: str) -> NoReturn:
        found = re.match(rf'(?:[^"NI-]|-(?!I)|"(?:[^"\\]|\\.)*+")*+({name})', text, re.DOTALL)
        raise json.JSONDecodeError(f"{name} is no number of JSON", text, found.start(1) if found else 0)

    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique if unique else None,
            parse_constant=None if lenient else no_number,
            parse_int=_whole_number,
        )
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
    _check_depth(value)
    return value


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"it holds a number of more than {_MOST_DIGITS} digits")
    return int(digits)


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
    raise ValueError("it is nested too deeply")


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
