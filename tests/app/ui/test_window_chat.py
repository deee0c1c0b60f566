"""Asking and answering in the window."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, QRect, Qt
from PySide6.QtGui import QGuiApplication, QPaintEvent
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.base.paths import AppPaths
from app.chats.history import HistoryStore
from app.chats.messages import MessageState
from app.library.answering import ModelPhase
from app.main import Parts
from app.ui.chat import words
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.user_message import UserMessage
from inference.events import DraftUpdated, Failed, ModelLoading, NothingWritten
from tests.app.ui.conftest import MakeWindow
from tests.helpers.scripted_process import READY, ScriptedModelProcess, committed, draft, finished, simple_answer
from tests.helpers.waiting import WAIT_MS, steady


def ask(qtbot: QtBot, parts: Parts, text: str) -> None:
    """Type and press Enter."""
    box = parts.window.pane.composer.box
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key.Key_Return)


def wait_for_answer(qtbot: QtBot, parts: Parts) -> AnswerView:
    """The newest answer, complete."""
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    return answer


def test_send_and_receive_with_drafts(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    seen: list[DraftUpdated] = []
    parts.controller.draft_updated.connect(seen.append)
    ask(qtbot, parts, "Hi there")
    answer = wait_for_answer(qtbot, parts)
    assert answer.source() == "Hello **there**."
    assert seen[-1].step == 4
    assert [type(item) for item in parts.window.pane.chat.items] == [UserMessage, AnswerView]
    assert parts.window.pane.status.text() == "settled in 14 of 48 steps \u00b7 3.1 s \u00b7 82 tokens/s"
    assert parts.window.pane.composer.text == ""
    assert not parts.window.pane.is_empty
    assert process.requests[0].turns[-1].text == "Hi there"
    stored = parts.store.messages(parts.controller.chat_id or "")
    assert [message.body for message in stored] == ["Hi there", "Hello **there**."]


def test_an_answer_of_nothing_is_said_in_its_place(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.answer = [draft([""]), committed(""), NothingWritten(), finished("")]
    ask(qtbot, parts, "Ni hao")
    answer = wait_for_answer(qtbot, parts)
    shown = " ".join(label.text() for label in answer.findChildren(QLabel) if label.isVisible())
    assert "nothing that can be read, also at a second try" in shown
    assert "in English" in shown


def test_the_text_is_stored_before_the_answer_begins(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.gate.clear()
    ask(qtbot, parts, "Keep this")
    stored = parts.store.messages(parts.controller.chat_id or "")
    assert [(message.body, message.state) for message in stored] == [
        ("Keep this", MessageState.DONE),
        ("", MessageState.STREAMING),
    ]
    process.gate.set()
    wait_for_answer(qtbot, parts)


def test_a_chat_that_is_come_back_to_shows_its_newest_draft(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    """The next one of a slow model is seconds away."""
    process.gate.clear()
    process.answer = [draft(["One", " two"]), committed("One two"), finished("One two")]
    ask(qtbot, parts, "Hi")
    controller = parts.controller
    chat = controller.chat_id
    qtbot.waitUntil(lambda: controller.answering.newest_draft is not None, timeout=WAIT_MS)
    controller.open_chat(None)
    controller.open_chat(chat)
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    qtbot.waitUntil(lambda: answer.canvas.draft is not None, timeout=WAIT_MS)
    assert answer.canvas.settled_text() == "One two"
    process.gate.set()
    wait_for_answer(qtbot, parts)
    assert controller.answering.newest_draft is None


def test_shift_enter_breaks_the_line(qtbot: QtBot, parts: Parts) -> None:
    composer = parts.window.pane.composer
    height = composer.box.height()
    qtbot.keyClicks(composer.box, "one")
    qtbot.keyClick(composer.box, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(composer.box, "two")
    assert composer.text == "one\ntwo"
    assert composer.box.height() > height
    composer.set_text("\n".join("line" for _ in range(40)))
    assert composer.box.height() < height * 10


class PaintedAreas(QObject):
    """Notes what a widget paints."""

    def __init__(self) -> None:
        super().__init__()
        self.areas: list[QRect] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt's own name."""
        if isinstance(event, QPaintEvent):
            self.areas.append(event.rect())
        return False


