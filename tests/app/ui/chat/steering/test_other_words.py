"""Another word in the place of one: told, offered, held while the rest settles around it; and how settled all are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QHelpEvent, QTextCursor
from PySide6.QtWidgets import QToolTip
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.chat.flow_text import FlowText
from app.ui.chat.steering import words
from app.ui.chat.steering.other_words import tint_of
from app.ui.chat.steering.recorded import RecordedWords, others
from app.ui.widgets.colours import DARK, LIGHT, Tokens
from app.ui.widgets.theme import Theme
from inference.events import Alternative, AlternativesFound, Failed
from inference.operations.requests import AlternativesRequest
from inference.params import HeldPlace
from inference.traces.trace import Trace, TracedStep
from tests.app.ui.chat.steering.test_forming import tinted
from tests.app.ui.chat.steering.test_on_server import serve
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.app.ui.widgets.test_theme import contrast
from tests.helpers.scripted_process import ScriptedModelProcess, simple_answer
from tests.helpers.waiting import WAIT_MS

ANSWER = "The cat sat here."
TEXTS = {1: b"The", 2: b" cat", 3: b" sat", 4: b" here", 5: b".", 6: b"", 7: b" dog"}
CANVAS = (1, 2, 3, 4, 5, 6)


def recorded(entropy: tuple[float, ...] = (0.0, 1.5, 0.0, 0.0, 0.0, 0.0)) -> Trace:
    """One block of the answer, in one step."""
    none = (False,) * 6
    noise = TracedStep(0, (7,) * 6, none, (7,) * 6, (0.0,) * 6, none)
    step = TracedStep(1, CANVAS, (True,) * 6, CANVAS, entropy, (True,) * 6)
    candidates = tuple(((token, -0.1), (7, -2.3)) for token in CANVAS)
    return Trace(0, 48, none, (noise, step), CANVAS, 1.0, b"", dict(TEXTS), candidates)


@pytest.fixture
def answered(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, monkeypatch: pytest.MonkeyPatch) -> FlowText:
    """A window with a recorded answer; its text."""
    monkeypatch.setattr("app.ui.chat.steering.other_words.read_trace", lambda data: recorded())
    monkeypatch.setattr(parts.controller.recordings, "read", lambda message_id: (b"",))
    parts.window.pane.chat.is_recorded = lambda message_id: True
    process.answer = [*simple_answer(ANSWER)]
    process.performed = [AlternativesFound(1, 2, (Alternative(2, " cat", -0.1), Alternative(7, " dog", -2.3)))]
    ask(qtbot, parts, "Hi")
    answer = wait_for_answer(qtbot, parts)
    qtbot.waitUntil(lambda: bool(answer.body.findChildren(FlowText)), timeout=WAIT_MS)
    parts.window.steering.other_words.on_look_due()
    return answer.body.findChildren(FlowText)[0]


def select(parts: Parts, text: FlowText, selected: str) -> None:
    text.setFocus(Qt.FocusReason.MouseFocusReason)
    at = text.toPlainText().index(selected)
    cursor = text.textCursor()
    cursor.setPosition(at)
    cursor.setPosition(at + len(selected), QTextCursor.MoveMode.KeepAnchor)
    text.setTextCursor(cursor)
    parts.window.steering.rewriting._looking.stop()  # else it asks once more where the machine is slow
    parts.window.steering.rewriting.on_look_due()


def test_places_of_characters() -> None:
    found = RecordedWords([recorded()], f"Before. {ANSWER}")
    (place,) = found.of(13, 14)
    assert (place.number, place.token, place.entropy, place.block_start) == (1, 2, 1.5, 8)
    assert [each.number for each in found.of(8, 25)] == [0, 1, 2, 3, 4]
    assert found.of(0, 3) == ()
    assert RecordedWords([recorded()], "Something else").places == []


def told(parts: Parts, answered: FlowText) -> str:
    """What is said of the second word when it is pointed at."""
    cursor = QTextCursor(answered.document())
    cursor.setPosition(ANSWER.index("cat") + 1)
    at = answered.cursorRect(cursor).center()
    event = QHelpEvent(QEvent.Type.ToolTip, at, answered.viewport().mapToGlobal(at))
    assert parts.window.steering.other_words.eventFilter(answered.viewport(), event)
    said = QToolTip.text()
    QToolTip.hideText()
    return said


def test_a_word_that_is_pointed_at_tells_of_others(qtbot: QtBot, parts: Parts, answered: FlowText) -> None:
    others = "Also possible: dog 10 % (1.50 nats in the last step)."
    assert f"{others} Double-click to put one of them here." in told(parts, answered)
    serve(qtbot, parts)  # whose model cannot put one there
    assert others in (said := told(parts, answered))
    assert "click" not in said


def test_one_is_chosen_and_the_rest_settles_around_it(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, answered: FlowText
) -> None:
    select(parts, answered, "cat")
    row = parts.window.steering.other_words.row
    qtbot.waitUntil(lambda: bool(process.operations) and not parts.controller.operations.running, timeout=WAIT_MS)
    (asked,) = process.operations
    assert isinstance(asked, AlternativesRequest)
    assert (asked.canvas, asked.place, asked.request.answer_start) == (CANVAS, 1, "")
    assert [button.text() for button in row.buttons] == ["dog"]
    before = parts.store.messages(parts.controller.chat_id or "")[-1]
    process.answer = [*simple_answer("The dog sat there.")]
    qtbot.mouseClick(row.buttons[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(process.requests) == 2, timeout=WAIT_MS)
    wait_for_answer(qtbot, parts)
    request = process.requests[-1]
    assert request.start is not None
    assert (request.start.token_ids, request.held, request.canvas_length) == (CANVAS, (HeldPlace(1, 7),), 6)
    last = parts.store.messages(parts.controller.chat_id or "")[-1]
    assert (last.body, last.sibling_count) == ("The dog sat there.", 2)
    assert parts.store.message(before.id).body == ANSWER
    assert not parts.window.steering.rewriting.bar.isVisible()


def test_words_are_offered_for_words_and_marks_for_marks() -> None:
    known = tuple(
        Alternative(token, piece, -1.0 - token)
        for token, piece in enumerate((",", " dog", "...", " \u0939\u093f", "7", " \u2014", "!", "\ufffd", " "), 10)
    )
    places = RecordedWords([recorded()], ANSWER).places
    assert [each.piece for each in others(places[1], known)] == [" dog", " \u0939\u093f", "7"]
    assert [each.piece for each in others(places[4], known)] == [",", "...", " \u2014", "!"]
    assert others(places[1], (known[0], known[6])) == (), "nothing is left"


def test_several_words_have_no_others(qtbot: QtBot, parts: Parts, answered: FlowText) -> None:
    select(parts, answered, "cat sat")
    assert parts.window.steering.rewriting.bar.isVisible()
    assert not parts.window.steering.other_words.row.isVisible()


def test_where_the_model_sees_no_other_word_that_is_said(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, answered: FlowText
) -> None:
    process.performed = [AlternativesFound(1, 2, (Alternative(2, " cat", -0.1),))]
    select(parts, answered, "cat")
    row = parts.window.steering.other_words.row
    qtbot.waitUntil(lambda: row.label.text() == words.NOTHING_ELSE, timeout=WAIT_MS)


def test_a_model_that_cannot_say_so_says_why(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, answered: FlowText, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = replace(recorded(), candidates=tuple(((token, 0.0),) for token in CANVAS))
    monkeypatch.setattr("app.ui.chat.steering.other_words.read_trace", lambda data: alone)
    process.performed = [Failed("This server tells nothing of other words.", "", known=True)]
    process.gate.clear()
    select(parts, answered, "cat")
    row = parts.window.steering.other_words.row
    assert row.label.text() == words.ASKING
    process.gate.set()
    qtbot.waitUntil(lambda: row.label.text() == "This server tells nothing of other words.", timeout=WAIT_MS)


def test_how_settled_each_word_is(qtbot: QtBot, parts: Parts, answered: FlowText) -> None:
    assert tinted(parts) == []
    parts.window.actions_by_name["how_settled"].trigger()
    qtbot.waitUntil(lambda: [each.strip() for each in tinted(parts)] == ["cat"], timeout=WAIT_MS)
    assert words.SETTLED_TINT in parts.window.pane.notice.text
    assert "true" in words.SETTLED_TINT
    parts.window.actions_by_name["how_settled"].trigger()
    qtbot.waitUntil(lambda: tinted(parts) == [], timeout=WAIT_MS)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_words_on_the_deepest_tint_are_read_as_well_as_any(tokens: Tokens) -> None:
    tint, ground = tint_of(1.0, Theme(tokens, 1.0, 10.0)), QColor(tokens.window)
    pairs = zip(tint.getRgb()[:3], ground.getRgb()[:3], strict=True)  # type: ignore[index]
    mixed = [round(over * tint.alphaF() + under * (1 - tint.alphaF())) for over, under in pairs]
    assert contrast(tokens.text, QColor(*mixed).name()) >= 7
