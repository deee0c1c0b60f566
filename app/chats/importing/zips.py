"""Zip files as they come: ordinary ones, with ZIP64, and larger than 4 GiB without it.

Some exports of more than 4 GiB are written without ZIP64: sizes and places in them count modulo 2**32, and Python's
`zipfile` reads the wrong bytes. Here a place is believed when a member's own head stands there, and a member ends where
its data says, not where a number does. Only what is needed is known: stored and deflated members, no passwords.
(APPNOTE.TXT, 4.3.7 to 4.3.16)
"""

from __future__ import annotations

import io
import itertools
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MOST_MEMBERS = 500_000
_WRAP = 1 << 32
_END, _END64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ENTRY, _LOCAL = b"PK\x01\x02", b"PK\x03\x04"
_TAIL = 65_557  # the end's record and the longest comment
_CHUNK = 1 << 16
_FULL = 0xFFFFFFFF


class ZipError(ValueError):
    """It is no zip file, or a damaged one; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One member.

    Attributes:
        name: With "/" between folders.
        size: Bytes when unpacked, as it says; modulo 2**32 where there is no ZIP64.
        method: 0 stored, 8 deflated; others cannot be read.
        encrypted: Whether a password is needed.
        start: Where its own head stands.
        limit: Where the next one begins, or the directory.
        crc: Of the unpacked bytes.
        packed: Bytes of its data, as it says.
    """

    name: str
    size: int
    method: int
    encrypted: bool
    start: int
    limit: int
    crc: int
    packed: int


def read_directory(file: BinaryIO) -> tuple[ZipEntry, ...]:
    """All members of a zip file.

    Raises:
        ZipError: It is none, or its directory is damaged.
        OSError: It cannot be read.
    """
    at, length = _directory_place(file)
    file.seek(at)
    data = file.read(length)
    entries: list[ZipEntry] = []
    place = before = wraps = 0
    while data[place : place + 4] == _ENTRY and len(entries) < MOST_MEMBERS:
        try:
            entry, place = _entry(data, place)
        except (struct.error, IndexError) as exc:
            raise ZipError("its directory is damaged") from exc
        start = entry.start
        if start < _FULL:  # members stand in the order of the directory, so a smaller place has gone around
            wraps += start + wraps * _WRAP < before and start + wraps * _WRAP + _WRAP < at
            start += wraps * _WRAP
        start = _believed(file, start, at)
        before = start
        entries.append(_moved(entry, start, at))
    if not entries and length:
        raise ZipError("its directory is damaged")
    ends = sorted({entry.start for entry in entries} | {at})
    following = dict(itertools.pairwise(ends))
    return tuple(_moved(entry, entry.start, following.get(entry.start, at)) for entry in entries)


def _moved(entry: ZipEntry, start: int, limit: int) -> ZipEntry:
    return ZipEntry(entry.name, entry.size, entry.method, entry.encrypted, start, limit, entry.crc, entry.packed)


def _believed(file: BinaryIO, start: int, most: int) -> int:
    """The place, modulo 2**32, at which a member's head stands; the one that was said where none does."""
    candidates: list[int] = [start, *range(start % _WRAP, most, _WRAP)]
    for candidate in candidates:
        file.seek(candidate)
        if file.read(4) == _LOCAL:
            return candidate
    return start


def _directory_place(file: BinaryIO) -> tuple[int, int]:
    """Where the directory begins, and how long it is."""
    total = file.seek(0, os.SEEK_END)
    file.seek(max(0, total - _TAIL))
    tail = file.read()
    found = tail.rfind(_END)
    if found < 0 or len(tail) - found < 22:
        raise ZipError("it is no zip file, or its end is missing")
    end = total - len(tail) + found
    length, _ = struct.unpack("<II", tail[found + 12 : found + 20])
    locator = tail[found - 20 : found]
    if locator[:4] == _LOCATOR:
        (place,) = struct.unpack("<Q", locator[8:16])
        file.seek(min(place, total))
        record = file.read(56)
        if record[:4] == _END64:
            length, start = struct.unpack("<QQ", record[40:56])
            return int(start), int(length)
    start = int(end - length)  # not where it says, which counts modulo 2**32
    if start < 0:
        raise ZipError("its directory is damaged")
    return start, length


