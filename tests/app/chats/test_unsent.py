"""What is typed and not sent, and the order of the chats: both outlive a restart, a wrong clock, and damage."""

from __future__ import annotations

import dataclasses
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

import app.chats.history as history
import app.chats.migrations as migrations
from app.chats.history import HistoryStore
from app.chats.messages import Conversation, times_of_use, with_changed
from tests.app.chats.support import fill, sql

YEAR_MS = 365 * 24 * 3600 * 1000


def titles(store: HistoryStore) -> list[str]:
    """Of the list, from its top."""
    return [chat.title for chat in store.list_conversations()]


def test_each_chat_and_the_new_one_keep_their_own_unsent_text(store: HistoryStore) -> None:
    one, two = (store.add_user_message(None, text).conversation_id for text in ("One", "Two"))
    for slot, text in ((one, "for one"), (two, "for two\n"), (None, "for nobody yet")):
        store.keep_unsent(slot, text)
    store.keep_unsent(one, "for one, longer")
    with HistoryStore.open(store.path) as again:
        assert [again.unsent_text(slot) for slot in (one, two, None)] == [
            "for one, longer",
            "for two\n",
            "for nobody yet",
        ]
    store.keep_unsent(two, "")
    assert store.unsent_text(two) == ""


def test_a_text_that_is_sent_goes_in_the_same_transaction(store: HistoryStore) -> None:
    store.keep_unsent(None, "Hello\n")
    chat = store.add_user_message(None, "Hello").conversation_id
    assert (store.unsent_text(None), store.unsent_text(chat)) == ("", "")
    store.keep_unsent(chat, "and more")
    store.add_user_message(chat, "something else")
    assert store.unsent_text(chat) == "and more"


def test_a_chat_that_is_purged_takes_its_unsent_text_along(store: HistoryStore) -> None:
    chat = store.add_user_message(None, "One").conversation_id
    store.keep_unsent(chat, "secret")
    store.keep_unsent(None, "mine")
    store.delete(chat)
    store.purge_deleted(timedelta(0))
    assert (store.unsent_text(chat), store.unsent_text(None)) == ("", "mine")


def test_unsent_texts_outlive_damage(data_file: Path) -> None:
    with HistoryStore.open(data_file) as store:
        chat = store.add_user_message(None, "One").conversation_id
        store.keep_unsent(chat, "not sent")
        store.keep_unsent(None, "not begun")
    sql(data_file, "DROP INDEX message_tree")
    with HistoryStore.open(data_file) as store:
        assert store.recovery is not None
        assert (store.unsent_text(chat), store.unsent_text(None)) == ("not sent", "not begun")


def test_unsent_texts_come_back_from_a_backup_but_not_those_that_were_sent_since(data_file: Path) -> None:
    with HistoryStore.open(data_file) as store:
        chat = store.add_user_message(None, "One").conversation_id
        store.keep_unsent(chat, "sent later\n")
        store.keep_unsent(None, "not begun")
        store.backup_if_due()
        store.add_user_message(chat, "sent later")
    sql(data_file, "DROP TABLE unsent")
    with HistoryStore.open(data_file) as store:
        assert store.recovery is not None
        assert (store.unsent_text(chat), store.unsent_text(None)) == ("", "not begun")


def test_a_chat_that_only_its_unsent_text_knows_comes_back(data_file: Path) -> None:
    with HistoryStore.open(data_file) as store:
        chat = store.create_conversation().id
        store.keep_unsent(chat, "All that is left")
    sql(data_file, "DELETE FROM conversation")
    sql(data_file, "DROP INDEX message_tree")
    with HistoryStore.open(data_file) as store:
        assert titles(store) == ["All that is left"]
        assert store.unsent_text(chat) == "All that is left"


# -- the order ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The clock is a year ahead until `undo`."""
    real = history.now_ms
    monkeypatch.setattr(history, "now_ms", lambda: real() + YEAR_MS)
    return monkeypatch


