"""What an import is given, as a list of members: a file, a folder, or a zip with zips in it."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from app.base.files import check_regular, open_regular
from app.chats.apart import ApartError
from app.chats.importing import texts
from app.chats.importing.report import Report
from app.chats.importing.zips import Pieces, Window, ZipEntry, ZipError, data_place, read_directory, unpacked

MOST_NESTED = 3  # zips in zips
MOST_UNPACKED = 200 << 30  # bytes of all that is read of one import
_MOST_FILES = 500_000


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an import.

    Attributes:
        name: With "/" between folders; that of a zip within a zip stands before those of its members.
        size: Bytes, as far as it is known.
        reader: Opens it for reading from its beginning.
    """

    name: str
    size: int
    reader: Callable[[], BinaryIO]

    @property
    def base(self) -> str:
        """The name without folders."""
        return self.name.rsplit("/", 1)[-1]


@dataclass(slots=True)
class RoomLeft:
    """How many bytes may still be unpacked: a small zip may hold more than any disk."""

    left: int = MOST_UNPACKED
    told: set[str] = field(default_factory=set)

    def counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces, as long as there is something left."""
        for piece in pieces:
            self.left -= len(piece)
            if self.left < 0:
                raise ZipError("it holds more than can be unpacked")
            yield piece


@contextlib.contextmanager
def opened_members(path: Path, work: Path, report: Report) -> Iterator[list[Member]]:
    """All files of what is at `path`; they can be read as long as the block lasts.

    Args:
        path: A file or a folder.
        work: A folder for zips that are packed in another zip.
        report: Is told what cannot be read.

    Raises:
        ApartError: There is nothing that can be read.
    """
    with contextlib.ExitStack() as stack:
        if path.is_dir():
            yield list(_of_folder(path, stack, work, report))
            return
        try:
            check_regular(path)
            file = stack.enter_context(open_regular(path))
        except OSError as exc:
            raise ApartError(texts.cannot_read(path, exc.strerror or type(exc).__name__), texts.FILE_HINT) from exc
        if not _is_zip(file):
            size = path.stat().st_size
            yield [Member(path.name, size, lambda: cast("BinaryIO", open_regular(path)))]
            return
        try:
            yield list(_of_zip(file, "", 0, stack, work, report, RoomLeft()))
        except ZipError as exc:
            raise ApartError(texts.bad_zip(path.name, str(exc)), texts.ZIP_HINT) from exc


def _is_zip(file: BinaryIO) -> bool:
    file.seek(0)
    found = file.read(4)
    file.seek(0)
    return found in (b"PK\x03\x04", b"PK\x05\x06")


def _of_folder(folder: Path, stack: contextlib.ExitStack, work: Path, report: Report) -> Iterator[Member]:
    count = 0
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(base) / name
            shown = path.relative_to(folder).as_posix()
            count += 1
            if count > _MOST_FILES:
                report.skip(folder.name, texts.TOO_MANY_FILES)
                return
            try:
                check_regular(path)
                size = path.stat().st_size
                if name.lower().endswith(".zip"):
                    file = stack.enter_context(open_regular(path))
                    yield from _of_zip(file, f"{shown}/", 1, stack, work, report, RoomLeft())
                    continue
            except (OSError, ZipError) as exc:
                report.skip(shown, texts.not_read(reason_of(exc)))
                continue
            yield Member(shown, size, _opener(path))


def _opener(path: Path) -> Callable[[], BinaryIO]:
    return lambda: cast("BinaryIO", open_regular(path))


def _of_zip(
    file: BinaryIO,
    prefix: str,
    depth: int,
    stack: contextlib.ExitStack,
    work: Path,
    report: Report,
    budget: RoomLeft,
) -> Iterator[Member]:
    for entry in read_directory(file):
        if entry.name.endswith("/"):
            continue
        name = prefix + entry.name
        if not entry.name.lower().endswith(".zip"):
            yield Member(name, entry.size, _unpacker(file, entry, budget))
            continue
        if depth >= MOST_NESTED:
            report.skip(name, texts.TOO_NESTED)
            continue
        try:
            inner = _inner(file, entry, stack, work, budget)
            yield from _of_zip(inner, f"{name}/", depth + 1, stack, work, report, budget)
        except (OSError, ZipError) as exc:
            report.skip(name, texts.not_read(reason_of(exc)))


def _unpacker(file: BinaryIO, entry: ZipEntry, budget: RoomLeft) -> Callable[[], BinaryIO]:
    return lambda: io.BufferedReader(Pieces(budget.counted(unpacked(file, entry))), 1 << 16)


def _inner(file: BinaryIO, entry: ZipEntry, stack: contextlib.ExitStack, work: Path, budget: RoomLeft) -> BinaryIO:
    """A zip in a zip: read where it lies if it is stored, else from a copy."""
    if entry.method == 0 and not entry.encrypted:
        return cast("BinaryIO", Window(file, *data_place(file, entry)))
    copy = stack.enter_context(tempfile.TemporaryFile(dir=work))  # noqa: SIM115 - the stack closes it
    shutil.copyfileobj(Pieces(budget.counted(unpacked(file, entry))), copy)
    return cast("BinaryIO", copy)


def is_full(exc: Exception) -> bool:
    """Whether an error says that the disk is full."""
    return isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT)


def reason_of(exc: Exception) -> str:
    """Why something cannot be read, or unpacked.

    Raises:
        OSError: The disk is full: that is no fault of what is read.
    """
    if is_full(exc):
        raise exc
    return exc.strerror or type(exc).__name__ if isinstance(exc, OSError) else str(exc)
