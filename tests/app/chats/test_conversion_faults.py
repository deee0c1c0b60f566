"""Locking and unlocking where something is in the way: nothing is lost, nothing stays readable unsaid, one sentence."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.chats import conversion, key_file
from app.chats.backup import backups_in, make_backup
from app.chats.conversion import lock_history, lock_strays, unlock_history
from app.chats.database import examine, open_for_reading
from app.chats.errors import StoreBusyError, StoreError, StoreFullError, StoreLockedError
from app.chats.files import files_folder
from app.chats.history import HistoryStore
from app.chats.key_file import is_locked, keep_key_copy, unwrapped
from app.chats.lock import keys
from app.chats.lock.erasing import erase
from app.chats.lock.keys import KEY_COPY, KEY_FILE, LOCKING
from tests.app.chats.support import bodies_in, fill
from tests.app.chats.test_conversion import NOON, PASSWORD, WORD, content, made
from tests.helpers.locks import quick_keys, readable

pytestmark = pytest.mark.log_allowed("stays as it is")
HAND = "chats-hand-20261101-120000-1.sqlite3"


@pytest.fixture(autouse=True)
def _quick_keys() -> Iterator[None]:
    with quick_keys():
        yield


def everything(folder: Path) -> dict[Path, bytes]:
    """All files but those that locks are held on."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


def chats_of(base: Path, password: str, said: str) -> Path:
    """Locked chats of their own, with a backup; nobody has typed the password."""
    base.mkdir()
    history = base / "chats.sqlite3"
    with HistoryStore.open(history, base / "backups") as store:
        fill(store, 3, 6)
        store.add_user_message(None, said)
        make_backup(store._db.conn, base / "backups", "hand", NOON)
    lock_history(history, base / "backups", password)
    keys.forget(base)
    keys._by_id.clear()
    return history


def failure(code: int) -> sqlite3.OperationalError:
    """What SQLite says."""
    exc = sqlite3.OperationalError("made up")
    exc.sqlite_errorcode = code
    return exc


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize(("code", "kind"), [(13, StoreFullError), (5, StoreBusyError)])
@pytest.mark.parametrize("what", ["copy_rows", "open_for_reading"])
def test_a_full_disk_and_a_busy_file_are_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, code: int, kind: type[StoreError], locked: bool
) -> None:
    """Locking said that it had worked; recordings were as before, and a sound backup was sealed as a damaged one."""
    history, backups = made(tmp_path), tmp_path / "backups"
    if locked:
        lock_history(history, backups, PASSWORD)
    before, whole = everything(tmp_path), getattr(conversion, what)

    def fails(*arguments: object) -> object:
        if what == "copy_rows" or (isinstance(arguments[0], Path) and arguments[0].parent == backups):
            raise failure(code)
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(conversion, what, fails)
        with pytest.raises(kind):
            (unlock_history if locked else lock_history)(history, backups, PASSWORD)
    after = everything(tmp_path)
    assert is_locked(tmp_path) == locked
    assert {path: data for path, data in after.items() if path.name != "chats.sqlite3"} == {
        path: data for path, data in before.items() if path.name != "chats.sqlite3"
    }
    (unlock_history if locked else lock_history)(history, backups, PASSWORD)
    assert content(history)["hits"]


def test_damaged_recordings_are_sealed_and_come_back(tmp_path: Path) -> None:
    history, backups, recordings = made(tmp_path), tmp_path / "backups", tmp_path / "recordings.sqlite3"
    damaged = bytearray(recordings.read_bytes())
    damaged[4096 + 8 : 4096 + 200] = b"\xff" * 192
    damaged[100:110] = b"\xff" * 10
    recordings.write_bytes(damaged)
    lock_history(history, backups, PASSWORD)
    assert readable(tmp_path, WORD) == []
    unlock_history(history, backups, PASSWORD)
    assert recordings.read_bytes() == damaged
    assert not list(tmp_path.rglob("*.sealed"))


def test_plain_recordings_in_a_locked_folder_are_sealed(tmp_path: Path) -> None:
    history, backups, recordings = made(tmp_path), tmp_path / "backups", tmp_path / "recordings.sqlite3"
    plain = recordings.read_bytes()
    lock_history(history, backups, PASSWORD)
    recordings.write_bytes(plain)
    lock_strays(history, backups)
    assert readable(tmp_path, WORD) == []


@pytest.mark.parametrize("companion", [False, True])
def test_unlocking_leaves_a_backup_of_another_lock_as_it_is(tmp_path: Path, companion: bool) -> None:
    """Without its key beside it its pages were decrypted with the wrong one; with it nothing could be unlocked."""
    other = chats_of(tmp_path / "other", "other", "from elsewhere")
    base = tmp_path / "data"
    base.mkdir()
    history, backups = made(base), base / "backups"
    lock_history(history, backups, PASSWORD)
    (backup,) = backups_in(other.parent / "backups", "hand")
    shutil.copyfile(backup, backups / HAND)
    if companion:
        shutil.copyfile(other.with_name(KEY_FILE), backups / (HAND + ".key"))
    unlock_history(history, backups, PASSWORD)
    assert not is_locked(base)
    assert (backups / HAND).read_bytes() == backup.read_bytes()
    with HistoryStore.open(history, backups) as store:
        assert f"About the {WORD}." in bodies_in(store).values()


