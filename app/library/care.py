"""Looking after the models that are there: verify, remove, move to another drive, take back what lies about."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import shutil
import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from app.base.errors import KnownAppError
from app.base.files import free_bytes, sync_folder
from app.engines.sets import bytes_of as bytes_of_set
from app.library import texts
from app.library.folders import bytes_of, foreign_files, own_files, remove_files, working
from app.library.half_moved import settle_moves
from app.library.manifest import ModelManifest, read_manifest, sizes_are_right, write_manifest
from app.library.overview import engines_of
from app.library.records import ModelRecord, MoveNote
from app.library.services import LibraryServices
from app.library.values import Leftover, ModelStatus, Removal, Step
from app.transfers.disk import translated
from app.transfers.errors import DiskFullError, TransferError
from app.transfers.hashing import FileHasher
from app.transfers.names import final_path
from app.transfers.values import FileDamaged, TransferEvent, TransferFinished
from app.transfers.verify import verify as verify_files
from inference.paths import refuse_undecodable

SLICE = 1 << 22


def verify(
    services: LibraryServices, record: ModelRecord, cancel: threading.Event
) -> Generator[TransferEvent, None, None]:
    """Hash every file again; the manifest learns which are right. It ends with `TransferFinished` or `TransferStopped`.

    Raises:
        KnownAppError: There are no known hashes: it is the user's own folder, or the folder is not there.
    """
    manifest = read_manifest(record.folder)
    if not record.folder.is_dir():
        raise KnownAppError(*texts.folder_gone(record.folder))
    if manifest is None and record.kind == "folder":
        raise KnownAppError(texts.NO_HASHES, texts.NO_HASHES_HINT)
    if manifest is None:
        raise KnownAppError(*texts.manifest_gone(record.title))
    files, damaged = services.hub.remote_files(manifest.repo, manifest.revision, manifest.files), set[str]()
    with closing(verify_files(files, record.folder, cancel)) as events:
        for event in events:
            match event:
                case FileDamaged(path):
                    damaged.add(path)
                case TransferFinished():
                    verdicts = (dataclasses.replace(one, verified=one.path not in damaged) for one in manifest.files)
                    write_manifest(record.folder, dataclasses.replace(manifest, files=tuple(verdicts)))
            yield event


def removal(services: LibraryServices, model: ModelStatus) -> Removal:
    """What removing a model would delete; the user's own folder loses nothing but what we put into it."""
    folder = model.folder
    if folder is None:
        return Removal(model, (), 0, (), 0, ())
    sets = engines_of(folder, services.engines.sets())
    try:
        own = own_files(folder, read_manifest(folder))
        kept = foreign_files(folder, own)
    except OSError:  # nobody can look into it: it leaves the list, and nothing is deleted
        own, kept = (), ()
    engine_size = sum(bytes_of_set(each.folder) for each in sets)
    return Removal(model, own, bytes_of(own, only_here=True), tuple(each.folder for each in sets), engine_size, kept)


def remove(services: LibraryServices, wanted: Removal, with_engines: bool = True) -> int:
    """Do it; returns the bytes that came free.

    Raises:
        RemovalError, EngineError: A file cannot be deleted; the model stays in the list.
    """
    freed = sum(services.engines.delete(folder) for folder in wanted.engines) if with_engines else 0
    if wanted.model.folder is not None and (wanted.files or os.path.isdir(wanted.model.folder)):
        remove_files(wanted.model.folder, wanted.files)
        freed += wanted.size
    services.library.forget(wanted.model.id)
    return freed


def move(
    services: LibraryServices, record: ModelRecord, parent: Path, cancel: threading.Event
) -> Generator[Step, None, None]:
    """Bring a model's folder into `parent`, on another drive too; a copy is read back before the original goes.

    Raises:
        KnownAppError: There is no room, a file is damaged, or something is in the way; the model stays where it is.
    """
    settle_moves(services)
    record = services.library.find(record.id)
    target = parent / record.folder.name
    if record.folder == target and target.is_dir():
        _finish(services, target)
        yield Step("moving", 1.0)
        return
    manifest = _movable(record, parent)
    note = MoveNote(record.folder, target)
    again = note in services.library.moves() and _is_ours_alone(target)
    try:
        same_drive = os.stat(parent).st_dev == os.stat(record.folder).st_dev
        if target.exists() and (same_drive or not again):
            raise KnownAppError(*texts.in_the_way(target))
        with working(services.paths.base):
            services.library.begin_move(note)
            if same_drive:
                yield from _renamed(services, record, note)
            else:
                yield from _copied(services, record, manifest, note, cancel, again)
    except OSError as exc:
        meaning = translated(exc)
        if exc.errno == errno.EFBIG and isinstance(meaning, TransferError):
            raise KnownAppError(meaning.user_text, texts.STAYS_HINT) from exc
        full = isinstance(meaning, DiskFullError)
        raise KnownAppError(*texts.move_failed(target, "" if full else exc.strerror or type(exc).__name__)) from exc


