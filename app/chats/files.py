"""Files of messages: beside the history, each under the hash of its content, written once and never changed.

What the history says of them (name, kind, size) stands in its table `attachment`. A file goes with the last chat that
names it, when that is removed for good.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.base.files import open_regular, sync_folder, writing_whole

FOLDER = "files"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20


def files_folder(history: Path) -> Path:
    """Where the files of the history at this path lie."""
    return history.with_name(FOLDER)


def place_of(folder: Path, digest: str) -> Path:
    """Where the file of this hash lies, or would.

    Raises:
        ValueError: `digest` is no SHA-256 in hexadecimal digits.
    """
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"digest must be 64 hexadecimal digits, not {digest!r}")
    return folder / digest[:2] / digest


def keep_pieces(folder: Path, pieces: Iterable[bytes]) -> tuple[str, int]:
    """Store bytes; gives their hash and how many they are.

    Raises:
        OSError: They cannot be written; nothing is left of them. What `pieces` raises passes through.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    part = folder / f"new-{os.getpid()}-{time.monotonic_ns()}"
    try:
        with writing_whole(part, private=True) as stream:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                stream.write(piece)
        take_in(folder, part, digest.hexdigest())
    finally:
        part.unlink(missing_ok=True)
    return digest.hexdigest(), size


def take_in(folder: Path, part: Path, digest: str) -> None:
    """Give a file of this drive its place; it is gone from where it was.

    Raises:
        OSError: It cannot be moved.
    """
    place = place_of(folder, digest)
    if place.exists():
        part.unlink()
        return
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.replace(part, place)


def take_all_in(folder: Path, ready: Path) -> None:
    """Give all files that lie ready elsewhere on this drive their places, so that not even a power cut takes them away.

    Raises:
        OSError: They cannot be moved.
    """
    changed = set()
    for part in ready.glob("??/*"):
        if _DIGEST.fullmatch(part.name):
            take_in(folder, part, part.name)
            changed.add(place_of(folder, part.name).parent)
    for each in changed:
        sync_folder(each)


def pieces_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, piece by piece.

    Raises:
        OSError: It is missing, or cannot be read.
    """
    with open_regular(path) as stream:
        while piece := stream.read(_CHUNK):
            yield piece


def remove(folder: Path, digests: Iterable[str]) -> None:
    """Delete files that nobody names any more; what cannot be deleted stays.

    The bytes are not overwritten: drives of today keep old ones elsewhere, whatever is written.
    """
    for digest in digests:
        if _DIGEST.fullmatch(digest):
            with contextlib.suppress(OSError):
                place_of(folder, digest).unlink()
