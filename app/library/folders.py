"""What of a folder is ours, what lies about that belongs to no model, and how both are removed.

Only what the database says that Dewpoint wrote is ever deleted (`app.library.ledger`). A folder goes only if Dewpoint
made it, and when it is empty.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from app.base.errors import KnownAppError
from app.library import texts
from app.library.ledger import Holding, Ledger
from app.library.manifest import ModelManifest, read_manifest, sizes_are_right
from app.library.services import LibraryServices
from app.library.values import Leftover
from app.transfers.names import LOCK_NAME
from inference.engines.making import KilledMaking, killed_makings
from trt_engines.held import mark_at

WORK_LOCK = "model-work.lock"


class RemovalError(KnownAppError):
    """A file cannot be deleted."""


def paths_of(holding: Holding) -> tuple[Path, ...]:
    """The files of a holding that are ours."""
    return tuple(holding.folder / path for path in holding.ours)


def others_of(holding: Holding) -> tuple[Path, ...]:
    """The files that are not ours, or not any more."""
    return tuple(holding.folder / path for path in holding.others)


def bytes_of(holding: Holding) -> int:
    """The bytes that come free with our files; one that has another name elsewhere frees none."""
    return sum(mark.size for mark in holding.ours.values() if mark.links == 1)


def remove_holding(ledger: Ledger, holding: Holding) -> None:
    """Delete what is ours, as far as it is still the same.

    Raises:
        RemovalError: A file cannot be deleted.
    """
    try:
        ledger.remove(holding)
    except OSError as exc:
        raise RemovalError(texts.not_deleted(exc.filename, exc.strerror), texts.NOT_DELETED_HINT) from exc


@contextlib.contextmanager
def working(base: Path) -> Iterator[None]:
    """A move or a merge runs in this data folder: what it has not finished is no leftover.

    Raises:
        KnownAppError: Another Dewpoint moves or merges.
    """
    lock = FileLock(base / WORK_LOCK, timeout=1.0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as exc:
        raise KnownAppError(texts.WORKING_ELSEWHERE, texts.WORKING_ELSEWHERE_HINT) from exc
    try:
        yield
    finally:
        lock.release()


def leftovers_in(services: LibraryServices, known: Collection[Path]) -> tuple[Leftover, ...]:
    """What belongs to no model of the list: what Dewpoint wrote, and models that could be taken into it.

    Args:
        services: Folders and database.
        known: Folders of the models of the list.
    """
    ledger, models = services.ledger, services.paths.models
    written, busy = set(ledger.folders()), is_working(services.paths.base)
    notes = services.library.moves()
    moved = {place for note in notes for place in note.places}
    copies = {note.scratch for note in notes} | {note.source for note in notes if note.source not in known}
    folders = {path for path in models.iterdir() if _is_folder(path)} if models.is_dir() else set()
    folders |= {folder for folder in written if folder.parent != services.paths.updates}
    found = []
    for folder in sorted(folders.difference(known)):
        if (busy and folder in moved) or not (services.looks.answers(folder) and _is_folder(folder)):
            continue
        manifest = read_manifest(services.looks, folder) if folder not in copies else None
        leftover = _leftover(ledger, folder, folder in written, manifest)
        if leftover is not None and (leftover.whole or not busy):
            found.append(leftover)
    return (*found, *map(_of_making, killed_makings(services.paths.graphs)))


def is_working(base: Path) -> bool:
    """Whether a program moves or merges a model of this data folder at this moment."""
    return _is_locked(base / WORK_LOCK)


def is_downloading(folder: Path) -> bool:
    """Whether a program downloads into `folder` at this moment."""
    return _is_locked(folder / LOCK_NAME)


def _leftover(ledger: Ledger, folder: Path, written: bool, manifest: ModelManifest | None) -> Leftover | None:
    """What a folder is; None if nothing of it is ours, and it is no model that could be taken into the list."""
    whole = manifest is not None and manifest.complete and sizes_are_right(folder, manifest)
    if not written:
        text = texts.leftover_unknown(manifest.title) if manifest is not None and whole else ""
        return Leftover(folder, 0, text, whole=True) if text else None
    try:
        holding = ledger.holding(folder)
    except OSError:
        return None  # a drive that does not answer
    if not holding.ours and not ("" in holding.folders and not holding.others):
        return None
    files, others = paths_of(holding), others_of(holding)
    return Leftover(folder, bytes_of(holding), _text(folder, manifest, whole), whole, files, others)


def _of_making(killed: KilledMaking) -> Leftover:
    files, others = (tuple(killed.folder / name for name in names) for names in (killed.files, killed.others))
    return Leftover(killed.folder, killed.size, texts.leftover_graphs(killed.folder.name), False, files, others)


def _text(folder: Path, manifest: ModelManifest | None, whole: bool) -> str:
    if manifest is None:
        return texts.leftover_unfinished(folder.name)
    return texts.leftover_model(manifest.title, whole)


def _is_folder(path: Path) -> bool:
    try:
        found = mark_at(path)
    except OSError:
        return False
    return found is not None and found.is_folder


def _is_locked(file: Path) -> bool:
    found = mark_at(file)
    if found is None or not found.is_file:
        return False
    try:
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False
