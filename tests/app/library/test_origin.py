"""Only what was downloaded whole from a publisher of the list is taken for the published model."""

from __future__ import annotations

from pathlib import Path

from app.library.catalogue import shipped_entries
from app.library.origin import published_in
from app.library.records import DownloadState, LibraryStore


def test_published_models(tmp_path: Path) -> None:
    library = LibraryStore(tmp_path / "chats.sqlite3", tmp_path / "backups")
    published = published_in(library)
    assert not published(tmp_path / "google"), "no file of the library is made to answer"
    assert not library.path.exists()
    for number, entry in enumerate(shipped_entries()):
        record = library.add("download", tmp_path / str(number), "Model", entry.repo, queued=True)
        assert not published(record.folder), "nothing of it is there yet"
        library.set_download(record.id, DownloadState.PAUSED)
        assert not published(record.folder)
        library.set_download(record.id, None)
        assert published(record.folder)
    repo = shipped_entries()[0].repo
    assert not published(library.add("merged", tmp_path / "merged", "Model", repo).folder)
    assert not published(library.add("folder", tmp_path / "own", "Model", repo).folder)
    assert not published(library.add("download", tmp_path / "other", "Model", "someone/model").folder)