def test_a_chat_made_while_the_clock_was_ahead_does_not_stay_on_top(
    store: HistoryStore, ahead: pytest.MonkeyPatch
) -> None:
    future = store.add_user_message(None, "Future").conversation_id
    ahead.undo()
    store.add_user_message(None, "Now")
    assert titles(store) == ["Now", "Future"]
    store.add_user_message(future, "Used again")
    assert titles(store) == ["Future", "Now"]
    with HistoryStore.open(store.path) as again:
        assert titles(again) == ["Future", "Now"]


def test_an_empty_chat_made_while_the_clock_was_ahead_does_not_stay_on_top(
    store: HistoryStore, ahead: pytest.MonkeyPatch
) -> None:
    first = store.create_conversation().id
    ahead.undo()
    second = store.create_conversation().id
    assert [chat.id for chat in store.list_conversations()] == [second, first]


def test_a_chat_deleted_while_the_clock_was_ahead_is_wiped_in_time(
    store: HistoryStore, ahead: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = store.add_user_message(None, "Gone").conversation_id
    store.delete(chat)
    ahead.undo()
    assert store.purge_deleted() == 0
    real = history.now_ms
    monkeypatch.setattr(history, "now_ms", lambda: real() + YEAR_MS // 6)
    assert store.purge_deleted() == 1


def test_a_chat_that_recovery_puts_together_stands_where_its_time_says(data_file: Path) -> None:
    with HistoryStore.open(data_file) as store:
        fill(store, 3, 1)
        order = titles(store)
        middle = store.list_conversations()[1].id
    sql(data_file, f"DELETE FROM conversation WHERE id = '{middle}'", "PRAGMA foreign_keys = OFF")
    with HistoryStore.open(data_file) as store:
        assert store.recovery is not None
        assert titles(store) == order


def test_times_follow_the_order_and_not_a_wrong_clock() -> None:
    now = 1000
    chats = [Conversation("", "", "user", None, 0, at, None) for at in (990, 5000, 980, 3, 970, 4000)]
    assert times_of_use(chats, now) == [990, 980, 980, 970, 970, 0]


def test_a_changed_chat_finds_its_place_also_among_chats_of_one_number() -> None:
    """A recovered file may have such ones; the order is that of `HistoryStore.list_conversations`."""
    chats = [
        Conversation(name, "", "user", None, 0, at, None, number)
        for number, at, name in ((5, 9, "e"), (4, 7, "d"), (4, 7, "c"), (4, 3, "b"), (0, 8, "a"))
    ]
    for chat in chats:
        others = with_changed(chats, dataclasses.replace(chat, deleted_at=1))
        assert others == tuple(each for each in chats if each is not chat)
        assert with_changed(others, chat) == tuple(chats)
        assert with_changed(chats, dataclasses.replace(chat, used_no=6))[0].id == chat.id


# -- the migration -----------------------------------------------------------------------------------------------------


def test_the_second_version_becomes_the_third_in_its_order(data_file: Path) -> None:
    """A file as version 2 left it; the clock was ahead when chat "b" was made, and its place stays."""
    data_file.parent.mkdir(parents=True)
    older = migrations.Migrations(migrations.MIGRATION_SET)
    older._migrations = list(migrations.migrations._migrations)[:2]
    with closing(sqlite3.connect(data_file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        older.apply(Database(connection, execute_plugins=False))
        connection.execute("PRAGMA user_version = 2")
        connection.execute("INSERT INTO app_meta (key, value) VALUES ('schema_version', '2')")
        for name, at in (("a", 1000), ("b", 9_999_999_999_999), ("c", 1000), ("d", 500)):
            connection.execute(
                """INSERT INTO conversation (id, title_source, created_at, updated_at, title)
                   VALUES (?, 'user', 1, ?, ?)""",
                [name, at, name],
            )
    with HistoryStore.open(data_file) as store:
        assert store.recovery is None
        assert titles(store) == ["b", "c", "a", "d"]
        assert store.unsent_text(None) == ""
        store.add_user_message("d", "Now")
        assert titles(store) == ["d", "b", "c", "a"]
