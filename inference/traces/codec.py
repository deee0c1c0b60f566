"""Bytes of a trace: a mark, a version, and a compressed body of whole numbers and planes of bytes.

Nothing of a body is believed: each count has a bound, each number a range, and a body is never longer than its bound,
whatever it was compressed from. Damaged bytes are found by the checksum of the compressed frame.
"""

from __future__ import annotations

from collections.abc import Iterable

import zstandard

from inference.errors import KnownError

_MARK = b"DWTR"
VERSION = 1
LARGEST = 1 << 20  # bytes of a trace
LARGEST_BODY = 1 << 21
_LEVEL = 19  # a third slower than 9, and a twentieth less
_HINT = "The answer itself is whole; it cannot be played back."


class TraceError(KnownError):
    """A trace is damaged, or was made by a newer version."""


def sealed(body: bytes) -> bytes:
    """A trace of this body."""
    frame = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, write_content_size=True).compress(body)
    return _MARK + bytes((VERSION,)) + frame


def opened(data: bytes) -> bytes:
    """The body of a trace.

    Raises:
        TraceError: It is none, is damaged, too large, or of a newer version.
    """
    head, frame = data[:5], data[5:]
    if len(data) > LARGEST or head[:4] != _MARK or len(head) < 5:
        raise damaged()
    if head[4] != VERSION:
        raise TraceError("This recording was made by another version of the program.", _HINT)
    try:
        size = zstandard.get_frame_parameters(frame).content_size
        if not 0 < size <= LARGEST_BODY:  # that it is not known is a size of 2 ** 64 - 1
            raise damaged()
        body = zstandard.ZstdDecompressor().decompress(frame, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as exc:
        raise damaged() from exc
    if len(body) != size:
        raise damaged()
    return body


def damaged() -> TraceError:
    """The error of damaged bytes."""
    return TraceError("This recording is damaged.", _HINT)


class BodyWriter:
    """Puts a body together."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._parts = bytearray()

    def number(self, value: int) -> None:
        """A whole number of 0 or more: seven bits a byte, the lowest first."""
        while value > 0x7F:
            self._parts.append(value & 0x7F | 0x80)
            value >>= 7
        self._parts.append(value)

    def numbers(self, values: Iterable[int]) -> None:
        """Several numbers, whose count is known otherwise."""
        for value in values:
            self.number(value)

    def plane(self, data: bytes) -> None:
        """Bytes whose count is known otherwise."""
        self._parts += data

    def body(self) -> bytes:
        """What was put together."""
        return bytes(self._parts)


class BodyReader:
    """Takes a body apart; everything raises `TraceError` where the body has something else."""

    def __init__(self, body: bytes) -> None:
        """Begin at its beginning."""
        self._body, self._at = body, 0

    def number(self, least: int, most: int) -> int:
        """A number within a range."""
        value = shift = 0
        while True:
            byte = self.plane(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift > 35:
                raise damaged()
        if not least <= value <= most:
            raise damaged()
        return value

    def numbers(self, count: int, least: int, most: int) -> list[int]:
        """So many numbers within a range."""
        return [self.number(least, most) for _ in range(count)]

    def plane(self, count: int) -> bytes:
        """So many bytes."""
        found = self._body[self._at : self._at + count]
        if len(found) != count:
            raise damaged()
        self._at += count
        return found

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != len(self._body):
            raise damaged()
