"""Selected words of an answer, written anew: by mouse and by keys, taken, left, stopped, and what goes wrong."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.chat.flow_text import FlowText
from app.ui.chat.steering import words
from app.ui.chat.steering.rewrite_box import RewriteBox
from app.ui.chat.steering.rewriting import Rewriting
from inference.events import Event, Failed, VariantWritten
from inference.operations.requests import RewriteRequest
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess, committed, draft, finished, simple_answer
from tests.helpers.waiting import WAIT_MS

ANSWER = "First paragraph.\n\nThe cat sat on **the mat** today.\n\nLast one."


def variants(*parts: str) -> list[Event]:
    """What the model writes for "cat sat"."""
    found: list[Event] = []
    for number, part in enumerate(parts):
        text = ANSWER.replace("cat sat", part)
        found += [draft([f" {part}", " on"]), committed(part), VariantWritten(number, text, part, -number, number)]
    return [*found, finished("")]


@pytest.fixture
def rewriting(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> Rewriting:
    """A window with an answer."""
    process.answer = [*simple_answer(ANSWER)]
    process.performed = variants("dog lay", "bird flew", "bird flew")
    ask(qtbot, parts, "Hi")
    wait_for_answer(qtbot, parts)
    qtbot.waitUntil(lambda: bool(texts(parts)), timeout=WAIT_MS)
    return parts.window.steering.rewriting


def texts(parts: Parts) -> list[FlowText]:
    """Those of the answer that show it."""
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    return [each for each in answer.body.findChildren(FlowText) if "cat" in each.toPlainText()]


def select(qtbot: QtBot, parts: Parts, selected: str = "cat sat") -> None:
    """As a mouse would: a click into the text, words selected."""
    (text,) = texts(parts)
    text.setFocus(Qt.FocusReason.MouseFocusReason)
    at = text.toPlainText().index(selected)
    cursor = text.textCursor()
    cursor.setPosition(at)
    cursor.setPosition(at + len(selected), QTextCursor.MoveMode.KeepAnchor)
    text.setTextCursor(cursor)
    parts.window.steering.rewriting.on_look_due()
    assert parts.window.steering.rewriting.bar.isVisible()


def written(qtbot: QtBot, rewriting: Rewriting, count: int) -> RewriteBox:
    box = rewriting.box
    assert box is not None
    qtbot.waitUntil(lambda: not box.writing, timeout=WAIT_MS)
    assert len(box.variants) == count
    return box


def bodies(parts: Parts) -> tuple[str, int]:
    """The answer that is shown, and how many there are."""
    last = parts.store.messages(parts.controller.chat_id or "")[-1]
    return last.body, last.sibling_count


def test_by_mouse(qtbot: QtBot, parts: Parts, rewriting: Rewriting, process: ScriptedModelProcess) -> None:
    select(qtbot, parts)
    qtbot.mouseClick(rewriting.bar.wishes.buttons[words.SHORTER], Qt.MouseButton.LeftButton)
    box = written(qtbot, rewriting, 2)  # what is there already is no variant
    (asked,) = process.operations
    assert isinstance(asked, RewriteRequest)
    assert (asked.answer, asked.selected, asked.wish) == (ANSWER, "cat sat", "Say it in fewer words.")
    assert [turn.text for turn in asked.turns] == ["Hi"]
    assert "cat sat dog lay" in box.diff.toPlainText()
    assert box.note.text() == words.outside_same(ANSWER.index("cat"), len(ANSWER) - ANSWER.index("cat sat") - 7)
    qtbot.mouseClick(box._later, Qt.MouseButton.LeftButton)
    assert "bird flew" in box.diff.toPlainText()
    with qtbot.waitSignal(rewriting.closed, timeout=WAIT_MS):
        qtbot.mouseClick(box._take, Qt.MouseButton.LeftButton)
    assert bodies(parts) == (ANSWER.replace("cat sat", "bird flew"), 2)
    parts.window.actions_by_name["undo"].trigger()
    assert bodies(parts) == (ANSWER, 2)


def test_by_keys(qtbot: QtBot, parts: Parts, rewriting: Rewriting) -> None:
    parts.window.actions_by_name["rewrite"].trigger()
    text = QApplication.focusWidget()
    assert isinstance(text, FlowText)
    assert text.textCursor().selectedText() == "First"
    select(qtbot, parts)
    parts.window.actions_by_name["rewrite"].trigger()
    assert parts.window.focusWidget() is rewriting.bar.wishes.buttons[words.REWRITE]
    qtbot.keyClick(rewriting.bar.wishes.buttons[words.REWRITE], Qt.Key.Key_Space)
    box = written(qtbot, rewriting, 2)
    assert parts.window.focusWidget() is box
    qtbot.keyClick(box, Qt.Key.Key_Right)
    qtbot.keyClick(box, Qt.Key.Key_Left)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert bodies(parts) == (ANSWER.replace("cat sat", "dog lay"), 2)
    assert parts.window.focusWidget() is parts.window.pane.composer.box


def test_in_the_users_own_words_and_left(
    qtbot: QtBot, parts: Parts, rewriting: Rewriting, process: ScriptedModelProcess
) -> None:
    select(qtbot, parts)
    rewriting.bar.take_focus()
    qtbot.keyClicks(rewriting.bar.wishes.line, "as a pirate")
    qtbot.keyClick(rewriting.bar.wishes.line, Qt.Key.Key_Return)
    box = written(qtbot, rewriting, 2)
    asked = process.operations[0]
    assert isinstance(asked, RewriteRequest)
    assert asked.wish == "as a pirate"
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert rewriting.box is None
    assert bodies(parts) == (ANSWER, 1)
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    assert answer.isVisible()


def test_stopped_in_the_middle(qtbot: QtBot, parts: Parts, rewriting: Rewriting, process: ScriptedModelProcess) -> None:
    process.gate.clear()
    select(qtbot, parts)
    rewriting.on_wished("")
    box = rewriting.box
    assert box is not None
    qtbot.waitUntil(lambda: box.canvas.draft is not None, timeout=WAIT_MS)
    assert box.canvas.isVisible()
    assert not box.diff.isVisible()
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not box.writing, timeout=WAIT_MS)
    assert box.note.text() == words.STOPPED_EMPTY
    assert "cat sat" in box.diff.toPlainText()
    process.gate.set()
    box.on_more()
    written(qtbot, rewriting, 2)


def test_what_goes_wrong_is_said(
    qtbot: QtBot, parts: Parts, rewriting: Rewriting, process: ScriptedModelProcess
) -> None:
    process.performed = [Failed("This part is too long.", "Select less.", known=True)]
    select(qtbot, parts)
    rewriting.on_wished("")
    box = written(qtbot, rewriting, 0)
    assert box.problem.isVisible()
    assert "too long" in box.problem.accessibleName()
    process.performed = variants("cat sat")
    box.on_more()
    qtbot.waitUntil(lambda: box.note.text() == words.NONE_DIFFERENT, timeout=WAIT_MS)
    assert not box.problem.isVisible()
    asked = [each.unlike for each in process.operations if isinstance(each, RewriteRequest)]
    assert asked == ["", "c"]  # what is known was not written once more: it was asked to begin otherwise


def test_text_outside_that_differs_is_never_taken(
    qtbot: QtBot, parts: Parts, rewriting: Rewriting, process: ScriptedModelProcess
) -> None:
    process.performed = [VariantWritten(0, ANSWER.replace("cat sat", "ox ran") + "!", "ox ran", 0.0, 1), finished("")]
    select(qtbot, parts)
    rewriting.on_wished("")
    box = written(qtbot, rewriting, 0)
    for other in ("something else", ANSWER.replace("today", "TODAY"), ANSWER.replace("First", "Worst")):
        rewriting.on_taken(other)
    assert rewriting.box is box
    assert bodies(parts) == (ANSWER, 1)


def test_an_answer_goes_first(qtbot: QtBot, parts: Parts, rewriting: Rewriting, process: ScriptedModelProcess) -> None:
    process.gate.clear()
    select(qtbot, parts)
    rewriting.on_wished("")
    qtbot.waitUntil(lambda: bool(process.operations), timeout=WAIT_MS)
    ask(qtbot, parts, "More")
    process.gate.set()
    qtbot.waitUntil(lambda: not parts.controller.busy and not parts.controller.operations.running, timeout=WAIT_MS)
    assert len(process.requests) == 2
    assert bodies(parts)[0] == ANSWER
    process.gate.clear()
    ask(qtbot, parts, "Once more")
    qtbot.waitUntil(lambda: parts.controller.busy, timeout=WAIT_MS)
    rewriting.on_wished("")
    assert words.BUSY in parts.window.pane.notice.text
    process.gate.set()
    wait_for_answer(qtbot, parts)


def test_a_chat_that_is_left_takes_its_box_along(
    qtbot: QtBot, parts: Parts, rewriting: Rewriting, process: ScriptedModelProcess
) -> None:
    chat = parts.controller.chat_id
    process.gate.clear()
    select(qtbot, parts)
    rewriting.on_wished("")
    parts.controller.open_chat(None)
    assert rewriting.box is None
    process.gate.set()
    qtbot.waitUntil(lambda: not parts.controller.operations.running, timeout=WAIT_MS)
    parts.controller.open_chat(chat)
    assert bodies(parts) == (ANSWER, 1)


def test_esc_beside_selected_words_stops_nothing(qtbot: QtBot, parts: Parts, rewriting: Rewriting) -> None:
    select(qtbot, parts)
    (text,) = texts(parts)
    qtbot.keyClick(text, Qt.Key.Key_Escape)
    assert not rewriting.bar.isVisible()
    assert not text.textCursor().hasSelection()
    assert parts.window.focusWidget() is parts.window.pane.composer.box


def test_an_answer_that_is_asked_anew_takes_the_box_along(
    qtbot: QtBot, parts: Parts, rewriting: Rewriting, process: ScriptedModelProcess
) -> None:
    process.gate.clear()
    select(qtbot, parts)
    rewriting.on_wished("")
    parts.window.actions_by_name["try_again"].trigger()
    process.gate.set()
    wait_for_answer(qtbot, parts)
    qtbot.waitUntil(lambda: not parts.controller.operations.running, timeout=WAIT_MS)
    parts.window.actions_by_name["rewrite"].trigger()
    assert rewriting.box is None
    assert bodies(parts) == (ANSWER, 2)


def test_a_wish_has_a_sensible_length(qtbot: QtBot, parts: Parts, rewriting: Rewriting) -> None:
    line = rewriting.bar.wishes.line
    line.setText("x" * 5_000)
    assert len(line.text()) == 500
    assert "500 characters" in line.accessibleName()


def test_a_version_that_exists_is_shown_and_not_stored_once_more(parts: Parts, rewriting: Rewriting) -> None:
    first = parts.store.messages(parts.controller.chat_id or "")[-1].id
    assert parts.controller.add_version(first, "Another one.")
    assert bodies(parts) == ("Another one.", 2)
    assert parts.controller.add_version(parts.store.messages(parts.controller.chat_id or "")[-1].id, ANSWER)
    assert bodies(parts) == (ANSWER, 2)
    assert parts.store.messages(parts.controller.chat_id or "")[-1].id == first
