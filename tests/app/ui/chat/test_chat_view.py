"""The scrolling list of messages: paging, sticking to the bottom, no jumps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.chats.messages import Message, MessageState, Role
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.chat_view import ChatView
from app.ui.chat.pages import PAGE
from app.ui.chat.user_message import UserMessage
from app.ui.widgets.theme import ThemeManager
from tests.helpers.scripted_process import draft
from tests.helpers.turns import all_shown
from tests.helpers.waiting import WAIT_MS, steady


def message(number: int, role: Role, body: str, state: MessageState = MessageState.DONE) -> Message:
    """A message of one branch."""
    return Message(f"m{number:05}", "chat", None, 0, 1, role, state, body, "", None, None, 0, 0)


def branch(length: int) -> tuple[Message, ...]:
    """User and answer in turns."""
    return tuple(
        message(at, "assistant" if at % 2 else "user", f"Message number {at}.\n\nWith a second paragraph.")
        for at in range(length)
    )


@pytest.fixture
def view(qapp: QApplication, qtbot: QtBot) -> Iterator[ChatView]:
    """An open chat view."""
    themes = ThemeManager(qapp)
    chat = ChatView(themes, drafts="full", reduce_motion=False)
    qtbot.addWidget(chat)
    chat.resize(900, 500)
    chat.show()
    yield chat
    chat.show_messages(())


def settle(qtbot: QtBot, view: ChatView) -> None:
    """Wait until nothing is laid out any more: heights and the scroll bar stay, however slow the machine."""
    bar = view.verticalScrollBar()

    def places() -> tuple[int, ...]:
        return (bar.maximum(), bar.value(), *(item.height() for item in view.items))

    qtbot.waitUntil(steady(places), timeout=WAIT_MS)


def test_only_the_newest_messages_become_widgets(qtbot: QtBot, view: ChatView) -> None:
    view.show_messages(branch(10_000))
    assert len(view.items) < PAGE  # the newest at once
    all_shown()
    assert len(view.items) == PAGE
    qtbot.waitUntil(lambda: view.verticalScrollBar().maximum() > 0, timeout=WAIT_MS)
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()


def test_earlier_messages_come_on_scrolling_up_without_a_jump(qtbot: QtBot, view: ChatView) -> None:
    view._settling.setInterval(WAIT_MS)  # by hand: layout takes more rounds on a busy machine
    view.show_messages(branch(100))
    bar = view.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 500, timeout=WAIT_MS)
    all_shown()
    settle(qtbot, view)
    first = view.items[0]
    bar.setValue(10)
    place = first.mapTo(view.viewport(), first.rect().topLeft()).y()
    qtbot.waitUntil(lambda: len(view.items) == 2 * PAGE and bar.value() > 500, timeout=WAIT_MS)
    settle(qtbot, view)
    view._settling.stop()
    view.on_settled()
    assert abs(first.mapTo(view.viewport(), first.rect().topLeft()).y() - place) <= 80


def test_a_page_comes_a_few_messages_at_a_time_and_nothing_in_view_moves(
    qtbot: QtBot, view: ChatView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ui.chat.chat_view._MESSAGE_UNITS", 1000.0)  # one fills a turn
    monkeypatch.setattr("app.ui.chat.pages.PAGE", 10)
    monkeypatch.setattr("app.ui.chat.chat_view.MOST_ITEMS", 25)
    view.show_messages(branch(60))
    for most in (20, 25):
        all_shown()
        settle(qtbot, view)
        view.verticalScrollBar().setValue(200)
        settle(qtbot, view)
        first = view.items[0].message_id
        top = view.items[0].mapTo(view, view.items[0].rect().topLeft()).y()
        view.on_earlier_wanted()
        assert view.items[0].message_id == first, "they come in later turns"
        all_shown()
        settle(qtbot, view)
        place = next(item for item in view.items if item.message_id == first)
        assert abs(place.mapTo(view, place.rect().topLeft()).y() - top) <= 1
        assert len(view.items) == most


def test_an_answer_of_very_many_parts_goes_a_few_at_a_time(qtbot: QtBot, view: ChatView) -> None:
    body = "\n\n".join(f"word\n\n```\n{at}\n```" for at in range(40))
    view.show_messages((message(1, "assistant", body),))
    all_shown()
    answer = view.items[-1]
    assert isinstance(answer, AnswerView)
    assert len(answer.body.parts) == 80
    gone: list[int] = []
    answer.destroyed.connect(lambda: gone.append(1))
    view.show_messages(())
    assert not answer.isVisible()
    assert 0 < len(answer.body.parts) < 80
    all_shown()
    qtbot.waitUntil(lambda: gone == [1], timeout=WAIT_MS)


def test_it_sticks_to_the_bottom_only_if_the_user_is_there(qtbot: QtBot, view: ChatView) -> None:
    view.show_messages((*branch(20), message(20, "user", "Go"), message(21, "assistant", "", MessageState.STREAMING)))
    bar = view.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 100, timeout=WAIT_MS)
    settle(qtbot, view)
    view.show_draft(draft([" word"] * 30))
    view.commit("A paragraph.\n\n" * 30)
    settle(qtbot, view)
    assert bar.value() == bar.maximum()
    bar.setValue(bar.maximum() // 2)
    place = bar.value()
    view.commit("A paragraph.\n\n" * 60)
    settle(qtbot, view)
    assert bar.value() == place


def test_the_scroll_bar_has_its_room_also_where_nothing_scrolls(qtbot: QtBot, view: ChatView) -> None:
    """Else each line would break anew when an answer grows beyond the window."""
    view.show_messages(branch(2))
    settle(qtbot, view)
    width = view.viewport().width()
    assert view.verticalScrollBar().maximum() == 0
    view.show_messages(branch(40))
    settle(qtbot, view)
    assert view.verticalScrollBar().maximum() > 0
    assert view.viewport().width() == width


def test_a_commit_does_not_move_what_is_in_view(qtbot: QtBot, view: ChatView) -> None:
    view.show_messages((*branch(20), message(20, "user", "Go"), message(21, "assistant", "", MessageState.STREAMING)))
    settle(qtbot, view)
    answer = view.last_answer
    assert isinstance(answer, AnswerView)
    for step in range(1, 4):
        view.show_draft(draft([" drop"] * 32, [3.0] * 32, step=step))
    settle(qtbot, view)
    height, place = answer.height(), view.verticalScrollBar().value()
    view.end_answer(message(21, "assistant", "Short."))
    settle(qtbot, view)
    assert answer.height() == height
    assert view.verticalScrollBar().value() == place
    assert answer.canvas.height() == 0
    view.add_message(message(22, "user", "Thanks"))
    settle(qtbot, view)
    assert answer.height() <= height


def test_an_answer_higher_than_its_draft_gets_all_the_room_it_needs(qtbot: QtBot, view: ChatView) -> None:
    text = "# Title\n\n1. one\n2. two\n\n```python\ndef f():\n    return 1\n```\n\n" + "Word " * 200
    view.show_messages((message(0, "user", "Go"), message(1, "assistant", "", MessageState.STREAMING)))
    for step in range(1, 5):
        view.show_draft(draft([" drop"] * 60, [3.0] * 60, step=step))
        settle(qtbot, view)
    view.commit(text)
    view.end_answer(message(1, "assistant", text))
    settle(qtbot, view)
    answer = view.last_answer
    assert isinstance(answer, AnswerView)
    ends = [part.geometry().bottom() for part in answer.body.parts]
    assert all(part.geometry().top() > end for part, end in zip(answer.body.parts[1:], ends, strict=False))
    assert answer.body.height() > ends[-1]
    assert answer.height() >= answer.sizeHint().height()


def test_long_unbroken_text_stays_inside(qtbot: QtBot, view: ChatView) -> None:
    text = "x" * 3000
    view.show_messages((message(0, "user", text), message(1, "assistant", f"{text}\n\n```\n{text}\n```\n\n`{text}`")))
    settle(qtbot, view)
    for item in view.items:
        assert item.width() <= view.viewport().width()
    assert view.horizontalScrollBar().maximum() == 0


@pytest.mark.parametrize(("before", "after"), [(12, 4), (12, 8), (12, 11), (12, 2), (6, 4), (4, 2)])
def test_nothing_of_another_chat_stays_on_the_page(qtbot: QtBot, view: ChatView, before: int, after: int) -> None:
    """The focus left a message that went for another one of the old chat and scrolled there, which asked for more."""
    view.show_messages(tuple(replace(each, body=each.body * 9) for each in branch(before)))
    all_shown()
    settle(qtbot, view)
    with qtbot.waitActive(view, timeout=WAIT_MS):
        view.activateWindow()
    view.verticalScrollBar().setValue(0)
    settle(qtbot, view)
    for _ in range(3):
        qtbot.keyClick(QApplication.focusWidget() or view, Qt.Key.Key_Tab)
    view.verticalScrollBar().setValue(0)
    settle(qtbot, view)
    other = tuple(message(100 + at, "assistant" if at % 2 else "user", "Another chat. " * 30) for at in range(after))
    view.show_messages(other)
    all_shown()
    settle(qtbot, view)
    page = view.widget()
    assert page is not None
    shown = [each for each in page.findChildren(QWidget) if isinstance(each, AnswerView | UserMessage)]
    assert [each.message_id for each in view.items] == [each.id for each in other]
    assert {each.message_id for each in shown if not each.isHidden()} == {each.id for each in other}
