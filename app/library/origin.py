"""Whether a folder holds a model of the list as its publisher offers it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.library.catalogue import shipped_entries
from app.library.records import LibraryStore


def published_in(library: LibraryStore) -> Callable[[Path], bool]:
    """Tells that of a folder: it was downloaded from one of the list's repositories, every file with its hash."""

    def published(folder: Path) -> bool:
        record = library.at(folder) if library.path.exists() else None
        if record is None or record.kind != "download" or record.download is not None:
            return False
        return record.repo in {entry.repo for entry in shipped_entries()}

    return published
