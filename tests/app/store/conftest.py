"""An open history in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.history import HistoryStore


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """Where the history of this test lies; it does not exist yet."""
    return tmp_path / "data" / "chats.sqlite3"


@pytest.fixture
def store(data_file: Path) -> Iterator[HistoryStore]:
    """A new, empty history."""
    with HistoryStore.open(data_file) as opened:
        yield opened
