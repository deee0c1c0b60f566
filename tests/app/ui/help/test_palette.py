"""Ctrl+K: chats, commands, settings and models from the keyboard alone."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.chats.history import HistoryStore
from app.chats.messages import Conversation
from app.library.values import ModelState
from app.main import Parts
from app.ui.help.palette import words
from app.ui.help.palette.matching import MOST_OF_A_KIND, PaletteEntry, found
from app.ui.help.palette.palette import Palette
from app.ui.settings.dialog import SettingsDialog
from tests.app.ui.test_finding import chat_of
from tests.helpers.scripted_library import ScriptedLibrary, library_of, mine
from tests.helpers.waiting import WAIT_MS


def nothing() -> None:
    """Goes nowhere."""


def texts(box: Palette) -> list[str]:
    """What is shown."""
    return [entry.text for entry in box.entries()]


def opened(qtbot: QtBot, parts: Parts, typed: str = "") -> Palette:
    """The box, by its key."""
    box, composer = parts.window.go_to.box, parts.window.pane.composer.box
    composer.setFocus()
    qtbot.waitUntil(composer.hasFocus, timeout=WAIT_MS)
    qtbot.keyClick(composer, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert box.isVisible()
    assert QApplication.focusWidget() is box.line
    qtbot.keyClicks(box.line, typed)
    return box


def test_the_best_comes_first_and_no_kind_floods_the_others(store: HistoryStore) -> None:
    for number in range(50):
        store.add_user_message(None, f"About a new chat {number}")
    tagged = store.add_user_message(None, "Other chat").conversation_id
    store.order.tag([tagged], ["renewable"])
    chats = store.list_conversations()
    entries = [
        PaletteEntry("setting", "Renewal", nothing),
        PaletteEntry("command", "New chat", nothing),
        PaletteEntry("setting", "Other", nothing, also="what is new"),
    ]
    best = [each.text if isinstance(each, PaletteEntry) else each.title for each in found(entries, chats, "NEW")]
    assert best[:2] == ["New chat", "About a new chat 49"]
    assert best[-2:] == ["Renewal", "Other"]
    assert len(best) == MOST_OF_A_KIND + 3
    assert [each for each in found(entries, chats, "renewable") if isinstance(each, Conversation)] == [chats[0]]
    accents = [PaletteEntry("chat", "Caf\u00e9 \u6771\u4eac", nothing)]
    assert found(accents, (), "cafe") == found(accents, (), "\u4eac") == accents
    assert found(accents, (), "cafe tea") == []


def test_a_chat_is_opened_by_its_title(qtbot: QtBot, parts: Parts) -> None:
    (first,) = chat_of(parts, "apples and pears")
    chat_of(parts, "stars and moons")
    box = opened(qtbot, parts, "pears")
    assert texts(box)[0] == "apples and pears"
    qtbot.keyClick(box.line, Qt.Key.Key_Return)
    assert parts.controller.chat_id == parts.store.message(first).conversation_id
    assert box.isHidden()
    assert parts.window.pane.composer.box.hasFocus()


def test_commands_are_done_and_those_that_are_impossible_are_left_out(qtbot: QtBot, parts: Parts) -> None:
    box = opened(qtbot, parts)
    assert "New chat" in texts(box)
    assert "Stop" not in texts(box)
    qtbot.keyClicks(box.line, "map")
    qtbot.keyClick(box.line, Qt.Key.Key_Return)
    assert parts.window.actions_by_name["map"].isChecked()


def test_arrows_go_round_escape_goes_back_and_the_key_closes(qtbot: QtBot, parts: Parts) -> None:
    box = opened(qtbot, parts, "chat")
    last = box.rows.count() - 1
    qtbot.keyClick(box.line, Qt.Key.Key_Up)
    assert box.rows.currentRow() == last
    qtbot.keyClick(box.line, Qt.Key.Key_Tab)
    assert (box.rows.currentRow(), box.line.hasFocus()) == (0, True)
    qtbot.keyClick(box.line, Qt.Key.Key_PageDown)
    assert box.rows.currentRow() == min(10, last)
    qtbot.keyClick(box.line, Qt.Key.Key_Escape)
    assert box.isHidden()
    box = opened(qtbot, parts)
    qtbot.keyClick(box.line, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert box.isHidden()
    box = opened(qtbot, parts)
    parts.window.sidebar.search.setFocus()
    assert box.isHidden()


def test_a_setting_is_shown_alone(qtbot: QtBot, parts: Parts) -> None:
    box = opened(qtbot, parts, "text size")
    names = [entry.text for entry in box.entries() if entry.kind == "setting"]
    while box.entries()[box.rows.currentRow()].text != names[0]:
        qtbot.keyClick(box.line, Qt.Key.Key_Down)
    qtbot.keyClick(box.line, Qt.Key.Key_Return)
    dialog = parts.window.findChildren(SettingsDialog)[0]
    assert [name for name, row in dialog.rows.items() if row.isVisible()] == ["text_scale"]


def test_a_model_is_found_and_used(qtbot: QtBot, scripted: Parts, library: ScriptedLibrary) -> None:
    box = opened(qtbot, scripted)
    library.show(library_of(mine("here", ModelState.READY, title="Gemma & friends", repo="a/b")))
    qtbot.keyClicks(box.line, "gemma")
    assert words.use_model("Gemma & friends") in texts(box)
    chosen = []
    scripted.window.go_to.model_wanted.connect(chosen.append)
    qtbot.keyClick(box.line, Qt.Key.Key_Return)
    assert [model.title for model in chosen] == ["Gemma & friends"]


def test_what_is_no_title_can_be_looked_for_in_the_messages(qtbot: QtBot, parts: Parts) -> None:
    box = opened(qtbot, parts, "xylophone")
    assert texts(box) == [words.search_for("xylophone")]
    qtbot.keyClick(box.line, Qt.Key.Key_Return)
    assert parts.window.sidebar.search.text() == "xylophone"
    assert parts.window.sidebar.search.hasFocus()