def _entry(data: bytes, at: int) -> tuple[ZipEntry, int]:
    """The entry at a place of the directory, and the place behind it; its `limit` is not known yet."""
    flags, method = struct.unpack("<HH", data[at + 8 : at + 12])
    crc, packed, size = struct.unpack("<III", data[at + 16 : at + 28])
    name_length, extra_length, comment_length = struct.unpack("<HHH", data[at + 28 : at + 34])
    (start,) = struct.unpack("<I", data[at + 42 : at + 46])
    name = data[at + 46 : at + 46 + name_length]
    extra = data[at + 46 + name_length : at + 46 + name_length + extra_length]
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == 1:
            fields = extra[4 : 4 + length]
            if size == _FULL and len(fields) >= 8:
                (size,), fields = struct.unpack("<Q", fields[:8]), fields[8:]
            if packed == _FULL and len(fields) >= 8:
                (packed,), fields = struct.unpack("<Q", fields[:8]), fields[8:]
            if start == _FULL and len(fields) >= 8:
                (start,) = struct.unpack("<Q", fields[:8])
        extra = extra[4 + length :]
    text = name.decode("utf-8" if flags & 0x800 else "cp437", "replace") if not _is_utf8(name) else name.decode("utf-8")
    entry = ZipEntry(text.replace("\\", "/"), size, method, bool(flags & 1), start, 0, crc, packed)
    return entry, at + 46 + name_length + extra_length + comment_length


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def data_place(file: BinaryIO, entry: ZipEntry) -> tuple[int, int]:
    """Where the data of a stored member begins, and how many bytes it has.

    Raises:
        ZipError: Its head is damaged.
    """
    file.seek(entry.start)
    head = file.read(30)
    if len(head) < 30 or head[:4] != _LOCAL:
        raise ZipError("the head of a member is damaged")
    name_length, extra_length = struct.unpack("<HH", head[26:30])
    begin = entry.start + 30 + name_length + extra_length
    room = max(0, entry.limit - begin)
    length = entry.packed
    while length + _WRAP <= room:  # the largest size that is the one that was said modulo 2**32
        length += _WRAP
    return begin, min(length, room)


def unpacked(file: BinaryIO, entry: ZipEntry) -> Iterator[bytes]:
    """The bytes of a member, piece by piece; `file` may be used for other things between two pieces.

    Raises:
        ZipError: It is encrypted, packed in an unknown way, or damaged.
    """
    if entry.encrypted:
        raise ZipError("it is encrypted")
    if entry.method not in (0, 8):
        raise ZipError(f"it is packed in a way that is not known ({entry.method})")
    at, length = data_place(file, entry)
    crc = 0
    for piece in _stored(file, at, length) if entry.method == 0 else _inflated(file, at, entry.limit - at):
        crc = zlib.crc32(piece, crc)
        yield piece
    if crc != entry.crc:
        raise ZipError("it is damaged: its checksum is wrong")


def _stored(file: BinaryIO, at: int, length: int) -> Iterator[bytes]:
    while length > 0:
        file.seek(at)
        piece = file.read(min(_CHUNK, length))
        if not piece:
            raise ZipError("it ends too early")
        at, length = at + len(piece), length - len(piece)
        yield piece


def _inflated(file: BinaryIO, at: int, room: int) -> Iterator[bytes]:
    """Inflate until the data says that it ends, whatever was said of its size."""
    inflater = zlib.decompressobj(-15)
    waiting = b""
    while not inflater.eof:
        if not waiting:
            if room <= 0:
                raise ZipError("it ends too early")
            file.seek(at)
            waiting = file.read(min(_CHUNK, room))
            if not waiting:
                raise ZipError("it ends too early")
            at, room = at + len(waiting), room - len(waiting)
        try:
            piece = inflater.decompress(waiting, _CHUNK * 4)
        except zlib.error as exc:
            raise ZipError("it is damaged") from exc
        waiting = inflater.unconsumed_tail
        if piece:
            yield piece


class Pieces(io.RawIOBase):
    """Pieces of bytes as a file that is read from its beginning."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces, self._left = pieces, b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, target: object) -> int:
        """Fill `target` as far as there is something; 0 at the end."""
        view = memoryview(target)  # type: ignore[arg-type]
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


class Window(io.RawIOBase):
    """A part of a file as a file of its own: a zip that is stored in another one."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        super().__init__()
        self._file, self._start, self._length, self._at = file, start, length, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, too."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file's."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, target: object) -> int:
        """Fill `target` as far as the part goes."""
        view = memoryview(target)  # type: ignore[arg-type]
        self._file.seek(self._start + self._at)
        piece = self._file.read(min(len(view), max(0, self._length - self._at)))
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
