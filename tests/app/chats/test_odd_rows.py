"""Damage that SQLite cannot notice, for it has no checksums: changed ids and odd values. They hide no message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.chats.history import HistoryStore
from app.chats.messages import LONGEST_TITLE, RENAMED_LENGTH
from tests.app.chats.support import bodies_in, fill, open_damaged, sql


@pytest.mark.parametrize("id_column", ["conversation.head_message_id", "message.parent_id", "message.conversation_id"])
def test_an_id_that_leads_nowhere_hides_nothing(data_file: Path, id_column: str) -> None:
    with HistoryStore.open(data_file) as store:
        bodies = fill(store, 1, 3)
    table, column = id_column.split(".")
    sql(data_file, f"UPDATE {table} SET {column} = 'nowhere' WHERE seq = (SELECT MAX(seq) FROM {table})")
    report, found = open_damaged(data_file, data_file.read_bytes())
    assert report is not None
    assert found == bodies


@pytest.mark.parametrize("change", ["message SET state = 'don:'", "message SET role = 'usir'"])
@pytest.mark.parametrize("examined", [True, False])
def test_odd_values_hide_no_chat(data_file: Path, change: str, examined: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with HistoryStore.open(data_file) as store:
        bodies = fill(store, 1, 2)
    sql(data_file, f"UPDATE {change}", "PRAGMA ignore_check_constraints = ON")
    monkeypatch.setattr("app.chats.database.check_is_due", lambda path, size: examined)  # a large file: once a day
    with HistoryStore.open(data_file) as store:
        assert (store.recovery is not None) == examined
        assert bodies_in(store) == bodies


@pytest.mark.parametrize("title", ["\u6f22' || '", "a' || char(0) || '"])
def test_a_title_as_long_as_a_book_is_cut_on_the_disk(data_file: Path, title: str) -> None:
    """Every change of a chat read it anew, for every chat."""
    with HistoryStore.open(data_file) as store:
        bodies = fill(store, 2, 1)
        (chat, _) = store.list_conversations()
    sql(data_file, f"UPDATE conversation SET title = '{title}' || printf('%.*c', 300000, 'x') WHERE id = '{chat.id}'")
    with HistoryStore.open(data_file) as store:
        assert store.recovery is None
        (found,) = store._db.execute("SELECT length(CAST(title AS BLOB)) FROM conversation WHERE id = ?", [chat.id])
        assert found[0] <= 4 * LONGEST_TITLE
        assert store.conversation(chat.id).title[:1] == title[0]
        assert bodies_in(store) == bodies


def test_a_long_title_that_another_program_writes_meanwhile_is_read_in_part(data_file: Path) -> None:
    with HistoryStore.open(data_file) as store:
        fill(store, 1, 1)
        (chat,) = store.list_conversations()
        sql(data_file, "UPDATE conversation SET title = printf('%.*c', 300000, 'x')")
        assert store.conversation(chat.id).title == "x" * LONGEST_TITLE
        assert store.list_conversations()[0].title == "x" * LONGEST_TITLE


def test_the_longest_title_that_can_be_given_is_kept(data_file: Path) -> None:
    title = ("e" + "\u0301" * 63) * RENAMED_LENGTH
    with HistoryStore.open(data_file) as store:
        fill(store, 1, 1)
        (chat,) = store.list_conversations()
        given = store.rename(chat.id, title).title
    with HistoryStore.open(data_file) as store:
        assert store.conversation(chat.id).title == given


@pytest.mark.parametrize("value", ["printf('%.*c', 200000, '[')", "5", "'{\"text\": NaN}'", "'[[]]'"])
@pytest.mark.parametrize(
    "column", ["conversation.options_json", "generation.params_json", "message.error_json", "generation.seed"]
)
def test_odd_json_hides_no_message(data_file: Path, column: str, value: str) -> None:
    """200,000 brackets are more than Python's reader takes: an error that no reader of JSON is expected to raise."""
    with HistoryStore.open(data_file) as store:
        bodies = fill(store, 1, 2)
    table, name = column.split(".")
    sql(data_file, f"UPDATE {table} SET {name} = {value}")
    with HistoryStore.open(data_file) as store:
        assert bodies_in(store) == bodies
        assert store.list_conversations()


@pytest.mark.parametrize("field", ["user_text", "hint", "detail"])
def test_an_error_as_long_as_a_book_is_shown_in_part(data_file: Path, field: str) -> None:
    """A label of so many lines took half a second and 300 MB."""
    with HistoryStore.open(data_file) as store:
        bodies = fill(store, 1, 1)
    for length, shown in ((600_000, True), (5_000_000, False)):
        error = {"user_text": "No.", "hint": "", "known": True, "detail": "", field: "a\n" * (length // 2)}
        sql(data_file, "UPDATE message SET error_json = '" + json.dumps(error) + "'")
        with HistoryStore.open(data_file) as store:
            assert bodies_in(store) == bodies
            (chat,) = store.list_conversations()
            said = store.messages(chat.id)[-1].error
            assert said is not None
            assert 0 < len(said.user_text + said.hint + said.detail) <= 205_000 or not shown
