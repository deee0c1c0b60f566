"""Folders of the user's, taken into the list as window and command line do."""

from __future__ import annotations

from pathlib import Path

from app.library.adding import add_found, look_into
from app.library.records import ModelRecord
from app.library.services import LibraryServices


def add_folder(services: LibraryServices, folder: Path) -> ModelRecord:
    """Look into a folder, and take it into the list where it lies."""
    return add_found(services, look_into(services, folder))
