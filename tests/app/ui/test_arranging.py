"""Pins, folders, tags and the archive in the list of chats."""

from __future__ import annotations

from datetime import date

import pytest
from PySide6.QtCore import QItemSelectionModel
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication, QCheckBox, QMenu
from pytestqt.qtbot import QtBot

from app.chats.messages import Conversation
from app.chats.order import Folder
from app.main import Parts
from app.ui.chat import bin_dialog, words
from app.ui.chat.bin_dialog import BinDialog
from app.ui.chat.line_dialog import LineDialog
from app.ui.chat.list_rows import ListHeading, folder_key, rows_of
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.question import Question
from app.ui.widgets.theme import Theme
from tests.app.ui.test_window_list import add_chats, rows
from tests.helpers.waiting import WAIT_MS


def press(menu: QMenu, *path: str) -> None:
    """Trigger an action of a menu or of one below it."""
    for text in path:
        action = next(each for each in menu.actions() if each.text().split("\t")[0] == text)
        below = action.menu()
        if isinstance(below, QMenu):
            menu = below
        else:
            action.trigger()


def select(parts: Parts, ids: list[str]) -> None:
    """Select several chats."""
    shown = parts.window.sidebar.list
    shown.select(ids[0])
    for each in ids:
        shown.setCurrentItem(shown._items[each], QItemSelectionModel.SelectionFlag.Select)


