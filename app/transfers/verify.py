"""Installed files are read and hashed again."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from pathlib import Path

from app.transfers import texts
from app.transfers.existing import size_of
from app.transfers.hashing import check_file
from app.transfers.names import local_paths
from app.transfers.pace import EVENT_SECONDS, RateMeter
from app.transfers.values import FileDamaged, Progress, RemoteFile, TransferEvent, TransferFinished, TransferStopped


def verify(files: Sequence[RemoteFile], folder: Path, cancel: threading.Event) -> Generator[TransferEvent, None, None]:
    """Check installed files against their digests.

    Args:
        files: What should be there.
        folder: Where.
        cancel: Set it (from any thread) to stop.

    Yields:
        `Progress` over all files, `FileDamaged` for each that is missing or wrong; `TransferFinished` or
        `TransferStopped` at last.

    Raises:
        TransferError: A file's path is unsafe.
    """
    total = sum(file.size for file in files)
    meter, before, last = RateMeter(), 0, 0.0
    for file, path in zip(files, local_paths(files, folder), strict=True):
        done = 0
        reason = _known_from_outside(file, path)
        try:
            for result in () if reason else check_file(path, file.digest, file.size):
                if cancel.is_set():
                    yield TransferStopped()
                    return
                if isinstance(result, bool):
                    reason = "" if result else texts.FILE_CONTENT
                    continue
                done, now = result, time.monotonic()
                if now - last >= EVENT_SECONDS:
                    last = now
                    yield _progress(meter, before + done, total, file.path)
        except OSError as exc:
            reason = texts.file_unreadable(exc.strerror or type(exc).__name__)
        if reason:
            yield FileDamaged(file.path, reason)
        before += file.size
    if cancel.is_set():
        yield TransferStopped()
        return
    yield _progress(meter, total, total, "")
    yield TransferFinished()


def _known_from_outside(file: RemoteFile, path: Path) -> str:
    """Why a file is bad, as far as that can be seen without reading it; else ""."""
    try:
        size = size_of(path)
    except OSError as exc:
        return texts.file_unreadable(exc.strerror or type(exc).__name__)
    if size is None:
        return texts.FILE_ABSENT
    return "" if size == file.size else texts.file_size(size, file.size)


def _progress(meter: RateMeter, done: int, total: int, path: str) -> Progress:
    rate = meter.rate(done, time.monotonic())
    return Progress(done, total, rate, (total - done) / rate if rate > 0 and done < total else None, path)
