"""What the machine does to a history: kills, full disks, locks, other processes. Nothing that was stored is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from app.chats.errors import (
    ChatGoneError,
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreGoneError,
    StoreReadOnlyError,
)
from app.chats.history import HistoryStore
from app.chats.messages import MessageState
from app.chats.recovery.recover import one_at_a_time
from tests.app.chats.support import begin, block, bodies_in, fill, finished, sql
from tests.helpers.waiting import WAIT_SECONDS

ROOT = Path(__file__).resolve().parents[3]

WRITER = """
import sys
from pathlib import Path
from app.chats.history import HistoryStore
from tests.app.chats.support import begin, block, finished
store = HistoryStore.open(Path(sys.argv[1]))
for number in range(100000):
    user = store.add_user_message(None, f"question {number}")
    sys.stdout.write(user.id + "\\n"); sys.stdout.flush()
    answer = begin(store, user)
    for part in range(40):
        store.commit_block(answer.id, block(part, f"part {part}. "))
    if number % 3 == 0:
        store.finish_answer(answer.id, finished("whole"))
"""

EDITOR = """
import sys
from pathlib import Path
from app.chats.history import HistoryStore
from tests.app.chats.support import begin, finished
store = HistoryStore.open(Path(sys.argv[1]))
def tell(kind, name, text):
    sys.stdout.write(f"{kind} {name} {text}\\n"); sys.stdout.flush()
for number in range(100000):
    user = store.add_user_message(None, f"question-{number}")
    tell("message", user.id, user.body)
    answer = store.finish_answer(begin(store, user).id, finished(f"answer-{number}"))
    version = store.add_version(answer.id, f"version-{number}")
    tell("message", version.id, version.body)
    branch = store.branch_off(version.id)
    tell("message", branch.head_message_id, version.body)
    edited = store.add_user_message(user.conversation_id, f"edited-{number}", beside=user.id)
    tell("message", edited.id, edited.body)
    waiting = store.queue.add(user.conversation_id, f"waits-{number}")
    tell("queued", user.conversation_id, waiting.body)
    store.keep_unsent(user.conversation_id, f"typed-{number}")
    tell("typed", user.conversation_id, f"typed-{number}")
"""

PATIENT = "PRAGMA busy_timeout = 60000"
TALKER = """
import sys
from pathlib import Path
from app.chats.history import HistoryStore
store = HistoryStore.open(Path(sys.argv[1]))
store._db.execute("PRAGMA busy_timeout = 60000")
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
for number in range(60):
    store.add_user_message(sys.argv[2], f"other {number}")
store.close()
"""


@contextmanager
def running(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another Python that runs `code`."""
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("delay", [0.0, 0.031, 0.2])
def test_a_killed_program_loses_nothing_that_was_stored(data_file: Path, delay: float) -> None:
    with running(WRITER, str(data_file)) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip()]
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        told += process.stdout.read().split()
    with HistoryStore.open(data_file) as store:
        assert store.recovery is None
        found = bodies_in(store)
        for number, message in enumerate(told):
            assert found[message] == f"question {number}"
        messages = [m for chat in store.list_conversations() for m in store.messages(chat.id)]
        assert {m.state for m in messages} <= {MessageState.DONE, MessageState.STOPPED}
        for message in messages:
            if message.role == "assistant" and message.state is MessageState.STOPPED:
                parts = store.blocks(message.id)
                assert message.body == "".join(f"part {part}. " for part in range(len(parts)))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("delay", [0.0, 0.05])
def test_a_killed_program_loses_no_edit_branch_or_queued_message(data_file: Path, delay: float) -> None:
    with running(EDITOR, str(data_file)) as process:
        assert process.stdout is not None
        told = [process.stdout.readline()]
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    with HistoryStore.open(data_file) as store:
        assert store.recovery is None
        found = bodies_in(store)
        for line in told:
            kind, name, text = line.split()
            if kind == "message":
                assert found[name] == text
            elif kind == "queued":
                assert [message.body for message in store.queue.of(name)] == [text]
            else:
                assert store.unsent_text(name) == text
        answers = [each for each in told if "answer-" in each or "version-" in each]
        assert {body for body in found.values() if body.startswith("version-")} >= {each.split()[2] for each in answers}


def test_two_processes_write_one_chat(store: HistoryStore) -> None:
    store._db.execute(PATIENT)  # here both write without a pause
    chat = store.create_conversation().id
    with running(TALKER, str(store.path), chat) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        for number in range(60):
            store.add_user_message(chat, f"mine {number}")
        assert process.wait(WAIT_SECONDS) == 0
    bodies = [message.body for message in store.messages(chat)]
    assert len(bodies) == 120
    for who in ("mine", "other"):
        assert [body for body in bodies if body.startswith(who)] == [f"{who} {number}" for number in range(60)]