def adopt(services: LibraryServices, leftover: Leftover) -> ModelRecord:
    """Take a complete model that lies about back into the list."""
    manifest = read_manifest(leftover.path)
    if manifest is None:
        raise KnownAppError(*texts.manifest_gone(leftover.path.name))
    return services.library.add("download" if manifest.repo else "merged", leftover.path, manifest.title, manifest.repo)


def clear(leftover: Leftover) -> int:
    """Delete what lies about; returns the bytes that came free.

    Raises:
        RemovalError: A file cannot be deleted.
    """
    manifest = read_manifest(leftover.path)
    if manifest is not None:
        files = own_files(leftover.path, manifest)
    else:  # an unfinished copy: all of it was written by us
        files = tuple(path for path in leftover.path.rglob("*") if not path.is_dir())
    freed = bytes_of(files, only_here=True)
    remove_files(leftover.path, files)
    return freed


# -- moving ----------------------------------------------------------------------------------------------------------


def _movable(record: ModelRecord, parent: Path) -> ModelManifest:
    manifest = read_manifest(record.folder)
    if not record.folder.is_dir():
        raise KnownAppError(*texts.folder_gone(record.folder))
    if record.kind == "folder":
        raise KnownAppError(texts.NOT_OURS, texts.NOT_OURS_HINT)
    if record.download is not None:
        raise KnownAppError(texts.STILL_DOWNLOADING, texts.STILL_DOWNLOADING_HINT)
    if manifest is None:
        raise KnownAppError(*texts.manifest_gone(record.title))
    if not parent.is_dir():
        raise KnownAppError(*texts.no_folder(parent))
    refuse_undecodable(parent)
    if parent.is_relative_to(record.folder):
        raise KnownAppError(*texts.into_itself(record.title))
    return manifest


def _is_ours_alone(folder: Path) -> bool:
    """Whether nothing but a model of ours lies in `folder`."""
    manifest = read_manifest(folder)
    return manifest is not None and not foreign_files(folder, own_files(folder, manifest))


def _finish(services: LibraryServices, target: Path) -> None:
    """A killed move may have had only its original left to delete."""
    manifest = read_manifest(target)
    for note in services.library.moves():
        if note.target == target and manifest is not None and sizes_are_right(target, manifest):
            if note.source is not None and note.source != target and services.library.at(note.source) is None:
                remove_files(note.source, own_files(note.source, read_manifest(note.source)))
            services.library.end_move(note)


def _renamed(services: LibraryServices, record: ModelRecord, note: MoveNote) -> Generator[Step, None, None]:
    try:
        os.replace(record.folder, note.target)
    except OSError:
        services.library.end_move(note)
        raise
    services.library.move(record.id, note.target)
    services.library.end_move(note)
    yield Step("moving", 1.0)


def _copied(
    services: LibraryServices,
    record: ModelRecord,
    manifest: ModelManifest,
    note: MoveNote,
    cancel: threading.Event,
    again: bool,
) -> Generator[Step, None, None]:
    """Copy to a name of its own, verify, rename, tell the database, delete the original: in this order.

    `again`: a killed move had come as far as the rename; its copy is verified once more, for it may be old.
    """
    files = own_files(record.folder, manifest)
    total, free = bytes_of(files), free_bytes(note.target.parent)
    if not again and total + services.options.reserve_bytes > free:
        services.library.end_move(note)
        raise KnownAppError(*texts.no_room(total, free, note.target))
    shutil.rmtree(note.scratch, ignore_errors=True)
    if again:
        note.target.replace(note.scratch)
    expected = {final_path(record.folder, file.path): file for file in manifest.files}
    done, whole = 0, False
    try:
        for file in files:
            place = note.scratch / file.relative_to(record.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            hasher = FileHasher(expected[file].digest, expected[file].size) if file in expected else None
            for count in _copy(file, place, hasher, again):
                done += count
                yield Step("moving", done / max(1, total), file.name)
                if cancel.is_set():
                    return
            if hasher is not None and not hasher.agrees():
                raise KnownAppError(*texts.copy_differs(file.name))
        sync_folder(note.scratch)
        note.scratch.replace(note.target)
        with contextlib.suppress(OSError):  # some network drives cannot
            sync_folder(note.target.parent)
        whole = True
    finally:
        if not whole:
            shutil.rmtree(note.scratch, ignore_errors=True)
            services.library.end_move(note)
    services.library.move(record.id, note.target)
    remove_files(record.folder, files)
    services.library.end_move(note)


def _copy(source: Path, target: Path, hasher: FileHasher | None, again: bool) -> Generator[int, None, None]:
    """Copy and sync, then read what was written back to hash it; yields the bytes that were copied since.

    With `again`, a file that will be hashed and is there with its size is not copied once more.
    """
    there = again and hasher is not None and target.is_file() and target.stat().st_size == source.stat().st_size
    if there:
        yield target.stat().st_size
    else:
        yield from _written(source, target)
    if hasher is not None:
        with target.open("rb") as reading:
            while block := reading.read(SLICE):
                hasher.feed(block)
                yield 0


def _written(source: Path, target: Path) -> Generator[int, None, None]:
    with source.open("rb") as reading, target.open("wb") as writing:
        while block := reading.read(SLICE):
            writing.write(block)
            yield len(block)
        writing.flush()
        os.fsync(writing.fileno())
