"""The chat list: choose, rename, delete, undo."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QLineEdit, QMenu, QStyle, QStyleOptionFrame
from pytestqt.qtbot import QtBot

from app.chats.ids import now_ms
from app.chats.messages import Conversation
from app.main import Parts
from app.ui.chat.list_rows import rows_of
from tests.app.ui.conftest import MakeWindow
from tests.helpers.waiting import WAIT_MS, steady


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
    assert rows(parts) == ["Today", "0", "Yesterday", "1", "2", "Older", "3"]


def test_groups_by_day() -> None:
    """Each chat was used in the first moment of its day, which is the day's."""
    begun = datetime.combine(date.today(), datetime.min.time())
    times = [int((begun - timedelta(days)).timestamp() * 1000) for days in (0, 1, 2, 6, 7, 400)]
    chats = [Conversation(str(n), "", "user", None, 0, used, None) for n, used in enumerate(times)]
    found = rows_of(chats, (), (), date.today())
    assert list(found) == ["\nToday", "0", "\nYesterday", "1", "\nThis week", "2", "3", "\nOlder", "4", "5"]


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


@pytest.mark.parametrize("title", ["\U0001f469\u200d\U0001f469\u200d\U0001f467 " * 40, "a" * 250, "Ordinary"])
def test_a_title_that_is_not_changed_stays_as_it_is(qtbot: QtBot, parts: Parts, title: str) -> None:
    """Also one that is longer than what can be typed (an imported chat's)."""
    ids = add_chats(parts, "First")
    parts.store._update(ids[0], "title = ?", title)
    parts.controller._publish()
    parts.controller.open_chat(ids[0])
    parts.window.actions_by_name["rename"].trigger()
    editor = parts.window.sidebar.list.findChild(QLineEdit)
    assert editor is not None
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    QCoreApplication.processEvents()
    assert parts.store.conversation(ids[0]).title == title


@pytest.mark.parametrize(
    "character",
    ["\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U00020000", "\U0001f1e9\U0001f1ea", "a\u0301"],
    ids=["families", "beyond the first plane", "flags", "marks"],
)
def test_a_title_of_two_hundred_characters_is_changed_in_place(qtbot: QtBot, parts: Parts, character: str) -> None:
    """As a reader counts them, and so as the store does: nothing of its end is lost."""
    ids = add_chats(parts, "First")
    parts.controller.rename(ids[0], character * 199)
    assert parts.store.conversation(ids[0]).title == character * 199
    parts.controller.open_chat(ids[0])
    parts.window.actions_by_name["rename"].trigger()
    editor = parts.window.sidebar.list.findChild(QLineEdit)
    assert editor is not None
    assert editor.text() == character * 199
    editor.setCursorPosition(0)
    qtbot.keyClicks(editor, "x")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: parts.store.conversation(ids[0]).title == "x" + character * 199, timeout=WAIT_MS)


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
    assert [action.text().split("\t")[0] for action in menu.actions() if action.text()] == ["Rename", "Delete"]
    menu.deleteLater()


def test_the_list_can_be_hidden(parts: Parts) -> None:
    parts.window.actions_by_name["chat_list"].trigger()
    assert not parts.window.sidebar.isVisible()
    assert not parts.preferences.settings.show_chat_list
    parts.window.pane.header.toggle.click()
    assert parts.window.sidebar.isVisible()
    assert parts.window.actions_by_name["chat_list"].isChecked()


@pytest.mark.parametrize("scale", [100, 125, 150, 200])
def test_the_rename_editor_cuts_no_letters(qtbot: QtBot, parts: Parts, scale: int) -> None:
    ids = add_chats(parts, "Egypt, gypsy, jug", "Two")
    parts.preferences.set(text_scale=scale)
    parts.controller.open_chat(ids[1])
    parts.window.actions_by_name["rename"].trigger()
    rows = parts.window.sidebar.list
    editor = rows.findChild(QLineEdit)
    assert editor is not None
    option = QStyleOptionFrame()
    editor.initStyleOption(option)
    inside = editor.style().subElementRect(QStyle.SubElement.SE_LineEditContents, option, editor)
    assert inside.height() >= editor.fontMetrics().height()
    assert rows.viewport().rect().contains(editor.geometry())


def test_the_list_stays_where_it_is_after_rename_delete_and_undo(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, *(f"Chat {number}" for number in range(60)))
    rows = parts.window.sidebar.list
    parts.controller.open_chat(ids[30])
    bar = rows.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0, timeout=WAIT_MS)
    place = bar.value() + rows.visualItemRect(rows.currentItem()).top() - 60  # the chosen chat is in view
    bar.setValue(place)
    parts.controller.rename(ids[30], "Renamed")
    qtbot.waitUntil(steady(bar.value), timeout=WAIT_MS)
    assert bar.value() == place
    parts.controller.delete(ids[30])
    qtbot.waitUntil(steady(bar.value), timeout=WAIT_MS)
    assert bar.value() == place
    parts.window.actions_by_name["undo"].trigger()
    qtbot.waitUntil(steady(bar.value), timeout=WAIT_MS)
    assert bar.value() == place
    bar.setValue(bar.maximum())  # the user looks elsewhere: news of chats does not call him back
    parts.controller._publish()
    qtbot.waitUntil(steady(bar.value), timeout=WAIT_MS)
    assert bar.value() == bar.maximum()


