"""What an earlier run left in the folder: finished files, parts with their journals."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Generator, Iterator, Sequence
from pathlib import Path

from app.transfers import texts
from app.transfers.errors import TransferError
from app.transfers.file_state import FileStage, FileState
from app.transfers.hashing import check_file
from app.transfers.names import JOURNAL_SUFFIX, PART_SUFFIX, beside, local_paths
from app.transfers.own import may_be_written
from app.transfers.pace import EVENT_SECONDS
from app.transfers.part import read_journal
from app.transfers.ranges import Spans
from app.transfers.values import FileFinished, RemoteFile, TransferEvent, Verifying
from trt_engines.held import mark_at


def bytes_present(files: Sequence[RemoteFile], folder: Path) -> int:
    """How many bytes of the files lie in the folder, by sizes and journals alone: nothing is hashed.

    Raises:
        TransferError: A file's path is unsafe.
        OSError: The folder cannot be read.
    """
    return sum(
        file.size if size_of(path) == file.size else claimed_bytes(file, path)
        for file, path in zip(files, local_paths(files, folder), strict=True)
    )


def size_of(path: Path) -> int | None:
    """Bytes of a regular file; None if there is no such file, or a link."""
    found = mark_at(path)
    return found.size if found is not None and found.is_file else None


def check_free(state: FileState) -> None:
    """Nothing of the user's may have the name of a file that will be fetched.

    Raises:
        TransferError: Something has.
        OSError: It cannot be looked at.
    """
    if not may_be_written(state.final, state.own):
        raise TransferError("in_the_way", *texts.in_the_way(state.final))


def claimed_bytes(file: RemoteFile, final: Path) -> int:
    """How many bytes of a file the journal names, whether it is right or not.

    Raises:
        OSError: The journal cannot be read.
    """
    part_size = size_of(beside(final, PART_SUFFIX))
    journal = read_journal(beside(final, JOURNAL_SUFFIX), file) if part_size is not None else None
    if journal is None or part_size is None:
        return 0
    return Spans((run.offset, min(run.offset + run.length, max(part_size, run.offset))) for run in journal.runs).total


def look_at_installed(
    states: Sequence[FileState], verified: Collection[str], cancel: threading.Event
) -> Iterator[TransferEvent]:
    """Find the files that are there already, and mark them as done; hash those that are not in `verified`.

    Yields:
        `Verifying`, and `FileFinished` for each that was hashed and is right.

    Raises:
        TransferError: A file that is not right is the user's own.
        OSError: A file cannot be read.
    """
    for state in states:
        if size_of(state.final) == state.file.size:
            if state.file.path in verified:
                state.stage = FileStage.DONE
            elif (yield from _is_right(state, cancel)):
                state.stage = FileStage.DONE
                yield FileFinished(state.file.path)
        if cancel.is_set():
            return
        if state.stage is FileStage.DONE:
            state.part.discard()
        else:
            check_free(state)
            state.claimed = claimed_bytes(state.file, state.final)


def _is_right(state: FileState, cancel: threading.Event) -> Generator[TransferEvent, None, bool]:
    last = time.monotonic()
    for result in check_file(state.final, state.file.digest, state.file.size):
        if isinstance(result, bool):
            return result
        if cancel.is_set():
            return False
        if time.monotonic() - last >= EVENT_SECONDS:
            last = time.monotonic()
            yield Verifying(state.file.path, result, state.file.size)
    return False


def recover(state: FileState, cancel: threading.Event) -> Iterator[TransferEvent]:
    """Look at what an earlier run left of a file.

    Yields:
        `Verifying`.

    Raises:
        OSError: The part cannot be read.
    """
    last = time.monotonic()
    for checked in state.part.recover():
        if cancel.is_set():
            return
        if time.monotonic() - last >= EVENT_SECONDS:
            last = time.monotonic()
            yield Verifying(state.file.path, checked, state.claimed)
