"""The key file: what opens it, what does not, and that a change of the password is a small file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.chats import key_file
from app.chats.errors import StoreError
from app.chats.key_file import WrongPasswordError, change_password, unwrapped, wrapped, write_key_file
from app.chats.lock.keys import KEY_FILE, DataKey
from tests.helpers.locks import quick_keys


@pytest.fixture(autouse=True)
def _quick_keys() -> Iterator[None]:
    with quick_keys():
        yield


def written(folder: Path, key: DataKey, password: str) -> Path:
    """A key file."""
    path = folder / KEY_FILE
    write_key_file(path, wrapped(key, password))
    return path


def test_the_password_opens_it_and_no_other(tmp_path: Path) -> None:
    key = DataKey.fresh()
    path = written(tmp_path, key, "p\u00e4ss word")
    assert unwrapped(path, "pa\u0308ss word") == key  # composed by another keyboard
    for wrong in ("", "P\u00e4ss word", "p\u00e4ss word "):
        with pytest.raises(WrongPasswordError):
            unwrapped(path, wrong)


def test_it_says_nothing_of_the_key_and_is_for_this_user_alone(tmp_path: Path) -> None:
    key = DataKey.fresh()
    path = written(tmp_path, key, "x")
    assert key.secret not in path.read_bytes()
    assert key.secret.hex() not in repr(key)
    assert path.stat().st_mode & 0o077 == 0


def test_a_new_password_wraps_the_same_key(tmp_path: Path) -> None:
    key = DataKey.fresh()
    path = written(tmp_path, key, "old")
    with pytest.raises(WrongPasswordError):
        change_password(tmp_path, "wrong", "new")
    assert unwrapped(path, "old") == key
    change_password(tmp_path, "old", "new")
    assert unwrapped(path, "new") == key
    with pytest.raises(WrongPasswordError):
        unwrapped(path, "old")


@pytest.mark.parametrize("part", ["id", "salt", "nonce", "key"])
def test_each_part_of_it_counts(tmp_path: Path, part: str) -> None:
    path = written(tmp_path, DataKey.fresh(), "x")
    fields = json.loads(path.read_text("ascii"))
    first = fields[part][0]
    path.write_text(json.dumps({**fields, part: ("B" if first == "A" else "A") + fields[part][1:]}), "ascii")
    with pytest.raises(WrongPasswordError):
        unwrapped(path, "x")


@pytest.mark.parametrize(
    "changes", [{"n": 3}, {"n": 1 << 40}, {"r": 0}, {"p": "many"}, {"id": "AAAA"}, {"key": "?"}, {"salt": 7}]
)
def test_one_that_makes_no_sense_is_damaged(tmp_path: Path, changes: dict[str, object]) -> None:
    path = written(tmp_path, DataKey.fresh(), "x")
    path.write_text(json.dumps({**json.loads(path.read_text("ascii")), **changes}), "ascii")
    with pytest.raises(StoreError, match="damaged"):
        unwrapped(path, "x")


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", "{" * 3000, "\x00" * 9])
def test_what_is_no_key_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / KEY_FILE
    path.write_text(text, "utf-8")
    with pytest.raises(StoreError):
        unwrapped(path, "x")


def test_one_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, DataKey.fresh(), "x")
    path.write_text(path.read_text("ascii").replace('"format": 1', '"format": 2'), "ascii")
    with pytest.raises(StoreError, match="newer version"):
        unwrapped(path, "x")


def test_where_a_package_is_missing_it_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file, "why_not", lambda: "The chats cannot be locked here: so it is.")
    with pytest.raises(StoreError, match="so it is"):
        written(tmp_path, DataKey.fresh(), "x")
