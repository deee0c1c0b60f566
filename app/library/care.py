"""Looking after the models that are there: verify, remove, move to another drive, take back what lies about."""

from __future__ import annotations

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
from app.library.manifest import ModelManifest, read_manifest, write_manifest
from app.library.overview import engines_of
from app.library.records import ModelRecord
from app.library.services import LibraryServices
from app.library.values import Leftover, ModelStatus, Removal, Step
from app.transfers.disk import translated
from app.transfers.errors import DiskFullError, TransferError
from app.transfers.hashing import FileHasher
from app.transfers.names import final_path
from app.transfers.values import FileDamaged, TransferEvent, TransferFinished
from app.transfers.verify import verify as verify_files

MOVING = ".moving"
SLICE = 1 << 22


def verify(
    services: LibraryServices, record: ModelRecord, cancel: threading.Event
) -> Generator[TransferEvent, None, None]:
    """Hash every file again; the manifest learns which are right. It ends with `TransferFinished` or `TransferStopped`.

    Raises:
        KnownAppError: There are no known hashes: it is the user's own folder.
    """
    manifest = read_manifest(record.folder)
    if manifest is None:
        raise KnownAppError(texts.NO_HASHES, texts.NO_HASHES_HINT)
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
    own = own_files(folder, read_manifest(folder))
    sets = engines_of(folder, services.engines.sets())
    kept = foreign_files(folder, own)
    engine_size = sum(bytes_of_set(each.folder) for each in sets)
    return Removal(model, own, bytes_of(own, only_here=True), tuple(each.folder for each in sets), engine_size, kept)


def remove(services: LibraryServices, wanted: Removal, with_engines: bool = True) -> int:
    """Do it; returns the bytes that came free.

    Raises:
        RemovalError, EngineError: A file cannot be deleted; the model stays in the list.
    """
    freed = sum(services.engines.delete(folder) for folder in wanted.engines) if with_engines else 0
    if wanted.model.folder is not None:
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
    manifest = read_manifest(record.folder)
    target = parent / record.folder.name
    if record.kind == "folder" or manifest is None:
        raise KnownAppError(texts.NOT_OURS, texts.NOT_OURS_HINT)
    if record.download is not None:
        raise KnownAppError(texts.STILL_DOWNLOADING, texts.STILL_DOWNLOADING_HINT)
    if target.exists() or not parent.is_dir():
        raise KnownAppError(*(texts.in_the_way(target) if target.exists() else texts.no_folder(parent)))
    try:
        if os.stat(parent).st_dev == os.stat(record.folder).st_dev:
            os.replace(record.folder, target)
            services.library.move(record.id, target)
            yield Step("moving", 1.0)
            return
        with working(services.paths.base):
            yield from _copied(services, record, manifest, target, cancel)
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


def _copied(
    services: LibraryServices, record: ModelRecord, manifest: ModelManifest, target: Path, cancel: threading.Event
) -> Generator[Step, None, None]:
    """Copy to a name of its own, verify, rename, tell the database, delete the original: in this order."""
    files = own_files(record.folder, manifest)
    total, free = bytes_of(files), free_bytes(target.parent)
    if total + services.options.reserve_bytes > free:
        raise KnownAppError(*texts.no_room(total, free, target))
    scratch = target.with_name(target.name + MOVING)
    shutil.rmtree(scratch, ignore_errors=True)
    services.library.note_move(scratch)
    expected = {final_path(record.folder, file.path): file for file in manifest.files}
    done = 0
    try:
        for file in files:
            place = scratch / file.relative_to(record.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            hasher = FileHasher(expected[file].digest, expected[file].size) if file in expected else None
            for count in _copy(file, place, hasher):
                done += count
                yield Step("moving", done / max(1, total), file.name)
                if cancel.is_set():
                    return
            if hasher is not None and not hasher.agrees():
                raise KnownAppError(*texts.copy_differs(file.name))
        sync_folder(scratch)
        scratch.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        services.library.note_move(None)
    services.library.move(record.id, target)
    remove_files(record.folder, files)


def _copy(source: Path, target: Path, hasher: FileHasher | None) -> Generator[int, None, None]:
    """Copy and sync, then read what was written back to hash it; yields the bytes that were copied since."""
    with source.open("rb") as reading, target.open("wb") as writing:
        while block := reading.read(SLICE):
            writing.write(block)
            yield len(block)
        writing.flush()
        os.fsync(writing.fileno())
    if hasher is not None:
        with target.open("rb") as reading:
            while block := reading.read(SLICE):
                hasher.feed(block)
                yield 0
