"""Backups: when they are made, how many are kept, and that a damaged history makes none."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.chats.backup import (
    backups_in,
    daily_backup_is_due,
    listed_backups,
    make_backup,
    newest_sound_backup,
)
from app.chats.database import check_is_due
from app.chats.errors import CHECK_MARK, StoreDamagedError, StoreFullError
from app.chats.history import HistoryStore
from app.chats.migrations import EDIT_SLOT, SCHEMA_VERSION
from tests.app.chats.support import OLD_BODIES, begin, block, bodies_in, fill, finished, write_old_history

NOON = datetime(2026, 11, 20, 12, 0, 0)


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


def test_the_newest_seven_of_each_kind_are_kept(store: HistoryStore, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "mine.sqlite3").write_bytes(b"of the user")
    for day in range(9):
        make_backup(store._db.conn, folder, "daily", NOON + timedelta(days=day))
    make_backup(store._db.conn, folder, "migration", NOON)
    assert [file.name[12:20] for file in backups_in(folder, "daily")] == [f"202611{day}" for day in range(28, 21, -1)]
    assert len(backups_in(folder)) == 8
    assert (folder / "mine.sqlite3").exists()


def test_those_made_by_hand_push_out_no_day(store: HistoryStore, tmp_path: Path) -> None:
    days = [make_backup(store._db.conn, tmp_path, "daily", NOON - timedelta(days=7 - day)) for day in range(7)]
    made = [make_backup(store._db.conn, tmp_path, "hand", NOON) for _ in range(9)]
    assert set(backups_in(tmp_path, "daily")) == set(days)
    assert backups_in(tmp_path, "hand") == tuple(reversed(made[2:]))
    assert daily_backup_is_due(tmp_path, NOON + timedelta(hours=1))
    assert listed_backups(tmp_path)[0].kind == "hand"
    assert newest_sound_backup(tmp_path) == made[-1]


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
    ahead = [make_backup(store._db.conn, tmp_path, "daily", NOON + timedelta(days=3 + day)) for day in range(7)]
    for day in range(8):
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
    for place in ("history", "ids", "order", "writing"):
        monkeypatch.setattr(f"app.chats.{place}.now_ms", lambda: now[0])

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


def test_a_look_through_a_damaged_file_says_so_and_marks_it(store: HistoryStore) -> None:
    fill(store, 6, 6)
    store.check_pages()
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    size = store.path.stat().st_size
    with store.path.open("r+b") as file:
        file.seek(size // 2)
        file.write(os.urandom(8192))
    with pytest.raises(StoreDamagedError, match="found damage"):
        store.check_pages()
    assert store.path.with_name(store.path.name + CHECK_MARK).exists()


def test_what_is_purged_is_in_no_byte_of_a_backup(store: HistoryStore, tmp_path: Path) -> None:
    secret = "halcyon-days-of-old"
    gone = store.add_user_message(None, f"{secret} begin").conversation_id
    question = store.messages(gone)[0]
    answer = begin(store, question)
    store.commit_block(answer.id, block(answer=f"{secret} block"))
    store.finish_answer(answer.id, finished(f"{secret} answer " * 500))
    store.keep_unsent(gone, f"{secret} unsent")
    store.keep_unsent(f"{EDIT_SLOT}{question.id}", f"{secret} edit")
    other = store.add_user_message(None, "stays " * 300).conversation_id
    folder = store.path.parent / "backups"
    made = [make_backup(store._db.conn, folder, kind, NOON) for kind in ("daily", "migration", "restore")]
    without = make_backup(store._db.conn, folder, "daily", NOON + timedelta(days=1))
    store.delete(gone)
    store.remove_for_good([gone])
    clean = make_backup(store._db.conn, folder, "daily", NOON + timedelta(days=2))
    before = clean.read_bytes()
    (folder / "chats-daily-20261101-120000-9.sqlite3").write_bytes(b"damaged")
    with made[0].open("rb") as old:  # as whoever reads the drive's blocks would
        assert secret.encode() in made[0].read_bytes()
        assert store.purge_backups([gone]) == 4
        if os.name == "posix":
            assert set(old.read()) == {0}
    for path in folder.iterdir():
        assert secret.encode() not in path.read_bytes(), path.name
    assert clean.read_bytes() == before
    for path in (*made, without):
        copy = tmp_path / path.name / "chats.sqlite3"
        copy.parent.mkdir()
        copy.write_bytes(path.read_bytes())
        with HistoryStore.open(copy) as opened:
            assert [chat.id for chat in opened.list_conversations()] == [other]
            assert opened.recovery is None
    assert store.purge_backups([gone]) == 0


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_backup_of_every_version_is_purged(store: HistoryStore, version: int) -> None:
    folder = store.path.parent / "backups"
    folder.mkdir()
    old = folder / "chats-migration-20261120-120000-1.sqlite3"
    write_old_history(old, version)
    for side in ("-wal", "-shm"):
        old.with_name(old.name + side).unlink(missing_ok=True)
    assert store.purge_backups(["c1"]) == 1
    assert OLD_BODIES[1].encode() not in old.read_bytes()
    assert not list(folder.glob("*.tmp"))
