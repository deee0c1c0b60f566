"""The download: decides what happens next, and says how far it is. See `fetch`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from pathlib import Path

import filelock
import httpx2

from app.base.files import free_bytes
from app.base.log import get_logger
from app.transfers import texts
from app.transfers.disk import translated
from app.transfers.errors import TransferError
from app.transfers.existing import look_at_installed
from app.transfers.file_state import FileStage, FileState
from app.transfers.names import LOCK_NAME, base_folder, local_paths
from app.transfers.own import OwnFiles, OwnFolder, may_be_written
from app.transfers.pace import RateLimit
from app.transfers.transfer import Transfer
from app.transfers.values import RemoteFile, TransferEvent, TransferFinished, TransferOptions, TransferStopped

LOCK_SECONDS = 1.0  # whoever only looks whether a folder is locked holds the lock for a moment

_log = get_logger("transfers")


def fetch(
    files: Sequence[RemoteFile],
    folder: Path,
    open_client: Callable[[], httpx2.Client],
    options: TransferOptions,
    *,
    token: str | None = None,
    verified: Collection[str] = (),
    cancel: threading.Event,
    rate_limit: RateLimit | None = None,
    own: OwnFiles | None = None,
) -> Generator[TransferEvent, None, None]:
    """Fetch files into a folder, as far as they are not there; what is there of them is used.

    1. Names are checked, the folder is locked against other programs, installed files are looked at.
    2. The room on the disk is checked.
    3. Connections take ranges; the bytes that came are hashed while more come.
    4. A file with all its bytes is read and hashed once more, written through to the disk, and renamed.

    Args:
        files: What to fetch.
        folder: Where to; made if it is missing.
        open_client: Makes an HTTP client; called once for each connection, in the connection's thread.
        options: How.
        token: Goes as a bearer token to the host of each file's own URL, and to no other.
        verified: Paths of installed files that need not be hashed if their size is right.
        cancel: Set it (from any thread) to stop: what was fetched is kept.
        rate_limit: May be changed meanwhile; None makes one from the options.
        own: Whose the files of the folder are; None for a folder that was made for these files alone.

    Yields:
        What happens; at last `TransferFinished` or `TransferStopped`.

    Raises:
        TransferError: It cannot go on; what was fetched is kept.
    """
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token and token):
        raise TransferError("unauthorized", texts.BAD_TOKEN, texts.BAD_TOKEN_HINT)
    own = own if own is not None else OwnFolder()
    states = [FileState(file, path, own) for file, path in zip(files, local_paths(files, folder), strict=True)]
    limit = rate_limit if rate_limit is not None else RateLimit(options.rate_limit)
    base = base_folder(folder)
    _log.info("%d files, %d bytes", len(states), sum(file.size for file in files))
    try:
        with _locked(base, own):
            yield from look_at_installed(states, verified, cancel)
            if not cancel.is_set():
                _check_room(states, base, options)
                yield from Transfer(states, base, open_client, options, token, limit, cancel).run()
    except OSError as exc:
        raise _final(exc) from exc
    done = all(state.stage is FileStage.DONE for state in states)
    _log.info("finished" if done else "stopped")
    yield TransferFinished() if done else TransferStopped()


@contextlib.contextmanager
def _locked(base: Path, own: OwnFiles) -> Iterator[None]:
    """Keep other programs out of the folder."""
    base.mkdir(parents=True, exist_ok=True)
    if not may_be_written(base / LOCK_NAME, own):
        raise TransferError("in_the_way", *texts.in_the_way(base / LOCK_NAME))
    lock = filelock.FileLock(base / LOCK_NAME, timeout=LOCK_SECONDS, thread_local=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise TransferError("busy", texts.BUSY, texts.BUSY_HINT) from None
    try:
        if not own.is_ours(base / LOCK_NAME):
            own.made(base / LOCK_NAME)
        yield
    finally:
        lock.release()


def _check_room(states: Sequence[FileState], base: Path, options: TransferOptions) -> None:
    needed = sum(state.file.size - state.done for state in states)
    free = free_bytes(base)
    if needed and needed + options.reserve_bytes > free:
        raise TransferError("disk", *texts.disk_too_small(needed, free, options.reserve_bytes))


def _final(exc: OSError) -> TransferError:
    """An error of the disk that nothing can be waited for."""
    meaning = translated(exc)
    if isinstance(meaning, TransferError):
        return meaning
    return TransferError("disk", *texts.disk_failed(exc.strerror or type(exc).__name__))
