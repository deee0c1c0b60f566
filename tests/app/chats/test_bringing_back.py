"""The chats of a backup in the place of those of now: looked at first, all or none, and taken back."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from app.base.errors import KnownAppError, StoppedError
from app.chats.backup import backups_in, listed_backups, make_backup, newest_sound_backup
from app.chats.errors import StoreBusyError, StoreError
from app.chats.history import HistoryStore
from app.chats.importing.importer import ReadyImport, leftovers, remove_leftovers
from app.chats.importing.texts import ANOTHER_IMPORT
from app.chats.incoming import import_lock
from app.chats.migrations import CHAT_TABLES
from app.chats.options import ChatOptions
from app.chats.recovery import bringing_back
from app.chats.recovery.bringing_back import BackupPreview, bring_back, preview_backup
from app.chats.recovery.comparing import Held
from app.chats.recovery.restoring import restore_backup
from app.chats.tables.values import TableCell
from app.chats.texts import IMPORT_AT_WORK
from tests.app.chats.support import fill, write_old_history

NOON = datetime(2026, 11, 23, 12, 0, 0)


def changed_since(store: HistoryStore, folder: Path) -> Path:
    """A backup, after which a chat was removed for good, one was added, and one has grown."""
    fill(store, 3, 2)
    gone, grown, _ = (chat.id for chat in store.list_conversations())
    store.keep_unsent(grown, "typed then")
    backup = make_backup(store._db.conn, folder, "daily", NOON)
    store.delete(gone)
    store.remove_for_good([gone])
    store.add_user_message(grown, "a newer message")
    store.keep_unsent(grown, "typed now")
    store.add_user_message(None, "a newer chat", options=ChatOptions(preset="careful"))
    return backup


def everything(store: HistoryStore) -> dict[str, list[tuple[object, ...]]]:
    """All rows of chats."""
    return {table: store._db.execute(f"SELECT * FROM {table} ORDER BY seq").fetchall() for table in ("conversation",
            "message", "generation", "block", "unsent", "tag", "folder")}  # fmt: skip


def test_a_look_says_what_is_in_it_and_what_would_change(store: HistoryStore, tmp_path: Path) -> None:
    backup = changed_since(store, tmp_path / "b")
    before = everything(store)
    found = preview_backup(backup, store.path)
    assert (found.held.chats, found.lost.chats, found.back.chats) == (3, 1, 1)
    assert (found.lost.messages, found.back.messages) == (2, found.held.messages // 3)
    assert found.newest is not None
    assert everything(store) == before


def beside_chats(store: HistoryStore, mark: str) -> tuple[str, str]:
    """One of each kind that is no chat; gives the ids of the table and its one row."""
    chat = store.list_conversations()[0].id
    store.queue.add(chat, f"waits {mark}")
    store.keep_unsent(f"edit:{store.messages(chat)[0].id}", f"edited {mark}")
    store.order.add_folder(f"folder {mark}")
    store.order.keep_prompt(f"prompt {mark}", "Be kind.")
    table = store.tables.create(f"table {mark}")
    (row,) = store.tables.add_files(table, [Path(f"/{mark}.txt")])
    return table, row.id


def test_a_look_counts_what_goes_and_comes_beside_chats(store: HistoryStore, tmp_path: Path) -> None:
    """Of each kind one is there always, one is only in the backup, two are only there now."""
    fill(store, 2, 2)
    table, row = beside_chats(store, "kept")
    gone, _ = beside_chats(store, "then")
    store.keep_unsent(None, "the same text")
    binned = store.add_user_message(None, "in the bin then").conversation_id
    store.delete(binned)
    backup = make_backup(store._db.conn, tmp_path / "b", "daily", NOON)
    for each in store.queue.of(store.list_conversations()[0].id):
        if each.body == "waits then":
            store.queue.take_back(each.id)
    for folder in store.order.folders():
        if folder.name == "folder then":
            store.order.remove_folder(folder.id)
    for prompt in store.order.prompts():
        if prompt.name == "prompt then":
            store.order.remove_prompt(prompt.id)
    store.tables.delete(gone)
    store.remove_for_good([binned])
    beside_chats(store, "now")
    store.order.add_folder("folder too")
    store.tables.set_cells(row, {"q": TableCell(value="an answer of now")})
    store.keep_unsent(store.list_conversations()[1].id, "of another chat")
    store.delete(store.add_user_message(None, "in the bin now").conversation_id)
    beside_prompt = store.order.prompts()[0]
    store.order.keep_prompt(beside_prompt.name, "Be brief.")
    shown = preview_backup(backup, store.path)
    assert shown.held == Held(2, shown.held.messages, 1, 2, 2, 2, 2, 2)
    assert shown.lost == Held(0, 0, 1, 1, 2, 2, 2, 2)
    assert shown.back == Held(0, 0, 1, 1, 1, 1, 2, 2)
    edited = f"edit:{store.messages(store.list_conversations()[0].id)[0].id}"
    assert preview_backup(backup, store.path, in_view=(edited,)).lost.unsent == 1, "what is in view stays"
    before = {name: store._db.execute(f"SELECT * FROM {name}").fetchall() for name in CHAT_TABLES}
    done = bring_back(backup, store.path, tmp_path / "b")
    assert preview_backup(done.before, store.path).back == shown.lost
    bring_back(done.before, store.path, tmp_path / "b")
    assert {name: store._db.execute(f"SELECT * FROM {name}").fetchall() for name in CHAT_TABLES} == before
    assert table in [name for name, _ in store.tables.titles()]


def test_a_look_leaves_no_kind_of_row_out() -> None:
    """A table that is none of these is to be counted, too."""
    counted = {"conversation", "message", "queued", "unsent", "folder", "prompt", "file_table", "file_row"}
    of_a_message_or_chat = {"generation", "block", "tag", "origin", "attachment"}
    assert counted | of_a_message_or_chat == set(CHAT_TABLES)


def test_chats_change_places_and_back(store: HistoryStore, tmp_path: Path) -> None:
    backup = changed_since(store, tmp_path / "b")
    now = everything(store)
    with closing(sqlite3.connect(backup)) as then:
        wanted = then.execute("SELECT id, body FROM message ORDER BY seq").fetchall()
    done = bring_back(backup, store.path, tmp_path / "b")
    stored = store._db.execute("SELECT id, body FROM message ORDER BY seq").fetchall()
    assert stored == wanted
    assert store.unsent_text(store.list_conversations()[1].id) == "typed then"
    assert [hit.snippet for hit in store.search("newer message")] == []
    assert [each.kind for each in listed_backups(tmp_path / "b")] == ["restore", "daily"]
    assert newest_sound_backup(tmp_path / "b") == backup, "what was replaced on purpose is no backup to recover from"
    undone = bring_back(done.before, store.path, tmp_path / "b")
    assert preview_backup(undone.before, store.path).held.messages == len(wanted), "what was there is a backup again"
    assert everything(store) == now
    assert store._db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert store._db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_models_and_downloads_stay(store: HistoryStore, tmp_path: Path) -> None:
    backup = changed_since(store, tmp_path / "b")
    insert = "INSERT INTO model (id, kind, repo, folder, title, added_at) VALUES ('m', 'folder', '', '/m', 'M', 1)"
    store._db.execute(insert)
    bring_back(backup, store.path, tmp_path / "b")
    assert store._db.execute("SELECT title FROM model").fetchall() == [("M",)]


def test_one_that_cannot_be_used_or_is_stopped_changes_nothing(store: HistoryStore, tmp_path: Path) -> None:
    backup = changed_since(store, tmp_path / "b")
    before = everything(store)
    bad = tmp_path / "bad.sqlite3"
    bad.write_bytes(backup.read_bytes()[:5000])
    with pytest.raises(StoreError):
        preview_backup(bad, store.path)
    with pytest.raises(StoreError):
        bring_back(bad, store.path, tmp_path / "b")
    with pytest.raises(StoppedError):
        bring_back(backup, store.path, tmp_path / "b", lambda: True)
    assert everything(store) == before
    assert backups_in(tmp_path / "b") == (backup,)


def test_a_backup_of_an_older_version_is_brought_up_to_date(store: HistoryStore, tmp_path: Path) -> None:
    old = tmp_path / "old" / "chats.sqlite3"
    old.parent.mkdir()
    write_old_history(old, 1)
    assert preview_backup(old, store.path).held.chats > 0
    bring_back(old, store.path, tmp_path / "b")
    assert store.list_conversations()
    assert store._db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_failure_in_the_middle_changes_nothing(
    store: HistoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = changed_since(store, tmp_path / "b")
    before = everything(store)

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute("DELETE FROM main.conversation")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("app.chats.recovery.bringing_back._change_places", half)
    with pytest.raises(StoreError):
        bring_back(backup, store.path, tmp_path / "b")
    assert everything(store) == before


def test_none_is_brought_back_while_an_import_is_open(store: HistoryStore, tmp_path: Path) -> None:
    backup = changed_since(store, tmp_path / "b")
    before = everything(store)
    with import_lock(store.path):
        with pytest.raises(StoreBusyError, match=IMPORT_AT_WORK):
            bring_back(backup, store.path, tmp_path / "b")
        with pytest.raises(StoreBusyError, match=IMPORT_AT_WORK):
            restore_backup(backup, store.path)
        with pytest.raises(StoreBusyError, match=IMPORT_AT_WORK):
            preview_backup(backup, store.path)
    assert everything(store) == before
    assert backups_in(tmp_path / "b") == (backup,)
    bring_back(backup, store.path, tmp_path / "b")


def test_a_kill_leaves_no_copy_of_a_backup(
    store: HistoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = changed_since(store, tmp_path / "b")
    seen: list[Path] = []

    def looked(connection: sqlite3.Connection, path: Path, in_view: Sequence[str]) -> BackupPreview:
        (folder,) = leftovers(store.path)
        assert folder.stat().st_mode & 0o077 == 0 or sys.platform == "win32"
        remove_leftovers(store.path)
        assert folder.exists(), "it is in use"
        seen.append(shutil.copytree(folder, folder.with_name(f"import-killed{len(seen):02}")))
        return compare(connection, path, in_view)

    compare = bringing_back._compare
    monkeypatch.setattr(bringing_back, "_compare", looked)
    preview_backup(backup, store.path)
    assert leftovers(store.path) == seen
    remove_leftovers(store.path)
    bring_back(backup, store.path, tmp_path / "b")
    assert len(seen) == 2
    remove_leftovers(store.path)
    assert not any(folder.exists() for folder in seen)


def test_nothing_is_imported_while_one_is_brought_back(
    store: HistoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = changed_since(store, tmp_path / "b")
    refused: list[str] = []

    def asked(connection: sqlite3.Connection, path: Path, in_view: Sequence[str]) -> BackupPreview:
        with pytest.raises(KnownAppError) as error, ReadyImport(store.path, tmp_path / "b") as ready:
            list(ready.read(tmp_path / "x.json"))
        refused.append(error.value.user_text)
        return compare(connection, path, in_view)

    compare = bringing_back._compare
    monkeypatch.setattr(bringing_back, "_compare", asked)
    bring_back(backup, store.path, tmp_path / "b")
    assert refused == [ANOTHER_IMPORT]


def test_what_is_typed_in_view_is_carried_over(store: HistoryStore, tmp_path: Path) -> None:
    backup = changed_since(store, tmp_path / "b")
    newer, grown = (chat.id for chat in store.list_conversations()[:2])
    edited = store.messages(grown)[0].id
    store.keep_unsent(newer, "typed in what goes")
    store.keep_unsent(f"edit:{edited}", "edited")
    store.keep_unsent(None, "typed at the start")
    done = bring_back(backup, store.path, tmp_path / "b", in_view=(newer, grown, f"edit:{edited}", "new"))
    assert store.unsent_text(grown) == "typed then\n\ntyped now"
    assert store.unsent_text(f"edit:{edited}") == "edited"
    assert store.unsent_text(None) == "typed in what goes\n\ntyped at the start"
    store.keep_unsent(None, "typed in what goes")
    bring_back(done.before, store.path, tmp_path / "b", in_view=("new",))
    assert store.unsent_text(newer) == "typed in what goes", "it is back where it was"
    assert store.unsent_text(None) == "typed at the start", "and not there twice"


def test_one_that_cannot_be_used_is_said_in_words_for_a_window(store: HistoryStore, tmp_path: Path) -> None:
    bad = tmp_path / "bad.sqlite3"
    bad.write_bytes(b"nothing")
    with pytest.raises(StoreError) as refused:
        preview_backup(bad, store.path)
    said = f"{refused.value.user_text} {refused.value.hint}"
    assert said.startswith("bad.sqlite3 holds no chats")
    assert "chats backup" not in said
    assert "/" not in said
