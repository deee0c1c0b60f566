"""File > Export and File > Import, from the click to the file, and from the file to the list."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from app.chats.exporting.writing import ExportFormat
from app.chats.importing import importer
from app.chats.importing.reading import read_apart
from app.main import Parts
from app.ui.chat import words
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.exchange import words as exchange_words
from app.ui.chat.exchange.dialogs import ExportDialog, ImportDialog, ImportState
from app.ui.widgets.save_dialog import SaveDialog
from tests.app.chats.importing.exports import our_chat, ours, write_chatgpt
from tests.app.ui.conftest import MakeWindow
from tests.helpers.waiting import WAIT_MS


@pytest.fixture
def parts(make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """A window; what is imported is read in the window's process."""
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    return make_window()


def open_import(parts: Parts, path: Path, monkeypatch: pytest.MonkeyPatch) -> ImportDialog:
    """The dialog, with a file chosen."""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    parts.window.actions_by_name["import_chats"].trigger()
    (dialog,) = parts.window.findChildren(ImportDialog)
    dialog.file.click()
    return dialog


def test_import(parts: Parts, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_chatgpt(tmp_path / "x.zip")
    dialog = open_import(parts, path, monkeypatch)
    qtbot.waitUntil(lambda: dialog.state is ImportState.COUNTED, timeout=WAIT_MS)
    assert "3 chats, 36 messages, 9 branches, 9 files" in dialog.more.text()
    assert "file-Nobody.dat" in dialog.report.toPlainText()
    assert parts.window.sidebar.list.count() == 0, "nothing is changed before the user agrees"
    dialog.take.click()
    qtbot.waitUntil(lambda: dialog.state is ImportState.DONE, timeout=WAIT_MS)
    assert dialog.says.text().startswith("Added: 3 chats")
    assert len(parts.store.list_conversations()) == 3
    qtbot.waitUntil(lambda: parts.window.actions_by_name["export_all"].isEnabled(), timeout=WAIT_MS)
    dialog.leave.click()
    qtbot.waitUntil(lambda: not parts.window.findChildren(ImportDialog), timeout=WAIT_MS)
    again = open_import(parts, path, monkeypatch)
    qtbot.waitUntil(lambda: again.state is ImportState.DONE, timeout=WAIT_MS)
    assert "here already" in again.more.text()
    assert not again.take.isVisible()
    again.reject()


def test_what_is_no_export_is_said_in_the_dialog(
    parts: Parts, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.json").write_text("{}")
    dialog = open_import(parts, tmp_path / "x.json", monkeypatch)
    qtbot.waitUntil(lambda: dialog.state is ImportState.FAILED, timeout=WAIT_MS)
    assert "No chats were found in x.json" in dialog.trouble.text.text()
    assert dialog.file.isVisible(), "another file can be chosen"
    dialog.reject()


def test_a_closed_dialog_imports_nothing(
    parts: Parts, qtbot: QtBot, tmp_path: Path, dewpoint_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = open_import(parts, write_chatgpt(tmp_path / "x.zip"), monkeypatch)
    qtbot.waitUntil(lambda: dialog.state is ImportState.COUNTED, timeout=WAIT_MS)
    assert list(dewpoint_home.glob("import-*"))
    dialog.leave.click()
    qtbot.waitUntil(lambda: not list(dewpoint_home.glob("import-*")), timeout=WAIT_MS)
    assert parts.store.list_conversations() == ()


def test_an_import_is_stopped_while_it_is_taken_in(
    parts: Parts, qtbot: QtBot, tmp_path: Path, dewpoint_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window writes meanwhile, and nothing of the import is seen."""
    resting, going = threading.Event(), threading.Event()

    def rest(_: float) -> None:
        resting.set()
        going.wait(WAIT_MS / 1000)

    monkeypatch.setattr(importer, "HOLD_SECONDS", 0.0)
    monkeypatch.setattr(importer.time, "sleep", rest)
    dialog = open_import(parts, write_chatgpt(tmp_path / "x.zip"), monkeypatch)
    qtbot.waitUntil(lambda: dialog.state is ImportState.COUNTED, timeout=WAIT_MS)
    dialog.take.click()
    qtbot.waitUntil(resting.is_set, timeout=WAIT_MS)
    assert (dialog.state, dialog.leave.text()) == (ImportState.TAKING, exchange_words.STOP)
    parts.store.keep_unsent(None, "typed meanwhile")
    assert (parts.store.list_conversations(), parts.store.bin()) == ((), ())
    dialog.leave.click()
    going.set()
    qtbot.waitUntil(lambda: not list(dewpoint_home.glob("import-*")), timeout=WAIT_MS)
    assert (parts.store.list_conversations(), parts.store.bin()) == ((), ())
    assert parts.store.unsent_text(None) == "typed meanwhile"


def test_a_shown_chat_that_grows_shows_what_has_come(
    parts: Parts, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def import_it(*chats: dict[str, Any]) -> None:
        (tmp_path / "x.json").write_text(ours(*chats))
        dialog = open_import(parts, tmp_path / "x.json", monkeypatch)
        qtbot.waitUntil(lambda: dialog.state is ImportState.COUNTED, timeout=WAIT_MS)
        dialog.take.click()
        qtbot.waitUntil(lambda: dialog.state is ImportState.DONE, timeout=WAIT_MS)
        dialog.leave.click()
        qtbot.waitUntil(lambda: not parts.window.findChildren(ImportDialog), timeout=WAIT_MS)

    chat = our_chat(0)
    import_it(chat)
    parts.controller.open_chat("chat-0")
    parts.window.pane.composer.set_text("typed here")
    newer = {**chat["messages"][0], "id": "m0c", "parent_id": "m0b", "body": "a newer question"}
    import_it({**chat, "messages": [*chat["messages"], newer], "head_message_id": "m0c"})
    assert [item.message_id for item in parts.window.pane.chat.items] == ["m0a", "m0b", "m0c"]
    assert parts.window.pane.composer.text == "typed here"


def test_export(parts: Parts, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = parts.window.actions_by_name
    assert not actions["export_chat"].isEnabled()
    assert not actions["export_all"].isEnabled()
    parts.window.pane.composer.set_text("Hello there")
    parts.window.pane.composer.button.click()
    qtbot.waitUntil(lambda: actions["export_chat"].isEnabled(), timeout=WAIT_MS)
    chosen: list[str] = []

    def choose(_: object, __: str, start: str, pattern: str) -> Path:
        chosen.append(start)
        return tmp_path / f"mine{pattern[pattern.rindex('.') : -1]}"

    monkeypatch.setattr(SaveDialog, "chosen", choose)
    for name, kind in (("export_chat", ExportFormat.HTML), ("export_all", ExportFormat.JSON)):
        actions[name].trigger()
        (dialog,) = parts.window.findChildren(ExportDialog)
        dialog.combo.setCurrentIndex(dialog.combo.findData(kind.value))
        dialog.agree.click()
        out = tmp_path / f"mine{kind.suffix}"
        qtbot.waitUntil(out.exists, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: not parts.window.findChildren(ExportDialog), timeout=WAIT_MS)
    assert Path(chosen[0]).name == "Hello there.html"
    assert "Hello there" in (tmp_path / "mine.html").read_text("utf-8")
    assert len(json.loads((tmp_path / "mine.json").read_text("utf-8"))["chats"]) == 1


def test_what_other_programs_wrote_is_shown_as_theirs(
    parts: Parts, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = open_import(parts, write_chatgpt(tmp_path / "x.zip"), monkeypatch)
    qtbot.waitUntil(lambda: dialog.state is ImportState.COUNTED, timeout=WAIT_MS)
    dialog.take.click()
    qtbot.waitUntil(lambda: dialog.state is ImportState.DONE, timeout=WAIT_MS)
    dialog.leave.click()
    chat = parts.store.list_conversations()[0]
    notes = [words.foreign_note(each) for each in parts.store.messages(chat.id) if each.foreign]
    assert notes == ["From the system", "", "", "", "From a tool", ""]
    parts.controller.open_chat(chat.id)
    view = parts.window.pane.chat

    def shown() -> list[str]:
        return [label.text() for each in view.findChildren(AnswerView) for label in each.findChildren(QLabel)]

    qtbot.waitUntil(lambda: "From a tool" in shown(), timeout=WAIT_MS)
    assert not [text for text in shown() if "nothing that can be read" in text]


def test_the_menu_of_a_chat_exports_it(
    parts: Parts, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.window.pane.composer.set_text("Hello there")
    parts.window.pane.composer.button.click()
    rows = parts.window.sidebar.list
    qtbot.waitUntil(lambda: bool(rows.selected_ids()), timeout=WAIT_MS)
    monkeypatch.setattr(SaveDialog, "chosen", lambda *_: tmp_path / "mine.md")
    menu = rows.make_menu()
    (action,) = [each for each in menu.actions() if each.text() == exchange_words.EXPORT_MENU]
    action.trigger()
    (dialog,) = parts.window.findChildren(ExportDialog)
    dialog.combo.setCurrentIndex(dialog.combo.findData(ExportFormat.MARKDOWN.value))
    dialog.agree.click()
    qtbot.waitUntil((tmp_path / "mine.md").exists, timeout=WAIT_MS)
    menu.close()


def test_what_a_killed_import_left_goes_with_the_next_start(
    make_window: MakeWindow, qtbot: QtBot, dewpoint_home: Path
) -> None:
    left = dewpoint_home / "import-abcd1234"
    left.mkdir(parents=True)
    (left / "chats.jsonl").write_text("{}")
    make_window()
    qtbot.waitUntil(lambda: not left.exists(), timeout=WAIT_MS)
