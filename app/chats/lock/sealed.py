"""Files that are encrypted whole: attachments, what an import lays ready, damaged databases that were set aside.

A sealed file is a head (a mark, the id of the data key, a salt) and pieces of a megabyte, each by AES-256-GCM with a
key that is made of the data key and the salt. The number of a piece, and whether it is the last one, are its nonce, and
the last one holds for the file's name alone: a file that is cut short, put together from others or given another's name
does not open to its end. Pieces are read and written one at a time, however large the file is.
"""

from __future__ import annotations

import errno
import io
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from app.base.files import open_regular
from app.chats.errors import StoreLockedError
from app.chats.lock import texts
from app.chats.lock.keys import ID_BYTES, DataKey, with_id

MARK = b"dewpoint sealed\x01"
PIECE = 1 << 20
SALT_BYTES, TAG_BYTES = 16, 16
HEAD_BYTES = len(MARK) + ID_BYTES + SALT_BYTES


class SealedDamagedError(OSError):
    """A sealed file is damaged, or is not the one that belongs there."""

    def __init__(self, name: str) -> None:
        super().__init__(errno.EIO, texts.SEALED_DAMAGED, name)


def is_sealed(path: Path) -> bool:
    """Whether a file is one; False where it cannot be read."""
    try:
        with open_regular(path) as stream:
            return stream.read(len(MARK)) == MARK
    except OSError:
        return False


def unsealed(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """The bytes of a sealed file, piece by piece.

    Raises:
        StoreLockedError: Its key is not held.
        SealedDamagedError: It is damaged.
        OSError: It cannot be read.
    """
    head = stream.read(HEAD_BYTES)
    if len(head) != HEAD_BYTES or not head.startswith(MARK):
        raise SealedDamagedError(name)
    key = with_id(head[len(MARK) : len(MARK) + ID_BYTES])
    if key is None:
        raise StoreLockedError(texts.LOCKED, texts.LOCKED_HINT)
    cipher, number = _Cipher(key, head[-SALT_BYTES:]), 0
    piece = stream.read(PIECE + TAG_BYTES)
    while True:
        following = stream.read(PIECE + TAG_BYTES)
        yield cipher.unsealed(number, piece, None if following else name)
        if not following:
            return
        piece, number = following, number + 1


class UnsealedStream(io.RawIOBase):
    """A sealed file as a stream that is read once, from its beginning."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        super().__init__()
        self._stream, self._pieces, self._left = stream, unsealed(stream, name), memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer; 0 at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def close(self) -> None:
        """Close the file below, too."""
        self._stream.close()
        super().close()


class SealingStream(io.RawIOBase):
    """Seals what is written to it, into a stream below, which it leaves open."""

    def __init__(self, stream: BinaryIO, key: DataKey) -> None:
        super().__init__()
        salt = secrets.token_bytes(SALT_BYTES)
        stream.write(MARK + key.id + salt)
        self._stream, self._cipher, self._number, self._waiting = stream, _Cipher(key, salt), 0, bytearray()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        """Take some bytes."""
        self._waiting += data
        while len(self._waiting) > PIECE:  # the last piece is never empty but in an empty file
            self._stream.write(self._cipher.sealed(self._number, bytes(self._waiting[:PIECE])))
            del self._waiting[:PIECE]
            self._number += 1
        return len(data)

    def finish(self, name: str) -> None:
        """Nothing follows; the file opens under this name."""
        self._stream.write(self._cipher.sealed(self._number, bytes(self._waiting), name))
        self._waiting.clear()


class _Cipher:
    def __init__(self, key: DataKey, salt: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._aes = AESGCM(key.part("file", salt))

    def sealed(self, number: int, piece: bytes, name: str | None = None) -> bytes:
        """A piece; the last one with the name of the file."""
        return bytes(self._aes.encrypt(_nonce(number, name), piece, (name or "").encode()))

    def unsealed(self, number: int, piece: bytes, name: str | None) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return bytes(self._aes.decrypt(_nonce(number, name), piece, (name or "").encode()))
        except (InvalidTag, ValueError) as exc:
            raise SealedDamagedError(name or "") from exc


def _nonce(number: int, name: str | None) -> bytes:
    return number.to_bytes(11, "big") + bytes([name is not None])
