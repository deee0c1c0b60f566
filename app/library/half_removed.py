"""Removing a model, so that a kill in the middle is finished at the next look: as it was agreed to, and no more.

What was listed when the user agreed is noted before anything goes, and the note goes with the model. A download of the
model, or a file that cannot be deleted, ends the note: then the model is the user's to decide on again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from app.base.errors import KnownAppError
from app.base.log import get_logger
from app.library import texts
from app.library.folders import RemovalError, bytes_of, remove_holding
from app.library.records import RemovalNote
from app.library.services import LibraryServices
from app.library.values import Removal
from trt_engines.errors import EngineError

LOCK = "model-removal.lock"
WAIT_SECONDS = 60.0  # for another removal: tens of thousands of files take their time

_log = get_logger("library")


def remove_model(services: LibraryServices, wanted: Removal, with_engines: bool) -> int:
    """Do it; returns the bytes that came free. Nothing goes that was not listed, or has become another file since.

    Raises:
        RemovalError, EngineError: A file cannot be deleted; the model stays in the list.
        KnownAppError: Another window or command is removing models, and does not come to an end.
    """
    folder = wanted.model.folder
    files = tuple(file.relative_to(folder).as_posix() for file in wanted.files) if folder is not None else ()
    engines = tuple(map(str, wanted.engines)) if with_engines else ()
    note = RemovalNote(wanted.model.id, str(folder or ""), files, engines)
    with _alone(services.paths.base, WAIT_SECONDS):
        services.library.begin_removal(note)
        try:
            return _remove(services, note)
        except BaseException:
            services.library.end_removal(note.model_id)
            raise


def settle_removals(services: LibraryServices) -> None:
    """Finish what a kill has interrupted; what lies on a drive that does not answer waits for the next time.

    Raises:
        StoreError: The database cannot be read or written.
        LookStoppedError: The window closes.
    """
    if not services.library.removals():
        return
    with contextlib.suppress(_BusyError), _alone(services.paths.base, 0.0):
        for note in services.library.removals():
            folder = Path(note.folder)
            if note.folder and (not services.looks.answers(folder) or services.ledger.is_away(folder)):
                continue
            try:
                _remove(services, note)
                _log.info("the removal of %s was interrupted, and is finished now", folder.name)
            except (RemovalError, EngineError) as exc:
                _log.info("a removal that was interrupted cannot be finished: %s", exc)
                services.library.end_removal(note.model_id)


def removed_files(services: LibraryServices, folder: Path, listed: tuple[Path, ...]) -> int:
    """Delete what is ours of these files; returns the bytes that came free.

    Raises:
        RemovalError: A file cannot be deleted, or the drive does not answer.
    """
    try:
        must_answer(services, folder)
        holding, shown = services.ledger.holding(folder), set(listed)
    except OSError as exc:
        if not listed:
            return 0
        raise RemovalError(texts.not_deleted(folder, exc.strerror), texts.NOT_DELETED_HINT) from exc
    ours = {path: mark for path, mark in holding.ours.items() if folder / path in shown}
    holding = dataclasses.replace(holding, ours=ours)
    freed = bytes_of(holding)
    remove_holding(services.ledger, holding)
    return freed


def must_answer(services: LibraryServices, folder: Path) -> None:
    """Raise if a drive hangs.

    Raises:
        OSError: It does.
    """
    if not services.looks.answers(folder):
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), str(folder))


class _BusyError(KnownAppError):
    """Somebody else removes models."""


def _remove(services: LibraryServices, note: RemovalNote) -> int:
    there = {each.folder for each in services.engines.sets()} if note.engines else set()
    freed = sum(services.engines.delete(each) for each in map(Path, note.engines) if each in there)
    if note.folder:
        folder = Path(note.folder)
        freed += removed_files(services, folder, tuple(folder / file for file in note.files))
    services.library.forget(note.model_id)
    return freed


@contextlib.contextmanager
def _alone(base: Path, seconds: float) -> Iterator[None]:
    lock = FileLock(base / LOCK, timeout=seconds, thread_local=False)
    try:
        lock.acquire()
    except Timeout as exc:
        raise _BusyError(texts.REMOVING_ELSEWHERE, texts.REMOVING_ELSEWHERE_HINT) from exc
    try:
        yield
    finally:
        lock.release()
