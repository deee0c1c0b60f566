"""All chats hang on one small file, so there are two of it: a copy takes its place, and no other's ever does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from app.base.paths import AppPaths
from app.chats import conversion
from app.chats.backup import backups_in, make_backup
from app.chats.conversion import finish_conversion, lock_history, unlock_history
from app.chats.database import examine, open_for_reading
from app.chats.errors import StoreError, StoreLockedError
from app.chats.history import HistoryStore
from app.chats.key_file import WrongPasswordError, change_password, is_locked, keep_key_copy, unwrapped
from app.chats.lock import keys, texts
from app.chats.lock.keys import KEY_COPY, KEY_FILE, PASSWORD_VARIABLE
from app.ui.settings.lock_start import unlock_at_start
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.theme import Theme
from tests.app.chats.support import bodies_in
from tests.helpers.locks import quick_keys

PASSWORD = "open sesame"
pytestmark = pytest.mark.log_allowed("the key file")


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppPaths:
    """Locked chats; nobody has typed the password, but the environment knows it."""
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    return locked(tmp_path / "data")


@pytest.fixture(autouse=True)
def _quick_keys() -> Iterator[None]:
    with quick_keys():
        yield


def locked(base: Path, password: str = PASSWORD) -> AppPaths:
    """A locked data folder."""
    paths = AppPaths(base).ensure()
    with HistoryStore.open(paths.data_file, paths.backups) as store:
        store.add_user_message(None, "pomegranate")
    lock_history(paths.data_file, paths.backups, password)
    keys.forget(base)
    return paths


def start(paths: AppPaths) -> list[str]:
    """Start as the window does; the texts that are there then."""
    unlock_at_start(paths, Theme(LIGHT, 1.0, 10.0), asks=False)
    try:
        with HistoryStore.open(paths.data_file, paths.backups) as store:
            assert store.recovery is None
            return list(bodies_in(store).values())
    finally:
        keys.forget(paths.base)


def everything(folder: Path) -> dict[Path, bytes]:
    """All files."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_is_kept_for_this_user_alone(paths: AppPaths) -> None:
    copy = paths.base / KEY_COPY
    assert copy.read_bytes() == (paths.base / KEY_FILE).read_bytes()
    assert copy.stat().st_mode & 0o077 == 0
    copy.unlink()
    assert start(paths) == ["pomegranate"]
    assert copy.read_bytes() == (paths.base / KEY_FILE).read_bytes()


def test_where_the_file_is_gone_the_copy_takes_its_place(paths: AppPaths) -> None:
    key_file = paths.base / KEY_FILE
    before = key_file.read_bytes()
    key_file.unlink()
    for _ in range(2):  # a command, or whoever else opens the chats, takes them for no damaged file
        with pytest.raises(StoreLockedError) as caught:
            HistoryStore.open(paths.data_file, paths.backups)
        assert caught.value.hint == texts.KEY_COPY_HINT
    assert start(paths) == ["pomegranate"]
    assert key_file.read_bytes() == before


@pytest.mark.parametrize(
    "part", ["id", "salt", "nonce", "key", "n", "format", "everything", "the end", "all of it", "infinity", "too long"]
)
def test_where_the_file_is_damaged_the_copy_takes_its_place(paths: AppPaths, part: str) -> None:
    key_file = paths.base / KEY_FILE
    before = key_file.read_bytes()
    fields = json.loads(before)
    if part in fields:
        value = fields[part]
        fields[part] = value * 2 if isinstance(value, int) else ("B" if value[0] == "A" else "A") + value[1:]
        key_file.write_text(json.dumps(fields), "ascii")
    else:
        spoilt = {
            "everything": b"\xff" * len(before), "the end": before[:-40], "all of it": b"", "too long": b" " * 5_000,
            "infinity": json.dumps({**fields, "n": 0}).replace('"n": 0', '"n": 1e999').encode(),
        }  # fmt: skip
        key_file.write_bytes(spoilt[part])
    assert start(paths) == ["pomegranate"]
    assert key_file.read_bytes() == before


