"""Editing and sending again, branches, a fixed seed, messages that wait."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.chats.messages import MessageState
from app.library.answering import ModelPhase
from app.main import Parts
from app.ui.chat import words
from app.ui.chat.edit_box import EditBox
from app.ui.chat.user_message import UserMessage
from app.ui.widgets.labels import ElidedLabel
from inference.events import Failed
from tests.app.ui.conftest import MakeWindow
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.qt_guard import delete_what_waits
from tests.helpers.scripted_process import ScriptedModelProcess, committed
from tests.helpers.waiting import WAIT_MS

ANSWER = "Hello **there**."


def stored(parts: Parts, chat_id: str | None) -> list[str]:
    """What stands in a chat, in the branch that it shows."""
    return [message.body for message in parts.store.messages(chat_id or "")]


def bodies(parts: Parts) -> list[str]:
    """Of the branch that is shown."""
    return stored(parts, parts.controller.chat_id)


def queue_rows(parts: Parts) -> list[str]:
    """What the rows above the message box say."""
    rows = parts.window.pane.queue._rows
    return [label.full_text for row in rows for label in row.findChildren(ElidedLabel)]


def begin_editing(parts: Parts, at: int) -> EditBox:
    """Press Edit of a message."""
    item = parts.window.pane.chat.items[at]
    parts.window.chats.editing.edit(item.message_id)
    box = parts.window.chats.editing.box(item.message_id)
    assert box is not None
    return box


def test_an_edited_message_is_sent_again_and_the_old_one_is_kept(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    ask(qtbot, parts, "First")
    wait_for_answer(qtbot, parts)
    ask(qtbot, parts, "Second")
    wait_for_answer(qtbot, parts)
    before = bodies(parts)
    first = parts.window.pane.chat.items[0]
    assert isinstance(first, UserMessage)
    next(each for each in first.findChildren(QPushButton) if each.accessibleName() == words.EDIT_MENU).click()
    box = parts.window.chats.editing.box(first.message_id)
    assert box is not None
    assert first.isHidden()
    box.edit.setPlainText("Better first")
    qtbot.keyClick(box.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    wait_for_answer(qtbot, parts)
    assert bodies(parts) == ["Better first", "Hello **there**."]
    assert [turn.text for turn in process.requests[-1].turns] == ["Better first"]
    shown = parts.window.pane.chat.items[0]
    assert isinstance(shown, UserMessage)
    assert shown.siblings is not None
    assert shown.isVisible()
    parts.controller.show_sibling(shown.message_id, -1)
    assert bodies(parts) == before
    assert parts.controller.edits() == ()


def test_an_edited_answer_is_another_version(qtbot: QtBot, parts: Parts) -> None:
    ask(qtbot, parts, "First")
    wait_for_answer(qtbot, parts)
    box = begin_editing(parts, 1)
    box.edit.setPlainText("Mine.")
    box.on_agreed()
    assert bodies(parts) == ["First", "Mine."]
    answer = parts.store.messages(parts.controller.chat_id or "")[-1]
    assert (answer.state, answer.sibling_no, answer.sibling_count) == (MessageState.DONE, 1, 2)
    parts.window.actions_by_name["earlier_version"].trigger()
    assert bodies(parts) == ["First", "Hello **there**."]


def test_cancel_changes_nothing(qtbot: QtBot, parts: Parts) -> None:
    ask(qtbot, parts, "First")
    wait_for_answer(qtbot, parts)
    box = begin_editing(parts, 0)
    box.edit.setPlainText("Never sent")
    qtbot.keyClick(box.edit, Qt.Key.Key_Escape)
    assert bodies(parts) == ["First", "Hello **there**."]
    assert parts.window.pane.chat.items[0].isVisible()
    assert parts.controller.edits() == ()


def test_what_was_typed_while_editing_is_there_after_a_restart(qtbot: QtBot, make_window: MakeWindow) -> None:
    parts = make_window()
    ask(qtbot, parts, "First")
    wait_for_answer(qtbot, parts)
    begin_editing(parts, 0).edit.setPlainText("Half a thou")
    parts.window.close()
    again = make_window()
    qtbot.waitUntil(lambda: bool(again.window.pane.chat.items), timeout=WAIT_MS)
    first = again.window.pane.chat.items[0]
    qtbot.waitUntil(lambda: again.window.chats.editing.box(first.message_id) is not None, timeout=WAIT_MS)
    box = again.window.chats.editing.box(first.message_id)
    assert box is not None
    assert box.edit.toPlainText() == "Half a thou"
    assert again.store.messages(again.controller.chat_id or "")[0].body == "First"


def test_a_branch_is_a_new_chat(qtbot: QtBot, parts: Parts) -> None:
    ask(qtbot, parts, "First")
    wait_for_answer(qtbot, parts)
    ask(qtbot, parts, "Second")
    wait_for_answer(qtbot, parts)
    old = parts.controller.chat_id
    menu = parts.window.chats.editing.menu(parts.window.pane.chat.items[1].message_id)
    next(action for action in menu.actions() if action.text() == words.BRANCH_OFF).trigger()
    assert parts.controller.chat_id not in (None, old)
    assert bodies(parts) == ["First", "Hello **there**."]
    assert parts.window.sidebar.list.current_id == parts.controller.chat_id
    menu.close()


def test_a_fixed_seed_that_would_say_the_same_offers_a_new_one(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    parts.preferences.set(seed_mode="fixed", seed=7)
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    ask(qtbot, parts, "First")
    wait_for_answer(qtbot, parts)
    parts.window.actions_by_name["try_again"].trigger()
    assert parts.window.pane.notice.text == words.SAME_AGAIN
    assert len(process.requests) == 1
    parts.window.pane.notice.action.click()
    wait_for_answer(qtbot, parts)
    assert [request.seed == 7 for request in process.requests] == [True, False]


def test_enter_during_an_answer_lets_the_message_wait(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    process.gate.clear()
    ask(qtbot, parts, "First")
    ask(qtbot, parts, "Second")
    ask(qtbot, parts, "Third")
    strip = parts.window.pane.queue
    assert strip.isVisible()
    assert [message.body for message in parts.controller.waiting.of(parts.controller.chat_id)] == ["Second", "Third"]
    assert parts.window.pane.composer.text == ""
    third = parts.controller.waiting.of(parts.controller.chat_id)[1]
    strip.taken_back.emit(third.id)
    assert parts.window.pane.composer.text == "Third"
    process.gate.set()
    qtbot.waitUntil(lambda: len(bodies(parts)) == 4 and not parts.controller.busy, timeout=WAIT_MS)
    assert bodies(parts) == ["First", "Hello **there**.", "Second", "Hello **there**."]
    assert strip.isHidden()


def test_a_stopped_answer_sends_nothing_by_itself(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.gate.clear()
    ask(qtbot, parts, "First")
    ask(qtbot, parts, "Second")
    parts.controller.stop()
    process.gate.set()
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    if len(bodies(parts)) == 2:  # stopped before its end
        assert parts.window.pane.queue.isVisible()
        parts.window.pane.queue.sent_now.emit(parts.controller.waiting.of(parts.controller.chat_id)[0].id)
    qtbot.waitUntil(lambda: len(bodies(parts)) == 4 and not parts.controller.busy, timeout=WAIT_MS)


def test_what_waits_behind_another_chats_answer_is_sent_by_itself(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    ask(qtbot, parts, "Of the first chat")
    wait_for_answer(qtbot, parts)
    first = parts.controller.chat_id
    parts.window.chats.on_new_chat()
    process.gate.clear()
    ask(qtbot, parts, "Of the second chat")
    second = parts.controller.chat_id
    parts.controller.open_chat(first)
    ask(qtbot, parts, "Waits, one")
    ask(qtbot, parts, "Waits, two")
    assert queue_rows(parts) == [words.queued(text, "Of the second chat") for text in ("Waits, one", "Waits, two")]
    parts.window.chats.on_new_chat()
    assert queue_rows(parts)[0] == words.queued_elsewhere("Waits, one", "Of the first chat")
    parts.controller.open_chat(second)
    assert queue_rows(parts)[0] == words.queued_elsewhere("Waits, one", "Of the first chat")
    process.gate.set()
    qtbot.waitUntil(lambda: stored(parts, first)[4:] == ["Waits, two", ANSWER], timeout=WAIT_MS)
    assert stored(parts, first)[2:4] == ["Waits, one", ANSWER]
    assert stored(parts, second) == bodies(parts) == ["Of the second chat", ANSWER]
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert parts.window.pane.queue.isHidden()


def test_the_row_of_what_waits_elsewhere_leads_there(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    ask(qtbot, parts, "Of the first chat")
    wait_for_answer(qtbot, parts)
    first = parts.controller.chat_id
    parts.window.chats.on_new_chat()
    process.gate.clear()
    ask(qtbot, parts, "Of the second chat")
    parts.controller.open_chat(first)
    ask(qtbot, parts, "Waits")
    parts.window.chats.on_new_chat()
    (row,) = parts.window.pane.queue._rows
    (show,) = row.findChildren(QPushButton)
    assert show.text() == words.SHOW_QUEUED
    show.click()
    assert parts.controller.chat_id == first
    process.gate.set()
    qtbot.waitUntil(lambda: stored(parts, first)[2:] == ["Waits", ANSWER], timeout=WAIT_MS)


@pytest.mark.parametrize("how", ["stopped", "failed", "deleted"])
def test_an_answer_that_breaks_off_lets_other_chats_go_on(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, how: str
) -> None:
    """What waits in its own chat stays: whoever stopped it, or saw it fail, decides; the other chat's did not fail."""
    ask(qtbot, parts, "Of the first chat")
    wait_for_answer(qtbot, parts)
    first = parts.controller.chat_id
    parts.window.chats.on_new_chat()
    process.gate.clear()
    usual = process.answer
    process.answer = [committed("Half. "), Failed("It broke.", "", known=True)]
    ask(qtbot, parts, "Of the second chat")
    second = parts.controller.chat_id or ""
    qtbot.waitUntil(lambda: len(process.requests) == 2, timeout=WAIT_MS)
    process.answer = usual
    ask(qtbot, parts, "Stays")
    parts.controller.open_chat(first)
    ask(qtbot, parts, "Goes on")
    if how == "stopped":
        parts.controller.stop()
    elif how == "deleted":
        parts.controller.delete(second)
    process.gate.set()
    qtbot.waitUntil(lambda: stored(parts, first)[2:] == ["Goes on", ANSWER], timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert [each.body for each in parts.controller.waiting.of(second)] == ["Stays"]
    if how != "deleted":
        parts.controller.open_chat(second)
        assert queue_rows(parts) == [words.queued("Stays", "")]


def test_what_waits_in_a_deleted_chat_is_not_sent(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    ask(qtbot, parts, "Of the first chat")
    wait_for_answer(qtbot, parts)
    first = parts.controller.chat_id or ""
    parts.window.chats.on_new_chat()
    process.gate.clear()
    ask(qtbot, parts, "Of the second chat")
    parts.controller.open_chat(first)
    ask(qtbot, parts, "Not sent")
    parts.controller.delete(first)
    process.gate.set()
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert len(process.requests) == 2
    parts.controller.undelete(first)
    assert queue_rows(parts) == [words.queued("Not sent", "")]


def edit_boxes(parts: Parts) -> list[EditBox]:
    """All that stand in the chat's view, whoever remembers them."""
    return [box for box in parts.window.pane.chat.findChildren(EditBox) if not box.isHidden()]


def test_an_edit_box_goes_with_its_chat_and_comes_back_once(qtbot: QtBot, parts: Parts) -> None:
    ask(qtbot, parts, "First")
    wait_for_answer(qtbot, parts)
    chat_id = parts.controller.chat_id
    begin_editing(parts, 0).edit.setPlainText("Of the first chat")
    parts.window.chats.on_new_chat()
    assert not edit_boxes(parts)
    ask(qtbot, parts, "Other")
    wait_for_answer(qtbot, parts)
    assert not edit_boxes(parts)
    for _ in range(2):  # also where it is shown anew
        parts.controller.open_chat(chat_id)
        delete_what_waits()
        assert [box.edit.toPlainText() for box in edit_boxes(parts)] == ["Of the first chat"]
        assert parts.window.pane.chat.items[0].isHidden()
    edit_boxes(parts)[0].on_left()
    assert not edit_boxes(parts)
    assert parts.window.pane.chat.items[0].isVisible()
    assert parts.controller.edits() == ()


def test_an_edit_box_goes_with_a_deleted_chat_and_comes_back_with_it(qtbot: QtBot, parts: Parts) -> None:
    ask(qtbot, parts, "First")
    wait_for_answer(qtbot, parts)
    begin_editing(parts, 0).edit.setPlainText("Kept")
    parts.controller.delete(parts.controller.chat_id or "")
    assert not edit_boxes(parts)
    parts.window.actions_by_name["undo"].trigger()
    delete_what_waits()
    assert [box.edit.toPlainText() for box in edit_boxes(parts)] == ["Kept"]


def test_an_edit_box_goes_with_the_answer_that_is_replaced(qtbot: QtBot, parts: Parts) -> None:
    ask(qtbot, parts, "First")
    wait_for_answer(qtbot, parts)
    begin_editing(parts, 1).edit.setPlainText("Better")
    parts.controller.try_again()
    wait_for_answer(qtbot, parts)
    assert not edit_boxes(parts)
    parts.window.actions_by_name["earlier_version"].trigger()
    delete_what_waits()
    assert [box.edit.toPlainText() for box in edit_boxes(parts)] == ["Better"]


def test_an_edit_box_comes_back_with_a_page_that_went(qtbot: QtBot, parts: Parts) -> None:
    chat_id = parts.store.create_conversation().id
    ids = [parts.store.add_user_message(chat_id, f"Text {at}").id for at in range(60)]
    parts.controller.open_chat(chat_id)
    view = parts.window.pane.chat
    qtbot.waitUntil(lambda: view.settled and len(view.items) == 30, timeout=WAIT_MS)
    begin_editing(parts, 28).edit.setPlainText("Far down")
    for at in (2, 58):
        view.go_to(ids[at])
        delete_what_waits()
        assert [box.edit.toPlainText() for box in edit_boxes(parts)] == ["Far down"] * (at == 58)