def test_a_second_window_does_not_end_the_answer_of_the_first(store: HistoryStore) -> None:
    answer = begin(store, store.add_user_message(None, "Hi"))
    store.commit_block(answer.id, block(0, "One "))
    with HistoryStore.open(store.path) as second:
        assert second.message(answer.id).state is MessageState.STOPPED
        store.commit_block(answer.id, block(1, "Two"))
        assert second.message(answer.id).state is MessageState.STREAMING
        store.finish_answer(answer.id, finished("One Two"))
        assert second.message(answer.id).state is MessageState.DONE


@contextmanager
def full_disk(store: HistoryStore) -> Iterator[None]:
    """The file may not grow."""
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    yield
    store._db.execute("PRAGMA max_page_count = 1000000")


def test_a_full_disk_is_said_and_nothing_is_half_written(store: HistoryStore) -> None:
    bodies = fill(store, 1, 2)
    chat = store.list_conversations()[0].id
    with full_disk(store):
        with pytest.raises(StoreFullError) as caught:
            store.add_user_message(chat, "long " * 5000)
        assert "disk is full" in caught.value.user_text
        with pytest.raises(StoreFullError):
            store.add_user_message(None, "long " * 5000)
        assert bodies_in(store) == bodies
        assert [c.id for c in store.list_conversations()] == [chat]
    store.add_user_message(chat, "long " * 5000)
    assert len(bodies_in(store)) == len(bodies) + 1


def test_a_lock_that_is_held_is_said(store: HistoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError):
            store.add_user_message(None, "x")
        assert store.list_conversations() == ()
    store.add_user_message(None, "x")
    assert len(store.list_conversations()) == 1


def test_a_file_that_may_not_be_written_is_said(store: HistoryStore) -> None:
    store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreReadOnlyError) as caught:
        store.add_user_message(None, "x")
    assert str(store.path.parent) in caught.value.hint


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError) as caught:
        HistoryStore.open(tmp_path / "file" / "chats.sqlite3")
    assert "cannot be opened" in caught.value.user_text
    (tmp_path / "chats.sqlite3").mkdir()
    with pytest.raises(StoreError):
        HistoryStore.open(tmp_path / "chats.sqlite3")


def test_damage_met_while_running_is_repaired_by_the_next_start(store: HistoryStore, data_file: Path) -> None:
    bodies = fill(store, 3, 3)
    store.close()
    data = bytearray(data_file.read_bytes())
    for start in range(4 * 4096, len(data), 4096):
        if data[start] == 0x0A:  # leaves of indexes
            data[start : start + 4096] = bytes(4096)
    with HistoryStore.open(data_file) as opened:
        opened._db.execute("PRAGMA cache_size = 0")
        data_file.write_bytes(data)
        with pytest.raises(StoreDamagedError) as caught:
            [opened.message(id_) for id_ in bodies]
        assert "Start Dewpoint again" in caught.value.hint
    with HistoryStore.open(data_file) as again:
        assert again.recovery is not None
        assert bodies_in(again) == bodies


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be deleted there")
@pytest.mark.parametrize("how", ["deleted", "moved", "replaced", "folder"])
def test_a_file_that_goes_while_it_is_open_is_noticed_and_written_anew(
    store: HistoryStore, data_file: Path, tmp_path: Path, how: str
) -> None:
    bodies = fill(store, 2, 2)
    store.check_file()
    if how == "deleted":
        for side in ("", "-wal", "-shm"):
            data_file.with_name(data_file.name + side).unlink(missing_ok=True)
    elif how == "moved":
        data_file.rename(tmp_path / "elsewhere.sqlite3")
    elif how == "replaced":
        data_file.unlink()
        data_file.write_bytes(b"another file")
    else:
        shutil.rmtree(data_file.parent)
    for write in (store.check_file, lambda: store.add_user_message(None, "x"), lambda: store.keep_unsent(None, "x")):
        with pytest.raises(StoreGoneError) as caught:
            write()
        assert "deleted" in caught.value.user_text
    assert bodies_in_memory(store) == bodies
    store.write_anew()
    store.check_file()
    added = store.add_user_message(None, "goes on")
    with closing(sqlite3.connect(f"{data_file.as_uri()}?mode=ro", uri=True)) as other:
        assert added.id in {row[0] for row in other.execute("SELECT id FROM message")}, "its log has its name"
    store.close()
    with HistoryStore.open(data_file) as again:
        assert again.recovery is None
        assert bodies_in(again) == bodies | {added.id: "goes on"}
    assert data_file.stat().st_mode & 0o777 == 0o600
    kept = [file.read_bytes() for file in data_file.parent.glob("*-damaged-*.sqlite3")]
    assert kept == ([b"another file"] if how == "replaced" else [])


