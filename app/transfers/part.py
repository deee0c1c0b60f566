"""A file that is not complete yet: its bytes in NAME.part, and a journal of what is there in NAME.part.journal.

The journal is text. Its first line says which file this is (JSON: version, size, digest, etag). Each further line is
one run of bytes, `offset length crc32;`, appended after the bytes were written. A killed process loses at most the
runs that were not appended yet. A power cut may lose anything that the system had not written, so nothing of the
journal is believed: each run is read back and counts only if its checksum is right; a line that was torn, or that says
nothing, is passed over.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from app.base.files import parse_json
from app.transfers import texts
from app.transfers.errors import TransferError
from app.transfers.names import JOURNAL_SUFFIX, PART_SUFFIX, beside
from app.transfers.own import OwnFiles, may_be_written
from app.transfers.ranges import Spans
from app.transfers.values import MIB, RemoteFile
from trt_engines.held import mark_at

VERSION = 1
_RUN = re.compile(rb"(\d{1,15}) (\d{1,15}) ([0-9a-f]{8});")
_SLICE_BYTES = MIB


@dataclass(frozen=True, slots=True)
class Run:
    """Bytes that were written: where, how many, and their CRC-32."""

    offset: int
    length: int
    crc: int


@dataclass(frozen=True, slots=True)
class Journal:
    """What a journal says.

    Attributes:
        etag: Of the server's answer that the bytes came from.
        runs: In the order of writing; those that cannot lie in the file are left out.
    """

    etag: str
    runs: tuple[Run, ...]


def read_journal(path: Path, file: RemoteFile) -> Journal | None:
    """The journal of a file, or None if there is none, or it is one of another version of the file.

    Raises:
        OSError: It cannot be read.
    """
    try:
        head, *lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    try:
        header = parse_json(head)
    except ValueError:
        return None
    if not isinstance(header, dict) or not isinstance(header.get("etag"), str):
        return None
    if {**header, "etag": ""} != _header(file, ""):
        return None
    runs = []
    for line in lines:
        if (match := _RUN.fullmatch(line)) is not None:
            run = Run(int(match[1]), int(match[2]), int(match[3], 16))
            if run.length > 0 and run.offset + run.length <= file.size:
                runs.append(run)
    return Journal(header["etag"], tuple(runs))


def _header(file: RemoteFile, etag: str) -> dict[str, object]:
    return {"version": VERSION, "size": file.size, "digest": f"{file.digest.kind}:{file.digest.value}", "etag": etag}


class PartFile:
    """The part and the journal of one file. All methods may be called from several threads, but for `recover`.

    Attributes:
        path: The part.
        journal_path: The journal.
        etag: Of the answer that the bytes come from; None before the first answer.
    """

    def __init__(self, file: RemoteFile, final: Path, own: OwnFiles) -> None:
        self.path = beside(final, PART_SUFFIX)
        self.journal_path = beside(final, JOURNAL_SUFFIX)
        self.etag: str | None = None
        self._file = file
        self._own = own
        self._lock = threading.Lock()
        self._spans = Spans()
        self._data: FileIO | None = None
        self._journal: FileIO | None = None
        self._torn = False

    # -- what is there ----------------------------------------------------------------------------------------------

    @property
    def present(self) -> int:
        """Bytes that are there."""
        return self._spans.total

    @property
    def prefix(self) -> int:
        """Bytes that are there without a gap from the start on."""
        with self._lock:
            return self._spans.prefix()

    def missing(self, start: int, end: int) -> list[tuple[int, int]]:
        """The spans of [start, end) that are not there."""
        with self._lock:
            return list(self._spans.missing(start, end))

    def recover(self) -> Iterator[int]:
        """Find out which bytes an earlier run left; a part without its journal, or the other way round, is removed.

        Yields:
            Bytes checked so far, now and then.

        Raises:
            OSError: The files cannot be read or removed.
        """
        ours = self._own.is_ours(self.path) and self._own.is_ours(self.journal_path)
        journal = read_journal(self.journal_path, self._file) if ours else None
        if journal is None:
            self.discard()
            return
        checked = 0
        with self.path.open("rb", buffering=0) as source:
            for run in sorted(journal.runs, key=lambda run: run.offset):
                if _crc(source, run) == run.crc:
                    self._spans.add(run.offset, run.offset + run.length)
                checked += run.length
                yield checked
        if self._spans.total:
            self.etag = journal.etag
        else:
            self.discard()

    # -- writing ----------------------------------------------------------------------------------------------------

    def begin(self, etag: str) -> bool:
        """Prepare for bytes of an answer with this etag.

        Returns:
            Whether the bytes that are there come from the same version of the file; if not, nothing was done.

        Raises:
            TransferError: A file of the user's has the name of one of them.
            OSError: The files cannot be made.
        """
        with self._lock:
            if self.etag is not None and self.etag != etag:
                return False
            if self._data is None:
                self._open(etag)
            self.etag = etag
            return True

    def _open(self, etag: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.etag is None
        if new:
            with FileIO(self._made(self.journal_path), "w") as journal:
                journal.write(json.dumps(_header(self._file, etag)).encode("ascii") + b"\n")
        self._data = FileIO(self._made(self.path) if new else _opened(self.path), "r+")
        self._journal = FileIO(_opened(self.journal_path, os.O_APPEND), "a")
        self._torn = True  # the last line of an earlier run may have no end

    def _made(self, path: Path) -> int:
        """Make an empty file in the place of an old one of ours; it is known as ours before anything is in it."""
        if not may_be_written(path, self._own):
            raise TransferError("in_the_way", *texts.in_the_way(path))
        path.unlink(missing_ok=True)
        handle = _opened(path, os.O_CREAT | os.O_EXCL)
        try:
            self._own.made(path)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Put bytes where they belong; they count when `note` was called.

        Raises:
            OSError: They cannot be written.
        """
        assert self._data is not None
        view = memoryview(data)
        if hasattr(os, "pwrite"):
            handle = self._data.fileno()
            while view:
                count = os.pwrite(handle, view, offset)
                offset, view = offset + count, view[count:]
            return
        with self._lock:
            self._data.seek(offset)
            while view:
                view = view[self._data.write(view) :]

    def note(self, run: Run) -> None:
        """Append a run to the journal; from now on its bytes count.

        Raises:
            OSError: The journal cannot be written; the bytes do not count.
        """
        line = b"%d %d %08x;\n" % (run.offset, run.length, run.crc)
        with self._lock:
            assert self._journal is not None
            line = b"\n" + line if self._torn else line
            self._torn = True
            if self._journal.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._torn = False
            self._spans.add(run.offset, run.offset + run.length)

    # -- ends -------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the files; what is there stays known."""
        with self._lock:
            for file in (self._data, self._journal):
                if file is not None:
                    with contextlib.suppress(OSError):
                        file.close()
            self._data = self._journal = None

    def discard(self) -> None:
        """Remove both files, as far as they are ours, and forget what was there.

        Raises:
            OSError: They cannot be removed.
        """
        self.close()
        both = (self.journal_path, self.path)
        for path in both:
            if mark_at(path) is not None and self._own.is_ours(path):  # mostly nothing is there, and nobody is asked
                path.unlink(missing_ok=True)
        self._own.gone(*both)
        self._spans = Spans()
        self.etag = None


def _opened(path: Path, flags: int = 0) -> int:
    """Open for reading and writing, never through a link."""
    return os.open(path, os.O_RDWR | flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _crc(source: FileIO, run: Run) -> int:
    """CRC-32 of the bytes at a run's place; of fewer bytes where the file is shorter."""
    source.seek(run.offset)
    crc, left = 0, run.length
    while left and (data := source.read(min(left, _SLICE_BYTES))):
        crc = zlib.crc32(data, crc)
        left -= len(data)
    return crc if left == 0 else -1
