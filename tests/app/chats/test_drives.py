"""Drives whose files cannot be mapped into shared memory (SMB, 9p, some of FUSE): a rollback journal, a sentence."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.chats import connections
from app.chats.database import Health, examine, shares_memory
from app.chats.errors import StoreError
from app.chats.history import HistoryStore
from app.library.records import LibraryStore
from app.machine import checks, texts
from tests.app.chats.support import begin, block, bodies_in, finished, sql

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the file system is simulated by SQLite's unix-dotfile")


@contextmanager
def drive_without_shared_memory() -> Iterator[None]:
    """All files lie on such a drive: SQLite's own stand-in for one has no shared memory either."""
    real: Callable[..., Any] = sqlite3.connect

    def connect(database: str, **options: object) -> sqlite3.Connection:
        where = f"{database}&vfs=unix-dotfile" if database.startswith("file:") else database
        found: sqlite3.Connection = real(where, **options)
        return found

    shares_memory.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections.sqlite3, "connect", connect)
        yield
    shares_memory.cache_clear()


def journal_of(path: Path) -> str:
    """As any other program would find it."""
    return str(sql(path, "PRAGMA journal_mode")[0][0])


def use(path: Path) -> set[str]:
    """A chat with an answer; gives all texts."""
    with HistoryStore.open(path) as store:
        user = store.add_user_message(None, "question")
        answer = begin(store, user)
        store.commit_block(answer.id, block())
        store.finish_answer(answer.id, finished())
        store.delete(store.create_conversation().id)
        store.purge_deleted()
        return set(bodies_in(store).values())


def test_a_new_history(data_file: Path) -> None:
    with drive_without_shared_memory():
        texts_found = use(data_file)
        assert examine(data_file, whole=True).health is Health.GOOD
        with HistoryStore.open(data_file) as store:
            assert set(bodies_in(store).values()) == texts_found == {"question", "Some text. "}
            assert store._db.conn.keeps_log is False
    assert journal_of(data_file) == "delete"


def test_every_write_is_synced_there(data_file: Path) -> None:
    """Without a log, NORMAL might damage the file in a power cut."""
    with drive_without_shared_memory(), HistoryStore.open(data_file) as store:
        store.create_conversation()
        assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_history_that_came_from_another_drive_with_its_log(data_file: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved" / data_file.name
    moved.parent.mkdir()
    with HistoryStore.open(data_file) as store:
        store.add_user_message(None, "in the log")
        for side in ("", "-wal"):
            shutil.copyfile(f"{data_file}{side}", f"{moved}{side}")
    assert Path(f"{moved}-wal").stat().st_size
    with drive_without_shared_memory():
        assert examine(moved).health is Health.GOOD
        with HistoryStore.open(moved) as store:
            assert store.recovery is None
            assert list(bodies_in(store).values()) == ["in the log"]
    assert journal_of(moved) == "delete"


def test_a_history_that_came_back_has_a_log_again(data_file: Path) -> None:
    with drive_without_shared_memory():
        use(data_file)
    with HistoryStore.open(data_file) as store:
        assert len(bodies_in(store)) == 2
        assert store._db.conn.keeps_log is True
    assert journal_of(data_file) == "wal"


def test_the_library_and_two_connections(data_file: Path) -> None:
    with drive_without_shared_memory(), HistoryStore.open(data_file) as store:
        library = LibraryStore(data_file, data_file.parent / "backups")
        library.add("folder", data_file.parent, "A model")
        store.add_user_message(None, "after it")
        assert [model.title for model in library.models()] == ["A model"]


def test_the_doctor_says_so(data_file: Path) -> None:
    with drive_without_shared_memory():
        HistoryStore.open(data_file).close()
        found = checks._database(data_file)
    assert (found.status, found.hint) == ("note", texts.NO_LOG_HINT)
    assert checks._database(data_file).hint == ""


def test_another_fault_of_the_drive_is_not_taken_for_it(data_file: Path) -> None:
    """Only this one file's index cannot be made: the log is not given up for that."""
    HistoryStore.open(data_file).close()
    os.mkfifo(f"{data_file}-shm")
    with pytest.raises(StoreError):
        HistoryStore.open(data_file)
    Path(f"{data_file}-shm").unlink()
    HistoryStore.open(data_file).close()
    assert journal_of(data_file) == "wal"
