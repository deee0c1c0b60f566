"""The starter model itself, through the real model process: ask, watch, store, restart."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from pytestqt.qtbot import QtBot

from app.chats.messages import Message, MessageState
from app.chats.options import ChatOptions
from app.library.answering import ModelPhase
from app.main import Parts
from app.ui.chat.flow_text import FlowText
from inference.events import DraftUpdated
from tests.end2end.conftest import OpenWindow
from tests.helpers.waiting import WAIT_MS

QUESTION = "Give me a tour of the program"  # two blocks, so several drafts however sure the model is


def ask(qtbot: QtBot, parts: Parts, text: str) -> list[DraftUpdated]:
    """Type, press Enter, wait for the whole answer; the drafts that were shown."""
    drafts: list[DraftUpdated] = []
    parts.controller.draft_updated.connect(drafts.append)
    box = parts.window.pane.composer.box
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    return drafts


def test_ask_watch_store_restart(qtbot: QtBot, open_window: OpenWindow) -> None:
    first = open_window("auto")
    qtbot.waitUntil(lambda: first.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    assert first.window.pane.header.name.full_text.startswith("Starter model")
    drafts = ask(qtbot, first, QUESTION)
    assert drafts
    chat = first.controller.chat_id or ""
    stored = first.store.messages(chat)
    assert stored[-1].state == MessageState.DONE
    assert stored[-1].body.strip()
    assert stored[-1].generation is not None
    assert stored[-1].generation.backend in ("onnx", "native")  # native where it is built
    first.window.close()
    first.store.close()

    second = open_window("auto")
    shown = [item.source() for item in second.window.pane.chat.items]
    assert shown == [QUESTION, stored[-1].body]
    assert second.controller.chat_id == chat


def select(qtbot: QtBot, parts: Parts, selected: str) -> None:
    """Words of the last answer, as a mouse would."""
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    qtbot.waitUntil(lambda: bool(answer.body.findChildren(FlowText)), timeout=WAIT_MS)
    text = next(each for each in answer.body.findChildren(FlowText) if selected in each.toPlainText())
    at = text.toPlainText().index(selected)
    text.setFocus(Qt.FocusReason.MouseFocusReason)
    cursor = text.textCursor()
    cursor.setPosition(at)
    cursor.setPosition(at + len(selected), QTextCursor.MoveMode.KeepAnchor)
    text.setTextCursor(cursor)
    parts.window.steering.rewriting.on_look_due()


@pytest.mark.slow
def test_the_canvas_is_steered_and_nothing_is_overwritten(qtbot: QtBot, open_window: OpenWindow) -> None:
    parts = open_window("auto")
    controller, steering = parts.controller, parts.window.steering
    qtbot.waitUntil(lambda: controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    ask(qtbot, parts, "Tell me a tiny story about a hedgehog")

    def last() -> Message:
        return parts.store.messages(controller.chat_id or "")[-1]

    first = last()
    word = next(each for each in first.body.split() if each.isalpha() and len(each) > 4)
    # Another word is held, and the rest settles around it.
    select(qtbot, parts, word)
    row = steering.other_words.row
    qtbot.waitUntil(lambda: not controller.operations.running, timeout=WAIT_MS)
    assert row.buttons
    row.buttons[0].click()
    qtbot.waitUntil(lambda: not controller.busy and last().id != first.id, timeout=WAIT_MS)
    assert (last().state, last().sibling_count) == (MessageState.DONE, 2)
    assert row.buttons[0].text() in last().body
    # Some words are written anew; all else stays.
    second = last()
    part = " ".join(second.body.split()[1:3])
    select(qtbot, parts, part)
    steering.rewriting.on_wished("")
    box = steering.rewriting.box
    assert box is not None
    qtbot.waitUntil(lambda: not box.writing, timeout=WAIT_MS)
    for variant in box.variants:
        assert box.part.replaced_in(variant.answer) == variant.part
    if box.variants:  # a small model may have nothing else to say
        taken = box.variants[box.at].answer
        box.on_take()
        # What an earlier version says already is shown again, never stored twice.
        assert last().body == taken
        assert last().sibling_count == len({first.body, second.body, taken})
    else:
        box.on_leave()
    assert {parts.store.message(each.id).body for each in (first, second)} == {first.body, second.body}
    # Blanks, and an answer out of some.
    ask(qtbot, parts, "We meet at [[10|11]] on [[date]].")
    assert re.fullmatch(r"We meet at 1[01] on \d{4}-\d\d-\d\d\.", last().body)
    controller.set_options(ChatOptions(form_text="yes\nno", form="choice"))
    ask(qtbot, parts, "Is it?")
    assert last().body in ("yes", "no")
