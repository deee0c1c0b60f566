"""Damage that SQLite cannot notice, for it has no checksums: changed ids and odd values. They hide no message."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.chats.history import HistoryStore
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
