"""Where a file of the server goes on this disk: inside the folder, under a name that every system can hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from app.transfers import texts
from app.transfers.errors import TransferError
from app.transfers.values import RemoteFile

PART_SUFFIX = ".part"
JOURNAL_SUFFIX = ".part.journal"
LOCK_NAME = ".dewpoint-download.lock"
MAX_NAME_BYTES = 255
MAX_PATH = 1024  # characters of a path below its folder

_FORBIDDEN_ON_WINDOWS = set('<>:"\\|?*') | {chr(code) for code in range(32)}
_RESERVED_ON_WINDOWS = {
    *("con", "prn", "aux", "nul", "conin$", "conout$"),
    *(f"{name}{digit}" for name in ("com", "lpt") for digit in "0123456789¹²³"),
}


def safe_parts(path: str, windows: bool = os.name == "nt") -> tuple[str, ...]:
    """The parts of a server's path, as they are named on this disk.

    Args:
        path: Relative, parts separated by "/".
        windows: Whether the disk follows Windows' rules: what these forbid is percent-encoded.

    Raises:
        TransferError: The path is absolute, leaves its folder, or cannot be a path at all.
    """
    parts = path.split("/")
    drive = len(parts[0]) > 1 and parts[0][1] == ":" and parts[0][0].isalpha()
    if "\0" in path or drive or path.startswith("\\") or any(part in ("", ".", "..") for part in parts):
        raise TransferError("unsafe", *texts.unsafe_name(path))
    if any(step in (".", "..") for part in parts for step in part.split("\\")):
        raise TransferError("unsafe", *texts.unsafe_name(path))
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise TransferError("unsafe", *texts.unsafe_name(path)) from None
    named = tuple(windows_name(part) for part in parts) if windows else tuple(parts)
    lengths = (len(part.encode("utf-16-le")) // 2 if windows else len(part.encode("utf-8")) for part in named)
    if len(path) > MAX_PATH or max(lengths) > MAX_NAME_BYTES:
        raise TransferError("unsafe", *texts.long_name(path))
    return named


def windows_name(name: str) -> str:
    """A file or folder name that Windows accepts: what it forbids becomes %XX."""
    kept = "".join(_percent(char) if char in _FORBIDDEN_ON_WINDOWS else char for char in name)
    if kept.split(".")[0].rstrip(" ").lower() in _RESERVED_ON_WINDOWS:
        kept = _percent(kept[0]) + kept[1:]
    body = kept.rstrip(". ")
    return body + "".join(_percent(char) for char in kept[len(body) :])


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8"))


def extended(path: str) -> str:
    r"""An absolute Windows path in the form that may be longer than 260 characters, `\\?\...`."""
    if path.startswith("\\\\?\\"):
        return path
    if path.startswith("\\\\"):
        return "\\\\?\\UNC\\" + path[2:]
    return "\\\\?\\" + path


def base_folder(folder: Path, windows: bool = os.name == "nt") -> Path:
    """The folder, absolute, and on Windows in the form that allows long paths."""
    absolute = os.path.abspath(folder)
    return Path(extended(absolute)) if windows else Path(absolute)


def final_path(folder: Path, path: str) -> Path:
    """Where a file of the server lies when it is complete.

    Raises:
        TransferError: The path is unsafe.
    """
    return base_folder(folder).joinpath(*safe_parts(path))


def beside(final: Path, suffix: str) -> Path:
    """The path of a helper file beside `final`; a name that would get too long is cut and made unique by a hash."""
    name = final.name
    if len(os.fsencode(name)) + len(suffix) > MAX_NAME_BYTES:
        mark = "~" + hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
        while len(os.fsencode(name)) + len(mark) + len(suffix) > MAX_NAME_BYTES:
            name = name[:-1]
        name += mark
    return final.with_name(name + suffix)


def local_paths(files: Iterable[RemoteFile], folder: Path, windows: bool = os.name == "nt") -> list[Path]:
    """The final places of all files.

    Raises:
        TransferError: A path is unsafe, or two files would come into each other's way.
    """
    base = base_folder(folder, windows)
    taken: dict[tuple[str, ...], str] = {}
    results = []
    for file in files:
        parts = safe_parts(file.path, windows)
        if parts == (LOCK_NAME,):
            raise TransferError("unsafe", *texts.reserved_name(file.path))
        results.append(base.joinpath(*parts))
        key = _key(parts, windows)
        if key in taken:
            raise TransferError("unsafe", *texts.clashing_names(taken[key], file.path))
        taken[key] = file.path
    for key, path in taken.items():
        in_the_way = [key[:count] for count in range(1, len(key))]
        in_the_way += [(*key[:-1], key[-1] + suffix) for suffix in (PART_SUFFIX, JOURNAL_SUFFIX)]
        for other in in_the_way:
            if other in taken:
                raise TransferError("unsafe", *texts.clashing_names(taken[other], path))
    return results


def _key(parts: tuple[str, ...], windows: bool) -> tuple[str, ...]:
    return tuple(part.casefold() for part in parts) if windows else parts
