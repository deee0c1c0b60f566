"""What the machine does to a history: kills, full disks, locks, other processes. Nothing that was stored is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.chats import database
from app.chats.errors import StoreBusyError, StoreDamagedError, StoreError, StoreFullError, StoreReadOnlyError
from app.chats.history import HistoryStore
from app.chats.messages import MessageState
from tests.app.chats.support import begin, block, bodies_in, fill, finished
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

TALKER = """
import sys
from pathlib import Path
from app.chats.history import HistoryStore
store = HistoryStore.open(Path(sys.argv[1]))
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


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
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


def test_two_processes_write_one_chat(store: HistoryStore) -> None:
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
    store._db.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError):
            store.add_user_message(None, "x")
        assert store.list_conversations() == ()
    store.add_user_message(None, "x")
    assert len(store.list_conversations()) == 1


def test_a_checkpoint_waits_for_nobody(store: HistoryStore) -> None:
    user = store.add_user_message(None, "x")
    answer = begin(store, user)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM message").fetchall()
        said: list[str] = []
        store._db.conn.set_trace_callback(said.append)
        store.finish_answer(answer.id, finished())
        store._db.conn.set_trace_callback(None)
    checkpoints = [number for number, each in enumerate(said) if "wal_checkpoint" in each]
    assert checkpoints
    assert all(said[number - 1] == "PRAGMA busy_timeout = 200" for number in checkpoints)
    assert store._db.execute("PRAGMA busy_timeout").fetchone() == (int(database.BUSY_SECONDS * 1000),)


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