def test_a_backup_of_ours_with_a_damaged_head_is_decrypted(tmp_path: Path) -> None:
    base = tmp_path / "data"
    history, backups = chats_of(base, PASSWORD, "pomegranate"), base / "backups"
    (backup,) = backups_in(backups, "hand")
    backup.write_bytes(os.urandom(16) + backup.read_bytes()[16:])
    unlock_history(history, backups, PASSWORD)
    with closing(open_for_reading(backup)) as opened:
        assert ("pomegranate",) in opened.execute("SELECT body FROM message").fetchall()


def test_an_older_damaged_backup_takes_no_other_ones_place(tmp_path: Path) -> None:
    history, backups = made(tmp_path), tmp_path / "backups"
    (good,) = backups_in(backups, "hand")
    kept = good.read_bytes()
    lock_history(history, backups, PASSWORD)
    keys.hold(tmp_path, unwrapped(tmp_path / KEY_FILE, PASSWORD))
    for damaged in (b"damaged", b"damaged, too"):
        good.write_bytes(damaged)
        lock_strays(history, backups)
    good.write_bytes(kept)
    lock_strays(history, backups)
    unlock_history(history, backups, PASSWORD)
    with closing(open_for_reading(good)) as opened:
        assert (f"About the {WORD}.",) in opened.execute("SELECT body FROM message").fetchall()
    found = {path.read_bytes() for path in backups.glob(f"{good.name}.*")} - {b""}
    assert found == {b"damaged", b"damaged, too"}


@pytest.mark.skipif(not hasattr(os, "link"), reason="there are no hard links")
@pytest.mark.parametrize("locked", [False, True])
def test_a_snapshot_of_hard_links_stays_as_it_is(tmp_path: Path, locked: bool) -> None:
    base, snapshot = tmp_path / "data", tmp_path / "snapshot"
    base.mkdir()
    history, backups = made(base), base / "backups"
    if locked:
        lock_history(history, backups, PASSWORD)
    for path in base.rglob("*"):
        if path.is_file():
            target = snapshot / path.relative_to(base)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
    before = everything(snapshot)
    (unlock_history if locked else lock_history)(history, backups, PASSWORD)
    after = everything(snapshot)
    for path, data in before.items():
        assert after[path][4096:] == data[4096:], path  # SQLite counts in the first page
        assert path.name.endswith(".sqlite3") or after[path] == data, path


def test_what_has_no_other_name_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"secret")
    with path.open("rb") as held:
        erase(path)
        assert held.read() == (bytes(6) if os.name == "posix" else b"secret")


