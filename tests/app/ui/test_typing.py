"""What is typed ends in the message box, wherever the last click was; version arrows keep their place and the focus."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QLineEdit, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.sibling_switch import SiblingSwitch
from inference.params import SamplerParams
from tests.app.ui.sample import ANSWER, add_answer
from tests.app.ui.test_window_list import add_chats
from tests.helpers.scripted_process import committed, finished
from tests.helpers.waiting import WAIT_MS, steady

LENGTHS = ("One line.", "\n\n".join(f"Paragraph {number} of a long answer." for number in range(40)), "Two.\n\nLines.")


def type_now(qtbot: QtBot, text: str) -> None:
    """To whatever has the focus at each letter, as a keyboard does."""
    for letter in text:
        focused = QApplication.focusWidget()
        assert focused is not None
        qtbot.keyClicks(focused, letter)


def ready(qtbot: QtBot, parts: Parts) -> None:
    """The window has the keyboard."""
    parts.window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is parts.window, timeout=WAIT_MS)
    parts.window.pane.composer.setFocus()


def click(qtbot: QtBot, widget: QWidget, place: QPoint | None = None) -> None:
    """As a mouse does: the focus first."""
    if widget.focusPolicy() & Qt.FocusPolicy.ClickFocus:
        widget.setFocus(Qt.FocusReason.MouseFocusReason)
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place or widget.rect().center())


def add_versions(parts: Parts, *bodies: str, before: int = 0) -> str:
    """A chat whose last question has several answers, the last of them shown; `before` other questions stand above."""
    chat, parent = None, None
    for number in range(before + 1):
        user = parts.store.add_user_message(chat, f"Question {number}")
        chat = user.conversation_id
        for body in bodies if number == before else ("Yes.",):
            answer = parts.store.begin_answer(chat, user.id, seed=1, params=SamplerParams(), model="m", backend="fake")
            parts.store.commit_block(answer.id, committed(body))
            parts.store.finish_answer(answer.id, finished(body))
            parent = answer.id
    assert parent is not None
    assert chat is not None
    parts.controller.open_chat(chat)
    return chat


def switch_of(parts: Parts) -> SiblingSwitch:
    """The arrows of the newest answer."""
    answer = parts.window.pane.chat.last_answer
    assert isinstance(answer, AnswerView)
    return answer.siblings


def at_rest(qtbot: QtBot, parts: Parts) -> None:
    """The chat is laid out."""
    chat = parts.window.pane.chat
    qtbot.waitUntil(lambda: not chat._settling.isActive(), timeout=WAIT_MS)
    qtbot.waitUntil(steady(lambda: [item.geometry() for item in chat.items]), timeout=WAIT_MS)


def test_after_a_click_on_a_chat_letters_go_to_the_message_box(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two", "how are other chats found?")
    ready(qtbot, parts)
    rows = parts.window.sidebar.list
    click(qtbot, rows.viewport(), rows.visualItemRect(rows.item(2)).center())
    assert parts.controller.chat_id == ids[1]
    rows.setFocus(Qt.FocusReason.MouseFocusReason)
    type_now(qtbot, "how are you")
    assert parts.window.pane.composer.text == "how are you"
    assert parts.controller.chat_id == ids[1]


def test_letters_of_an_input_method_go_there_too(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two")
    ready(qtbot, parts)
    parts.controller.open_chat(ids[0])
    rows = parts.window.sidebar.list
    rows.setFocus()
    event = QInputMethodEvent()
    event.setCommitString("\u3053\u3093")
    QApplication.sendEvent(rows, event)
    assert parts.window.pane.composer.text == "\u3053\u3093"


def test_keys_of_the_list_stay_the_lists(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two")
    ready(qtbot, parts)
    parts.controller.open_chat(ids[0])
    rows = parts.window.sidebar.list
    rows.setFocus()
    qtbot.keyClick(rows, Qt.Key.Key_Down)
    assert parts.controller.chat_id == ids[1]
    qtbot.keyClick(rows, Qt.Key.Key_Delete)
    assert rows.ids() == [ids[0]]
    type_now(qtbot, "x")
    assert parts.window.pane.composer.text == "x"


def test_after_every_click_letters_go_to_the_message_box(qtbot: QtBot, parts: Parts) -> None:
    add_answer(parts, ANSWER)
    ready(qtbot, parts)
    pane, composer = parts.window.pane, parts.window.pane.composer
    answer = pane.chat.last_answer
    assert answer is not None
    texts = [each for each in answer.findChildren(QAbstractScrollArea) if each.accessibleName()]
    assert len(texts) > 1
    places = [
        answer._copy, pane.chat.viewport(), pane.chat, parts.window.sidebar, parts.window.sidebar.new_chat, pane.header,
        pane.status, *(each.viewport() for each in texts), *texts,
    ]  # fmt: skip
    for place in places:
        composer.clear()
        composer.setFocus()
        click(qtbot, place)
        type_now(qtbot, "a b")
        assert composer.text == "a b", place


def test_text_is_pasted_where_it_belongs(qtbot: QtBot, parts: Parts) -> None:
    add_chats(parts, "One")
    ready(qtbot, parts)
    QGuiApplication.clipboard().setText("from elsewhere")
    parts.window.sidebar.list.setFocus()
    qtbot.keyClick(parts.window.sidebar.list, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert parts.window.pane.composer.text == "from elsewhere"


@pytest.mark.parametrize("vanishes", ["undo", "list", "example", "notice"])
def test_the_focus_of_what_vanishes_goes_to_the_message_box(qtbot: QtBot, parts: Parts, vanishes: str) -> None:
    """Not to the next control, which may be "New chat"."""
    ids = add_chats(parts, "One", "Two")
    ready(qtbot, parts)
    window, pane = parts.window, parts.window.pane
    if vanishes == "undo":
        parts.controller.delete(ids[0])
        pane.undo_bar.button.setFocus()
        pane.undo_bar.button.click()
    elif vanishes == "list":
        window.sidebar.list.setFocus()
        window.actions_by_name["chat_list"].trigger()
    elif vanishes == "example":
        pane.empty.examples[0].setFocus()
        pane.empty.examples[0].click()
    else:
        window.notices.show("News.", stays=True)
        pane.notice.button.setFocus()
        pane.notice.button.click()
    assert pane.composer.box.hasFocus()


@pytest.mark.parametrize("before", [0, 12])
def test_version_arrows_stay_under_the_pointer_and_keep_the_focus(qtbot: QtBot, parts: Parts, before: int) -> None:
    add_versions(parts, *LENGTHS, before=before)
    ready(qtbot, parts)
    at_rest(qtbot, parts)
    seen = []
    for step in (-1, -1, 1, 1, -1):
        switch = switch_of(parts)
        arrow = switch._next if step > 0 else switch._previous
        place = arrow.mapTo(parts.window, QPoint(0, 0))
        click(qtbot, arrow)
        at_rest(qtbot, parts)
        switch = switch_of(parts)
        arrow = switch._next if step > 0 else switch._previous
        assert arrow.mapTo(parts.window, QPoint(0, 0)) == place
        assert switch.focused_step != 0
        answer = parts.window.pane.chat.last_answer
        assert answer is not None
        seen.append(LENGTHS.index(answer.source()))
        assert answer.height() >= answer.sizeHint().height()  # nothing of it is cut off
        assert answer.body.height() >= answer.body.sizeHint().height()
    assert seen == [1, 0, 1, 2, 1]
    type_now(qtbot, "thanks")
    assert parts.window.pane.composer.text == "thanks"


def test_versions_by_key(qtbot: QtBot, parts: Parts) -> None:
    add_versions(parts, *LENGTHS)
    ready(qtbot, parts)
    assert parts.window.actions_by_name["earlier_version"].isEnabled()
    for key, body in ((Qt.Key.Key_Left, 1), (Qt.Key.Key_Left, 0), (Qt.Key.Key_Left, 0), (Qt.Key.Key_Right, 1)):
        qtbot.keyClick(parts.window.pane.composer.box, key, Qt.KeyboardModifier.AltModifier)
        answer = parts.window.pane.chat.last_answer
        assert answer is not None
        assert answer.source() == LENGTHS[body]
        assert parts.window.pane.composer.box.hasFocus()
    add_answer(parts, ANSWER)
    assert not parts.window.actions_by_name["earlier_version"].isEnabled()


@pytest.mark.parametrize(("behind", "page"), [(4, 30), (4, 2)])
def test_versions_far_up_in_the_chat_are_offered_with_their_page(
    qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch, behind: int, page: int
) -> None:
    monkeypatch.setattr("app.ui.chat.pages.PAGE", page)
    monkeypatch.setattr("app.ui.chat.chat_view._MESSAGE_UNITS", 1000.0)  # one fills a turn
    chat = add_versions(parts, "One.", "Two.")
    for _ in range(behind):
        parts.store.add_user_message(chat, "More")
    parts.controller.open_chat(chat)
    view, action = parts.window.pane.chat, parts.window.actions_by_name["earlier_version"]
    assert len(view.items) < 2 + behind, "the newest alone, at first"
    assert action.isEnabled() == (page > behind)
    qtbot.waitUntil(lambda: len(view.items) == min(2 + behind, page), timeout=WAIT_MS)
    while len(view.items) < 2 + behind:
        assert not action.isEnabled()
        more = min(2 + behind, len(view.items) + page)
        view.on_earlier_wanted()
        qtbot.waitUntil(lambda: len(view.items) == more, timeout=WAIT_MS)  # noqa: B023
    assert action.isEnabled()
    view.step_version(-1)
    assert [message.body for message in parts.store.messages(chat)] == ["Question 0", "One."]


def test_the_next_message_takes_the_room_back(qtbot: QtBot, parts: Parts) -> None:
    chat = add_versions(parts, *LENGTHS[1:])
    ready(qtbot, parts)
    at_rest(qtbot, parts)
    view = parts.window.pane.chat
    view.step_version(-1)
    at_rest(qtbot, parts)
    view.step_version(1)
    at_rest(qtbot, parts)
    assert view._floor.height() > 0
    parts.controller.open_chat(None)
    parts.controller.open_chat(chat)
    assert view._floor.height() == 0


def test_with_a_menu_open_nothing_is_typed(qtbot: QtBot, parts: Parts) -> None:
    """Keys go to the window system's window, as a keyboard's do; the menu has no use for them."""
    (chat,) = add_chats(parts, "One")
    ready(qtbot, parts)
    parts.controller.open_chat(chat)
    window, rows, bar = parts.window, parts.window.sidebar.list, parts.window.menuBar()
    QGuiApplication.clipboard().setText("from elsewhere")
    for action in bar.actions():
        for focused in (window.pane.composer, rows):
            focused.setFocus()
            title = bar.mapTo(window, bar.actionGeometry(action).center())
            QTest.mouseClick(window.windowHandle(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, title)
            menu = QApplication.activePopupWidget()
            assert isinstance(menu, QMenu)
            keys = {each.text().lower().partition("&")[2][:1] for each in menu.actions()}
            for letter in sorted(set("abc defghi") - keys):
                QTest.keyClick(window.windowHandle(), letter)
            QApplication.sendEvent(rows, _committed("y"))
            QTest.keyClick(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
            assert menu.isVisible()
            assert window.pane.composer.text == "", menu.title()
            menu.close()
    window.pane.composer.setFocus()
    type_now(qtbot, "now")
    assert window.pane.composer.text == "now"


@pytest.mark.parametrize("where", ["chat", "answer", "menu bar", "side", "header", "status", "list"])
def test_a_click_elsewhere_ends_the_renaming(qtbot: QtBot, parts: Parts, where: str) -> None:
    chat = add_answer(parts, ANSWER)
    parts.controller._publish()
    ready(qtbot, parts)
    window, pane = parts.window, parts.window.pane
    window.actions_by_name["rename"].trigger()
    rows = window.sidebar.list
    editor = rows.findChild(QLineEdit)
    assert editor is not None
    qtbot.mouseClick(editor, Qt.MouseButton.LeftButton)
    editor.selectAll()
    type_now(qtbot, "Garden")
    assert rows.findChild(QLineEdit) is editor
    bar = window.menuBar()
    answer = pane.chat.last_answer
    assert answer is not None
    text = next(each for each in answer.findChildren(QAbstractScrollArea) if each.accessibleName())
    place, point = {
        "chat": (pane.chat.viewport(), None),
        "answer": (text.viewport(), None),
        "menu bar": (bar, QPoint(bar.width() - 5, bar.height() // 2)),
        "side": (window.sidebar, QPoint(2, 2)),
        "header": (pane.header, None),
        "status": (pane.status, None),
        "list": (rows.viewport(), rows.viewport().rect().bottomRight() - QPoint(5, 5)),
    }[where]
    qtbot.mouseClick(place, Qt.MouseButton.LeftButton, pos=point or place.rect().center())
    qtbot.waitUntil(lambda: parts.store.conversation(chat).title == "Garden", timeout=WAIT_MS)
    type_now(qtbot, "a b")
    assert pane.composer.text == "a b"
    qtbot.waitUntil(lambda: rows.findChild(QLineEdit) is None, timeout=WAIT_MS)
    assert parts.store.conversation(chat).title == "Garden"


def _committed(text: str) -> QInputMethodEvent:
    event = QInputMethodEvent()
    event.setCommitString(text)
    return event
