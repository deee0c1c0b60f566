"""What a move that was killed has left: which of the places counts, so that a model is never in none of them."""

from __future__ import annotations

from pathlib import Path

from app.library.folders import is_working
from app.library.manifest import read_manifest
from app.library.records import ModelRecord, MoveNote
from app.library.services import LibraryServices


def settle_moves(services: LibraryServices) -> None:
    """A model that was renamed, but whose place was not noted any more, is where it was moved to.

    Raises:
        StoreError: The database cannot be read or written.
    """
    for note in services.library.moves():
        record = services.library.at(note.source) if note.source is not None else None
        if (
            record is not None
            and not record.folder.is_dir()
            and _is_there(record, note)
            and not is_working(services.paths.base)
        ):
            services.library.move(record.id, note.target)
            services.library.end_move(note)


def places_of_moves(services: LibraryServices) -> frozenset[Path]:
    """Every folder that a move which is not through may have left something in."""
    return frozenset(place for note in services.library.moves() for place in note.places)


def _is_there(record: ModelRecord, note: MoveNote) -> bool:
    manifest = read_manifest(note.target)
    return manifest is not None and (manifest.title, manifest.repo) == (record.title, record.repo)
