"""What floats above the message box: seen on every page, high enough for its words, gone when it is no longer true."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.widgets.plain import LONGEST_PROBLEM
from app.ui.widgets.toast import Toast
from tests.app.ui.test_window_chat import wait_for_answer
from tests.app.ui.test_window_list import add_chats
from tests.helpers.waiting import WAIT_MS, steady

NARROW = 560
LONG = "A sentence that is so long that it needs several lines, whatever the width of the window may be. " * 2


def on_top(parts: Parts, toast: Toast) -> bool:
    """Whether a click on its button and its middle would meet it."""
    if not toast.isVisible():
        return False
    window = parts.window
    met = [
        window.childAt(each.mapTo(window, QPoint(each.width() // 2, each.height() // 2)))
        for each in (toast, toast.button)
    ]
    return all(each is not None and (each is toast or toast.isAncestorOf(each)) for each in met)


def faults(toast: Toast) -> list[str]:
    """Words that are cut, and rooms that are larger than their words."""
    found = []
    (label,) = toast.findChildren(QLabel)
    need = label.heightForWidth(label.width())
    if label.height() < need:
        found.append(f"its text has {label.height()} of {need} pixels")
    if toast.height() > toast.heightForWidth(toast.width()):
        found.append(f"it is {toast.height()} high, not {toast.heightForWidth(toast.width())}")
    wanted = toast.button.sizeHint()
    if toast.button.height() < wanted.height() or toast.button.width() < wanted.width():
        found.append(f"its button is {toast.button.size()}, not {wanted}")
    if not toast.rect().contains(toast.button.geometry()):
        found.append("its button reaches out of it")
    return found


def at_rest(qtbot: QtBot, parts: Parts) -> None:
    """All is laid out."""
    pane = parts.window.pane
    qtbot.waitUntil(
        steady(lambda: [each.geometry() for each in (pane.undo_bar, pane.notice, pane.undo_bar.button)]),
        timeout=WAIT_MS,
    )


def test_undo_is_seen_on_every_page(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two", "Three")
    bar = parts.window.pane.undo_bar
    parts.controller.open_chat(ids[0])
    parts.controller.delete(ids[0])
    assert on_top(parts, bar)
    parts.controller.open_chat(ids[1])
    assert on_top(parts, bar)
    parts.controller.delete(ids[1])
    assert bar.text == "\u201cTwo\u201d was deleted."
    assert on_top(parts, bar)
    parts.controller.open_chat(None)
    parts.controller.open_chat(ids[2])
    assert on_top(parts, bar)


def test_a_notice_is_seen_on_every_page(parts: Parts) -> None:
    ids = add_chats(parts, "One")
    notice = parts.window.pane.notice
    parts.window.notices.show("Something has happened.", stays=True)
    for chat in (ids[0], None, ids[0]):
        parts.controller.open_chat(chat)
        assert on_top(parts, notice)
    parts.controller.open_chat(None)
    parts.controller.send("hello")
    assert on_top(parts, notice)


@pytest.mark.parametrize("by_key", [True, False])
def test_each_of_several_deleted_chats_comes_back(qtbot: QtBot, parts: Parts, by_key: bool) -> None:
    ids = add_chats(parts, "One", "Two", "Three", "Four")
    bar = parts.window.pane.undo_bar
    for chat in ids[:3]:
        parts.controller.open_chat(chat)
        parts.controller.delete(chat)
    for number, title in ((2, "Two"), (1, "Three"), (0, "Four")):
        assert bar.text == f"\u201c{title}\u201d was deleted."
        assert on_top(parts, bar)
        assert bar._timer.isActive()
        if by_key:
            parts.window.actions_by_name["undo"].trigger()
        else:
            qtbot.mouseClick(bar.button, Qt.MouseButton.LeftButton)
        assert parts.window.sidebar.list.ids() == ids[number:]
        assert parts.controller.chat_id == ids[number]
    assert not bar.isVisible()
    parts.window.actions_by_name["undo"].trigger()
    assert parts.window.sidebar.list.ids() == ids


def test_after_its_time_none_of_them_comes_back(parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two")
    for chat in ids:
        parts.controller.delete(chat)
    parts.window.pane.undo_bar._timer.timeout.emit()
    parts.window.actions_by_name["undo"].trigger()
    assert parts.window.sidebar.list.ids() == []


@pytest.mark.parametrize("scale", [100, 150, 200])
@pytest.mark.parametrize("text", ["One", LONG], ids=["short", "long"])
def test_notices_are_as_high_as_their_words(qtbot: QtBot, parts: Parts, scale: int, text: str) -> None:
    parts.preferences.set(text_scale=scale)
    (chat,) = add_chats(parts, text)
    pane, window = parts.window.pane, parts.window
    found = []
    for width, listed in ((1000, True), (NARROW, False), (NARROW, True), (1000, True)):
        window.resize(width, 700)
        QApplication.processEvents()
        if window.sidebar.isVisible() != listed:
            window.panels.toggle()
        parts.controller.delete(chat)
        window.notices.show(text, stays=True)
        at_rest(qtbot, parts)
        for toast in (pane.undo_bar, pane.notice):
            found += [f"{toast.objectName()} at {width}, {listed}: {fault}" for fault in faults(toast)]
        window.notices.show(f"{text} {LONG}", stays=True)  # while one is shown
        at_rest(qtbot, parts)
        found += [f"a second notice at {width}, {listed}: {fault}" for fault in faults(pane.notice)]
        window.actions_by_name["undo"].trigger()
        pane.notice.dismiss()
        pane.notice.dismiss()
    assert not found, "\n".join(found)


def test_the_buttons_of_the_last_answer_are_above_a_notice(qtbot: QtBot, parts: Parts) -> None:
    for _ in range(3):
        parts.controller.send("Tell\n" * 25)  # short enough to be sent uncounted
        answer = wait_for_answer(qtbot, parts)
    pane = parts.window.pane
    parts.window.notices.show(LONG)
    at_rest(qtbot, parts)
    middle = pane.notice.parentWidget()
    assert middle is not None
    assert answer.mapTo(middle, answer.rect().bottomLeft()).y() < pane.notice.y()
    full = pane.chat.verticalScrollBar().maximum()
    pane.notice.dismiss()
    qtbot.waitUntil(lambda: pane.chat.verticalScrollBar().maximum() < full, timeout=WAIT_MS)
    assert pane.chat.verticalScrollBar().value() == pane.chat.verticalScrollBar().maximum()


def test_undo_by_key_in_the_empty_message_box_brings_a_chat_back(qtbot: QtBot, parts: Parts) -> None:
    (chat,) = add_chats(parts, "One")
    box = parts.window.pane.composer.box
    parts.controller.open_chat(chat)
    parts.controller.delete(chat)
    box.setFocus()
    qtbot.keyClicks(box, "x")
    qtbot.keyClick(box, Qt.Key.Key_Backspace)
    qtbot.keyClick(box, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert parts.window.sidebar.list.ids() == [chat]
    assert parts.controller.chat_id == chat


def test_a_title_of_strangers_makes_no_long_notice(parts: Parts) -> None:
    ids = add_chats(parts, ("a" + "\u1dff" * 60) * 40)
    parts.controller.delete(ids[0])
    bar = parts.window.pane.undo_bar
    assert bar.text.endswith("was deleted.")
    assert len(bar.text) < 1_000
    parts.window.notices.show("x" * 5_000, stays=True)
    assert len(parts.window.pane.notice.text) == LONGEST_PROBLEM
