"""Commands on locked chats: the password comes from the environment or a terminal, and a doctor asks for none."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.base.paths import AppPaths
from app.chats.conversion import lock_history
from app.chats.history import HistoryStore
from app.chats.key_file import change_password, is_locked
from app.chats.lock import keys, texts
from app.chats.lock.keys import PASSWORD_VARIABLE
from app.commands.dispatch import run_command
from tests.app.chats.importing.exports import write_chatgpt
from tests.helpers.locks import quick_keys, readable

PASSWORD = "open sesame"


@pytest.fixture(autouse=True)
def _quick_keys() -> Iterator[None]:
    with quick_keys():
        yield


@pytest.fixture
def locked(dewpoint_home: Path) -> Path:
    """The data folder of a locked chat; nobody has typed the password."""
    paths = AppPaths.resolve().ensure()
    with HistoryStore.open(paths.data_file, paths.backups) as store:
        store.add_user_message(None, "pomegranate")
    lock_history(paths.data_file, paths.backups, PASSWORD)
    keys.forget(paths.base)
    return paths.base


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit status, output, errors; each run is a process of its own as far as keys go."""
    with quick_keys():
        result = run_command(arguments)
    found = capsys.readouterr()
    return result, found.out, found.err


def test_the_environment_may_say_it(
    locked: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, said = run(capsys, "chats", "list")
    assert (status, out, said.strip()) == (1, "", f"{texts.LOCKED} {texts.LOCKED_HINT}")
    monkeypatch.setenv(PASSWORD_VARIABLE, "wrong")
    status, out, said = run(capsys, "chats", "list")
    assert (status, out, said.strip()) == (1, "", f"{texts.WRONG_PASSWORD} {texts.WRONG_PASSWORD_HINT}")
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    status, out, said = run(capsys, "chats", "search", "pomegranate", "--json")
    assert (status, said) == (0, "")
    assert "pomegranate" in out
    assert readable(locked, "pomegranate") == []


def test_a_terminal_is_asked_until_it_is_right(
    locked: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed, asked = ["wrong", PASSWORD], list[str]()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: asked.append(prompt) or typed.pop(0))
    status, out, said = run(capsys, "chats", "list", "--json")
    assert (status, len(json.loads(out))) == (0, 1)
    assert asked == [f"Password of the chats in {locked}: "] * 2
    assert said.strip() == texts.WRONG_PASSWORD


def test_what_works_in_a_process_apart_gets_the_key(
    locked: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    path = write_chatgpt(tmp_path / "export.zip")
    assert run(capsys, "chats", "import", str(path))[0] == 0
    assert len(json.loads(run(capsys, "chats", "list", "--json")[1])) > 1
    assert not [each for each in locked.glob("import-*") if each.is_dir()]


def test_a_backup_elsewhere_keeps_its_password(
    locked: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    elsewhere = tmp_path / "elsewhere" / "mine.sqlite3"
    elsewhere.parent.mkdir()
    assert run(capsys, "chats", "backup", "--out", str(elsewhere))[0] == 0
    assert sorted(path.name for path in elsewhere.parent.iterdir()) == ["mine.sqlite3", "mine.sqlite3.key"]
    assert readable(elsewhere.parent, "pomegranate") == []
    other = str(tmp_path / "other")
    monkeypatch.delenv(PASSWORD_VARIABLE)
    status, _, said = run(capsys, "--base-dir", other, "chats", "restore", str(elsewhere))
    assert (status, said.strip()) == (1, f"{texts.BACKUP_OF_ANOTHER} {texts.BACKUP_OF_ANOTHER_HINT}")
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    assert run(capsys, "--base-dir", other, "chats", "restore", "--yes", str(elsewhere))[0] == 0
    assert not is_locked(tmp_path / "other")
    assert readable(tmp_path / "other", "pomegranate")  # the other folder is not locked


def test_a_doctor_says_that_they_are_locked_and_changes_nothing(
    locked: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)  # it is not used
    before = (locked / "chats.sqlite3").read_bytes()
    found = json.loads(run(capsys, "doctor", "--json")[1])["checks"]
    assert [each["status"] for each in found if each["text"] == texts.LOCKED] == ["note", "note"]  # chats and models
    assert (locked / "chats.sqlite3").read_bytes() == before


def test_a_backup_from_before_a_new_password_is_restored_with_the_new_one(
    locked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own key file opens with the old one alone, but the key in both is the same."""
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    backup = tmp_path / "elsewhere.sqlite3"
    assert run(capsys, "chats", "backup", "--out", str(backup))[0] == 0
    change_password(locked, PASSWORD, "another")
    monkeypatch.setenv(PASSWORD_VARIABLE, "another")
    status, out, said = run(capsys, "chats", "restore", str(backup), "--yes", "--json")
    assert (status, said) == (0, "")
    assert json.loads(out)["chats"] == 1
    assert run(capsys, "chats", "search", "pomegranate")[0] == 0
