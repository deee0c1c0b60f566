"""Backups: when they are made, how many are kept, and that a damaged history makes none."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.chats.backup import backups_in, daily_backup_is_due, make_backup, newest_sound_backup
from app.chats.errors import StoreFullError
from app.chats.history import HistoryStore
from tests.app.chats.support import bodies_in, fill

NOON = datetime(2026, 11, 23, 12, 0, 0)


def test_a_backup_opens_as_a_history(store: HistoryStore, tmp_path: Path) -> None:
    bodies = fill(store, 2, 2)
    made = store.backup_if_due()
    assert made is not None
    assert store.backup_if_due() is None
    assert [file.name for file in made.parent.iterdir()] == [made.name]
    copy = tmp_path / "copy" / "chats.sqlite3"
    copy.parent.mkdir()
    copy.write_bytes(made.read_bytes())
    with HistoryStore.open(copy) as opened:
        assert bodies_in(opened) == bodies


def test_the_newest_three_of_each_kind_are_kept(store: HistoryStore, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "mine.sqlite3").write_bytes(b"of the user")
    for day in range(5):
        make_backup(store._db.conn, folder, "daily", NOON + timedelta(days=day))
    make_backup(store._db.conn, folder, "migration", NOON)
    assert [file.name[12:20] for file in backups_in(folder, "daily")] == ["20261127", "20261126", "20261125"]
    assert len(backups_in(folder)) == 4
    assert (folder / "mine.sqlite3").exists()


@pytest.mark.parametrize(
    ("age", "due"),
    [(timedelta(hours=1), False), (timedelta(hours=25), True), (timedelta(hours=-2), True)],
)
def test_when_it_is_due(store: HistoryStore, tmp_path: Path, age: timedelta, due: bool) -> None:
    assert daily_backup_is_due(tmp_path / "none", NOON)
    make_backup(store._db.conn, tmp_path, "daily", NOON - age)
    assert daily_backup_is_due(tmp_path, NOON) is due


def test_a_damaged_backup_is_passed_over(store: HistoryStore, tmp_path: Path) -> None:
    good = make_backup(store._db.conn, tmp_path, "daily", NOON)
    bad = make_backup(store._db.conn, tmp_path, "daily", NOON + timedelta(days=1))
    bad.write_bytes(b"\0" * 8192)
    assert newest_sound_backup(tmp_path) == good
    assert newest_sound_backup(tmp_path / "none") is None


def test_a_failed_backup_leaves_nothing_and_removes_nothing(
    store: HistoryStore, data_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = data_file.parent / "backups"
    old = make_backup(store._db.conn, folder, "daily", datetime.now() - timedelta(days=2))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.chats.backup.sync_file", full)
    with pytest.raises(StoreFullError):
        store.backup_if_due()
    assert list(folder.iterdir()) == [old]
