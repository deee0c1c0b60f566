"""How full the context is, before anything is sent: counted in the model process when typing pauses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.bridge.context import ContextUse
from app.library.answering import ModelPhase
from app.main import Parts
from app.ui.chat.options import words
from inference.events import Event, PromptMeasured
from inference.params import ChatTurn
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import CANVAS, READY, ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS

ROOM = READY.max_context - CANVAS


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a pause of typing here."""
    monkeypatch.setattr("app.bridge.context.PAUSE_MS", 1)


def known(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, *turns: ChatTurn) -> ContextUse:
    """What is shown once these turns were counted."""
    context = parts.controller.context
    qtbot.waitUntil(
        lambda: (
            bool(process.measured_chats)
            and process.measured_chats[-1].turns == turns
            and context._task is None
            and context.use is not None
        ),
        timeout=WAIT_MS,
    )
    assert context.use is not None
    return context.use


def test_what_is_typed_counts_with_the_chat_and_its_system_prompt(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    meter, box = parts.window.pane.context, parts.window.pane.composer.box
    assert known(qtbot, parts, process, ChatTurn("user", "")) == ContextUse(100, ROOM)
    assert meter.isVisible()
    assert meter.label.text() == words.context_line(100, ROOM, 0)
    ask(qtbot, parts, "Hi")
    wait_for_answer(qtbot, parts)
    options = parts.controller.options()
    parts.controller.set_options(dataclasses.replace(options, system_prompt="Be brief.", answer_tokens=70))
    process.measured = 1300
    qtbot.keyClicks(box, "And you?")
    asked = (ChatTurn("user", "Hi"), ChatTurn("assistant", "Hello **there**."), ChatTurn("user", "And you?"))
    assert known(qtbot, parts, process, ChatTurn("system", "Be brief."), *asked).tokens == 1300
    assert process.measured_chats[-1].max_new_tokens == 70
    parts.controller.open_chat(None)
    assert known(qtbot, parts, process, ChatTurn("user", "")).tokens == 1300
    assert len(process.requests) == 1, "nothing was sent"


def test_what_will_be_left_out_and_what_is_too_long_are_said(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    meter, box = parts.window.pane.context, parts.window.pane.composer.box
    process.measured, process.dropped = 3000, 4
    qtbot.keyClicks(box, "long")
    assert known(qtbot, parts, process, ChatTurn("user", "long")) == ContextUse(3000, ROOM, 4)
    assert meter.label.text() == "4 oldest messages left out"
    assert "the 4 oldest messages of this chat will not be read" in meter.accessibleName()
    process.measured, process.dropped = ROOM + 1, 0
    qtbot.keyClicks(box, "er")
    assert known(qtbot, parts, process, ChatTurn("user", "longer")).too_long
    assert meter.label.text() == f"message too long: {ROOM + 1:,} tokens"  # one number: no limit beside another one's
    assert f"Of a single message the model can take {ROOM:,}" in meter.accessibleName()


def test_a_system_prompt_that_is_too_long_is_named(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: object) -> Iterator[Event]:
        yield PromptMeasured(ROOM + 1, ROOM, system_too_long=True)

    monkeypatch.setattr(process, "measure_chat", measured)
    meter = parts.window.pane.context
    qtbot.keyClicks(parts.window.pane.composer.box, "Hi")
    qtbot.waitUntil(lambda: meter.label.text() == "system prompt too long", timeout=WAIT_MS)
    assert "Shorten the system prompt" in meter.accessibleName()


def test_nobody_is_asked_while_an_answer_is_written_or_no_model_is_there(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    context = parts.controller.context
    known(qtbot, parts, process, ChatTurn("user", ""))
    process.gate.clear()
    ask(qtbot, parts, "Hi")
    context.ask()
    assert context._task is None
    process.gate.set()
    wait_for_answer(qtbot, parts)
    chat = (ChatTurn("user", "Hi"), ChatTurn("assistant", "Hello **there**."))
    known(qtbot, parts, process, *chat, ChatTurn("user", ""))
    asked = len(process.measured_chats)
    process.load_gate.clear()
    parts.controller.model.load(parts.controller.model.choice)
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.LOADING, timeout=WAIT_MS)
    context.ask()
    assert context.use is None
    assert parts.window.pane.context.isHidden()
    assert len(process.measured_chats) == asked
    process.load_gate.set()
    known(qtbot, parts, process, *chat, ChatTurn("user", ""))


def test_what_cannot_fit_is_not_even_sent_to_be_counted(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    known(qtbot, parts, process, ChatTurn("user", ""))
    chat = parts.store.create_conversation().id
    for number in range(6):
        parts.store.add_user_message(chat, f"{number}" * (READY.max_context * 10))
    process.dropped = 1
    parts.controller.open_chat(chat)
    qtbot.waitUntil(lambda: parts.controller.context.use is not None, timeout=WAIT_MS)
    sent = process.measured_chats[-1].turns
    assert [turn.text[:1] for turn in sent] == ["2", "3", "4", "5", ""]
    assert parts.controller.context.use == ContextUse(100, ROOM, 3)


def test_an_older_count_is_followed_by_a_newer_one(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    known(qtbot, parts, process, ChatTurn("user", ""))
    process.gate.clear()
    context, box = parts.controller.context, parts.window.pane.composer.box
    context.ask()
    qtbot.keyClicks(box, "a")
    qtbot.keyClick(box, Qt.Key.Key_B)
    context.ask()
    process.gate.set()
    known(qtbot, parts, process, ChatTurn("user", "ab"))
