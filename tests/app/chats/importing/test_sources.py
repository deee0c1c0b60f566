"""Five programs' exports come in whole: every branch, the shown one, roles, files, what is unknown; and only once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.chats import apart
from app.chats.exporting.snapshot import snapshot
from app.chats.exporting.writing import ExportFormat, export_chats
from app.chats.files import files_folder, place_of
from app.chats.history import HistoryStore
from app.chats.importing import importer, texts
from app.chats.importing.importer import Imported, import_chats
from tests.app.chats.importing.exports import (
    PNG,
    write_chatgpt,
    write_claude,
    write_jan,
    write_lm_studio,
    write_open_webui,
)
from tests.app.chats.support import fill, sql


@pytest.fixture(autouse=True)
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the process of the test: what a process of its own is for is tested in test_importing.py."""
    from app.chats.importing.reading import read_apart

    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    assert apart


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chats.sqlite3"


def take(path: Path, history: Path, dry_run: bool = False) -> Imported:
    with closing(import_chats(path, history, history.parent / "backups", dry_run)) as steps:
        last = list(steps)[-1]
    assert isinstance(last, Imported)
    return last


def chats(history: Path) -> dict[str, dict[str, Any]]:
    """All chats as an export has them, by title."""
    with snapshot(history) as found:
        return {each.title: found.portable(each.id) for each in found.conversations()}


SOURCES: dict[str, tuple[Callable[[Path], Path], str, tuple[int, int, int, int]]] = {
    "chatgpt": (write_chatgpt, "x.zip", (3, 36, 9, 9)),
    "claude": (write_claude, "x.zip", (3, 8, 4, 1)),
    "open-webui": (write_open_webui, "x.json", (1, 4, 2, 2)),
    "lm-studio": (write_lm_studio, "x", (1, 5, 3, 0)),
    "jan": (write_jan, "x", (1, 3, 1, 1)),
}


@pytest.mark.parametrize("source", SOURCES)
def test_all_of_it_comes_in_once(source: str, history: Path, tmp_path: Path) -> None:
    write, name, (conversations, messages, branches, assets) = SOURCES[source]
    path = write(tmp_path / name)
    dry = take(path, history, dry_run=True)
    assert not history.exists()
    counted = {"conversations": conversations, "messages": messages, "branches": branches, "assets": assets}
    assert dry.added.plain() == counted
    done = take(path, history)
    assert (done.found.source, done.added.plain()) == (source, counted)
    found = done.found
    assert (found.conversations, found.messages, found.branches, found.assets) == tuple(counted.values())
    inside = list(chats(history).values())
    assert len(inside) == conversations
    assert sum(len(chat["messages"]) for chat in inside) == messages
    parents = {each.get("parent_id") for chat in inside for each in chat["messages"]}
    assert sum(each["id"] not in parents for chat in inside for each in chat["messages"]) == branches
    assert sql(history, "SELECT COUNT(*) FROM attachment") == [(assets,)]
    before = inside
    again = take(path, history)
    assert set(again.added.plain().values()) == {0}
    assert list(chats(history).values()) == before
    assert take(path, history, dry_run=True).added.plain() == again.added.plain()
    assert sorted(each.name for each in history.parent.iterdir() if each.name.startswith("import-")) == []


