"""Looking after the models that are there: verify, remove, move to another drive, take back what lies about."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from app.base.errors import KnownAppError
from app.base.files import free_bytes, sync_folder
from app.engines.sets import ListedSet
from app.engines.sets import bytes_of as bytes_of_set
from app.library import texts
from app.library.folders import RemovalError, bytes_of, others_of, paths_of, remove_holding, working
from app.library.half_moved import settle_killed
from app.library.half_removed import must_answer, remove_model, removed_files
from app.library.ledger import FolderOwner, Holding
from app.library.manifest import ModelManifest, read_manifest
from app.library.overview import engines_of
from app.library.records import MOVING, ModelKind, ModelRecord, MoveNote
from app.library.services import LibraryServices
from app.library.values import Leftover, ModelStatus, Removal, Step
from app.transfers.disk import translated
from app.transfers.errors import DiskFullError, TransferError
from app.transfers.hashing import FileHasher
from app.transfers.names import LOCK_NAME, base_folder, final_path
from app.transfers.values import FileDamaged, TransferEvent, TransferFinished
from app.transfers.verify import verify as verify_files
from inference.engines.making import killed_makings, remove_making
from inference.paths import refuse_undecodable
from trt_engines.held import mark_at

SLICE = 1 << 22


def verify(
    services: LibraryServices, record: ModelRecord, cancel: threading.Event
) -> Generator[TransferEvent, None, None]:
    """Hash every file again; the list learns which are right. It ends with `TransferFinished` or `TransferStopped`.

    Raises:
        KnownAppError: There are no known hashes: it is the user's own folder, or the folder is not there.
    """
    settle_killed(services)
    manifest = services.library.listed(record.id)
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
                    verdicts = {one.path: one.path not in damaged for one in manifest.files}
                    services.library.set_verdicts(record.id, verdicts)
            yield event


def removal(services: LibraryServices, model: ModelStatus) -> Removal:
    """What removing a model would delete: what Dewpoint wrote, and nothing of the user's.

    A folder that cannot be read leaves the list, and nothing of it is deleted.

    Raises:
        StoreError: The list of models cannot be read.
    """
    folder, sets = model.folder, tuple[ListedSet, ...]()
    if folder is None:
        return Removal(model, (), 0, (), 0, ())
    settle_killed(services)
    try:
        must_answer(services, folder)
        sets = engines_of(folder, services.engines.sets())
        holding = services.ledger.holding(folder)
    except OSError:
        holding = Holding(folder, {}, (), ())
    engine_size = sum(bytes_of_set(each.folder) for each in sets)
    engines = tuple(each.folder for each in sets)
    return Removal(model, paths_of(holding), bytes_of(holding), engines, engine_size, others_of(holding))


def remove(services: LibraryServices, wanted: Removal, with_engines: bool = True) -> int:
    """Do it; returns the bytes that came free. Nothing goes that was not listed, or has become another file since.

    Raises:
        RemovalError, EngineError: A file cannot be deleted; the model stays in the list.
    """
    return remove_model(services, wanted, with_engines)


def move(
    services: LibraryServices, record: ModelRecord, parent: Path, cancel: threading.Event
) -> Generator[Step, None, None]:
    """Bring a model's folder into `parent`, on another drive too; a copy is read back before the original goes.

    Raises:
        KnownAppError: There is no room, a file is damaged, or something is in the way; the model stays where it is.
    """
    settle_killed(services)
    record = services.library.find(record.id)
    target = parent / record.folder.name
    if record.folder == target and target.is_dir():
        yield Step("moving", 1.0)
        return
    manifest = _movable(services, record, parent)
    try:
        if mark_at(target) is not None:
            raise KnownAppError(*texts.in_the_way(target))
        with working(services.paths.base):
            if os.stat(parent).st_dev == os.stat(record.folder).st_dev:
                yield from _renamed(services, record, MoveNote(record.folder, target))
            else:
                yield from _copied(services, record, manifest, target, cancel)
    except OSError as exc:
        meaning = translated(exc)
        if exc.errno == errno.EFBIG and isinstance(meaning, TransferError):
            raise KnownAppError(meaning.user_text, texts.STAYS_HINT) from exc
        full = isinstance(meaning, DiskFullError)
        raise KnownAppError(*texts.move_failed(target, "" if full else exc.strerror or type(exc).__name__)) from exc


def adopt(services: LibraryServices, leftover: Leftover) -> ModelRecord:
    """Take a complete model that lies about back into the list; what Dewpoint wrote of it is known as before."""
    manifest = read_manifest(services.looks, leftover.path)
    if manifest is None:
        raise KnownAppError(*texts.manifest_gone(leftover.path.name))
    kind: ModelKind = "download" if manifest.repo else "merged"
    return services.library.add(kind, leftover.path, manifest.title, manifest.repo, manifest=manifest)


def clear(services: LibraryServices, leftover: Leftover) -> int:
    """Delete what lies about, as far as it was listed; returns the bytes that came free.

    Raises:
        RemovalError: A file cannot be deleted.
    """
    if leftover.path.parent != services.paths.graphs:
        return removed_files(services, leftover.path, leftover.files)
    files = {file.name for file in leftover.files}
    try:
        return sum(
            remove_making(each) for each in killed_makings(services.paths.graphs)
            if each.folder == leftover.path and files.issuperset(each.files)
        )  # fmt: skip
    except OSError as exc:
        raise RemovalError(texts.not_deleted(exc.filename, exc.strerror), texts.NOT_DELETED_HINT) from exc


# -- moving ----------------------------------------------------------------------------------------------------------


def _movable(services: LibraryServices, record: ModelRecord, parent: Path) -> ModelManifest:
    manifest = services.library.listed(record.id)
    if not record.folder.is_dir():
        raise KnownAppError(*texts.folder_gone(record.folder))
    if record.kind == "folder":
        raise KnownAppError(texts.NOT_OURS, texts.NOT_OURS_HINT)
    if record.folder.is_symlink():
        raise KnownAppError(*texts.linked(record.folder))
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


def _renamed(services: LibraryServices, record: ModelRecord, note: MoveNote) -> Generator[Step, None, None]:
    root = mark_at(record.folder)
    if root is not None:  # by its number it is known again after a kill, also where numbers have changed
        services.ledger.note(record.folder, {**services.ledger.holding(record.folder).ours, "": root})
    services.library.begin_move(note)
    try:
        os.rename(record.folder, note.target)
    except OSError:
        services.library.end_move(note)
        raise
    services.library.move(record.id, note.target, written=record.folder)
    services.library.end_move(note)
    yield Step("moving", 1.0)


def _copied(
    services: LibraryServices, record: ModelRecord, manifest: ModelManifest, target: Path, cancel: threading.Event
) -> Generator[Step, None, None]:
    """Copy to a name of its own, verify, rename, tell the database, delete the original: in this order."""
    holding = services.ledger.holding(record.folder)
    expected = {final_path(record.folder, file.path): file for file in manifest.files}
    base = base_folder(record.folder)
    files = tuple(dict.fromkeys((*expected, *(base / path for path in holding.ours if path != LOCK_NAME))))
    total, free = _regular_bytes(files), free_bytes(target.parent)
    if total + services.options.reserve_bytes > free:
        raise KnownAppError(*texts.no_room(total, free, target))
    note = MoveNote(record.folder, target, _free_scratch(services, target))
    services.library.begin_move(note)
    done, whole = 0, False
    try:
        services.ledger.new_folder(note.scratch)
        own = FolderOwner(services.ledger, note.scratch)
        for file in files:
            place = note.scratch / file.relative_to(base)
            services.ledger.new_folders(note.scratch, place.parent)
            hasher = FileHasher(expected[file].digest, expected[file].size) if file in expected else None
            for count in _copy(file, place, hasher, own):
                done += count
                yield Step("moving", done / max(1, total), file.name)
                if cancel.is_set():
                    return
            if hasher is not None and not hasher.agrees():
                raise KnownAppError(*texts.copy_differs(file.name))
        sync_folder(note.scratch)
        if mark_at(target) is not None:
            raise KnownAppError(*texts.in_the_way(target))
        os.rename(note.scratch, target)
        whole = True
    finally:
        if not whole:
            _given_up(services, note)
    with contextlib.suppress(OSError):  # some network drives cannot
        sync_folder(target.parent)
    services.library.move(record.id, target, written=note.scratch)
    remove_holding(services.ledger, holding)
    if not services.ledger.is_away(record.folder):
        services.library.end_move(note)


def _free_scratch(services: LibraryServices, target: Path) -> Path:
    """A name to copy into that nothing has; what a killed move left under the usual one is deleted, if it is ours."""
    for number in range(1, 100):
        place = target.with_name(f"{target.name}{f'-{number}' if number > 1 else ''}{MOVING}")
        if services.library.at(place) is None and any(note.scratch == place for note in services.library.moves()):
            remove_holding(services.ledger, services.ledger.holding(place))
            with contextlib.suppress(OSError):  # killed before it was noted as ours: then it is empty
                place.rmdir()
        if mark_at(place) is None:
            return place
    raise KnownAppError(*texts.in_the_way(target.with_name(target.name + MOVING)))


def _given_up(services: LibraryServices, note: MoveNote) -> None:
    """Nothing is left of a copy that did not become whole."""
    try:
        remove_holding(services.ledger, services.ledger.holding(note.scratch))
    except (OSError, RemovalError):
        return  # a leftover; the note stays
    if not services.ledger.is_away(note.scratch):
        services.library.end_move(note)


def _regular_bytes(files: tuple[Path, ...]) -> int:
    total = 0
    for file in files:
        found = mark_at(file)
        if found is None or not found.is_file:
            raise KnownAppError(*texts.no_regular_file(file))
        total += found.size
    return total


def _copy(source: Path, target: Path, hasher: FileHasher | None, own: FolderOwner) -> Generator[int, None, None]:
    """Copy and sync, then read what was written back to hash it; yields the bytes that were copied since."""
    yield from _written(source, target, own)
    if hasher is not None:
        with target.open("rb") as reading:
            while block := reading.read(SLICE):
                hasher.feed(block)
                yield 0
    own.finished(target, target)


def _written(source: Path, target: Path, own: FolderOwner) -> Generator[int, None, None]:
    with open(source, "rb", opener=_never_a_link) as reading, target.open("xb") as writing:
        if not stat.S_ISREG(os.fstat(reading.fileno()).st_mode):
            raise KnownAppError(*texts.no_regular_file(source))
        own.made(target)
        while block := reading.read(SLICE):
            writing.write(block)
            yield len(block)
        writing.flush()
        os.fsync(writing.fileno())


def _never_a_link(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
