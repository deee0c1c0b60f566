"""Files of messages: beside the history, each under the hash of its content, written once and never changed.

What the history says of them (name, kind, size) stands in its table `attachment`. A file goes with the last chat that
names it, when that is removed for good. In a locked data folder each is sealed (`app.chats.lock.sealed`), under a name
that the data key makes of the hash: who knows a document cannot see that a copy of it lies there.
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
from app.chats.lock.keys import DataKey, data_folder_of, key_of
from app.chats.lock.sealed import MARK, SealingStream, unsealed

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
    name = name_with(key_for(folder), digest)
    return folder / name[:2] / name


def name_with(key: DataKey | None, digest: str) -> str:
    """What the file of this hash is called in a folder of this key; None is one that is not locked."""
    return digest if key is None else key.part(f"name {digest}").hex()


def key_for(folder: Path) -> DataKey | None:
    """What a folder of files is locked with; None if it is not."""
    data_folder = data_folder_of(folder / "new")
    return key_of(data_folder) if data_folder is not None else None


def keep_pieces(folder: Path, pieces: Iterable[bytes]) -> tuple[str, int]:
    """Store bytes; gives their hash and how many they are.

    Raises:
        OSError: They cannot be written; nothing is left of them. What `pieces` raises passes through.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = key_for(folder)
    digest, size = hashlib.sha256(), 0
    part = folder / f"new-{os.getpid()}-{time.monotonic_ns()}"
    try:
        with writing_whole(part, private=True) as stream:
            into = stream if key is None else SealingStream(stream, key)
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                into.write(piece)
            if isinstance(into, SealingStream):
                into.finish(name_with(key, digest.hexdigest()))
        take_in(part, place_of(folder, digest.hexdigest()))
    finally:
        part.unlink(missing_ok=True)
    return digest.hexdigest(), size


def take_in(part: Path, place: Path) -> None:
    """Give a file of this drive its place; it is gone from where it was.

    Raises:
        OSError: It cannot be moved.
    """
    if place.exists():
        part.unlink()
        return
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.replace(part, place)


def take_all_in(folder: Path, ready: Path) -> None:
    """Give all files that lie ready elsewhere on this drive their places, so that not even a power cut takes them away.

    What they are called there is what they are called here: both folders are of one data folder.

    Raises:
        OSError: They cannot be moved.
    """
    changed = set()
    for part in ready.glob("??/*"):
        if _DIGEST.fullmatch(part.name):
            place = folder / part.name[:2] / part.name
            take_in(part, place)
            changed.add(place.parent)
    for each in changed:
        sync_folder(each)


def pieces_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, piece by piece; of a sealed one, what was sealed.

    Raises:
        StoreLockedError: It is sealed, and its key is not held.
        OSError: It is missing, damaged, or cannot be read.
    """
    with open_regular(path) as stream:
        if stream.peek(len(MARK)).startswith(MARK):
            yield from unsealed(stream, path.name)
            return
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