def bodies_in_memory(store: HistoryStore) -> dict[str, str]:
    """What can still be read of a file that lost its name."""
    chats = store.list_conversations()
    return {message.id: message.body for chat in chats for message in store.messages(chat.id)}


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be deleted there")
def test_a_file_that_cannot_be_written_anew_stays_open(
    store: HistoryStore, data_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = fill(store, 1, 2)
    data_file.unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("app.chats.backup.sync_file", full)
        with pytest.raises(StoreFullError):
            store.write_anew()
    assert bodies_in_memory(store) == bodies
    assert not data_file.exists()
    store.write_anew()
    assert bodies_in(store) == bodies


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be deleted there")
@pytest.mark.parametrize(
    "step", ["os.replace", "app.chats.recovery.anew.set_aside", "app.chats.recovery.anew.open_database"]
)
def test_what_is_open_stays_open_whatever_step_of_writing_it_anew_fails(
    store: HistoryStore, data_file: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """It was closed before the rename could fail: every later call was a bug, and the chats could not be had again."""
    bodies = fill(store, 1, 2)
    data_file.unlink()

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(step, refused)
        with pytest.raises(StoreReadOnlyError):
            store.write_anew()
    assert bodies_in_memory(store) == bodies
    with pytest.raises(StoreGoneError):
        store.check_file()
    store.write_anew()
    store.check_file()
    assert bodies_in(store) == bodies


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be deleted there")
def test_a_file_is_not_written_anew_while_another_start_recovers_it(store: HistoryStore, data_file: Path) -> None:
    bodies = fill(store, 1, 2)
    data_file.unlink()
    with one_at_a_time(data_file), pytest.raises(StoreBusyError):
        store.write_anew()
    assert bodies_in_memory(store) == bodies
    store.write_anew()
    assert bodies_in(store) == bodies


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be deleted there")
def test_a_file_that_somebody_has_open_is_not_set_aside_under_them(store: HistoryStore, data_file: Path) -> None:
    bodies = fill(store, 1, 2)
    data_file.rename(data_file.with_name("moved.sqlite3"))
    with HistoryStore.open(data_file) as other:
        kept = other.add_user_message(None, "elsewhere")
        with pytest.raises(StoreBusyError):
            store.write_anew()
        other.check_file()
        assert bodies_in(other) == {kept.id: "elsewhere"}
    assert bodies_in_memory(store) == bodies
    store.write_anew()
    assert bodies_in(store) == bodies


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be moved there")
def test_a_file_that_is_back_is_not_written_anew(store: HistoryStore, data_file: Path) -> None:
    bodies = fill(store, 1, 2)
    moved = data_file.rename(data_file.with_name("moved.sqlite3"))
    moved.rename(data_file)
    store.write_anew()
    store.check_file()
    assert bodies_in(store) == bodies
    assert not list(data_file.parent.glob("*-damaged-*"))


def test_a_message_in_a_chat_that_another_window_deleted_makes_it_live_again(data_file: Path) -> None:
    with HistoryStore.open(data_file) as here, HistoryStore.open(data_file) as other:
        chat = here.add_user_message(None, "one").conversation_id
        other.delete(chat)
        user = here.add_user_message(chat, "two")
        assert [each.id for each in other.list_conversations()] == [chat]
        assert [each.body for each in other.messages(chat)] == ["one", "two"]
        other.delete(chat)
        begin(here, user)  # as Try again does
        assert [each.id for each in other.list_conversations()] == [chat]


def test_what_is_written_in_a_chat_that_is_gone_for_good_is_refused(data_file: Path) -> None:
    with HistoryStore.open(data_file) as here, HistoryStore.open(data_file) as other:
        user = here.add_user_message(None, "one")
        answer = begin(here, user)
        other.delete(user.conversation_id)
        assert other.purge_deleted(timedelta(0)) == 1
        for write in (
            lambda: here.add_user_message(user.conversation_id, "two"),
            lambda: begin(here, user),
            lambda: here.commit_block(answer.id, block()),
            lambda: here.keep_unfinished(answer.id, "text"),
            lambda: here.finish_answer(answer.id, finished()),
            lambda: here.resume_answer(answer.id, 0),
            lambda: here.rename(user.conversation_id, "x"),
        ):
            with pytest.raises(ChatGoneError) as caught:
                write()
            assert "does not exist" in caught.value.user_text
        assert here.list_conversations() == ()
        assert sql(data_file, "SELECT COUNT(*) FROM message") == [(0,)]


@pytest.mark.parametrize("text", ["\n\n  code", "\u00a0x\u00a0y", "\t\u2003x", "\u2028x\u202fy"])
def test_a_message_is_stored_as_it_was_written(store: HistoryStore, text: str) -> None:
    message = store.add_user_message(None, text)
    assert store.message(message.id).body == text
    assert store.turns(message.conversation_id)[0].text == text
    store.keep_unsent(None, text)
    assert store.unsent_text(None) == text