def test_a_wrong_password_is_wrong_for_both(paths: AppPaths) -> None:
    key_file = paths.base / KEY_FILE
    key_file.write_bytes(key_file.read_bytes()[:-40])
    before = everything(paths.base)
    with pytest.raises(StoreError, match="damaged"):
        unwrapped(key_file, "close sesame")
    assert everything(paths.base) == before


def test_a_new_password_is_that_of_the_copy_and_the_old_one_opens_nothing(
    paths: AppPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_password(paths.base, PASSWORD, "another")
    key_file, copy = paths.base / KEY_FILE, paths.base / KEY_COPY
    assert copy.read_bytes() == key_file.read_bytes()
    for path in (key_file, copy):
        with pytest.raises(WrongPasswordError):
            unwrapped(path, PASSWORD)
    key_file.unlink()
    monkeypatch.setenv(PASSWORD_VARIABLE, "another")
    assert start(paths) == ["pomegranate"]


def test_a_change_that_is_killed_between_the_two_leaves_one_that_opens(
    paths: AppPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is written first."""
    key_file, old = paths.base / KEY_FILE, (paths.base / KEY_FILE).read_bytes()
    change_password(paths.base, PASSWORD, "another")
    key_file.write_bytes(old)
    assert start(paths) == ["pomegranate"]
    assert (paths.base / KEY_COPY).read_bytes() == old
    change_password(paths.base, PASSWORD, "another")
    key_file.write_bytes(old)
    monkeypatch.setenv(PASSWORD_VARIABLE, "another")
    assert start(paths) == ["pomegranate"]
    assert key_file.read_bytes() == (paths.base / KEY_COPY).read_bytes() != old


def test_the_key_of_other_chats_opens_nothing_and_spoils_nothing(
    paths: AppPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy may be all that is left of the right one."""
    other = locked(tmp_path / "other", "other")
    key_file = paths.base / KEY_FILE
    right, wrong = key_file.read_bytes(), (other.base / KEY_FILE).read_bytes()
    key_file.write_bytes(wrong)
    monkeypatch.setenv(PASSWORD_VARIABLE, "other")
    before = everything(paths.base)
    with pytest.raises(StoreError, match="not the key of these chats"):
        start(paths)
    assert everything(paths.base) == before
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    assert start(paths) == ["pomegranate"]
    assert key_file.read_bytes() == right


@pytest.mark.parametrize("gone", [True, False])
def test_a_copy_of_other_chats_opens_nothing(paths: AppPaths, tmp_path: Path, gone: bool) -> None:
    """Somebody may have put the backups of another folder there."""
    other = locked(tmp_path / "other")
    shutil.copyfile(other.base / KEY_COPY, paths.base / KEY_COPY)
    key_file = paths.base / KEY_FILE
    if gone:
        key_file.unlink()
        with pytest.raises(StoreLockedError, match="is not there"):  # its pages say that it is no damaged one
            examine(paths.data_file)
    else:
        key_file.write_bytes(b"damaged")
        with pytest.raises(StoreError, match="damaged"):
            start(paths)
        assert key_file.read_bytes() == b"damaged"


def test_locked_chats_without_any_key_are_not_taken_for_damaged_ones(paths: AppPaths) -> None:
    """Their backups begin with the same id."""
    keys.hold(paths.base, unwrapped(paths.base / KEY_FILE, PASSWORD))
    with HistoryStore.open(paths.data_file, paths.backups) as store:
        make_backup(store._db.conn, paths.backups, "hand", datetime(2026, 11, 30, 12, 0, 0))
    keys.forget(paths.base)
    kept = (paths.base / KEY_FILE).read_bytes()
    (paths.base / KEY_FILE).unlink()
    (paths.base / KEY_COPY).unlink()
    before = everything(paths.base)
    for _ in range(2):
        with pytest.raises(StoreLockedError, match="is not there"):
            start(paths)
        with pytest.raises(StoreLockedError, match="is not there"):
            HistoryStore.open(paths.data_file, paths.backups)
    assert everything(paths.base) == before
    (paths.base / KEY_FILE).write_bytes(kept)
    assert start(paths) == ["pomegranate"]


@pytest.mark.parametrize("key_file", [None, b"", b"damaged"])
def test_chats_that_are_gone_with_their_key_come_back_from_a_backup(paths: AppPaths, key_file: bytes | None) -> None:
    keys.hold(paths.base, unwrapped(paths.base / KEY_FILE, PASSWORD))
    with HistoryStore.open(paths.data_file, paths.backups) as store:
        make_backup(store._db.conn, paths.backups, "hand", datetime(2026, 11, 30, 12, 0, 0))
    keys.forget(paths.base)
    paths.data_file.unlink()
    (paths.base / KEY_FILE).unlink()
    if key_file is not None:
        (paths.base / KEY_FILE).write_bytes(key_file)
    unlock_at_start(paths, Theme(LIGHT, 1.0, 10.0), asks=False)
    with HistoryStore.open(paths.data_file, paths.backups) as store:
        assert list(bodies_in(store).values()) in (["pomegranate"], [])
        assert is_locked(paths.base)
    (backup,) = backups_in(paths.backups, "hand")
    with closing(open_for_reading(backup)) as opened:
        assert opened.execute("SELECT body FROM message").fetchall() == [("pomegranate",)]


def test_locking_while_the_key_file_is_gone_is_refused_and_brings_it_back(paths: AppPaths) -> None:
    """It would have waited for itself for ever."""
    keys.hold(paths.base, unwrapped(paths.base / KEY_FILE, PASSWORD))
    before = (paths.base / KEY_FILE).read_bytes()
    (paths.base / KEY_FILE).unlink()
    with pytest.raises(StoreError, match="already"):
        lock_history(paths.data_file, paths.backups, "another")
    assert (paths.base / KEY_FILE).read_bytes() == before


def test_unlocked_chats_have_none(paths: AppPaths) -> None:
    unlock_history(paths.data_file, paths.backups, PASSWORD)
    assert not (paths.base / KEY_COPY).exists()
    assert not is_locked(paths.base)


@pytest.mark.parametrize("step", ["write_key_file", "_take_places"])
def test_locking_that_ends_in_between_leaves_a_copy_only_of_what_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    paths = AppPaths(tmp_path).ensure()
    with HistoryStore.open(paths.data_file, paths.backups) as store:
        store.add_user_message(None, "pomegranate")

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(conversion, step, fails)
        with pytest.raises(StoreError):
            lock_history(paths.data_file, paths.backups, PASSWORD)
    assert is_locked(tmp_path) == (tmp_path / KEY_COPY).exists() == (step == "_take_places")
    keys.forget(tmp_path)
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    assert start(paths) == ["pomegranate"]


def test_a_copy_that_cannot_be_written_keeps_nobody_out(paths: AppPaths) -> None:
    copy = paths.base / KEY_COPY
    copy.unlink()
    copy.mkdir()
    assert start(paths) == ["pomegranate"]
    keep_key_copy(paths.base)
    assert copy.is_dir()


def test_an_unlocking_that_was_decided_takes_the_copy_away_later(
    paths: AppPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would stand beside plain chats for good."""
    places: Callable[..., None] = conversion._take_places

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(conversion, "_take_places", killed)
        with pytest.raises(KeyboardInterrupt):
            unlock_history(paths.data_file, paths.backups, PASSWORD)
    assert conversion._take_places is places
    assert (paths.base / KEY_COPY).exists()
    keys.forget(paths.base)
    finish_conversion(paths.data_file, paths.backups)
    assert not (paths.base / KEY_COPY).exists()
    assert start(paths) == ["pomegranate"]
