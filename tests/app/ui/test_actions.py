"""The menus: every line does something, whoever of the coordinators owns it, and the table of keys says the same."""

from __future__ import annotations

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenuBar
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.actions import MENUS, make_actions
from app.ui.help import words

# Keys that a panel handles itself, and where that is tested.
PANEL_KEYS = {"Enter": "composer", "Shift+Enter": "composer", "Delete": "chat list"}


def listeners(action: QAction) -> int:
    """How many slots hear of it, Qt's own included."""
    return action.receivers("2triggered(bool)")


def test_every_action_is_connected(qtbot: QtBot, parts: Parts) -> None:
    names = [entry.name for entries in MENUS.values() for entry in entries if entry is not None]
    bar = QMenuBar()
    qtbot.addWidget(bar)
    bare, connected = make_actions(bar), parts.window.actions_by_name
    assert sorted(connected) == sorted(names)
    assert not [name for name in names if listeners(connected[name]) <= listeners(bare[name])]


def test_every_shortcut_of_the_table_exists(parts: Parts) -> None:
    bound = {key.toString() for action in parts.window.actions_by_name.values() for key in action.shortcuts()}
    for shortcut in words.SHORTCUTS:
        if shortcut.keys in PANEL_KEYS:
            continue
        keys = shortcut.keys.replace("Plus", "+").replace("Minus", "-").replace("PageDown", "PgDown")
        keys = keys.replace("PageUp", "PgUp")
        assert QKeySequence(keys).toString() in bound, shortcut


def test_every_shortcut_of_the_menus_stands_in_the_table(parts: Parts) -> None:
    known = {s.keys.replace("Plus", "+").replace("Minus", "-").replace("Page", "Pg") for s in words.SHORTCUTS}
    known = {QKeySequence(keys).toString() for keys in known}
    for action in parts.window.actions_by_name.values():
        if action.shortcuts():
            assert action.shortcuts()[0].toString() in known, action.text()