def by_origin(chat: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Messages by the source's own ids."""
    return {each["origin"]["source_id"].rpartition("/")[2]: each for each in chat["messages"]}


def test_chatgpt(history: Path, tmp_path: Path) -> None:
    done = take(write_chatgpt(tmp_path / "x.zip"), history)
    chat = chats(history)["Chat 0"]
    found = by_origin(chat)
    assert chat["head_message_id"] == found["a1"]["id"], "the shown branch, not the newest one"
    roles = Counter(each["role"] for each in chat["messages"])
    assert roles == {"system": 1, "user": 2, "assistant": 7, "tool": 2}
    assert found["a2"]["parent_id"] == found["a3"]["parent_id"] == found["think"]["parent_id"] == found["q"]["id"]
    assert [found[name]["sibling_no"] for name in ("think", "a2", "a3")] == [0, 1, 2]
    assert chat["created_at"] == 1_700_000_000_250
    assert found["ctx"]["body"] == "I am\n\nBe"
    assert found["think"]["thinking"] == "S\n\nC1"
    assert found["recap"]["thinking"] == "Thought for 3 s"
    assert found["code"]["body"] == "```python\nprint(1)\n```"
    assert found["run"]["body"] == "```\n1\n```"
    assert found["a2"]["body"] == "Second answer\n\nspoken"
    assert "quoted" in found["web"]["body"]
    assert found["odd"]["body"] == "seen"
    assert found["odd"]["origin"]["extra"]["content"]["content_type"] == "hologram"
    assert found["sys"]["origin"]["extra"]["weight"] == 0.0
    assert chat["origin"]["extra"]["gizmo_id"] is None
    assert found["a1"]["generation"]["model"] == "gpt-x"
    assert [each["name"] for each in found["q"]["attachments"]] == ["picture.png", "notes.txt"]
    assert place_of(files_folder(history), found["q"]["attachments"][0]["digest"]).read_bytes() == PNG
    assert [each["name"] for each in found["a2"]["attachments"]] == ["file-Sound1"]
    skipped = {(each["what"].rpartition("/")[2], each["why"]) for each in done.found.skipped}
    assert ("conversations-999.json", texts.NAMED_BUT_MISSING) in skipped
    assert ("file-Nobody.dat", texts.BELONGS_TO_NOTHING) in skipped
    assert ("user.json", texts.NOT_A_CHAT) in skipped
    assert ("Chat 0", texts.unknown_kind("hologram")) in skipped
    assert len(skipped) == 6, "nothing else was left out"
    with HistoryStore.open(history) as store:
        shown = next(each for each in store.list_conversations() if each.title == "Chat 0")
        assert [turn.role for turn in store.turns(shown.id)] == ["user", "user", "assistant", "assistant"]


def test_claude(history: Path, tmp_path: Path) -> None:
    done = take(write_claude(tmp_path / "x.zip"), history)
    found = chats(history)
    m1, m2, m3 = found["From Claude"]["messages"]
    assert [each["role"] for each in (m1, m2, m3)] == ["user", "assistant", "user"]
    assert m2["thinking"] == "Hmm"
    assert m2["body"].startswith("Hello\n\n*Tool call: search*")
    assert "found" in m2["body"]
    assert m1["created_at"] == 1_767_225_600_123
    assert m1["attachments"][0]["name"] == "a.txt"
    assert found["From Claude"]["origin"]["extra"]["summary"] == "A summary"
    assert by_origin(found["A tree"])["t3"]["parent_id"] == by_origin(found["A tree"])["t1"]["id"]
    assert by_origin(found["Design"])["d2"]["state"] == "error"
    why = {each["what"]: each["why"] for each in done.found.skipped}
    assert why["From Claude: photo.png"] == texts.NOT_IN_EXPORT
    assert why["projects/p1.json"] == texts.A_PROJECT
    assert set(why) >= {"memories.json", "users.json", "login_history.json"}


def test_open_webui(history: Path, tmp_path: Path) -> None:
    take(write_open_webui(tmp_path / "x.json"), history)
    chat = chats(history)["From Open WebUI"]
    found = by_origin(chat)
    assert (chat["pinned"], chat["tags"]) == (1, ["work"])
    assert (found["x2"]["sibling_no"], found["x1"]["sibling_no"]) == (0, 1)
    assert (found["x1"]["thinking"], found["x1"]["body"]) == ("One\ntwo", "Yes")
    assert found["x2"]["error"]["user_text"] == "Failed"
    assert chat["head_message_id"] == found["u2"]["id"]
    assert found["x1"]["origin"]["extra"]["usage"] == {"total_tokens": 3}
    assert DATA_URL_HEAD not in json.dumps(found["u1"]["origin"])


DATA_URL_HEAD = "base64,iVBOR"


def test_lm_studio(history: Path, tmp_path: Path) -> None:
    done = take(write_lm_studio(tmp_path / "x"), history)
    chat = chats(history)["From LM Studio"]
    found = by_origin(chat)
    assert chat["folder"] == ["Work"]
    assert found["0.1"]["parent_id"] == found["0.0"]["parent_id"] == found["system"]["id"]
    assert found["1.0"]["parent_id"] == found["0.1"]["id"], "later messages hang under the selected version"
    assert chat["head_message_id"] == found["1.0"]["id"]
    assert found["1.0"]["thinking"] == "Hmm"
    assert found["1.0"]["generation"]["model"] == "qwen"
    assert [each["why"] for each in done.found.skipped] == [texts.NOT_IN_EXPORT]


def test_jan_hides_nothing_behind_a_bad_line(history: Path, tmp_path: Path) -> None:
    done = take(write_jan(tmp_path / "x"), history)
    found = by_origin(chats(history)["From Jan"])
    assert [found[name]["role"] for name in ("j1", "j2", "j3")] == ["user", "assistant", "tool"]
    assert found["j2"]["thinking"] == "Hm"
    assert found["j3"]["state"] == "stopped"
    assert found["j2"]["generation"]["model"] == "llama"
    assert {"what": "From Jan", "why": texts.bad_line(2)} in done.found.skipped


def test_a_chat_that_has_grown_gets_what_it_lacks(history: Path, tmp_path: Path) -> None:
    from tests.app.chats.importing.exports import chatgpt_chat, node, text

    (tmp_path / "one.json").write_text(json.dumps([chatgpt_chat()]))
    take(tmp_path / "one.json", history)
    grown = chatgpt_chat()
    grown["mapping"]["a1"]["children"].append("more")
    grown["mapping"]["more"] = node("more", "a1", "user", text("More"))
    grown["current_node"] = "more"
    (tmp_path / "two.json").write_text(json.dumps([grown]))
    assert take(tmp_path / "two.json", history, dry_run=True).added.plain()["messages"] == 1
    done = take(tmp_path / "two.json", history)
    assert done.added.plain() == {"conversations": 0, "messages": 1, "branches": 0, "assets": 0}
    chat = chats(history)["Chat 0"]
    assert chat["head_message_id"] == by_origin(chat)["more"]["id"]


def test_our_own_json_comes_back_byte_for_byte(history: Path, tmp_path: Path) -> None:
    for write, name in ((write_chatgpt, "a.zip"), (write_open_webui, "b.json")):
        take(write(tmp_path / name), history)
    with HistoryStore.open(history) as store:
        fill(store, 3, 2)
        odd = "\0 \u202e\U0001f600 \u0301" + "x" * 100_000
        user = store.add_user_message(None, odd)
        store.keep_unsent(user.conversation_id, "typed")
    write_all(history, tmp_path / "one.json")
    other = tmp_path / "other" / "chats.sqlite3"
    done = take(tmp_path / "one.json", other)
    assert (done.found.source, done.found.skipped) == ("dewpoint", [])
    write_all(other, tmp_path / "two.json")
    assert (tmp_path / "two.json").read_bytes() == (tmp_path / "one.json").read_bytes()
    assert set(take(tmp_path / "one.json", history).added.plain().values()) == {0}


def write_all(history: Path, out: Path) -> None:
    with snapshot(history) as found:
        list(export_chats(found, found.conversations(), ExportFormat.JSON, out))


def test_imported_chats_stand_where_their_time_says(history: Path, tmp_path: Path) -> None:
    with HistoryStore.open(history) as store:
        store.add_user_message(None, "mine")
    take(write_chatgpt(tmp_path / "x.zip"), history)
    with HistoryStore.open(history) as store:
        assert [each.title for each in store.list_conversations()] == ["mine", "Chat 2", "Chat 1", "Chat 0"]
        assert store.search("Third")[0].title.startswith("Chat")


def test_a_chat_in_the_bin_stays_there(history: Path, tmp_path: Path) -> None:
    path = write_open_webui(tmp_path / "x.json")
    take(path, history)
    with HistoryStore.open(history) as store:
        store.delete(store.list_conversations()[0].id)
    done = take(path, history)
    assert set(done.added.plain().values()) == {0}
    assert done.found.skipped[-1]["why"] == texts.IN_THE_BIN
    with HistoryStore.open(history) as store:
        assert store.list_conversations() == ()
