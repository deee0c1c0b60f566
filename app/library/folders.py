"""Which files of a model's folder are ours, what lies about that belongs to nobody, and how both are removed.

Only what a manifest lists and what Dewpoint itself puts beside it is ever deleted: parts of downloads with their notes,
the lock, graphs. A folder goes only when it is empty afterwards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from app.base.errors import KnownAppError
from app.base.files import read_json
from app.library import texts
from app.library.manifest import MANIFEST, ModelManifest, read_manifest, sizes_are_right
from app.library.records import MOVING
from app.library.values import Leftover
from app.transfers.existing import leftovers
from app.transfers.names import LOCK_NAME, final_path
from inference.graphs.names import MANIFEST as GRAPHS

WORK_LOCK = "model-work.lock"
MERGE_NOTE = "dewpoint-merge.json"
UNFINISHED = (MOVING, ".merging")  # endings of folders that a killed program left


class RemovalError(KnownAppError):
    """A file cannot be deleted."""


def own_files(folder: Path, manifest: ModelManifest | None) -> tuple[Path, ...]:
    """Every file in `folder` that Dewpoint wrote, those first that matter least if the rest cannot be deleted."""
    named = [final_path(folder, file.path) for file in manifest.files] if manifest is not None else []
    # What `write_whole` leaves if it is killed, and what an older Dewpoint left.
    unfinished = [file for name in (GRAPHS, MERGE_NOTE, MANIFEST) for file in folder.glob(f".{name}.*.tmp")]
    notes = [folder / name for name in (f"{MANIFEST}.new", MERGE_NOTE, LOCK_NAME, MANIFEST)]
    found = [*graph_files(folder), *leftovers(folder), *named, *unfinished, *notes]
    return tuple(file for file in dict.fromkeys(found) if file.is_file() or file.is_symlink())


def graph_files(folder: Path) -> tuple[Path, ...]:
    """The graphs that were made beside the weights."""
    try:
        listed = read_json(folder / GRAPHS)["files"]
        names = [name for name in listed if isinstance(name, str) and Path(name).name == name]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return (*(folder / name for name in names if name.startswith("dewpoint-")), folder / GRAPHS)


def foreign_files(folder: Path, own: Collection[Path]) -> tuple[Path, ...]:
    """Files in `folder` that are not ours."""
    if not folder.is_dir():
        return ()
    mine = set(own)
    return tuple(sorted(file for file in folder.rglob("*") if not file.is_dir() and file not in mine))


def bytes_of(files: Iterable[Path], only_here: bool = False) -> int:
    """The bytes of files; with `only_here`, without those that have another name elsewhere (hard links)."""
    total = 0
    for file in files:
        try:
            found = file.stat()
        except OSError:
            continue
        if found.st_nlink == 1 or not only_here:
            total += found.st_size
    return total


def remove_files(folder: Path, files: Iterable[Path]) -> None:
    """Delete files and every folder below and including `folder` that is empty then.

    Raises:
        RemovalError: One cannot be deleted; the manifest, which comes last, is still there then.
    """
    try:
        for file in files:
            file.unlink(missing_ok=True)
    except OSError as exc:
        raise RemovalError(texts.not_deleted(exc.filename, exc.strerror), texts.NOT_DELETED_HINT) from exc
    inner = sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True) if folder.is_dir() else []
    for path in (*inner, folder):
        try:
            path.rmdir()
        except OSError:
            continue  # not empty: what is in it is not ours


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


def leftovers_in(base: Path, models: Path, moved: Collection[Path], known: Collection[Path]) -> tuple[Leftover, ...]:
    """What belongs to no model of the list.

    Args:
        base: The data folder.
        models: The models folder.
        moved: Every place of a move that is not through, perhaps on another drive.
        known: Folders of the models of the list.
    """
    folders = {path for path in models.iterdir() if path.is_dir()} if models.is_dir() else set()
    folders.update(path for path in moved if path.is_dir())
    busy, found = is_working(base), []
    for folder in sorted(folders.difference(known)):
        manifest = read_manifest(folder)
        unfinished = folder.name.endswith(UNFINISHED) or (manifest is None and (folder / MERGE_NOTE).exists())
        if busy and (unfinished or folder in moved):
            continue
        if unfinished:
            size = bytes_of(path for path in folder.rglob("*") if path.is_file())
            found.append(Leftover(folder, size, texts.leftover_unfinished(folder.name), False))
        elif manifest is not None:
            size = bytes_of(own_files(folder, manifest), only_here=True)
            whole = manifest.complete and sizes_are_right(folder, manifest)
            found.append(Leftover(folder, size, texts.leftover_model(manifest.title, whole), whole))
    return tuple(found)


def is_working(base: Path) -> bool:
    """Whether a program moves or merges a model of this data folder at this moment."""
    return _is_locked(base / WORK_LOCK)


def is_downloading(folder: Path) -> bool:
    """Whether a program downloads into `folder` at this moment."""
    return _is_locked(folder / LOCK_NAME)


def _is_locked(file: Path) -> bool:
    if not file.exists():
        return False
    try:
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False