def test_a_chat_that_was_brought_back_is_in_view(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, *(f"Chat {number}" for number in range(60)))
    rows = parts.window.sidebar.list
    parts.controller.delete(ids[50])
    rows.verticalScrollBar().setValue(0)
    parts.window.actions_by_name["undo"].trigger()
    assert rows.viewport().rect().contains(rows.visualItemRect(rows.currentItem()).center())


def shown(parts: Parts) -> tuple[bool, bool, int]:
    """Whether the list is shown, whether the menu says so, and its width."""
    sidebar = parts.window.sidebar
    return sidebar.isVisible(), parts.window.actions_by_name["chat_list"].isChecked(), sidebar.width()


def test_in_a_narrow_window_the_list_gives_way_and_can_be_brought_back(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two")
    window = parts.window
    assert shown(parts)[:2] == (True, True)
    window.resize(560, 600)
    qtbot.waitUntil(lambda: shown(parts)[:2] == (False, False), timeout=WAIT_MS)
    assert window.width() == 560
    window.pane.header.toggle.click()
    assert shown(parts)[:2] == (True, True)
    rows = window.sidebar.list
    qtbot.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=rows.visualItemRect(rows.item(2)).center())
    assert parts.controller.chat_id == ids[1]
    assert shown(parts)[:2] == (False, False)  # it has done what it was asked for
    window.actions_by_name["chat_list"].trigger()
    assert shown(parts)[:2] == (True, True)
    window.resize(1000, 600)
    qtbot.waitUntil(lambda: shown(parts)[:2] == (True, True), timeout=WAIT_MS)
    assert parts.preferences.settings.show_chat_list


def test_a_hidden_list_comes_back_for_renaming(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "One")
    parts.controller.open_chat(ids[0])
    parts.window.resize(560, 600)
    qtbot.waitUntil(lambda: not shown(parts)[0], timeout=WAIT_MS)
    parts.window.actions_by_name["rename"].trigger()
    assert shown(parts)[:2] == (True, True)
    assert parts.window.sidebar.list.findChild(QLineEdit) is not None


def test_a_list_that_the_user_hid_stays_hidden_in_wider_windows(qtbot: QtBot, parts: Parts) -> None:
    parts.window.actions_by_name["chat_list"].trigger()
    parts.window.resize(560, 600)
    parts.window.resize(1000, 600)
    qtbot.waitUntil(lambda: parts.window.panels.width() == 1000, timeout=WAIT_MS)
    assert shown(parts)[:2] == (False, False)


def test_the_list_keeps_its_width(qtbot: QtBot, make_window: MakeWindow) -> None:
    first = make_window()
    first.window.panels.moveSplitter(333, 1)
    assert first.preferences.settings.sidebar_width == first.window.sidebar.width() == 333
    first.window.resize(560, 600)
    first.window.resize(1000, 700)
    qtbot.waitUntil(lambda: first.window.sidebar.isVisible(), timeout=WAIT_MS)
    assert first.window.sidebar.width() == 333
    first.window.close()
    second = make_window()
    assert second.window.sidebar.width() == 333


@pytest.mark.parametrize(("key", "last"), [(Qt.Key.Key_Home, False), (Qt.Key.Key_End, True)])
def test_home_and_end_go_to_the_first_and_the_last_chat(qtbot: QtBot, parts: Parts, key: Qt.Key, last: bool) -> None:
    ids = add_chats(parts, *(f"Chat {number}" for number in range(40)))
    rows = parts.window.sidebar.list
    for start in (ids[20], ids[0], ids[-1]):
        parts.controller.open_chat(start)
        rows.setFocus()
        qtbot.keyClick(rows, key)
        assert parts.controller.chat_id == rows.current_id == ids[-1 if last else 0]
        assert rows.viewport().rect().contains(rows.visualItemRect(rows.currentItem()).center())


def test_home_in_an_empty_list_does_no_harm(qtbot: QtBot, parts: Parts) -> None:
    parts.window.sidebar.list.setFocus()
    qtbot.keyClick(parts.window.sidebar.list, Qt.Key.Key_Home)
    assert parts.controller.chat_id is None


@pytest.mark.parametrize("mark", ["\u202e", "\u202a", "\u202d", "\u2067"])
def test_a_title_turns_no_letters_around(qtbot: QtBot, parts: Parts, mark: str) -> None:
    """Neither one that is stored (by another version), nor one that is typed or pasted."""
    (chat,) = add_chats(parts, "One")
    parts.store._db.execute("UPDATE conversation SET title = ? WHERE id = ?", [f"Note {mark}gpj.exe", chat])
    parts.controller._publish()
    parts.controller.open_chat(chat)
    assert rows(parts) == ["Today", "Note gpj.exe"]
    parts.window.actions_by_name["rename"].trigger()
    editor = parts.window.sidebar.list.findChild(QLineEdit)
    assert editor is not None
    assert editor.text() == "Note gpj.exe"
    editor.setCursorPosition(5)
    editor.insert(f"{mark}a{mark}b ")
    assert editor.text() == "Note ab gpj.exe"
    assert editor.cursorPosition() == 8
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: parts.store.conversation(chat).title == "Note ab gpj.exe", timeout=WAIT_MS)
    parts.controller.rename(chat, f"{mark}Other{mark}")
    assert parts.store.conversation(chat).title == "Other"
