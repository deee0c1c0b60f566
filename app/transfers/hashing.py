"""Checksums of files, in slices that leave room for other work between them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from app.transfers.values import MIB, Digest

SLICE_BYTES = MIB  # stays in a core's cache between reading and hashing


def slice_buffer() -> memoryview:
    """Room for one slice."""
    return memoryview(bytearray(SLICE_BYTES))


class FileHasher:
    """Hashes a file from its start on, as far as it is told that bytes are there.

    Attributes:
        position: Bytes hashed so far.
    """

    def __init__(self, digest: Digest, size: int) -> None:
        self._digest = digest
        if digest.kind == "git-blob":
            self._hash = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        else:
            self._hash = hashlib.sha256()
        self.position = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Hash the next bytes."""
        self._hash.update(data)
        self.position += len(data)

    def read_slice(self, source: FileIO, end: int, buffer: memoryview) -> int:
        """Read and hash some of an unbuffered file from the position on, and not beyond `end`.

        Args:
            source: The file.
            end: The byte after the last that may be hashed.
            buffer: From `slice_buffer`; what it holds is lost.

        Returns:
            Bytes hashed; 0 at the end, and where the file ends too early.
        """
        wanted = min(len(buffer), end - self.position)
        if wanted <= 0:
            return 0
        source.seek(self.position)
        count = source.readinto(buffer[:wanted])
        self.feed(buffer[:count])
        return count

    def agrees(self) -> bool:
        """Whether what was hashed is what it should be."""
        return self._hash.hexdigest() == self._digest.value


def check_file(path: Path, digest: Digest, size: int) -> Iterator[int | bool]:
    """Hash a file of `size` bytes.

    Yields:
        Bytes hashed so far, after each slice; at last whether size and content are right.

    Raises:
        OSError: The file cannot be read.
    """
    hasher, buffer = FileHasher(digest, size), slice_buffer()
    with path.open("rb", buffering=0) as source:
        while hasher.read_slice(source, size, buffer):
            yield hasher.position
        longer = bool(source.read(1)) if hasher.position == size else False
    yield hasher.position == size and not longer and hasher.agrees()