def test_the_placeholder_that_is_seen_changes_with_the_state(qtbot: QtBot, parts: Parts) -> None:
    composer = parts.window.pane.composer
    seen = PaintedAreas()
    composer.box.viewport().installEventFilter(seen)
    for busy in (True, False):
        qtbot.waitUntil(lambda: composer.box.viewport().isVisible(), timeout=WAIT_MS)
        qtbot.waitUntil(steady(lambda: len(seen.areas)), timeout=WAIT_MS)
        seen.areas.clear()
        composer.set_busy(busy)
        assert composer.box.placeholderText() == (words.PLACEHOLDER_BUSY if busy else words.PLACEHOLDER)
        qtbot.waitUntil(lambda: composer.box.viewport().rect() in seen.areas, timeout=WAIT_MS)


def test_blank_text_is_not_sent(qtbot: QtBot, parts: Parts) -> None:
    ask(qtbot, parts, "   ")
    assert not parts.controller.busy
    assert parts.store.list_conversations() == ()


def test_stop_keeps_what_is_committed(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.answer = [draft([" one"]), committed("First block. "), draft([" two"], block=1), finished("First block. ")]
    process.gate.clear()
    ask(qtbot, parts, "Write a lot")
    composer = parts.window.pane.composer
    assert composer.busy
    assert composer.button.accessibleName() == "Stop"
    qtbot.keyClick(composer.box, Qt.Key.Key_Escape)
    wait_for_answer(qtbot, parts)
    stored = parts.store.messages(parts.controller.chat_id or "")
    assert stored[-1].state == MessageState.STOPPED
    assert not composer.busy
    assert composer.button.accessibleName() == "Send"


def test_a_message_typed_while_loading_is_sent_when_ready(
    qtbot: QtBot, make_window: MakeWindow, process: ScriptedModelProcess
) -> None:
    process.load_gate.clear()
    parts = make_window()
    qtbot.waitUntil(lambda: parts.controller.model.status.fraction == 0.4, timeout=WAIT_MS)
    assert parts.window.pane.header.state.text() == "Loading 40 %"
    ask(qtbot, parts, "Early bird")
    assert not process.requests
    process.load_gate.set()
    assert wait_for_answer(qtbot, parts).source() == "Hello **there**."
    assert parts.controller.model.status.phase == ModelPhase.READY
    assert parts.window.pane.header.state.text() == "Ready \u00b7 CPU, 2 threads"


def test_stop_while_the_model_is_loading_ends_at_once(
    qtbot: QtBot, make_window: MakeWindow, process: ScriptedModelProcess
) -> None:
    process.load_gate.clear()
    parts = make_window()
    qtbot.waitUntil(lambda: parts.controller.model.status.fraction == 0.4, timeout=WAIT_MS)
    ask(qtbot, parts, "Never mind")
    parts.controller.stop()
    assert not parts.controller.busy
    process.load_gate.set()
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    assert not process.requests
    ask(qtbot, parts, "Now then")
    assert wait_for_answer(qtbot, parts).source() == "Hello **there**."


@pytest.mark.log_allowed("bridge: task")
def test_a_runtime_error_is_shown_and_try_again_works(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    process.answer = [committed("Half. "), RuntimeError("CUDA error")]
    ask(qtbot, parts, "Go")
    answer = wait_for_answer(qtbot, parts)
    assert answer.source() == "Half. "
    stored = parts.store.messages(parts.controller.chat_id or "")[-1]
    assert stored.state == MessageState.ERROR
    assert stored.error is not None
    assert "CUDA error" in stored.error.detail
    process.answer = [*simple_answer("Whole.")]
    parts.window.actions_by_name["try_again"].trigger()
    assert wait_for_answer(qtbot, parts).source() == "Whole."
    assert len(parts.window.pane.chat.items) == 2


def test_a_lost_engine_says_one_sentence(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.answer = [Failed("The engine is gone.", "Try again.", known=True, engine_lost=True)]
    ask(qtbot, parts, "Go")
    wait_for_answer(qtbot, parts)
    process.answer = [ModelLoading("Loading", 0.5), READY, *simple_answer("Back again.")]
    parts.controller.try_again()
    assert wait_for_answer(qtbot, parts).source() == "Back again."


def test_several_answers_can_be_switched(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    ask(qtbot, parts, "Hi")
    first = wait_for_answer(qtbot, parts)
    process.answer = [*simple_answer("Another one.")]
    first.try_again_requested.emit()
    second = wait_for_answer(qtbot, parts)
    assert second.siblings._place.text() == "2 of 2"
    second.sibling_requested.emit(second.message_id, -1)
    shown = parts.window.pane.chat.last_answer
    assert shown is not None
    assert shown.source() == "Hello **there**."
    assert shown.siblings._place.text() == "1 of 2"


def test_messages_of_the_user_at_one_place_can_be_switched(make_window: MakeWindow, dewpoint_home: Path) -> None:
    path = AppPaths(dewpoint_home).data_file
    with HistoryStore.open(path) as store:
        chat = store.add_user_message(None, "First").conversation_id
    rest = "conversation_id, role, state, created_at, updated_at, thinking"
    with closing(sqlite3.connect(path)) as db, db:  # as a recovery may leave it
        db.execute(f"INSERT INTO message (id, body, sibling_no, {rest}) SELECT '0', 'Second', 1, {rest} FROM message")
    parts = make_window()
    parts.controller.open_chat(chat)
    view = parts.window.pane.chat
    for shown, step in (("First", "Next message"), ("Second", "Previous message"), ("First", "Next message")):
        (item,) = view.items
        assert item.source() == shown
        (arrow,) = [button for button in item.findChildren(QPushButton) if button.accessibleName() == step]
        arrow.click()


def test_answers_that_did_not_settle_say_so(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.answer = [committed("Hm.", steps=48, settled=False), finished("Hm.", (48,))]
    ask(qtbot, parts, "Hard one")
    wait_for_answer(qtbot, parts)
    assert parts.window.pane.status.text().startswith("stopped at 48 of 48 steps before settling")


def test_an_answer_goes_on_while_another_chat_is_shown(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    process.gate.clear()
    ask(qtbot, parts, "First chat")
    chat = parts.controller.chat_id
    parts.window.actions_by_name["new_chat"].trigger()
    assert parts.window.pane.is_empty
    ask(qtbot, parts, "Too early")
    assert parts.window.pane.notice.text == words.BUSY_ELSEWHERE
    assert parts.window.pane.composer.text == "Too early"
    process.gate.set()
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert parts.window.pane.is_empty
    assert parts.store.messages(chat or "")[-1].body == "Hello **there**."


def test_copy_gives_the_source(qtbot: QtBot, parts: Parts) -> None:
    ask(qtbot, parts, "Hi")
    wait_for_answer(qtbot, parts)
    parts.window.actions_by_name["copy_answer"].trigger()
    assert QGuiApplication.clipboard().text() == "Hello **there**."


def test_restart_shows_the_same_chat(qtbot: QtBot, make_window: MakeWindow, dewpoint_home: Path) -> None:
    first = make_window()
    ask(qtbot, first, "Remember me")
    wait_for_answer(qtbot, first)
    first.window.close()
    first.store.close()
    second = make_window()
    assert [item.source() for item in second.window.pane.chat.items] == ["Remember me", "Hello **there**."]
    assert second.window.sidebar.list.ids() == [second.controller.chat_id]


def test_closing_mid_answer_saves_what_is_there(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.answer = [committed("Saved. "), draft([" more"], block=1), finished("Saved. ")]
    process.gate.clear()
    ask(qtbot, parts, "Go")
    chat = parts.controller.chat_id or ""
    qtbot.waitUntil(lambda: parts.store.messages(chat)[-1].body == "Saved. ", timeout=WAIT_MS)
    parts.window.close()
    assert process.closed
    last = parts.store.messages(chat)[-1]
    assert (last.state, last.body) == (MessageState.STOPPED, "Saved. ")
