"""What a part that is discarded asks of the database: as little as can be, for there is one of each file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from app.library.ledger import FolderOwner
from app.library.records import LibraryStore
from app.library.services import LibraryServices
from app.transfers.part import PartFile
from app.transfers.values import Digest, RemoteFile

FILE = RemoteFile("model.bin", "http://127.0.0.1/x", 10, Digest("sha256", "1" * 64))


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each time that the database was opened."""
    found: list[None] = []
    real = LibraryStore.opened

    @contextlib.contextmanager
    def counted(store: LibraryStore) -> Iterator[Database]:
        found.append(None)
        with real(store) as db:
            yield db

    monkeypatch.setattr(LibraryStore, "opened", counted)
    return found


def test_a_part_that_is_discarded_opens_the_database_once_unless_something_is_there(
    services: LibraryServices, tmp_path: Path, openings: list[None]
) -> None:
    """It was opened four times, with every file of a model that is whole, whenever the model is looked at again."""
    folder = tmp_path / "model"
    services.ledger.new_folder(folder)
    own = FolderOwner(services.ledger, folder)
    part = PartFile(FILE, folder / FILE.path, own)
    part.begin("etag")
    assert services.ledger.entries(folder).keys() == {"", "model.bin.part", "model.bin.part.journal"}
    (folder / "model.bin.part.journal").rename(tmp_path / "moved")
    (folder / "model.bin.part.journal").write_bytes(b"of the user's own")
    openings.clear()
    part.discard()
    assert len(openings) == 3
    assert [path.name for path in folder.iterdir()] == ["model.bin.part.journal"], "what is not ours stays"
    assert services.ledger.entries(folder).keys() == {""}
    (folder / "model.bin.part.journal").unlink()
    openings.clear()
    part.discard()
    assert len(openings) == 1
