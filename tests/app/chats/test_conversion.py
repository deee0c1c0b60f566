"""Locking a history and unlocking it: nothing readable stays, nothing is lost, and a kill leaves one or the other."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from app.chats.backup import backups_in, make_backup
from app.chats.conversion import finish_conversion, lock_history, lock_strays, unlock_history
from app.chats.database import Health, examine, open_for_reading
from app.chats.errors import StoreBusyError, StoreError, StoreLockedError
from app.chats.files import files_folder, keep_pieces, pieces_of, place_of
from app.chats.history import HistoryStore
from app.chats.key_file import WrongPasswordError, change_password, is_locked, unwrapped
from app.chats.lock import keys
from app.chats.lock.keys import KEY_COPY, KEY_FILE, LOCKING, UNLOCKING
from app.chats.messages import MessageFile
from app.chats.recordings import Recordings
from app.chats.search.index import SearchIndex
from tests.app.chats.support import bodies_in, fill
from tests.helpers.killing import CHANGES, killed
from tests.helpers.locks import quick_keys, readable
from tests.helpers.scale import sized

WORD = "pomegranate"
PASSWORD = "open sesame"
STRIDE = sized(3, 1)  # of the moments of a kill
NOON = datetime(2026, 11, 20, 12, 0, 0)


@pytest.fixture(autouse=True)
def _quick_keys() -> Iterator[None]:
    with quick_keys():
        yield


def made(base: Path) -> Path:
    """A history with all that can lie beside it, the word in each of them."""
    history, backups = base / "chats.sqlite3", base / "backups"
    digest, size = keep_pieces(files_folder(history), [WORD.encode() * 1000])
    with HistoryStore.open(history, backups) as store:
        fill(store, 2, 2)
        store.kept.attach(None, MessageFile(f"{WORD}.txt", "text/plain", size, digest), WORD)
        store.add_user_message(None, f"About the {WORD}.")
        store.keep_unsent(None, f"More of the {WORD}")
        make_backup(store._db.conn, backups, "hand", NOON)
    with SearchIndex(history) as index:
        index.refresh()
    recordings = Recordings(base / "recordings.sqlite3")
    recordings.keep("an answer", 0, WORD.encode() * 50, 1_000_000)
    recordings.close()
    (base / "chats-damaged-20261120-120000.sqlite3").write_bytes(WORD.encode() * 300)
    (backups / "chats-daily-20261119-120000-1.sqlite3").write_bytes(b"damaged " + WORD.encode())
    return history


def content(history: Path) -> dict[str, object]:
    """All that a user can come to."""
    with HistoryStore.open(history, history.parent / "backups") as store:
        assert store.recovery is None
        found: dict[str, object] = {"bodies": bodies_in(store), "unsent": store.unsent_text(None)}
        message = next(store.message(key) for key, body in bodies_in(store).items() if body == f"About the {WORD}.")
        (file,) = message.files
    found["file"] = b"".join(pieces_of(place_of(files_folder(history), file.digest)))
    with SearchIndex(history) as index:
        index.refresh()
        found["hits"] = len(index.find(WORD))
    recordings = Recordings(history.with_name("recordings.sqlite3"))
    found["recording"] = recordings.read("an answer")
    recordings.close()
    for backup in backups_in(history.parent / "backups", "hand"):
        with closing(open_for_reading(backup)) as opened:
            found[backup.name] = sorted(opened.execute("SELECT body FROM message").fetchall())
    return found


def test_nothing_readable_stays_and_nothing_is_lost(tmp_path: Path) -> None:
    history, backups = made(tmp_path), tmp_path / "backups"
    before = content(history)
    damaged = (tmp_path / "chats-damaged-20261120-120000.sqlite3").read_bytes()
    assert len(readable(tmp_path, WORD)) >= 7
    lock_history(history, backups, PASSWORD)
    assert readable(tmp_path, WORD) == []
    assert content(history) == before
    with HistoryStore.open(history, backups) as store:
        store.add_user_message(None, f"Another {WORD}")
        assert store.backup_if_due() is not None
        store.check_pages()
        assert readable(tmp_path, WORD) == []  # with its log
    keys.forget(tmp_path)
    with pytest.raises(StoreLockedError):
        HistoryStore.open(history, backups)
    with pytest.raises(StoreLockedError):
        examine(history)
    unlock_history(history, backups, PASSWORD)
    after = content(history)
    assert {**after, "bodies": None, "hits": None} == {**before, "bodies": None, "hits": None} | {
        name: value for name, value in after.items() if name not in before
    }
    assert (tmp_path / "chats-damaged-20261120-120000.sqlite3").read_bytes() == damaged
    assert not is_locked(tmp_path)
    assert not list(tmp_path.rglob("*.sealed"))


def test_a_history_that_is_open_elsewhere_is_not_locked(tmp_path: Path) -> None:
    history = made(tmp_path)
    with closing(sqlite3.connect(history, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError):
            lock_history(history, tmp_path / "backups", PASSWORD)
        other.execute("ROLLBACK")
    assert not is_locked(tmp_path)
    assert not (tmp_path / LOCKING).exists()
    assert content(history)["hits"]


def test_a_wrong_password_changes_nothing(tmp_path: Path) -> None:
    history = made(tmp_path)
    lock_history(history, tmp_path / "backups", PASSWORD)
    keys.forget(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(WrongPasswordError):
        unlock_history(history, tmp_path / "backups", "close sesame")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_empty_password_and_a_second_lock_are_refused(tmp_path: Path) -> None:
    history = made(tmp_path)
    with pytest.raises(StoreError, match="one character"):
        lock_history(history, tmp_path / "backups", "")
    lock_history(history, tmp_path / "backups", PASSWORD)
    with pytest.raises(StoreError, match="already"):
        lock_history(history, tmp_path / "backups", PASSWORD)


def test_the_password_can_be_changed_without_touching_a_chat(tmp_path: Path) -> None:
    history = made(tmp_path)
    lock_history(history, tmp_path / "backups", PASSWORD)
    before = history.read_bytes()
    change_password(tmp_path, PASSWORD, "another")
    assert history.read_bytes() == before
    keys.forget(tmp_path)
    keys.hold(tmp_path, unwrapped(tmp_path / KEY_FILE, "another"))
    assert content(history)["hits"]


def test_a_locked_history_that_is_damaged_is_recovered(tmp_path: Path) -> None:
    history, backups = tmp_path / "chats.sqlite3", tmp_path / "backups"
    with HistoryStore.open(history, backups) as store:
        bodies = fill(store, 6, 12)
    lock_history(history, backups, PASSWORD)
    data = bytearray(history.read_bytes())
    data[:4096] = bytes(4096)  # the head, without which SQLite reads nothing
    history.write_bytes(data)
    assert examine(history).health is Health.DAMAGED
    with HistoryStore.open(history, backups) as store:
        assert store.recovery is not None
        assert bodies_in(store).items() >= bodies.items()
    assert readable(tmp_path, "canvas") == []


def test_a_folder_that_is_deleted_under_an_open_history_gets_its_key_again(tmp_path: Path) -> None:
    base = tmp_path / "data"
    base.mkdir()
    history, backups = base / "chats.sqlite3", base / "backups"
    with HistoryStore.open(history, backups) as store:
        store.add_user_message(None, f"About the {WORD}.")
    lock_history(history, backups, PASSWORD)
    with HistoryStore.open(history, backups) as store:
        shutil.rmtree(base)
        store.write_anew()
    keys.forget(base)
    keys.hold(base, unwrapped(base / KEY_FILE, PASSWORD))
    with HistoryStore.open(history, backups) as store:
        assert [chat.title for chat in store.list_conversations()] == [f"About the {WORD}"]
    assert readable(base, WORD) == []


def test_plain_chats_that_are_put_into_a_locked_folder_are_locked(tmp_path: Path) -> None:
    history, backups = tmp_path / "chats.sqlite3", tmp_path / "backups"
    with HistoryStore.open(history, backups) as store:
        store.add_user_message(None, f"About the {WORD}.")
        make_backup(store._db.conn, backups, "hand", NOON)
    plain = backups_in(backups)[0].read_bytes()
    lock_history(history, backups, PASSWORD)
    history.write_bytes(plain)
    backups_in(backups)[0].write_bytes(plain)
    assert len(readable(tmp_path, WORD)) == 2
    lock_strays(history, backups)
    assert readable(tmp_path, WORD) == []
    with HistoryStore.open(history, backups) as store:
        assert store.recovery is None
        assert [chat.title for chat in store.list_conversations()] == [f"About the {WORD}"]


@pytest.mark.log_allowed("")
def test_whatever_plain_is_put_into_a_locked_folder_is_encrypted_or_sealed(tmp_path: Path) -> None:
    """A damaged chat file is recovered, and is no reason to start in vain for ever."""
    history, backups = made(tmp_path), tmp_path / "backups"
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    lock_history(history, backups, PASSWORD)
    damaged = bytearray(kept[history])
    damaged[4096 * 3 : 4096 * 4] = bytes(4096)
    for path, data in kept.items():
        if path.name not in (KEY_FILE, "recordings.sqlite3"):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(bytes(damaged) if path == history else data)
    (tmp_path / "chats-replaced-20261121-120000.sqlite3").write_bytes(kept[history])
    lock_strays(history, backups)
    with HistoryStore.open(history, backups) as store:
        assert f"About the {WORD}." in bodies_in(store).values()
    lock_strays(history, backups)  # what was damaged was set aside
    assert [name for name in readable(tmp_path, WORD) if "chats-daily-20261119" not in name] == []
    assert not list(tmp_path.glob("*.recovered"))


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="Windows lets few users make links")
@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no second drive")
def test_folders_that_are_links_to_another_drive(tmp_path: Path) -> None:
    base = tmp_path / "data"
    base.mkdir()
    history, backups = made(base), base / "backups"
    before = content(history)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        for folder in (backups, files_folder(history)):
            shutil.move(folder, Path(other, folder.name))
            folder.symlink_to(Path(other, folder.name))
        lock_history(history, backups, PASSWORD)
        assert readable(base, WORD) == []
        assert readable(Path(other), WORD) == []
        assert content(history) == before
        unlock_history(history, backups, PASSWORD)
        assert content(history) == before
        assert not list(Path(other).rglob("*.moving"))


def test_what_killed_programs_left_is_not_left_readable(tmp_path: Path) -> None:
    history, backups = made(tmp_path), tmp_path / "backups"
    (backups / "chats-daily-20261130-120000-7.tmp").write_bytes(WORD.encode() * 100)
    (files_folder(history) / "new-4711-1").write_bytes(WORD.encode() * 100)
    lock_history(history, backups, PASSWORD)
    assert readable(tmp_path, WORD) == []


def test_a_backup_of_another_lock_is_taken_along_as_it_is(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with HistoryStore.open(other / "chats.sqlite3", other / "backups") as store:
        store.add_user_message(None, "from elsewhere")
        make_backup(store._db.conn, other / "backups", "hand", NOON)
    lock_history(other / "chats.sqlite3", other / "backups", "other")
    (backup,) = backups_in(other / "backups", "hand")
    keys.forget(other)
    base = tmp_path / "data"
    base.mkdir()
    history, backups = made(base), base / "backups"
    name = "chats-hand-20261101-120000-1.sqlite3"
    shutil.copyfile(backup, backups / name)
    shutil.copyfile(other / KEY_FILE, backups / (name + ".key"))
    foreign = (backups / name).read_bytes()
    lock_history(history, backups, PASSWORD)
    assert content(history)["hits"]
    unlock_history(history, backups, PASSWORD)
    assert (backups / name).read_bytes() == foreign


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("locking", [True, False])
def test_a_kill_at_any_change_of_a_file_leaves_all_of_one_kind(tmp_path: Path, locking: bool) -> None:
    """Before each rename, removal, new folder and new connection, and each opening of a file to write."""
    base = tmp_path / "data"
    base.mkdir()
    history, backups = made(base), base / "backups"
    before = content(history)
    if not locking:
        lock_history(history, backups, PASSWORD)
        keys.forget(base)
    kept = tmp_path / "kept"
    shutil.copytree(base, kept)
    work = lock_history if locking else unlock_history
    step, sides = random.randrange(STRIDE), set[bool]()
    while killed(lambda: work(history, backups, PASSWORD), step, (*CHANGES, "open")):
        finish_conversion(history, backups)
        locked = is_locked(base)
        sides.add(locked)
        assert (base / KEY_COPY).exists() == locked, f"step {step}"
        assert not (base / LOCKING).exists(), f"step {step}"
        assert not (base / UNLOCKING).exists(), f"step {step}"
        if locked:
            assert readable(base, WORD) == [], f"step {step}"
            keys.hold(base, unwrapped(base / KEY_FILE, PASSWORD))
        assert content(history) == before, f"step {step}"
        keys.forget(base)
        shutil.rmtree(base)
        shutil.copytree(kept, base)
        step += STRIDE
    assert step > 40
    assert sides == {True, False}
