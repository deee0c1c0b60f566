"""The log goes into the file in a thread of its own; what is written waits for no disk but its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.chats import checkpointing
from app.chats.connections import connect
from app.chats.history import BUSY_MS, HistoryStore
from tests.app.chats.support import begin, block, bodies_in, finished
from tests.helpers.waiting import wait_until


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HistoryStore]:
    """A new, empty history."""
    with HistoryStore.open(tmp_path / "chats.sqlite3") as opened:
        yield opened


def in_the_file_alone(path: Path, text: str) -> bool:
    """Whether a message stands in the file itself, whatever the log holds."""
    with closing(connect(path, "ro&immutable=1")) as connection:
        try:
            return bool(connection.execute("SELECT 1 FROM message WHERE body = ?", [text]).fetchall())
        except sqlite3.DatabaseError:  # it is being written
            return False


def test_an_answer_that_ended_goes_into_the_file_in_another_thread(store: HistoryStore) -> None:
    answer = begin(store, store.add_user_message(None, "x"))
    store.commit_block(answer.id, block(0, "whole"))
    said: list[str] = []
    store._db.conn.set_trace_callback(said.append)
    store.finish_answer(answer.id, finished("whole"))
    store._db.conn.set_trace_callback(None)
    assert not any("checkpoint" in each for each in said)
    assert said[-1] == "COMMIT"
    assert any("synchronous = FULL" in each for each in said), "a power cut loses nothing"
    wait_until(lambda: in_the_file_alone(store.path, "whole"), "the answer in the file")


def test_nobody_waits_for_a_reader_and_nothing_is_lost(store: HistoryStore) -> None:
    user = store.add_user_message(None, "x")
    answer = begin(store, user)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM message").fetchall()
        store.finish_answer(answer.id, finished("while somebody reads"))
        store._checkpointer.rest()
        assert store.message(answer.id).body == "while somebody reads"
    assert store._db.execute("PRAGMA busy_timeout").fetchone() == (BUSY_MS,)
    assert BUSY_MS <= 200  # the window waits that long


def test_a_large_log_is_emptied_whatever_was_written(store: HistoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpointing, "LARGE_BYTES", 1_000_000)
    user = store.add_user_message(None, "short")
    store._checkpointer.rest()
    assert not in_the_file_alone(store.path, "short")
    store.add_user_message(user.conversation_id, "long " * 300_000)
    wait_until(lambda: in_the_file_alone(store.path, "long " * 300_000), "the message in the file")


def test_closing_leaves_no_thread_and_no_log(tmp_path: Path) -> None:
    before = threading.active_count()
    for _ in range(20):
        with HistoryStore.open(tmp_path / "chats.sqlite3") as store:
            store.finish_answer(begin(store, store.add_user_message(None, "x")).id, finished("y"))
        assert threading.active_count() == before
        assert not (tmp_path / "chats.sqlite3-wal").exists()
    with HistoryStore.open(tmp_path / "chats.sqlite3") as store:
        assert len(bodies_in(store)) == 40


def test_what_is_removed_for_good_leaves_no_text_while_the_log_is_emptied(store: HistoryStore) -> None:
    for number in range(5):
        user = store.add_user_message(None, f"a secret {number} " * 200)
        store.finish_answer(begin(store, user).id, finished("a secret answer"))
        store.delete(user.conversation_id)
        store.remove_for_good([user.conversation_id])
        on_disk = store.path.read_bytes() + store.path.with_name(store.path.name + "-wal").read_bytes()
        assert b"a secret" not in on_disk


def test_a_file_that_cannot_be_opened_is_left(tmp_path: Path) -> None:
    keeper = checkpointing.Checkpointer(tmp_path / "none" / "chats.sqlite3")
    keeper.look()
    keeper.begin()
    keeper.rest()
    assert list(tmp_path.iterdir()) == []
