"""`python -m app chats`: in words and as JSON, and what is wrong in one sentence."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.base.errors import StoppedError
from app.base.paths import AppPaths
from app.chats import errors
from app.chats import texts as chat_texts
from app.chats.errors import StoreBusyError
from app.chats.exporting import texts
from app.chats.history import HistoryStore
from app.chats.importing import importer
from app.chats.importing import texts as import_texts
from app.chats.migrations import INCOMING
from app.commands import chats_export, chats_list
from app.commands.dispatch import run_command
from tests.app.chats.importing.exports import our_chat, ours, write_chatgpt
from tests.app.chats.support import fill, sql, sqlite_error
from trt_engines.streams import INTERRUPTED


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit status, output, errors."""
    result = run_command(["chats", *arguments])
    found = capsys.readouterr()
    return result, found.out, found.err


@pytest.fixture
def history(dewpoint_home: Path) -> Path:
    """Three chats of two turns, one of them deleted."""
    path = AppPaths.resolve().ensure().data_file
    with HistoryStore.open(path) as store:
        fill(store, 3, 2)
        store.delete(store.list_conversations()[0].id)
        store.rename(store.list_conversations()[0].id, "A title\u202e of mine")
    return path


def test_list_and_show(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "list", "--json")
    chats = json.loads(out)
    assert (status, [each["messages"] for each in chats]) == (0, [4, 4])
    assert set(chats[0]) == {"id", "title", "created_at", "updated_at", "messages"}
    assert len(json.loads(run(capsys, "list", "--deleted", "--json")[1])) == 3
    status, out, _ = run(capsys, "list")
    assert [line.split()[0] for line in out.splitlines()] == [each["id"] for each in chats]
    status, out, _ = run(capsys, "show", chats[0]["id"], "--json")
    assert len(json.loads(out)["messages"]) == 4
    status, out, _ = run(capsys, "show", chats[0]["title"])
    assert out.startswith("# A title of mine\n")
    status, _, error = run(capsys, "show", "nothing")
    assert status == 1
    assert "There is no chat 'nothing'" in error


