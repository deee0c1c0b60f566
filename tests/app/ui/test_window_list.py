"""The chat list: choose, rename, delete, undo."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QMenu
from pytestqt.qtbot import QtBot

from app.chats.ids import now_ms
from app.chats.messages import Conversation
from app.main import Parts
from app.ui.chat.chat_list import day_group
from tests.helpers.waiting import WAIT_MS


def add_chats(parts: Parts, *texts: str) -> list[str]:
    """Chats with one message each; the ids in the order of the list, newest first."""
    ids = [parts.store.add_user_message(None, text).conversation_id for text in texts]
    parts.controller._publish()
    return ids[::-1]


def rows(parts: Parts) -> list[str]:
    """Texts of all rows, headings included."""
    shown = parts.window.sidebar.list
    return [shown.item(row).text() for row in range(shown.count())]


def test_days_stand_in_order_whatever_the_clock_said(parts: Parts) -> None:
    """The second chat was made while the clock was a hundred thousand years ahead: it is no chat of today."""
    day = 24 * 3600 * 1000
    now = now_ms()
    ages = (0, -36_500_000 * day, day, 40 * day)
    chats = tuple(Conversation(str(n), f"{n}", "user", None, 0, now - age, None) for n, age in enumerate(ages))
    parts.window.sidebar.list.fill(chats, None, date.today())
    assert rows(parts) == ["Today", "0", "Yesterday", "1", "2", "Earlier", "3"]


def test_groups_by_day() -> None:
    noon = datetime.combine(date.today(), datetime.min.time()) + timedelta(hours=12)
    ages = {0: "Today", 1: "Yesterday", 2: "Earlier", 400: "Earlier"}
    for days, group in ages.items():
        assert day_group(int((noon - timedelta(days=days)).timestamp() * 1000), date.today()) == group


def test_the_list_shows_chats_under_their_day(parts: Parts) -> None:
    add_chats(parts, "Old plans", "New plans")
    assert rows(parts) == ["Today", "New plans", "Old plans"]


def test_choosing_a_chat_shows_it(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two")
    shown = parts.window.sidebar.list
    qtbot.mouseClick(shown.viewport(), Qt.MouseButton.LeftButton, pos=shown.visualItemRect(shown.item(2)).center())
    assert parts.controller.chat_id == ids[1]
    assert parts.window.pane.chat.items[0].source() == "One"


def test_next_and_previous_chat(parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two", "Three")
    actions = parts.window.actions_by_name
    for name, expected in (
        ("next_chat", 0),
        ("next_chat", 1),
        ("next_chat", 2),
        ("next_chat", 2),
        ("previous_chat", 1),
    ):
        actions[name].trigger()
        assert parts.controller.chat_id == ids[expected]
        assert parts.window.sidebar.list.current_id == ids[expected]


def test_rename_in_place(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "A very long first message")
    parts.controller.open_chat(ids[0])
    parts.window.actions_by_name["rename"].trigger()
    editor = parts.window.sidebar.list.findChild(QLineEdit)
    assert editor is not None
    assert editor.accessibleName()
    editor.selectAll()
    qtbot.keyClicks(editor, "Garden")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: parts.store.conversation(ids[0]).title == "Garden", timeout=WAIT_MS)
    assert rows(parts) == ["Today", "Garden"]


def test_rename_can_be_given_up(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "Keep this title")
    parts.controller.open_chat(ids[0])
    parts.window.actions_by_name["rename"].trigger()
    editor = parts.window.sidebar.list.findChild(QLineEdit)
    assert editor is not None
    qtbot.keyClicks(editor, "No")
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert parts.store.conversation(ids[0]).title == "Keep this title"


def test_delete_and_undo_by_key(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two")
    parts.controller.open_chat(ids[0])
    qtbot.keyClick(parts.window.sidebar.list, Qt.Key.Key_Delete)
    assert parts.window.sidebar.list.ids() == [ids[1]]
    assert parts.window.pane.is_empty
    assert parts.controller.chat_id is None
    bar = parts.window.pane.undo_bar
    assert bar.isVisible()
    assert bar.text == "\u201cTwo\u201d was deleted."
    assert bar._timer.interval() == 10_000
    parts.window.actions_by_name["undo"].trigger()
    assert parts.window.sidebar.list.ids() == ids
    assert parts.controller.chat_id == ids[0]
    assert not bar.isVisible()


def test_undo_by_button_and_time(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two")
    parts.controller.delete(ids[1])
    qtbot.mouseClick(parts.window.pane.undo_bar.button, Qt.MouseButton.LeftButton)
    assert parts.window.sidebar.list.ids() == ids
    parts.controller.delete(ids[1])
    parts.window.pane.undo_bar.dismiss()
    parts.window.actions_by_name["undo"].trigger()
    assert parts.window.sidebar.list.ids() == [ids[0]]


def test_the_context_menu_has_rename_and_delete(parts: Parts) -> None:
    add_chats(parts, "One")
    menu = parts.window.sidebar.list.make_menu()
    assert isinstance(menu, QMenu)
    assert [action.text().split("\t")[0] for action in menu.actions()] == ["Rename", "Delete"]
    menu.deleteLater()


def test_the_list_can_be_hidden(parts: Parts) -> None:
    parts.window.actions_by_name["chat_list"].trigger()
    assert not parts.window.sidebar.isVisible()
    assert not parts.preferences.settings.show_chat_list
    parts.window.pane.header.toggle.click()
    assert parts.window.sidebar.isVisible()
    assert parts.window.actions_by_name["chat_list"].isChecked()
