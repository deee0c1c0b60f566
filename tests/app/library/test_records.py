"""Models and downloads in the database: kept over restarts, seen by two programs, and no danger to chats."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.base.errors import ErrorReport
from app.chats import errors
from app.chats.errors import StoreError
from app.chats.history import HistoryStore
from app.library import records
from app.library.ledger import Ledger
from app.library.records import DownloadState, LibraryStore
from tests.app.chats.support import fill, sql, sqlite_error, write_old_history


@pytest.fixture
def library(data_file: Path) -> LibraryStore:
    """No file is there yet."""
    return LibraryStore(data_file, data_file.parent / "backups")


def test_it_makes_the_file_and_keeps(library: LibraryStore, data_file: Path, tmp_path: Path) -> None:
    record = library.add("download", tmp_path / "Modèle 模型", "Title", "owner/name", queued=True)
    again = LibraryStore(data_file, data_file.parent / "backups")
    (found,) = again.models()
    assert found == record
    assert (found.folder, found.repo, found.download) == (tmp_path / "Modèle 模型", "owner/name", DownloadState.QUEUED)
    assert again.at(found.folder) == found
    assert again.at(tmp_path) is None
    with HistoryStore.open(data_file) as store:
        assert store.recovery is None


def test_the_same_folder_twice_is_one_model(library: LibraryStore, tmp_path: Path) -> None:
    first = library.add("folder", tmp_path, "One")
    second = library.add("download", tmp_path, "Two", "owner/name", queued=True)
    assert second.id == first.id
    assert [(each.title, each.kind) for each in library.models()] == [("Two", "download")]


def test_the_queue_is_first_in_first_out(library: LibraryStore, tmp_path: Path) -> None:
    names = ["b", "a", "c"]
    records = [library.add("download", tmp_path / name, name, f"o/{name}", queued=True) for name in names]
    taken = []
    while (record := library.next_queued()) is not None:
        taken.append(record.title)
        library.set_download(record.id, DownloadState.RUNNING)
    assert taken == names
    library.set_download(records[0].id, None)
    assert library.find(records[0].id).download is None


def test_an_error_is_kept_with_a_pause(library: LibraryStore, tmp_path: Path) -> None:
    record = library.add("download", tmp_path, "x", "o/x", queued=True)
    library.set_download(record.id, DownloadState.PAUSED, ErrorReport("known", "It broke \ud800.", "Mend it."))
    error = library.find(record.id).error
    assert error is not None
    assert (error.text, error.hint) == ("It broke \ufffd.", "Mend it.")
    library.set_download(record.id, DownloadState.QUEUED)
    assert library.find(record.id).error is None


def test_odd_rows_are_read(library: LibraryStore, data_file: Path, tmp_path: Path) -> None:
    record = library.add("download", tmp_path, "x", "o/x", queued=True)
    sql(data_file, "UPDATE download SET error_json = '[1'")
    assert library.find(record.id).error is None
    sql(data_file, "INSERT OR REPLACE INTO app_meta VALUES ('download_rate', 'fast')")
    assert library.rate() == 0.0
    library.note_rate(12_345_678.9)
    assert library.rate() == 12_345_679


def test_forgetting_and_moving(library: LibraryStore, tmp_path: Path) -> None:
    record = library.add("download", tmp_path, "x", "o/x", queued=True)
    library.move(record.id, tmp_path / "y")
    assert library.find(record.id).folder == tmp_path / "y"
    library.forget(record.id)
    assert library.models() == ()
    library.set_download(record.id, DownloadState.PAUSED)  # a download that ends after its model was removed
    assert library.next_queued() is None
    with pytest.raises(KeyError):
        library.find(record.id)


def test_an_old_file_is_migrated_with_a_backup(data_file: Path, tmp_path: Path) -> None:
    write_old_history(data_file, 1)
    backups = data_file.parent / "backups"
    library = LibraryStore(data_file, backups)
    library.add("folder", tmp_path, "x")
    assert list(backups.glob("*migration*"))
    with HistoryStore.open(data_file) as store:
        assert store.recovery is None
        assert len(store.list_conversations()) == 1


def test_a_damaged_file_is_recovered_and_the_chats_kept(data_file: Path, tmp_path: Path) -> None:
    with HistoryStore.open(data_file) as store:
        fill(store, 1, 2)
    before = LibraryStore(data_file, data_file.parent / "backups")
    folder = tmp_path / "x"
    Ledger(before).new_folder(folder)
    before.add("download", folder, "x", "o/x", queued=True)
    sql(data_file, "PRAGMA user_version = 0")
    library = LibraryStore(data_file, data_file.parent / "backups")
    assert [(record.folder, record.download) for record in library.models()] == [(folder, DownloadState.QUEUED)]
    assert Ledger(library).holding(folder).folders == ("",), "what was ours is ours"
    with HistoryStore.open(data_file) as store:
        assert len(store.list_conversations()) == 1


def test_an_answer_that_is_being_written_is_left_alone(data_file: Path, tmp_path: Path) -> None:
    """The command line opens the file while the window writes an answer."""
    with HistoryStore.open(data_file) as store:
        fill(store, 1, 2)
        sql(data_file, "UPDATE message SET state = 'streaming' WHERE role = 'assistant'")
        LibraryStore(data_file, data_file.parent / "backups").add("folder", tmp_path, "x")
        assert sql(data_file, "SELECT DISTINCT state FROM message WHERE role = 'assistant'") == [("streaming",)]


def test_many_threads(library: LibraryStore, tmp_path: Path) -> None:
    library.models()
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                record = library.add("download", tmp_path / f"{number}-{turn}", "x", "o/x", queued=True)
                library.set_download(record.id, DownloadState.PAUSED)
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(library.models()) == 20


def test_a_locked_file_is_one_sentence(library: LibraryStore, data_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library.models()
    monkeypatch.setattr("app.chats.connections.BUSY_SECONDS", 0.1)
    with sqlite3.connect(data_file, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError) as caught:
            library.note_rate(1.0)
        other.execute("ROLLBACK")
    other.close()
    assert caught.value.hint


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "disk of the data folder is full"), (errno.EROFS, "written")]
)
def test_sentences_are_about_models_not_about_a_chat(
    library: LibraryStore, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    library.models()

    def fail(path: Path) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(records, "open_database", fail)
    with pytest.raises(StoreError) as caught:
        library.models()
    assert caught.value.user_text.startswith("The list of models")
    assert words in caught.value.user_text
    assert "window" not in caught.value.hint


@pytest.mark.parametrize(
    ("code", "free", "words"),
    [
        (sqlite3.SQLITE_IOERR, 0, "disk of the data folder is full"),
        (sqlite3.SQLITE_BUSY, 0, "disk of the data folder is full"),
        (sqlite3.SQLITE_CANTOPEN, 0, "disk of the data folder is full"),
        (sqlite3.SQLITE_IOERR, 1 << 30, "cannot be read or changed (as SQLite has it)"),
    ],
)
def test_a_disk_that_is_full_or_bad_is_named(
    library: LibraryStore, monkeypatch: pytest.MonkeyPatch, code: int, free: int, words: str
) -> None:
    library.models()

    def fail(path: Path) -> None:
        raise sqlite_error(code)

    monkeypatch.setattr(records, "open_database", fail)
    monkeypatch.setattr(errors.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(StoreError) as caught:
        library.models()
    assert caught.value.user_text.startswith("The list of models")
    assert words in caught.value.user_text