def test_without_any_chat(dewpoint_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(run(capsys, "list", "--json")[1]) == []
    assert run(capsys, "check")[0] == 0
    assert run(capsys, "backup")[0] == 1
    assert not AppPaths.resolve().data_file.exists()


@pytest.mark.parametrize("missing", [True, False])
def test_chats_that_are_gone_are_not_none(missing: bool, history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There are backups, which the next start brings back."""
    assert run(capsys, "backup")[0] == 0
    for side in history.parent.glob("chats.sqlite3*"):
        side.unlink()
    if not missing:
        history.touch()
    for command in (("list",), ("search", "word"), ("check",), ("backup",), ("export", "--all", "--out", "x.json")):
        assert run(capsys, *command) == (1, "", f"{texts.CHATS_MISSING} {texts.CHATS_MISSING_HINT}\n")
    assert history.exists() != missing


def test_export(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "all.json"
    status, text, _ = run(capsys, "export", "--all", "--format", "json", "--out", str(out), "--json")
    assert (status, json.loads(text)) == (0, {"path": str(out), "format": "json", "chats": 2})
    assert len(json.loads(out.read_text("utf-8"))["chats"]) == 2
    for arguments in (("--out", str(out)), ("--all", "some", "--out", str(out))):
        assert run(capsys, "export", *arguments)[0] == 1


def test_backup(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _ = run(capsys, "backup", "--json")
    path = Path(json.loads(text)["path"])
    assert (status, path.parent) == (0, AppPaths.resolve().backups)
    assert path.name.startswith("chats-hand-")
    status, text, _ = run(capsys, "backup", "--out", str(tmp_path / "mine.sqlite3"), "--json")
    assert json.loads(text)["size"] == (tmp_path / "mine.sqlite3").stat().st_size
    assert sql(tmp_path / "mine.sqlite3", "SELECT COUNT(*) FROM conversation") == [(3,)]
    assert run(capsys, "backup", "--out", str(history))[0] == 1


def test_search(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with HistoryStore.open(history) as store:
        chat = store.add_user_message(None, "a heron stands in the water").conversation_id
    status, text, _ = run(capsys, "search", "hero", "--json")
    (hit,) = json.loads(text)
    assert status == 0
    assert set(hit) == {"chat", "title", "message", "snippet"}
    assert (hit["chat"], "heron" in hit["snippet"]) == (chat, True)
    assert json.loads(run(capsys, "search", "nowhere to be found", "--json")[1]) == []
    assert "heron" in run(capsys, "search", '"heron stands"')[1]


def test_a_search_that_finds_more_than_it_shows_says_so(
    history: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chats_list, "MOST_HITS", 2)
    with HistoryStore.open(history) as store:
        for number in range(2):
            store.add_user_message(None, f"a heron {number}")
    assert texts.more_hits(2) not in run(capsys, "search", "heron")[1]
    with HistoryStore.open(history) as store:
        store.add_user_message(None, "a heron again")
    lines = run(capsys, "search", "heron")[1].splitlines()
    assert lines[-1] == texts.more_hits(2)
    assert len(json.loads(run(capsys, "search", "heron", "--json")[1])) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes among its files")
def test_a_pipe_in_the_place_of_the_chats_is_no_empty_history(
    dewpoint_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = AppPaths.resolve().ensure().data_file
    os.mkfifo(path)
    export = write_chatgpt(tmp_path / "x.zip")
    for command in (["list"], ["check", "--json"], ["search", "word"], ["backup"], ["import", str(export)]):
        status, out, error = run(capsys, *command)
        assert (status, error) == (1, f"{chat_texts.store_no_file(path)} {chat_texts.STORE_NO_FILE_HINT}\n")
        assert "Added" not in out
    assert path.is_fifo()


def test_restore(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "backup", "--out", str(tmp_path / "then.sqlite3"))
    with HistoryStore.open(history) as store:
        store.add_user_message(None, "written since")
    assert run(capsys, "restore", str(tmp_path / "then.sqlite3"))[0] == 1
    assert len(json.loads(run(capsys, "list", "--json")[1])) == 3
    with HistoryStore.open(history):
        status, _, error = run(capsys, "restore", str(tmp_path / "then.sqlite3"), "--yes")
        assert status == 1
    status, text, _ = run(capsys, "restore", str(tmp_path / "then.sqlite3"), "--yes", "--json")
    done = json.loads(text)
    assert (status, done["restored"], done["chats"]) == (0, True, 2)
    assert len(json.loads(run(capsys, "list", "--json")[1])) == 2
    with HistoryStore.open(Path(done["kept_as"])) as kept:
        assert len(kept.list_conversations()) == 3
    (tmp_path / "no.sqlite3").write_bytes(b"nothing" * 1000)
    for name in ("no.sqlite3", "missing"):
        status, _, error = run(capsys, "restore", str(tmp_path / name), "--yes")
        assert status == 1
        assert error.count("\n") == 1
    assert run(capsys, "restore", str(history), "--yes")[0] == 1
    status, out, error = run(capsys, "restore", str(tmp_path), "--yes", "--json")
    assert (status, out) == (1, "")
    assert "is no regular file" in error


def test_a_backup_on_a_full_disk(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(chats_export, "copy_history", full)
    status, _, error = run(capsys, "backup", "--out", str(tmp_path / "mine.sqlite3"))
    assert status == 1
    assert error.startswith(texts.BACKUP_FULL)
    assert list(tmp_path.glob("*mine*")) == []


def test_a_restore_beside_an_open_window_says_why_it_is_refused(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(path: Path) -> None:
        raise StoreBusyError(chat_texts.STORE_BUSY, chat_texts.STORE_BUSY_HINT)

    run(capsys, "backup", "--out", str(tmp_path / "then.sqlite3"))
    before = history.read_bytes()
    monkeypatch.setattr("app.chats.recovery.restoring.held_alone", held)
    status, _, error = run(capsys, "restore", str(tmp_path / "then.sqlite3"), "--yes")
    assert (status, chat_texts.RESTORE_BUSY in error, "saved" in error) == (1, True, False)
    assert history.read_bytes() == before


def test_import(dewpoint_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_chatgpt(tmp_path / "x.zip")
    status, text, _ = run(capsys, "import", str(path), "--dry-run", "--json")
    dry = json.loads(text)
    counts = {"conversations": 3, "messages": 36, "branches": 9, "assets": 9}
    assert status == 0
    assert {name: dry[name] for name in counts} == dry["found"] == counts
    assert {"what", "why"} == set(dry["skipped"][0])
    assert json.loads(run(capsys, "list", "--json")[1]) == []
    status, text, _ = run(capsys, "import", str(path))
    assert "Added: 3 chats, 36 messages, 9 branches, 9 files." in text
    assert "file-Nobody.dat" in text
    again = json.loads(run(capsys, "import", str(path), "--json")[1])
    assert {again[name] for name in counts} == {0}
    status, _, error = run(capsys, "import", str(tmp_path / "nothing.zip"))
    assert status == 1
    assert "cannot be read" in error


def test_check(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _ = run(capsys, "check", "--json")
    assert (status, json.loads(text)) == (0, {"sound": True, "chats": 3, "messages": 12, "problem": ""})
    data = bytearray(history.read_bytes())
    data[4096 * 3 : 4096 * 5] = bytes(4096 * 2)
    history.write_bytes(data)
    status, text, _ = run(capsys, "check", "--json")
    assert status == 1
    assert json.loads(text)["problem"]
    status, text, _ = run(capsys, "check")
    assert "damaged" in text
    assert history.read_bytes() == bytes(data), "nothing is recovered by looking"


def test_figures_are_of_what_is_shown(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "backup", "--out", str(tmp_path / "then.sqlite3"))
    with HistoryStore.open(history) as store:
        coming = store.add_user_message(None, "of an import that is not through").conversation_id
    sql(history, f"UPDATE conversation SET deleted_at = {INCOMING} WHERE id = '{coming}'")
    found = json.loads(run(capsys, "check", "--json")[1])
    assert found == {"sound": True, "chats": 3, "messages": 12, "problem": "", "hidden": 1}
    text = run(capsys, "check")[1]
    assert text == f"{texts.all_sound(3, 12)}\n{texts.hidden_messages(1)}\n"
    done = json.loads(run(capsys, "restore", str(tmp_path / "then.sqlite3"), "--yes", "--json")[1])
    assert (done["chats"], done["messages"]) == (2, 8), "without the bin, both"


@pytest.mark.parametrize(
    ("code", "free", "said"),
    [
        (sqlite3.SQLITE_FULL, 0, chat_texts.READ_FULL),
        (sqlite3.SQLITE_BUSY, 0, chat_texts.READ_FULL),  # what SQLite says where its shared memory cannot grow
        (sqlite3.SQLITE_CANTOPEN, 0, chat_texts.READ_FULL),
        (sqlite3.SQLITE_BUSY, 1 << 30, chat_texts.READ_BUSY),
        (sqlite3.SQLITE_READONLY, 1 << 30, chat_texts.READ_REFUSED),
        (sqlite3.SQLITE_IOERR, 1 << 30, chat_texts.not_read("as SQLite has it")),
    ],
)
@pytest.mark.parametrize("command", [["list"], ["check"], ["check", "--json"], ["search", "word"], ["show", "A title"]])
def test_who_only_reads_is_told_about_reading(
    command: list[str],
    code: int,
    free: int,
    said: str,
    history: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: Path) -> None:
        raise sqlite_error(code)

    monkeypatch.setattr(errors.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    monkeypatch.setattr("app.chats.exporting.snapshot.open_for_reading", fail)
    status, out, error = run(capsys, *command)
    assert (status, out) == (1, "")
    assert error.startswith(said)


def test_a_search_on_a_full_disk(
    history: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise sqlite_error(sqlite3.SQLITE_FULL)

    monkeypatch.setattr("app.chats.search.index._connected", full)
    assert run(capsys, "search", "word") == (1, "", f"{chat_texts.SEARCH_FULL} {chat_texts.READ_FULL_HINT}\n")


@pytest.mark.parametrize("lost", [True, False])
def test_what_a_command_recovers_is_told(
    lost: bool, history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(history.read_bytes())
    data[: 4096 if lost else 16] = bytes(4096 if lost else 16)
    path = tmp_path / "x.json"
    path.write_text(ours(our_chat(0)))
    for command in (["chats", "import", str(path), "--json"], ["models", "list", "--json"]):
        for side in history.parent.glob("chats*.sqlite3*"):
            side.unlink()
        history.write_bytes(data)
        status = run_command(command)
        out, error = capsys.readouterr()
        (kept,) = history.parent.glob("chats-damaged-*.sqlite3")
        assert status == 0
        assert error.startswith("The chat file was damaged. Dewpoint recovered ")
        assert error.endswith(f"The damaged file was kept as {kept.name}.\n")
        if command[0] == "chats":
            told = json.loads(out)["recovered"]
            assert told["kept_as"] == str(kept)
            assert {"chats", "messages", "lost", "from_backup", "reason", "backup"} < set(told)


def test_check_finds_rows_that_make_no_sense(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql(history, "UPDATE message SET parent_id = 'gone'", "PRAGMA foreign_keys = OFF")
    assert run(capsys, "check")[0] == 1


def test_a_file_of_another_program_is_no_backup(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(tmp_path / "other.sqlite3")) as other:
        other.execute("CREATE TABLE song (name TEXT)")
    status, _, error = run(capsys, "restore", str(tmp_path / "other.sqlite3"), "--yes")
    assert status == 1
    assert "(it is a database of another program)" in error


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl+C to a whole console")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_ctrl_c_says_that_an_import_changed_nothing(
    more: list[str], history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def reading(work: object, stopped: Callable[[], bool]) -> Iterator[dict[str, int]]:
        signal.raise_signal(signal.SIGINT)
        if stopped():
            raise StoppedError
        yield {"chats": 1}

    monkeypatch.setattr(importer, "worked_apart", reading)
    before = sql(history, "SELECT COUNT(*) FROM message")
    status, out, error = run(capsys, "import", str(write_chatgpt(tmp_path / "x.zip")), *more)
    assert (status, out, error) == (INTERRUPTED, "", import_texts.STOPPED + "\n")
    assert sql(history, "SELECT COUNT(*) FROM message") == before