def test_who_comes_second_takes_nothing_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs lock at once: the one that had to go away threw away what the other had laid ready."""
    history, backups = made(tmp_path), tmp_path / "backups"
    ready = tmp_path / LOCKING / "laid ready"

    @contextmanager
    def busy(_: Path) -> Iterator[None]:
        ready.parent.mkdir()
        ready.write_bytes(b"by the other")
        (tmp_path / KEY_COPY).write_bytes(b"of the other")
        raise StoreBusyError("busy", "")
        yield

    monkeypatch.setattr(conversion, "_alone", busy)
    with pytest.raises(StoreBusyError):
        lock_history(history, backups, PASSWORD)
    assert ready.read_bytes() == b"by the other"
    assert (tmp_path / KEY_COPY).read_bytes() == b"of the other"


@pytest.mark.parametrize("locked", [False, True])
def test_a_file_that_cannot_be_replaced_is_named_before_anything_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    """It stopped behind the step that decides, and nothing could be started until somebody found out which it was."""
    history, backups = made(tmp_path), tmp_path / "backups"
    (fixed,) = backups_in(backups, "hand")
    if locked:
        lock_history(history, backups, PASSWORD)
    before, access = everything(tmp_path), os.access
    work = unlock_history if locked else lock_history
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode, **more: path != fixed and access(path, mode, **more))
        with pytest.raises(StoreError, match=f"{fixed.name} cannot be replaced"):
            work(history, backups, PASSWORD)
    assert {path.name for path in everything(tmp_path)} == {path.name for path in before}
    assert is_locked(tmp_path) == locked
    work(history, backups, PASSWORD)
    assert content(history)["hits"]


def test_a_plain_backup_that_cannot_be_replaced_keeps_no_start_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, backups = made(tmp_path), tmp_path / "backups"
    (fixed,) = backups_in(backups, "hand")
    plain, replace = fixed.read_bytes(), os.replace
    lock_history(history, backups, PASSWORD)
    fixed.write_bytes(plain)

    def refused(source: Path, target: Path) -> None:
        if target == fixed:
            raise PermissionError(1, "Operation not permitted")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refused)
        lock_strays(history, backups)
    assert fixed.read_bytes() == plain
    lock_strays(history, backups)
    assert readable(tmp_path, WORD) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders")
def test_what_is_no_file_is_no_backup(tmp_path: Path) -> None:
    history, backups = made(tmp_path), tmp_path / "backups"
    (backups / HAND).mkdir()
    (backups / HAND.replace("-1.", "-2.")).symlink_to(tmp_path / "nowhere")
    os.mkfifo(backups / HAND.replace("-1.", "-3."))
    before = content(history)
    lock_history(history, backups, PASSWORD)
    lock_strays(history, backups)
    assert content(history) == before
    unlock_history(history, backups, PASSWORD)
    assert content(history) == before


def test_damage_in_what_is_sealed_keeps_nobody_from_unlocking(tmp_path: Path) -> None:
    history, backups = made(tmp_path), tmp_path / "backups"
    lock_history(history, backups, PASSWORD)
    (attached,) = files_folder(history).glob("??/*")
    (backup,) = backups.glob("*.sealed")
    for path in (attached, backup):
        data = bytearray(path.read_bytes())
        data[-20] ^= 1
        path.write_bytes(data)
    damaged = {path: path.read_bytes() for path in (attached, backup)}
    unlock_history(history, backups, PASSWORD)
    assert not is_locked(tmp_path)
    assert {path: path.read_bytes() for path in damaged} == damaged
    for work in (lock_history, unlock_history):  # what stayed is of an older key then
        work(history, backups, PASSWORD)
        assert {path: path.read_bytes() for path in damaged} == damaged
        with HistoryStore.open(history, backups) as store:
            assert f"About the {WORD}." in bodies_in(store).values()


def test_chats_that_are_encrypted_are_never_taken_for_damaged_ones(tmp_path: Path) -> None:
    """Also where nothing lies beside them."""
    base = tmp_path / "data"
    history, backups = chats_of(base, PASSWORD, "pomegranate"), base / "backups"
    kept = (base / KEY_FILE).read_bytes()
    shutil.rmtree(backups)
    (base / KEY_FILE).unlink()
    before = everything(base)
    for _ in range(2):
        with pytest.raises(StoreLockedError, match="is not there"):
            HistoryStore.open(history, backups)
    assert everything(base) == before
    (base / KEY_FILE).write_bytes(kept)
    keys.hold(base, unwrapped(base / KEY_FILE, PASSWORD))
    with HistoryStore.open(history, backups) as store:
        assert "pomegranate" in bodies_in(store).values()


def test_chats_of_another_lock_are_not_taken_for_damaged_ones(tmp_path: Path) -> None:
    other, history = (chats_of(tmp_path / name, name, name) for name in ("other", "data"))
    base, right = history.parent, history.read_bytes()
    shutil.copyfile(other, history)
    with pytest.raises(StoreError, match="not the key of these chats"):
        unwrapped(base / KEY_FILE, "data")
    history.write_bytes(right)
    keys.hold(base, unwrapped(base / KEY_FILE, "data"))
    shutil.copyfile(other, history)
    before = everything(base)
    with pytest.raises(StoreLockedError, match="not the key of these chats"):
        examine(history)
    assert everything(base) == before
    shutil.move(history, base / "chats-damaged-20261130-120000.sqlite3")
    history.write_bytes(right)
    lock_strays(history, base / "backups")
    assert (base / "chats-damaged-20261130-120000.sqlite3").read_bytes() == other.read_bytes()


def test_what_goes_lies_in_the_data_folder(tmp_path: Path) -> None:
    """Whatever somebody writes into the list."""
    base, outside = tmp_path / "data", tmp_path / "outside.txt"
    base.mkdir()
    history, backups = made(base), base / "backups"
    outside.write_text("mine")
    staged = base / LOCKING
    staged.mkdir()
    (staged / conversion.GONE).write_text(f"../outside.txt\n{outside}\nbackups/../../outside.txt\n")
    conversion._take_places(history, backups, locking=True)
    assert outside.read_text() == "mine"
    assert not staged.exists()


def test_who_types_the_password_finishes_what_a_kill_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first command behind a kill said that the key was not there."""
    history, backups = made(tmp_path), tmp_path / "backups"
    take = conversion._take_places
    with monkeypatch.context() as patch:
        patch.setattr(conversion, "_take_places", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            lock_history(history, backups, PASSWORD)
    keys.forget(tmp_path)

    def typed(path: Path) -> object:
        take(history, backups, locking=True)
        return unwrapped(path, PASSWORD)

    monkeypatch.setattr("app.chats.connections.asked_for", typed)
    assert content(history)["hits"]


@pytest.mark.log_allowed("the key file")
def test_a_copy_of_the_key_that_is_far_too_large_is_made_anew(tmp_path: Path) -> None:
    history = chats_of(tmp_path / "data", PASSWORD, "pomegranate")
    copy = history.parent / KEY_COPY
    copy.write_bytes(bytes(key_file.MOST_BYTES + 1))
    keep_key_copy(history.parent)
    assert copy.read_bytes() == history.with_name(KEY_FILE).read_bytes()
