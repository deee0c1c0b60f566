"""Search above the list, and the bar in the open chat."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.chat import words
from app.ui.chat.chat_view import MOST_ITEMS
from app.ui.chat.marks import places
from tests.app.chats.support import begin, finished
from tests.helpers.waiting import WAIT_MS


def chat_of(parts: Parts, *texts: str) -> list[str]:
    """A chat of these user's messages; their ids."""
    chat = parts.store.create_conversation().id
    ids = [parts.store.add_user_message(chat, text).id for text in texts]
    parts.controller._publish()
    return ids


def in_view(parts: Parts, message_id: str) -> bool:
    """Whether something of a message is in view."""
    view = parts.window.pane.chat
    item = next((each for each in view.items if each.message_id == message_id), None)
    if item is None:
        return False
    top = item.y() - view.verticalScrollBar().value()
    return -item.height() < top < view.viewport().height()


def test_a_search_leads_to_the_message(qtbot: QtBot, parts: Parts) -> None:
    ids = chat_of(parts, *(f"stone number {number} " + "lies here. " * 60 for number in range(40)), "the last")
    chat_of(parts, "another chat")
    sidebar = parts.window.sidebar
    parts.window.actions_by_name["find_chats"].trigger()
    qtbot.keyClicks(sidebar.search, '"number 3 "')
    qtbot.waitUntil(lambda: [hit.message_id for hit in sidebar.results.hits()] == [ids[3]], timeout=WAIT_MS)
    assert sidebar.list.isHidden()
    qtbot.keyClick(sidebar.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: in_view(parts, ids[3]) and parts.window.pane.chat.settled, timeout=WAIT_MS)
    qtbot.keyClick(sidebar.search, Qt.Key.Key_Escape)
    assert sidebar.list.isVisible()
    assert sidebar.results.isHidden()


def test_nothing_found_is_said(qtbot: QtBot, parts: Parts) -> None:
    chat_of(parts, "a chat")
    parts.window.sidebar.search.setText("xylophone")
    qtbot.waitUntil(lambda: parts.window.sidebar.found_line.text() == "Nothing found.", timeout=WAIT_MS)


def test_finding_in_the_chat_goes_round_and_into_other_branches(qtbot: QtBot, parts: Parts) -> None:
    store = parts.store
    first, last = chat_of(parts, "a needle here", "and a question")
    hidden, shown = begin(store, store.message(last)), begin(store, store.message(last))
    store.finish_answer(hidden.id, finished("the **needle** is hidden"))
    store.finish_answer(shown.id, finished("nothing"))
    parts.controller.open_chat(store.message(first).conversation_id)
    parts.window.actions_by_name["find_here"].trigger()
    bar = parts.window.pane.find_bar
    qtbot.keyClicks(bar.line, "NEEDLE")
    qtbot.waitUntil(lambda: bar.count.text() == "2 of 2 messages", timeout=WAIT_MS)
    assert parts.window.pane.chat.items[-1].message_id == hidden.id
    assert not bar.isHidden()
    qtbot.keyClick(bar.line, Qt.Key.Key_Return)
    assert bar.count.text() == "1 of 2 messages"
    qtbot.waitUntil(lambda: in_view(parts, first), timeout=WAIT_MS)
    qtbot.keyClick(bar.line, Qt.Key.Key_Escape)
    assert bar.isHidden()


def test_a_very_long_chat_is_shown_around_what_is_found_and_takes_no_more_room(qtbot: QtBot, parts: Parts) -> None:
    ids = chat_of(parts, *(f"line {number}" for number in range(600)))
    parts.controller.open_chat(parts.store.message(ids[0]).conversation_id)
    view = parts.window.pane.chat
    assert parts.controller.show_message(ids[5])
    assert view.go_to(ids[5])
    qtbot.waitUntil(lambda: view.settled and in_view(parts, ids[5]), timeout=WAIT_MS)
    assert len(view.items) < 20
    assert view.last_answer is None
    for _ in range(8):
        view.on_later_wanted()
    qtbot.waitUntil(lambda: view.settled, timeout=WAIT_MS)
    assert len(view.items) == MOST_ITEMS
    numbers = [ids.index(item.message_id) for item in view.items]
    assert numbers == list(range(numbers[0], numbers[0] + MOST_ITEMS))
    for _ in range(8):
        view.on_earlier_wanted()
    assert len(view.items) <= MOST_ITEMS
    view.scroll_to_bottom()
    qtbot.waitUntil(lambda: in_view(parts, ids[-1]), timeout=WAIT_MS)
    assert view.items[-1].message_id == ids[-1]


def test_sending_from_far_up_shows_the_end(qtbot: QtBot, parts: Parts) -> None:
    ids = chat_of(parts, *(f"line {number}" for number in range(100)))
    chat = parts.store.message(ids[0]).conversation_id
    parts.controller.open_chat(chat)
    view = parts.window.pane.chat
    view.go_to(ids[5])
    added = parts.store.add_user_message(chat, "new")
    view.add_message(added)
    assert view.items[-1].message_id == added.id
    qtbot.waitUntil(lambda: in_view(parts, added.id), timeout=WAIT_MS)


def test_places() -> None:
    assert places("Straße STRASSE", "strasse") == [(0, 6), (7, 14)]
    assert places("😀 Ö o\u0308", "o") == [(3, 4), (5, 7)]
    assert places("abc", "") == []


def test_the_way_to_later_messages_is_above_the_way_to_the_newest(qtbot: QtBot, parts: Parts) -> None:
    ids = chat_of(parts, *(f"stone number {number}" for number in range(60)))
    parts.controller.open_chat(parts.store.message(ids[0]).conversation_id)
    pane = parts.window.pane
    pane.chat.go_to(ids[20])
    qtbot.waitUntil(lambda: pane.chat.settled and pane.latest.isVisible(), timeout=WAIT_MS)
    bar, middle = pane.chat.verticalScrollBar(), pane.latest.parentWidget()
    assert middle is not None
    with QSignalBlocker(bar):  # the page stays as it is
        bar.setValue(bar.maximum())
    pane.chat.widget().move(0, -bar.maximum())
    assert pane.chat.later.isVisible()
    assert pane.chat.later.mapTo(middle, pane.chat.later.rect().bottomLeft()).y() < pane.latest.y()


def test_both_numbers_are_written_alike() -> None:
    assert words.found_in_chat(2_999, 3_000) == "2,999 of 3,000 messages"
