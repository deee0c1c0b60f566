"""Backups: when they are made, how many are kept, and that a damaged history makes none."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.chats.backup import backups_in, daily_backup_is_due, make_backup, newest_sound_backup
from app.chats.database import check_is_due
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


def test_a_backup_of_a_clock_that_was_ahead_pushes_no_new_one_out(store: HistoryStore, tmp_path: Path) -> None:
    """The clock was three days ahead, and was then corrected: every new backup was deleted at once."""
    ahead = [make_backup(store._db.conn, tmp_path, "daily", NOON + timedelta(days=3 + day)) for day in range(3)]
    for day in range(4):
        now = NOON + timedelta(days=day)
        assert daily_backup_is_due(tmp_path, now)
        made = make_backup(store._db.conn, tmp_path, "daily", now)
        assert backups_in(tmp_path)[0] == made
        assert newest_sound_backup(tmp_path) == made
        assert not daily_backup_is_due(tmp_path, now)
    assert not any(path.exists() for path in ahead)


def test_backups_of_an_older_version_are_older(store: HistoryStore, tmp_path: Path) -> None:
    made = make_backup(store._db.conn, tmp_path, "daily", NOON)
    old = tmp_path / "chats-daily-20991231-235959.sqlite3"
    odd = tmp_path / "chats-daily-20269999-999999.sqlite3"
    made.rename(old)
    odd.write_bytes(b"x")
    assert backups_in(tmp_path) == (old, odd)
    new = make_backup(store._db.conn, tmp_path, "daily", NOON)
    assert backups_in(tmp_path) == (new, old, odd)
    new.unlink()
    old.unlink()
    assert daily_backup_is_due(tmp_path, NOON)


def test_two_backups_of_one_second_are_two(store: HistoryStore, tmp_path: Path) -> None:
    assert make_backup(store._db.conn, tmp_path, "migration", NOON) != make_backup(
        store._db.conn, tmp_path, "migration", NOON
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such marks")
def test_backups_are_for_this_user_alone(store: HistoryStore, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    old = folder / "chats-daily-20200101-000000.sqlite3"
    old.write_bytes(b"x")
    old.chmod(0o644)
    made = make_backup(store._db.conn, folder, "daily", NOON)
    assert [each.stat().st_mode & 0o777 for each in (folder, made, old)] == [0o700, 0o600, 0o600]


def test_no_chat_is_wiped_by_a_clock_that_has_just_jumped(store: HistoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is a year ahead for some hours would wipe what was deleted yesterday."""
    hour = 3_600_000
    now = [store.add_user_message(None, "x").created_at]
    for place in ("app.chats.history.now_ms", "app.chats.ids.now_ms"):
        monkeypatch.setattr(place, lambda: now[0])

    def hours_pass(count: int) -> int:
        removed = 0
        for _ in range(count):
            now[0] += hour
            removed += store.purge_if_due()
        return removed

    assert hours_pass(48) == 0
    store.delete(store.list_conversations()[0].id)
    now[0] += 365 * 24 * hour
    assert hours_pass(12) == 0
    now[0] -= 365 * 24 * hour
    assert hours_pass(12) == 0
    assert hours_pass(24 * 28) == 0
    assert hours_pass(72) == 1


def test_a_check_of_the_file_is_due_when_its_time_is_in_the_future(
    store: HistoryStore, data_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.chats.database.ALWAYS_CHECK_BYTES", 0)
    store.add_user_message(None, "x")
    assert not check_is_due(data_file, 1)
    future = data_file.stat().st_mtime + 1_000_000
    os.utime(data_file, (future, future))
    assert check_is_due(data_file, 1)
