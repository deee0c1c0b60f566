"""The chat file under the window: full, locked, deleted, changed by another program. Nothing is lost silently."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.chats import texts
from app.chats.errors import StoreFullError
from app.chats.history import HistoryStore
from app.main import Parts
from app.ui.chat import words
from app.ui.chat.unsaved_dialog import UnsavedDialog
from tests.app.ui.conftest import MakeWindow
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS


@contextmanager
def full_disk(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No write of the history works."""

    def full(*_: object, **__: object) -> None:
        raise StoreFullError(texts.STORE_FULL, texts.STORE_FULL_HINT)

    with monkeypatch.context() as patch:
        for name in ("commit_block", "finish_answer", "keep_unfinished", "stop_answer", "keep_unsent"):
            patch.setattr(HistoryStore, name, full)
        yield


def send(parts: Parts, text: str, qtbot: QtBot) -> None:
    """Type and press Enter."""
    parts.window.pane.composer.set_text(text)
    qtbot.keyClick(parts.window.pane.composer.box, Qt.Key.Key_Return)


def question(parts: Parts) -> UnsavedDialog:
    """What is asked before the window closes."""
    (dialog,) = [each for each in parts.window.findChildren(UnsavedDialog) if each.isVisible()]
    return dialog


def answered_on_a_full_disk(parts: Parts, qtbot: QtBot) -> str:
    """An answer that is on the screen and not on the disk."""
    send(parts, "Please", qtbot)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    return answer.source()


def test_closing_over_what_is_not_stored_asks_and_trying_again_stores_it(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = make_window()
    with full_disk(parts, monkeypatch):
        shown = answered_on_a_full_disk(parts, qtbot)
        assert shown
        assert not parts.window.close()
        dialog = question(parts)
        assert parts.window.isVisible()
        dialog.again.click()
        assert dialog.isVisible()
        assert dialog._said.text() == words.STILL_UNSAVED
        dialog.stay.click()
        assert parts.window.isVisible()
        assert not parts.window.close()
        dialog = question(parts)
    dialog.again.click()
    assert not parts.window.isVisible()
    again = make_window()
    (chat,) = again.store.list_conversations()
    assert again.store.messages(chat.id)[-1].body == shown


def test_what_is_not_stored_is_saved_as_a_text_file(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts = make_window()
    file = tmp_path / "kept.txt"
    with full_disk(parts, monkeypatch):
        shown = answered_on_a_full_disk(parts, qtbot)
        parts.window.pane.composer.set_text("typed and not sent")
        assert not parts.window.close()
        names = iter(["", str(tmp_path / "no folder" / "x.txt"), str(file)])
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (next(names), ""))
        dialog = question(parts)
        dialog.elsewhere.click()  # cancelled
        assert dialog.isVisible()
        dialog.elsewhere.click()
        assert "cannot be written" in dialog._said.text()
        dialog.elsewhere.click()
    assert not parts.window.isVisible()
    kept = file.read_text("utf-8")
    assert shown in kept
    assert "typed and not sent" in kept


def test_closing_anyway_and_a_desktop_that_insists(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    for insisted in (True, False):
        parts = make_window()
        with full_disk(parts, monkeypatch):
            answered_on_a_full_disk(parts, qtbot)
            assert not parts.window.close()
            if insisted:
                assert parts.window.close()  # as at the end of a session
            else:
                question(parts).anyway.click()
        assert not parts.window.isVisible()


def test_a_window_with_nothing_to_lose_closes_at_once(qtbot: QtBot, make_window: MakeWindow) -> None:
    parts = make_window()
    answered_on_a_full_disk(parts, qtbot)
    assert parts.window.close()


def test_a_locked_file_is_said_and_the_text_stays(qtbot: QtBot, make_window: MakeWindow) -> None:
    """The window waited five seconds for each write, and nobody knew why."""
    parts = make_window()
    with closing(sqlite3.connect(parts.store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        send(parts, "Please", qtbot)
        assert parts.window.pane.composer.text == "Please"
        assert texts.STORE_BUSY in parts.window.notices._toast.text
        assert parts.store._db.execute("PRAGMA busy_timeout").fetchone()[0] <= 200
        other.execute("ROLLBACK")
    qtbot.keyClick(parts.window.pane.composer.box, Qt.Key.Key_Return)
    assert parts.window.pane.composer.text == ""


def test_a_chat_file_that_is_deleted_is_said_and_written_anew(qtbot: QtBot, make_window: MakeWindow) -> None:
    parts = make_window()
    send(parts, "One", qtbot)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    parts.store.path.unlink()
    parts.controller.on_watch_due()
    toast = parts.window.notices._toast
    assert texts.STORE_GONE in toast.text
    send(parts, "Two", qtbot)
    assert parts.window.pane.composer.text == "Two"
    assert texts.STORE_GONE in toast.text
    toast.action.click()
    assert toast.text == words.WRITTEN_ANEW
    assert parts.store.path.exists()
    qtbot.keyClick(parts.window.pane.composer.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    parts.window.close()
    again = make_window()
    (chat,) = again.store.list_conversations()
    assert [each.body for each in again.store.messages(chat.id) if each.role == "user"] == ["One", "Two"]


def test_a_message_in_a_chat_that_another_program_removed_stays_in_the_box(
    qtbot: QtBot, make_window: MakeWindow
) -> None:
    parts = make_window()
    send(parts, "One", qtbot)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    chat = parts.controller.chat_id or ""
    with HistoryStore.open(parts.store.path) as other:
        other.delete(chat)
        send(parts, "Two", qtbot)
        qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
        assert [each.id for each in other.list_conversations()] == [chat]
        other.delete(chat)
        other.purge_deleted(timedelta(0))
    send(parts, "Three", qtbot)
    assert parts.window.pane.composer.text == "Three"
    assert texts.CHAT_GONE in parts.window.notices._toast.text
    assert not parts.controller.busy


@pytest.mark.parametrize("text", ["\n\n  indented", "\u00a0a\u00a0b", "\u2003a\u202fb"])
def test_blank_lines_and_spaces_of_a_message_are_kept(
    qtbot: QtBot, make_window: MakeWindow, process: ScriptedModelProcess, text: str
) -> None:
    """Through the box, the unsent text, the file and the request; Qt's plain text has ordinary spaces instead."""
    parts = make_window()
    composer = parts.window.pane.composer
    composer.box.insertPlainText(text)
    assert composer.text == text
    composer.box.selectAll()
    assert composer.box.createMimeDataFromSelection().text() == text
    parts.controller.unsent.flush()
    assert parts.store.unsent_text(None) == text
    qtbot.keyClick(composer.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(process.requests) and not parts.controller.busy, timeout=WAIT_MS)
    assert process.requests[0].turns[-1].text == text
    assert parts.store.messages(parts.controller.chat_id or "")[0].body == text
    assert composer.text == ""
    assert parts.store.unsent_text(None) == ""
