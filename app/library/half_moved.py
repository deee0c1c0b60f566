"""What a move, a merge or a removal that was killed has left; of a move, which of the places counts.

A rename and the word of the database about it are two steps. Which folder was renamed is told by its number on the
drive, which was noted before.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from app.base.errors import KnownAppError
from app.library.folders import RemovalError, is_working, remove_holding, working
from app.library.half_removed import settle_removals
from app.library.manifest import ModelManifest, read_manifest
from app.library.records import ModelRecord, MoveNote
from app.library.services import LibraryServices
from app.transfers.names import JOURNAL_SUFFIX, LOCK_NAME, PART_SUFFIX, base_folder, final_path
from inference.graphs.names import MODEL_NOTE
from trt_engines.held import FileMark, HeldFolder, mark_at

_HALF_WRITTEN = re.compile(rf"\.{re.escape(MODEL_NOTE)}\.[0-9a-f]{{8}}\.tmp")


def settle_killed(services: LibraryServices) -> None:
    """Bring list and disk together after a kill; models of an earlier version get their files noted, once.

    What lies on a drive that does not answer waits for the next time.

    Raises:
        StoreError: The database cannot be read or written.
        LookStoppedError: The window closes.
    """
    settle_removals(services)
    notes = [note for note in services.library.moves() if all(map(services.looks.answers, note.places))]
    if notes and not is_working(services.paths.base):
        with contextlib.suppress(KnownAppError), working(services.paths.base):
            for note in notes:
                _settle(services, note)
    for record in services.library.unlisted():
        _take_over(services, record)


def was_renamed(services: LibraryServices, before: Path, after: Path) -> bool:
    """Whether the folder that Dewpoint wrote in as `before` lies at `after` by now."""
    root = services.ledger.entries(before).get("")
    try:
        found = mark_at(after)
        return root is not None and found is not None and root.is_same(found) and mark_at(before) is None
    except OSError:
        return False


# -- a killed move ---------------------------------------------------------------------------------------------------


def _settle(services: LibraryServices, note: MoveNote) -> None:
    source, library = note.source, services.library
    here = library.at(source) if source is not None else None
    there = library.at(note.target)
    if there is None and source is not None:
        if here is None and was_renamed(services, source, note.target):  # a merge
            manifest = read_manifest(services.looks, note.target)
            if manifest is not None:
                library.add("merged", note.target, manifest.title, manifest=manifest, written=source)
                there = library.at(note.target)
        elif here is not None and was_renamed(services, note.scratch, note.target):  # a copy, whole and verified
            library.move(here.id, note.target, written=note.scratch)
            there = library.at(note.target)
        elif here is not None and _lies_at_the_target(services, here, note):
            library.move(here.id, note.target, written=source)
            there = library.at(note.target)
    if there is not None:
        if source is not None and source != note.target and library.at(source) is None:
            try:
                remove_holding(services.ledger, services.ledger.holding(source))
            except (OSError, RemovalError):
                return  # a drive that does not answer, a file in use; the next look tries again
            if services.ledger.is_away(source):
                return  # a drive that is not there; the next look tries again
        library.end_move(note)
    elif note.copied_into is None and library.at(note.scratch) is None:
        _take_over_copy(services, note)
    elif not any(map(services.ledger.is_away, note.places)) and (
        not _is_folder(note.scratch) and (source is None or _is_folder(source) == (here is not None))
    ):
        library.end_move(note)  # it has left nothing


def _lies_at_the_target(services: LibraryServices, record: ModelRecord, note: MoveNote) -> bool:
    """Whether a folder was renamed on its drive; an earlier version noted no numbers."""
    if mark_at(record.folder) is not None:
        return False
    if services.ledger.entries(record.folder):
        return was_renamed(services, record.folder, note.target)
    manifest = read_manifest(services.looks, note.target)
    return manifest is not None and (manifest.title, manifest.repo) == (record.title, record.repo)


def _is_folder(path: Path) -> bool:
    found = mark_at(path)
    return found is not None and found.is_folder


# -- what earlier versions wrote -------------------------------------------------------------------------------------


def _take_over(services: LibraryServices, record: ModelRecord) -> None:
    """An earlier version kept the list of files in the model's folder, and noted nowhere what it wrote.

    What such a list names counts as ours if it lies in our models folder. Elsewhere the folder may be the user's own,
    brought with a list of somebody else: its files are known from now on, and never deleted.
    """
    manifest = read_manifest(services.looks, record.folder)
    if manifest is None:
        return  # a drive that is not there, or a damaged list: the next look tries again
    try:
        if record.folder.parent == services.paths.models:
            services.ledger.note(record.folder, _marks(record.folder, manifest))
    except OSError:
        return
    services.library.set_list(record.id, manifest)


def _marks(folder: Path, manifest: ModelManifest) -> dict[str, FileMark]:
    names = [final_path(folder, file.path).relative_to(base_folder(folder)).as_posix() for file in manifest.files]
    marks = {}
    with HeldFolder(folder) as held:
        notes = (
            MODEL_NOTE,
            f"{MODEL_NOTE}.new",
            LOCK_NAME,
            *(name for name in held.names() if _HALF_WRITTEN.fullmatch(name)),
        )
        parts = (name + suffix for name in names for suffix in (PART_SUFFIX, JOURNAL_SUFFIX))
        for name in ("", *names, *parts, *notes):
            found = held.mark(tuple(filter(None, name.split("/"))))
            if found is not None and (found.is_file or not name):
                marks[name] = found
    return marks


def _take_over_copy(services: LibraryServices, note: MoveNote) -> None:
    """A move of an earlier version was killed: the database said where it copied to."""
    with contextlib.suppress(OSError), HeldFolder(note.scratch) as held:
        found = {"/".join(parts): mark for parts, mark in held.walk() if mark.is_file or mark.is_folder}
        root = held.mark(())
        assert root is not None
        services.ledger.note(note.scratch, {"": root} | found)
    services.library.end_move(note)
    services.library.begin_move(MoveNote(note.source, note.target, note.scratch))
