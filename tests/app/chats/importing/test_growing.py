"""What an import adds to chats that are here already: in pieces that nobody sees, all of it or nothing."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from app.chats.backup import copy_history
from app.chats.database import examine, open_for_reading
from app.chats.history import HistoryStore
from app.chats.importing import importer, texts
from app.chats.incoming import agreed_additions
from tests.app.chats.importing.exports import exported_lines, our_chat, ours
from tests.app.chats.importing.mangling import take
from tests.app.chats.support import sql


def grown_export(path: Path) -> Path:
    """Two chats that are there and have grown (at their ends, and with a second answer), and a new one."""
    chats = []
    for number in (0, 1):
        chat = our_chat(number)
        parent, last = chat["messages"]
        more = [{**last, "id": f"m{number}{name}", "parent_id": above, "body": f"newer {name}"} for name, above in
                (("c", f"m{number}b"), ("d", f"m{number}c"), ("e", parent["id"]), ("f", f"m{number}e"))]  # fmt: skip
        files = [{"name": "a.txt", "media_type": "text/plain", "data": {"base64": "YWJj"}}]
        more[0] |= {"attachments": files, "origin": {"source": "x", "source_id": "y", "extra": {"a": 1}}}
        chats.append({**chat, "messages": [parent, last, *more], "head_message_id": f"m{number}d"})
    path.write_text(ours(*chats, our_chat(2)))
    return path


def test_what_chats_lack_comes_in_pieces_that_nobody_sees(
    tmp_path: Path, pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = tmp_path / "data" / "chats.sqlite3"
    (tmp_path / "a.json").write_text(ours(our_chat(0), our_chat(1)))
    take(tmp_path / "a.json", history.parent)
    seen: list[tuple[Any, ...]] = []
    with HistoryStore.open(history, patience=0.0) as store:
        store._waits._set(0)

        def rest(_: float) -> None:
            store.keep_unsent(None, f"typed {len(seen)}")
            shown = [message.id for message in store.messages("chat-0")]
            versions = len(store.siblings("m0b"))
            told = (len(store.list_conversations()), len(store.bin()), len(store.search("newer")))
            seen.append((*told, shown, versions, len(store.find_in_chat("chat-0", "newer"))))
            if len(seen) == 6:  # one of the user's own, beside what comes
                store.show_branch("m1b")
                store.add_user_message("chat-1", "my own")

        monkeypatch.setattr(importer.time, "sleep", rest)
        done = take(grown_export(tmp_path / "b.json"), history.parent)
        assert done.added.plain() == {"conversations": 1, "messages": 10, "branches": 3, "assets": 2}
        before = [each for each in seen if each[0] == 2]
        assert len(before) > 6, "a chat is cut between its messages"
        assert {(*each[:3], tuple(each[3]), *each[4:]) for each in before} == {(2, 0, 0, ("m0a", "m0b"), 1, 0)}
        assert [message.id for message in store.messages("chat-0")] == ["m0a", "m0b", "m0c", "m0d"]
        assert [message.body for message in store.messages("chat-1")][-1] == "my own", "what is shown stays"
        assert [message.id for message in store.siblings("m0b")] == ["m0b", "m0e"]
        assert [message.body for message in store.siblings("m1c")] == ["my own", "newer c"]
        assert len(store.search("newer")) == 8
        assert store.unsent_text(None) == f"typed {len(seen) - 1}"
    assert sql(history, "SELECT COUNT(*) FROM conversation WHERE deleted_at < 0") == [(0,)]
    assert sql(history, "SELECT kind, item_id, conversation_id FROM origin ORDER BY item_id")[0] == (1, "m0c", "chat-0")
    assert examine(history, whole=True).reason == ""
    monkeypatch.setattr(importer.time, "sleep", lambda _: None)
    assert set(take(tmp_path / "b.json", history.parent).added.plain().values()) == {0}


def test_every_moment_of_growing_is_all_or_nothing_also_in_backups(
    tmp_path: Path, pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill before it is agreed to leaves what was there, one behind that all of it; backups hold either."""
    history = tmp_path / "data" / "chats.sqlite3"
    (tmp_path / "a.json").write_text(ours(our_chat(0), our_chat(1)))
    take(tmp_path / "a.json", history.parent)
    old, path, copies = exported_lines(history), grown_export(tmp_path / "b.json"), list[Path]()

    def rest(_: float) -> None:
        copies.append(tmp_path / f"copy-{len(copies)}")
        shutil.copytree(history.parent, copies[-1])
        with closing(open_for_reading(history)) as now:
            copy_history(now, copies[-1] / "backup.sqlite3")

    with monkeypatch.context() as patched:
        patched.setattr(importer.time, "sleep", rest)
        take(path, history.parent)
    whole = exported_lines(history)
    found = []
    for copy in (*copies[::3], copies[-1]):
        killed, backup = copy / "chats.sqlite3", copy / "backup.sqlite3"
        assert examine(killed, whole=True).reason == ""
        assert sql(backup, "SELECT COUNT(*) FROM conversation WHERE deleted_at < 0") == [(0,)]
        importer.remove_leftovers(killed)
        assert exported_lines(backup) == exported_lines(killed)
        assert examine(backup, whole=True).reason == examine(killed, whole=True).reason == ""
        found.append([old, whole].index(exported_lines(killed)))
        assert sql(killed, "SELECT COUNT(*) FROM conversation WHERE deleted_at < 0") == [(0,)]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0, 1)
    assert take(path, copies[0]).added.messages == 10
    assert exported_lines(copies[0] / "chats.sqlite3") == whole


def test_a_chat_that_is_removed_for_good_meanwhile_stays_away(
    tmp_path: Path, pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = tmp_path / "data" / "chats.sqlite3"
    (tmp_path / "a.json").write_text(ours(our_chat(0), our_chat(1)))
    take(tmp_path / "a.json", history.parent)
    with HistoryStore.open(history) as store:
        rests = itertools.count()

        def rest(_: float) -> None:
            if next(rests) == 4:
                store.delete("chat-0")
                store.remove_for_good(["chat-0"])

        monkeypatch.setattr(importer.time, "sleep", rest)
        take(grown_export(tmp_path / "b.json"), history.parent)
        assert sorted(chat.id for chat in store.list_conversations()) == ["chat-1", "chat-2"]
    assert sql(history, "SELECT COUNT(*) FROM message WHERE id LIKE 'm0%'") == [(0,)]
    assert examine(history, whole=True).reason == ""


def test_what_cannot_be_joined_is_joined_by_the_next_start(
    tmp_path: Path, pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = tmp_path / "data" / "chats.sqlite3"
    (tmp_path / "a.json").write_text(ours(our_chat(0), our_chat(1)))
    take(tmp_path / "a.json", history.parent)

    def full(db: Database) -> None:
        if agreed_additions(db.conn):
            raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(importer, "join_agreed", full)
        done = take(grown_export(tmp_path / "b.json"), history.parent)
    assert (done.done, done.found.skipped[-1]["why"]) == (True, texts.JOINED_LATER)
    assert importer.leftovers(history)
    importer.remove_leftovers(history)
    assert len(exported_lines(history)) == 3
    assert sql(history, "SELECT COUNT(*) FROM message WHERE conversation_id = 'chat-0'") == [(6,)]
    assert not importer.leftovers(history)
