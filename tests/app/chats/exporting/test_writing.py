"""Exports: complete, whole or not there, and pages that need nothing from anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from app.base.errors import StoppedError
from app.chats import migrations
from app.chats.connections import connect
from app.chats.exporting.snapshot import NoSuchChatError, Snapshot, snapshot
from app.chats.exporting.writing import ChatExportError, Exported, ExportFormat, export_chats
from app.chats.history import HistoryStore
from tests.app.chats.support import begin, block, fill, finished, sql

ANSWER = """Some **bold**, a [link](https://example.org), a [bad one](javascript:alert(1)), ![picture](https://x.org/p.png)

| a | b |
|---|---|
| 1 | 2 |

```python
def f(x): return "a<b"  # comment
```

Inline $E = mc^2$ and

$$\\frac{1}{2}$$

<script>alert(1)</script>
"""


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A chat with two versions of an answer, one that is being written, and two more chats."""
    path = tmp_path / "data" / "chats.sqlite3"
    with HistoryStore.open(path) as store:
        user = store.add_user_message(None, "What is\n\n  *this*?\0 \u05d0")
        for text in ("First version.", ANSWER):
            answer = begin(store, user)
            store.commit_block(answer.id, block(answer=text, thinking="Hm.\nWell."))
            store.finish_answer(answer.id, finished(text, thinking="Hm.\nWell."))
        store.keep_unsent(user.conversation_id, "not sent")
        store.rename(user.conversation_id, "What is *this*? \u05d0")
        fill(store, 2, 1)
    chat = user.conversation_id
    sql(
        path,
        f"UPDATE conversation SET folder_id = 'f2', pinned = 1 WHERE id = '{chat}'",
        "INSERT INTO folder (id, name, parent_id, position) VALUES ('f1', 'Outer', NULL, 0), ('f2', 'Inner', 'f1', 0)",
        f"INSERT INTO tag (conversation_id, name) VALUES ('{chat}', 'b'), ('{chat}', 'a')",
        f"INSERT INTO queued (id, created_at, conversation_id, body) VALUES ('q', 1, '{chat}', 'next')",
    )
    return path


@pytest.fixture
def found(history: Path) -> Iterator[Snapshot]:
    with snapshot(history) as opened:
        yield opened


def write(found: Snapshot, kind: ExportFormat, out: Path, *names: str) -> Exported:
    chats = found.chosen(names) if names else found.conversations()
    return list(export_chats(found, chats, kind, out))[-1]


def test_json_holds_every_branch_and_column(found: Snapshot, history: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.json"
    assert write(found, ExportFormat.JSON, out).chats == 3
    whole = json.loads(out.read_text("utf-8"))
    assert (whole["format"], whole["version"]) == ("dewpoint-chats", 1)
    chat = whole["chats"][0]  # the one that was used first
    assert [each["role"] for each in chat["messages"]] == ["user", "assistant", "assistant"]
    assert [each["sibling_no"] for each in chat["messages"]] == [0, 0, 1]
    assert chat["head_message_id"] == chat["messages"][2]["id"]
    assert chat["unsent"] == "not sent"
    assert chat["messages"][0]["body"] == "What is\n\n  *this*?\0 \u05d0"
    answer = chat["messages"][2]
    assert answer["thinking"] == "Hm.\nWell."
    assert answer["generation"]["params"] == {}
    assert answer["generation"]["seed"] == "7"
    assert set(answer["blocks"][0]["token_ids"]) == {"base64"}
    assert (chat["folder"], chat["tags"], chat["pinned"], chat["options"]) == (["Outer", "Inner"], ["a", "b"], 1, {})
    assert chat["queued"] == [{"id": "q", "created_at": 1, "body": "next"}]
    left_out = {"seq", "conversation_id", "message_id", "used_no", "folder_id"}
    for table, where in (("conversation", chat), ("generation", answer["generation"]), ("block", answer["blocks"][0])):
        filled = {
            row[1].removesuffix("_json")
            for row in sql(history, f"PRAGMA table_info({table})")
            if sql(history, f"SELECT 1 FROM {table} WHERE {row[1]} IS NOT NULL")
        }
        assert filled - left_out <= set(where), table


def test_markdown(found: Snapshot, tmp_path: Path) -> None:
    title = found.conversations()[-1].title
    write(found, ExportFormat.MARKDOWN, tmp_path / "one.md", title)
    text = (tmp_path / "one.md").read_text("utf-8")
    assert text.startswith("# What is \\*this\\*? \u05d0\n")
    assert "## Starter" in text
    assert "version 2 of 2" in text
    assert ANSWER.strip("\n") in text
    assert "> Hm.\n> Well." in text


def test_html_needs_nothing_and_runs_nothing(found: Snapshot, tmp_path: Path) -> None:
    write(found, ExportFormat.HTML, tmp_path / "all.html")
    text = (tmp_path / "all.html").read_text("utf-8")
    assert text.count("<article>") == 3
    assert "default-src 'none'" in text
    assert not re.search(r"(?i)<script|<img|<link|\bsrc=|url\(|javascript:[^<]*\"", text)
    assert set(re.findall(r'href="([^"]*)"', text)) == {"https://example.org", "https://x.org/p.png"}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert '<span class="k">def</span>' in text
    assert text.count("<svg role=") == 2
    assert "<td>1</td>" in text


def test_several_pages_go_into_a_folder_or_one_file(found: Snapshot, tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    assert write(found, ExportFormat.MARKDOWN, folder).path == folder
    names = {each.name for each in folder.iterdir()}
    assert len(names) == 3
    assert "What is _this__ \u05d0.md" in names
    write(found, ExportFormat.MARKDOWN, folder)
    assert len(list(folder.iterdir())) == 6, "nothing is replaced"
    write(found, ExportFormat.MARKDOWN, tmp_path / "one.md")
    assert (tmp_path / "one.md").read_text("utf-8").count("\n# ") == 2


def test_pdf(found: Snapshot, tmp_path: Path) -> None:
    out = tmp_path / "one.pdf"
    write(found, ExportFormat.PDF, out, found.conversations()[-1].id)
    import pypdfium2

    with pypdfium2.PdfDocument(out) as document:
        text = "".join(page.get_textpage().get_text_range() for page in document)
    assert "alert(1)" in text
    assert "comment" in text
    assert "Starter" in text
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_what_cannot_be_written_is_a_sentence(found: Snapshot, history: Path, tmp_path: Path) -> None:
    before = history.read_bytes()
    for out in (history, history.with_name(history.name + "-wal"), tmp_path / "data" / ".." / "data" / history.name):
        with pytest.raises(ChatExportError, match="your chats are in"):
            write(found, ExportFormat.JSON, out)
    for kind in (ExportFormat.JSON, ExportFormat.MARKDOWN, ExportFormat.PDF):
        with pytest.raises(ChatExportError, match="cannot be written"):
            write(found, kind, tmp_path / "no" / f"x{kind.suffix}")
    assert history.read_bytes() == before


def test_a_stopped_export_leaves_nothing(found: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text("before")
    with pytest.raises(StoppedError):
        list(export_chats(found, found.conversations(), ExportFormat.JSON, tmp_path / "all.json", lambda: True))
    assert (tmp_path / "all.json").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2


def test_chats_are_named_by_id_beginning_or_title(found: Snapshot) -> None:
    first, second, third = found.conversations()
    assert found.chosen([third.id, first.title, third.title.upper()]) == (third, first)
    with pytest.raises(NoSuchChatError, match="no chat 'nothing'"):
        found.chosen(["nothing"])
    with pytest.raises(NoSuchChatError, match=second.id):
        found.chosen([second.id[:4]])


def older_history(path: Path, version: int) -> None:
    """A history as the first so many migrations make it, with a chat."""
    with closing(Database(connect(path), execute_plugins=False)) as db:
        some = migrations.Migrations(migrations.MIGRATION_SET)
        some._migrations = list(migrations.migrations._migrations)[:version]
        some.apply(db)
        db.execute(f"PRAGMA user_version = {version}")
        db.execute("INSERT INTO app_meta (key, value) VALUES ('schema_version', ?)", [str(version)])
        db.execute(
            """INSERT INTO conversation (id, title_source, head_message_id, created_at, updated_at, title)
               VALUES ('c', 'user', 'm', 1, 1, 'Old one')"""
        )
        db.execute(
            """INSERT INTO message
                   (id, conversation_id, sibling_no, role, state, created_at, updated_at, body, thinking)
               VALUES ('m', 'c', 0, 'user', 'done', 1, 1, 'Hello', '')"""
        )


@pytest.mark.parametrize("version", range(1, migrations.SCHEMA_VERSION))
def test_a_history_of_an_older_version_is_read_from_a_copy(tmp_path: Path, version: int) -> None:
    path = tmp_path / "chats.sqlite3"
    older_history(path, version)
    before = path.read_bytes()
    with snapshot(path) as opened:
        write(opened, ExportFormat.JSON, tmp_path / "out.json")
    assert path.read_bytes() == before
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))["chats"][0]["messages"][0]["body"] == "Hello"
