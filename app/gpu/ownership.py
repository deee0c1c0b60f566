"""Which files in the add-on's folder are ours: those that its manifest names, and what is written beside them.

The manifest lists what was checked against the hashes of the lock when it was installed. Where it cannot be read, the
RECORD of each package that the recipe names says the same. Everything else is the user's: it is named, and stays. No
link is followed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app.base.files import written_names
from app.gpu.manifest import ADDED, WrongFilesError, read_manifest, record_rows
from app.gpu.recipe import normalised
from trt_engines.held import HeldFolder, mark_at
from trt_engines.tensorrt.addon import GOING, MANIFEST

VERDICT = "dewpoint-trial.json"  # in the add-on's folder: how it did when it was tried last
_OURS = re.compile(rf"{GOING}|{written_names(MANIFEST, VERDICT)}")
_BYTECODE = "__pycache__"


@dataclass(frozen=True, slots=True)
class AddonHolding:
    """What lies in the folder.

    Attributes:
        ours: Our regular files, the manifest last, by the parts of their path below the folder.
        folders: Folders of ours, inner ones first.
        size: Bytes of our files.
        others: What stays, a folder of the user's as one, by its path with slashes.
    """

    ours: tuple[tuple[str, ...], ...]
    folders: tuple[tuple[str, ...], ...]
    size: int
    others: tuple[str, ...]


def holding(folder: Path, packages: Collection[str]) -> AddonHolding:
    """What lies there, and what of it is ours; nothing if it is not there, or is a link.

    Args:
        folder: The add-on's.
        packages: Normalised names of the packages that it consists of, for a folder without a readable manifest.

    Raises:
        OSError: It cannot be read.
    """
    found = mark_at(folder)
    if found is None or not found.is_folder:
        return AddonHolding((), (), 0, ())
    manifest = read_manifest(folder)
    named = {file.path for file in manifest.files} if manifest is not None else set(_recorded(folder, packages))
    inside = {str(place) for name in named for place in PurePosixPath(name).parents}
    ours, folders, others, size = [], [], [], 0
    with HeldFolder(folder) as held:
        for parts, mark in held.walk():
            path = "/".join(parts)
            if mark.is_file and _is_ours(parts, named, inside):
                ours.append(parts)
                size += mark.size
            elif mark.is_folder and (path in inside or _is_bytecode_folder(parts, inside)):
                folders.append(parts)
            else:
                others.append(parts)
    ours.sort(key=lambda parts: parts == (MANIFEST,))
    whole = set(others)  # of a folder of the user's, only the folder is named
    shown = [parts for parts in others if not any(parts[:count] in whole for count in range(1, len(parts)))]
    return AddonHolding(tuple(ours), tuple(folders), size, tuple(sorted("/".join(parts) for parts in shown)))


def delete_ours(folder: Path, packages: Collection[str]) -> AddonHolding:
    """Delete what is ours, and the folder if nothing is left in it; returns what was there.

    Raises:
        OSError: It is a link, or cannot be read.
    """
    found = holding(folder, packages)
    with HeldFolder(folder) as held:
        for parts in found.ours:
            with contextlib.suppress(OSError):
                held.unlink(parts)
        for parts in found.folders:
            with contextlib.suppress(OSError):  # not empty: what is in it is not ours
                held.rmdir(parts)
    with contextlib.suppress(OSError):
        os.rmdir(folder)
    return found


def _is_ours(parts: tuple[str, ...], named: Collection[str], inside: Collection[str]) -> bool:
    if "/".join(parts) in named or (len(parts) == 1 and _OURS.fullmatch(parts[0])):
        return True
    place, name = "/".join(parts[:-1]), parts[-1]
    if name in ADDED and place.endswith(".dist-info"):
        return place in inside
    if len(parts) > 1 and parts[-2] == _BYTECODE and name.endswith(".pyc"):
        return "/".join((*parts[:-2], name.partition(".")[0] + ".py")) in named
    return False


def _is_bytecode_folder(parts: tuple[str, ...], inside: Collection[str]) -> bool:
    return parts[-1] == _BYTECODE and ("/".join(parts[:-1]) or ".") in inside


def _recorded(folder: Path, packages: Collection[str]) -> Iterator[str]:
    for info in folder.glob("*.dist-info"):
        name = normalised(info.name.removesuffix(".dist-info").rpartition("-")[0])
        found = mark_at(info / "RECORD")
        if name in packages and not info.is_symlink() and found is not None and found.is_file:
            with contextlib.suppress(WrongFilesError, ValueError):
                yield from (path for path, _, _ in record_rows(folder, info / "RECORD"))