def test_pinned_chats_stand_on_top_and_one_undo_takes_all_back(parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two", "Three")
    select(parts, ids[1:])
    press(parts.window.sidebar.list.make_menu(), words.PIN)
    assert rows(parts) == ["Pinned", "Two", "One", "Today", "Three"]
    parts.window.actions_by_name["undo"].trigger()
    assert rows(parts) == ["Today", "Three", "Two", "One"]


def test_several_chats_are_deleted_with_one_undo(parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two", "Three")
    select(parts, ids[:2])
    parts.window.sidebar.list.delete_current()
    assert rows(parts) == ["Today", "One"]
    assert parts.window.pane.undo_bar.text == "2 chats were deleted."
    parts.window.actions_by_name["undo"].trigger()
    assert rows(parts) == ["Today", "Three", "Two", "One"]


def test_the_archive_is_closed_until_it_is_opened(parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two")
    parts.window.sidebar.list.select(ids[0])
    press(parts.window.sidebar.list.make_menu(), words.ARCHIVE)
    assert rows(parts) == ["Today", "One", "\u25b8 Archived (1)"]
    shown = parts.window.sidebar.list
    shown.itemClicked.emit(shown.item(2))
    assert rows(parts) == ["Today", "One", "\u25be Archived (1)", "Two"]
    shown.select(ids[0])
    press(shown.make_menu(), words.UNARCHIVE)
    assert rows(parts) == ["Today", "Two", "One"]


def test_folders_in_folders(parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two")
    shown = parts.window.sidebar.list
    shown.select(ids[0])
    press(shown.make_menu(), words.PUT_IN_FOLDER, words.NEW_FOLDER)
    dialog = next(each for each in parts.window.findChildren(LineDialog))
    dialog.edit.setText("Work")
    dialog.accept()
    assert rows(parts) == ["\u25be Work", "Two", "Today", "One"]
    work = parts.controller.list.folders()[0]
    inner = parts.controller.list.add_folder("Inner", work.id)
    assert inner is not None
    shown.dropped.emit([ids[1]], f"folder {inner.id}")
    assert rows(parts) == ["\u25be Work", "Two", "    \u25be Inner", "One"]
    shown.toggle(folder_key(work.id))
    assert rows(parts) == ["\u25b8 Work"]
    shown.toggle(folder_key(work.id))
    shown.folder_dropped.emit(inner.id, "")
    assert rows(parts) == ["\u25be Work", "Two", "\u25be Inner", "One"]
    parts.controller.list.remove_folder(work.id)
    assert rows(parts) == ["\u25be Inner", "One", "Today", "Two"]
    shown.dropped.emit([ids[1]], "")
    assert rows(parts) == ["\u25be Inner", "Today", "Two", "One"]


def test_tags_are_set_and_found(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two")
    shown = parts.window.sidebar.list
    shown.select(ids[0])
    press(shown.make_menu(), words.TAGS)
    dialog = next(each for each in parts.window.findChildren(LineDialog))
    dialog.edit.setText("#travel, big plans")
    dialog.accept()
    assert parts.store.conversation(ids[0]).tags == ("big plans", "travel")
    parts.window.sidebar.search.setText("#tra")
    qtbot.waitUntil(lambda: [hit.title for hit in parts.window.sidebar.results.hits()] == ["Two"], timeout=WAIT_MS)


THEME = Theme(LIGHT, 1.0, 10.0)


def in_bin(dialog: BinDialog) -> list[str]:
    """The rows of the bin."""
    model = dialog.list.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def choose(dialog: BinDialog, title: str) -> None:
    """Select a chat in the bin, and it alone."""
    (row,) = (at for at, text in enumerate(in_bin(dialog)) if text.startswith(title))
    dialog.list.clearSelection()
    dialog.list.setCurrentIndex(dialog.list.model().index(row, 0))


def test_the_bin_brings_back_and_removes_for_good(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two", "Three")
    parts.store.order.delete(ids[:2])
    parts.controller._publish()
    dialog = parts.window.chats.arranging.open_bin()
    assert len(in_bin(dialog)) == 2
    choose(dialog, "Two")
    dialog.back.click()
    assert rows(parts) == ["Today", "Two", "One"]
    assert len(in_bin(dialog)) == 1
    dialog.remove.click()
    question = next(each for each in dialog.findChildren(Question))
    question.agree.click()
    assert in_bin(dialog) == []
    assert not dialog.back.isEnabled()
    with pytest.raises(KeyError):
        parts.store.conversation(ids[0])
    qtbot.waitUntil(lambda: not parts.controller.search.busy, timeout=WAIT_MS)
    dialog.reject()


def test_titles_in_the_bin_are_named_as_their_letters_are_found(
    qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some kept a sign for what was not found yet for ever."""
    ids = add_chats(parts, "One \u0905", "Two")
    parts.store.order.delete(ids)
    parts.controller._publish()
    asked: list[str] = []

    def found(text: str, font: QFont) -> tuple[str, bool]:
        asked.append(text)
        return (text, False) if asked.count(text) > 2 else (text.replace("\u0905", "\ufffd"), True)

    monkeypatch.setattr(bin_dialog, "showable", found)
    dialog = parts.window.chats.arranging.open_bin()
    qtbot.waitUntil(lambda: any("One" in text and asked.count(text) > 2 for text in asked), timeout=WAIT_MS)
    assert in_bin(dialog)[0].startswith(("One \u0905", "Two"))
    dialog.reject()


def test_a_row_of_the_bin_costs_something_when_it_is_seen(
    qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five thousand titles of odd letters took eleven seconds at once, twenty thousand plain ones 1.5."""
    asked: list[str] = []

    def found(text: str, font: QFont) -> tuple[str, bool]:
        asked.append(text)
        return text, False

    monkeypatch.setattr(bin_dialog, "showable", found)
    dialog = BinDialog(tuple(chat(f"{at} \u0905") for at in range(20_000)), THEME)
    qtbot.addWidget(dialog)
    dialog.show()
    QApplication.processEvents()
    assert 0 < len(set(asked)) < 200
    assert len(in_bin(dialog)) == 20_000
    dialog.list.selectAll()
    told: list[list[str]] = []
    dialog.brought_back.connect(told.append)
    dialog.back.click()
    assert [len(each) for each in told] == [20_000]


def chat(name: str, **changes: object) -> Conversation:
    """A chat of long ago."""
    return Conversation(name, name, "user", None, 0, 0, None, **changes)  # type: ignore[arg-type]


def test_rows_are_plain_values() -> None:
    folders = (Folder("f", "F", None), Folder("g", "G", "f"))
    chats = (chat("a", folder_id="g"), chat("b", folder_id="gone"), chat("c", folder_id="f", pinned=True))
    found = rows_of(chats, folders, (), date.today())
    assert list(found) == ["\npinned", "c", folder_key("f"), folder_key("g"), "a", "\nOlder", "b"]
    assert found[folder_key("g")] == ListHeading("G", 1, True, False, "g")


def test_what_is_removed_for_good_goes_from_the_backups_on_request(qtbot: QtBot, parts: Parts) -> None:
    parts.store.order.delete(add_chats(parts, "a secret", "another one"))
    made = parts.store.backup_if_due()
    assert made is not None
    dialog = parts.window.chats.arranging.open_bin()
    for title, wanted in (("another one", False), ("a secret", True)):
        choose(dialog, title)
        dialog.remove.click()
        question = dialog.findChildren(Question)[-1]
        (box,) = question.findChildren(QCheckBox)
        box.setChecked(wanted)
        question.agree.click()
    qtbot.waitUntil(lambda: parts.window.pane.notice.text == words.removed_from_backups(1), timeout=WAIT_MS)
    assert b"a secret" not in made.read_bytes()
    assert b"another one" in made.read_bytes()
    dialog.reject()


def test_tags_that_are_not_changed_are_all_kept(parts: Parts) -> None:
    """Twelve long ones are more than can be typed into a line."""
    (chat,) = add_chats(parts, "One")
    tags = [f"{number:02}" + "x" * 58 for number in range(12)]
    parts.controller.list.arrange(lambda: parts.store.order.tag([chat], tags))
    assert list(parts.store.conversation(chat).tags) == tags
    text = " ".join(tags)
    dialog = LineDialog("Tags", "", text, "Set", parts.themes.theme)
    told: list[str] = []
    dialog.named.connect(told.append)
    dialog.accept()
    assert told == [text]
