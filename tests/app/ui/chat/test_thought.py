"""What a model thinks before it answers stands in a folded field of its own."""

from __future__ import annotations

import dataclasses

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.chat import words
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess, committed, draft, finished
from tests.helpers.waiting import WAIT_MS

THOUGHT = "They greet me.\n\n<b>Be</b> kind & short."


def thinking_answer(thought: str = THOUGHT) -> list[object]:
    """A block of thinking, then one of answer."""
    return [
        draft(["a"]),
        dataclasses.replace(committed(""), thinking=thought),
        draft(["Hello"], block=1),
        committed("Hello.", block=1),
        dataclasses.replace(finished("Hello.", (14, 14)), thinking=thought),
    ]


def test_a_thought_is_folded_and_no_part_of_the_answer(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    process.answer = [*thinking_answer()]  # type: ignore[list-item]
    ask(qtbot, parts, "Hi")
    answer = wait_for_answer(qtbot, parts)
    assert answer.source() == "Hello."
    thought = answer.thought
    assert thought.isVisible()
    assert not thought.is_open
    assert thought.fold.text() == words.thought_line(7, False)
    thought.fold.setFocus()
    qtbot.keyClick(thought.fold, Qt.Key.Key_Space)
    assert thought._short is not None
    assert thought._short.isVisible()
    assert thought._short.toPlainText() == THOUGHT
    thought.fold.click()
    assert not thought._short.isVisible()
    chat = parts.controller.chat_id
    parts.controller.open_chat(None)
    parts.controller.open_chat(chat)
    again = parts.window.pane.chat.last_answer
    assert again is not None
    assert again.thought.text() == THOUGHT


def test_thinking_is_shown_while_it_goes_on(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.answer = [*thinking_answer()]  # type: ignore[list-item]
    process.gate.clear()
    ask(qtbot, parts, "Hi")
    seen: list[tuple[str, str]] = []
    lines: list[str] = []

    def look(source: str, thought: str) -> None:
        answer = parts.window.pane.chat.last_answer
        assert answer is not None
        seen.append((source, thought))
        lines.append(answer.thought.fold.text())

    parts.controller.answer_grown.connect(look)
    process.gate.set()
    wait_for_answer(qtbot, parts)
    assert seen == [("", THOUGHT), ("Hello.", THOUGHT)]
    assert lines == [words.thought_line(7, True), words.thought_line(7, False)]


def test_a_very_long_thought_is_read_in_a_box_that_scrolls(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    process.answer = [*thinking_answer("so and so " * 20_000)]  # type: ignore[list-item]
    ask(qtbot, parts, "Hi")
    thought = wait_for_answer(qtbot, parts).thought
    assert thought._long is thought._short is None  # nothing is laid out before it is opened
    thought.fold.click()
    assert thought._long is not None
    qtbot.waitUntil(thought._long.isVisible, timeout=WAIT_MS)
    assert thought._short is None


def test_without_a_thought_there_is_no_field(qtbot: QtBot, parts: Parts) -> None:
    ask(qtbot, parts, "Hi")
    assert wait_for_answer(qtbot, parts).thought.isHidden()
