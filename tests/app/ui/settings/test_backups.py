"""Backups in the settings: a look at one, its chats in the place of those of now, and one Undo."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.base.paths import AppPaths
from app.chats.backup import make_backup
from app.chats.incoming import import_lock
from app.chats.texts import IMPORT_AT_WORK, IMPORT_AT_WORK_HINT
from app.main import Parts
from app.ui.settings import words
from app.ui.settings.backups_dialog import BackupsDialog, BackupsPanel
from app.ui.settings.dialog import SettingsDialog
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS

NOON = datetime(2026, 11, 20, 12, 0, 0)


def a_backup(parts: Parts) -> Path:
    """Two chats as they were; then one is renamed away and a third one begun."""
    for text in ("one", "two"):
        parts.store.add_user_message(None, text)
    made = make_backup(parts.store._db.conn, AppPaths.resolve().backups, "daily", NOON)
    parts.store.add_user_message(parts.store.list_conversations()[0].id, "more")
    chat = parts.store.add_user_message(None, "three").conversation_id
    parts.controller._publish()
    parts.controller.open_chat(chat)
    return made


def opened(qtbot: QtBot, parts: Parts) -> BackupsDialog:
    """From the settings, as the user does, with the look at the first one done."""
    parts.window.actions_by_name["settings"].trigger()
    (settings,) = parts.window.findChildren(SettingsDialog)
    (panel,) = settings.findChildren(BackupsPanel)
    panel.button.click()
    dialog = parts.window.bringing_back.dialog
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.told.text() != words.LOOKING_INTO_BACKUP, timeout=WAIT_MS)
    return dialog


def titles(parts: Parts) -> list[str]:
    """Of the chats in the list."""
    return sorted(chat.title for chat in parts.window.sidebar.list.conversations())


def test_chats_are_brought_back_and_undo_takes_that_back(qtbot: QtBot, parts: Parts) -> None:
    a_backup(parts)
    parts.window.pane.composer.set_text("typed and not sent")
    dialog = opened(qtbot, parts)
    held, gone, back = dialog.told.text().split("\n")
    assert held.startswith("In it: 2 chats and 2 messages, the newest message of 20")
    assert gone == "Would be gone: 1 chat and 2 messages of now, not in the backup."
    assert back == "Nothing that is gone now would come back."
    dialog.agree.click()
    notice = parts.window.pane.notice
    qtbot.waitUntil(lambda: titles(parts) == ["one", "two"], timeout=WAIT_MS)
    assert parts.controller.chat_id is None, "the chat that was shown is gone"
    assert notice.action.text() == words.UNDO
    notice.action.click()
    qtbot.waitUntil(lambda: titles(parts) == ["one", "three", "two"], timeout=WAIT_MS)
    three = next(chat.id for chat in parts.store.list_conversations() if chat.title == "three")
    assert parts.store.unsent_text(three) == "typed and not sent"
    assert parts.window.pane.composer.text == "typed and not sent", "the chat that was left is shown again"
    qtbot.waitUntil(lambda: notice.text == words.TAKEN_BACK, timeout=WAIT_MS)


def test_while_an_answer_is_written_nothing_is_brought_back(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    a_backup(parts)
    dialog = opened(qtbot, parts)
    process.gate.clear()
    assert parts.controller.send("and now?")
    dialog.agree.click()
    assert dialog.isVisible(), "it says so where the user looks"
    assert dialog.told.text() == words.BRING_BACK_BUSY
    process.gate.set()
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert titles(parts) == ["one", "three", "two"]


@pytest.mark.qt_log_ignore("Keyboard event not accepted", extend=True)
def test_meanwhile_nothing_is_taken_and_what_was_typed_stays(qtbot: QtBot, parts: Parts) -> None:
    a_backup(parts)
    window, controller = parts.window, parts.controller
    old = controller.chat_id
    dialog = opened(qtbot, parts)
    window.pane.composer.set_text("young text")
    dialog.agree.click()
    assert not window.findChildren(SettingsDialog) or not window.findChildren(SettingsDialog)[0].isVisible()
    assert window.pane.notice.text == words.BRINGING_BACK
    assert not window.pane.composer.box.isEnabled()
    qtbot.keyClicks(window.pane.composer.box, "lost?")
    window.chats.sending.on_send("lost?")
    controller.open_chat(None)
    assert (controller.chat_id, controller.send("lost?"), window.pane.composer.text) == (old, False, "young text")
    controller.unsent.note(old, "young text, and a file that was read late")
    qtbot.waitUntil(lambda: window.isEnabled(), timeout=WAIT_MS)
    assert titles(parts) == ["one", "two"]
    assert window.pane.composer.text == "young text, and a file that was read late"
    window.pane.composer.set_text("typed since")
    window.pane.notice.action.click()
    assert window.pane.notice.text == words.PUTTING_BACK
    controller.open_chat(old)
    qtbot.keyClicks(window.pane.composer.box, "lost?")
    qtbot.waitUntil(lambda: window.isEnabled(), timeout=WAIT_MS)
    assert window.pane.notice.text == words.TAKEN_BACK
    assert window.pane.composer.text == "typed since"
    assert parts.store.unsent_text(old) == "young text"


def test_a_text_stays_in_the_box_of_a_chat_that_stays(qtbot: QtBot, parts: Parts) -> None:
    a_backup(parts)
    kept = next(chat.id for chat in parts.store.list_conversations() if chat.title == "one")
    parts.controller.open_chat(kept)
    parts.window.pane.composer.set_text("typed here")
    opened(qtbot, parts).agree.click()
    qtbot.waitUntil(lambda: parts.window.isEnabled(), timeout=WAIT_MS)
    assert (parts.controller.chat_id, parts.window.pane.composer.text) == (kept, "typed here")
    assert parts.store.unsent_text(kept) == "typed here"


def test_while_an_import_is_open_nothing_is_brought_back(qtbot: QtBot, parts: Parts) -> None:
    a_backup(parts)
    said = f"{IMPORT_AT_WORK} {IMPORT_AT_WORK_HINT}"
    with import_lock(parts.store.path):
        dialog = opened(qtbot, parts)
        assert (dialog.told.text(), dialog.agree.isEnabled()) == (said, False)
        dialog.reject()
    dialog = opened(qtbot, parts)
    with import_lock(parts.store.path):  # it was begun since the look
        dialog.agree.click()
        qtbot.waitUntil(lambda: parts.window.isEnabled(), timeout=WAIT_MS)
    assert parts.window.pane.notice.text == said
    assert titles(parts) == ["one", "three", "two"]


def test_an_open_search_finds_what_is_there_now(qtbot: QtBot, parts: Parts) -> None:
    a_backup(parts)
    sidebar, notice = parts.window.sidebar, parts.window.pane.notice

    def found() -> list[str]:
        return sorted(hit.snippet for hit in sidebar.results.hits())

    sidebar.search.setText("three")
    qtbot.waitUntil(lambda: found() == ["three"], timeout=WAIT_MS)
    opened(qtbot, parts).agree.click()
    qtbot.waitUntil(lambda: parts.window.isEnabled() and found() == [], timeout=WAIT_MS)
    notice.action.click()
    qtbot.waitUntil(lambda: parts.window.isEnabled() and found() == ["three"], timeout=WAIT_MS)
    (hit,) = sidebar.results.hits()
    sidebar.results.chosen.emit(hit)
    assert parts.controller.chat_id == hit.conversation_id


def test_an_undo_brings_recordings_and_waiting_messages_back(qtbot: QtBot, parts: Parts) -> None:
    a_backup(parts)
    chat = parts.controller.chat_id
    assert chat is not None
    parts.store.queue.add(chat, "and then?")
    answer = parts.store.messages(chat)[-1].id
    parts.controller.recordings.keep(answer, 0, b"steps", 10**6)
    parts.controller.open_chat(chat)
    opened(qtbot, parts).agree.click()
    qtbot.waitUntil(lambda: parts.window.isEnabled(), timeout=WAIT_MS)
    assert parts.controller.waiting.of(chat) == ()
    parts.controller.on_upkeep_due()
    parts.window.pane.notice.action.click()
    qtbot.waitUntil(lambda: parts.window.isEnabled(), timeout=WAIT_MS)
    assert parts.controller.chat_id == chat
    assert [each.body for each in parts.controller.waiting.of(chat)] == ["and then?"]
    assert parts.controller.recordings.has(answer)


def test_what_goes_beside_chats_is_named_and_undo_brings_it_back(qtbot: QtBot, parts: Parts) -> None:
    a_backup(parts)
    other = parts.store.list_conversations()[1].id
    parts.controller.unsent.note(other, "typed in another chat")  # and stored before the look
    parts.controller.list.keep_prompt("Kind", "Be kind.")
    parts.controller.tables.create("Invoices")
    parts.controller.tables.add_files([Path.home() / "a.txt"])
    parts.window.pane.composer.set_text("typed here, and stays")
    dialog = opened(qtbot, parts)
    gone = dialog.told.text().split("\n")[1]
    assert gone == (
        "Would be gone: 1 chat, 2 messages, 1 text that was not sent, 1 prompt of the library and 1 table over files "
        "of now, not in the backup."
    )
    dialog.agree.click()
    notice = parts.window.pane.notice
    qtbot.waitUntil(lambda: parts.window.isEnabled() and notice.action.text() == words.UNDO, timeout=WAIT_MS)
    assert (parts.store.unsent_text(other), parts.controller.list.prompts()) == ("", ())
    notice.action.click()
    qtbot.waitUntil(lambda: notice.text == words.TAKEN_BACK, timeout=WAIT_MS)
    assert parts.controller.unsent.text_of(other) == "typed in another chat"
    assert [prompt.body for prompt in parts.controller.list.prompts()] == ["Be kind."]
    assert "Invoices" in [title for _, title in parts.controller.tables.titles()]


def test_an_undo_that_cannot_be_stays_on_offer(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    a_backup(parts)
    opened(qtbot, parts).agree.click()
    qtbot.waitUntil(lambda: parts.window.isEnabled(), timeout=WAIT_MS)
    notice = parts.window.pane.notice
    process.gate.clear()
    assert parts.controller.send("and now?")
    notice.action.click()
    assert (notice.text, notice.action.text()) == (words.BRING_BACK_BUSY, words.UNDO)
    process.gate.set()
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    for backup in AppPaths.resolve().backups.glob("chats-restore-*"):
        backup.rename(backup.with_suffix(".away"))
    notice.action.click()
    qtbot.waitUntil(lambda: "There is no backup" in notice.text, timeout=WAIT_MS)
    assert parts.window.isEnabled()
    notice.button.click()
    assert (notice.text, notice.action.text()) == (words.NOT_PUT_BACK, words.UNDO)
    for backup in AppPaths.resolve().backups.glob("*.away"):
        backup.rename(backup.with_suffix(".sqlite3"))
    notice.action.click()
    qtbot.waitUntil(lambda: notice.text == words.TAKEN_BACK, timeout=WAIT_MS)
    assert titles(parts) == ["one", "three", "two"]


def test_what_is_no_backup_says_so(qtbot: QtBot, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = opened(qtbot, parts)
    assert dialog.told.text() == words.NO_BACKUPS
    bad = tmp_path / "no & <b>.sqlite3"
    bad.write_bytes(b"nothing")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(bad), ""))
    dialog.other.click()
    qtbot.waitUntil(lambda: "holds no chats that could be restored" in dialog.told.text(), timeout=WAIT_MS)
    assert not dialog.agree.isEnabled()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert parts.window.bringing_back.dialog is None
