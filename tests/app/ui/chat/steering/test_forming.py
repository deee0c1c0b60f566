"""Blanks in the message box: said above it, inserted from the menu, filled by an answer, tinted in it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from pytestqt.qtbot import QtBot

from app.chats import texts
from app.main import Parts
from app.ui.chat.flow_text import FlowText
from app.ui.chat.steering import words
from inference.events import Failed
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess, committed, draft, finished
from tests.helpers.waiting import WAIT_MS

MESSAGE = "A picnic.\n---\nDear [[word]], see you on [[date]]!"


def send(qtbot: QtBot, parts: Parts, text: str) -> None:
    box = parts.window.pane.composer.box
    box.setPlainText(text)
    qtbot.keyClick(box, Qt.Key.Key_Return)


def tinted(parts: Parts) -> list[str]:
    """The runs of the last answer that stand on a tint."""
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    found = []
    for text in answer.body.findChildren(FlowText):
        block = text.document().begin()
        while block.isValid():
            piece = block.begin()
            while not piece.atEnd():
                if piece.fragment().charFormat().background().style() != Qt.BrushStyle.NoBrush:
                    found.append(piece.fragment().text())
                piece += 1
            block = block.next()
    return found


def test_a_text_is_filled_in(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    rest = " Ann, see you on 2026-12-01!"
    process.answer = [draft([" Ann", ","]), committed(rest), finished(rest)]
    strip = parts.window.steering.forming.strip
    parts.window.pane.composer.box.setPlainText(MESSAGE)
    qtbot.waitUntil(strip.isVisible, timeout=WAIT_MS)
    assert strip.label.text() == words.blanks_told(2, "A picnic.", ())
    send(qtbot, parts, MESSAGE)
    wait_for_answer(qtbot, parts)
    (request,) = process.requests
    assert request.turns[-1].text == ("Fill in the blanks of this text:\n\nDear ___, see you on ___!\n\nA picnic.")
    assert (request.answer_start, request.form_is_new) == ("Dear", True)
    asked, answer = parts.store.messages(parts.controller.chat_id or "")
    assert (asked.body, answer.body) == (MESSAGE, "Dear Ann, see you on 2026-12-01!")
    qtbot.waitUntil(lambda: tinted(parts) == ["Ann", "2026-12-01"], timeout=WAIT_MS)
    shown = parts.window.pane.chat.last_answer
    assert shown is not None
    assert shown._note.text() == words.filled_note(2)
    qtbot.waitUntil(lambda: not strip.isVisible(), timeout=WAIT_MS)
    parts.window.actions_by_name["try_again"].trigger()
    wait_for_answer(qtbot, parts)
    assert process.requests[-1].answer_start == "Dear"


def test_a_stopped_one_keeps_its_start_and_goes_on(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.answer = [draft([" Ann", ","], 3.0), committed(" Ann, bye"), finished(" Ann, bye")]
    process.gate.clear()
    send(qtbot, parts, "Dear [[word]], bye")
    qtbot.waitUntil(lambda: bool(process.requests), timeout=WAIT_MS)
    parts.controller.stop()
    wait_for_answer(qtbot, parts)
    assert parts.store.messages(parts.controller.chat_id or "")[-1].body == "Dear"
    process.gate.set()
    parts.controller.continue_answer()
    wait_for_answer(qtbot, parts)
    request = process.requests[-1]
    assert request.form is not None
    assert (request.answer_start, request.form.text, request.form_is_new) == ("Dear", "Dear {word}, bye", False)
    assert parts.store.messages(parts.controller.chat_id or "")[-1].body == "Dear Ann, bye"


def test_the_menu_inserts_them(qtbot: QtBot, parts: Parts) -> None:
    forming, composer = parts.window.steering.forming, parts.window.pane.composer
    composer.box.setPlainText("Meet on ")
    composer.box.moveCursor(QTextCursor.MoveOperation.End)
    blanks = forming.menu.actions()[0].menu()
    assert blanks is not None
    offered = {action.text().split("\t")[1]: action for action in blanks.actions()}
    offered["[[date]]"].trigger()
    assert composer.text == "Meet on [[date]]"
    offered["[[yes|no]]"].trigger()
    qtbot.keyClicks(composer.box, "rain|sun")
    assert composer.text == "Meet on [[date]][[rain|sun]]"
    composer.box.undo()
    parts.window.actions_by_name["form"].trigger()
    assert forming.menu.isVisible()
    forming.menu.close()


def test_brackets_can_be_sent_as_they_are(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    strip, composer = parts.window.steering.forming.strip, parts.window.pane.composer
    composer.box.setPlainText("[[dates]]")
    qtbot.waitUntil(strip.isVisible, timeout=WAIT_MS)
    assert strip.label.text() == "[[dates]] is no blank and stays."
    composer.box.setPlainText("Keep [[date]]")
    qtbot.waitUntil(strip.button.isVisible, timeout=WAIT_MS)
    qtbot.mouseClick(strip.button, Qt.MouseButton.LeftButton)
    assert composer.text == "Keep \\[[date]]"
    qtbot.waitUntil(lambda: not strip.isVisible(), timeout=WAIT_MS)
    composer.box.undo()
    assert composer.text == "Keep [[date]]"
    composer.box.redo()
    qtbot.keyClick(composer.box, Qt.Key.Key_Return)
    wait_for_answer(qtbot, parts)
    assert process.requests[-1].form is None


def test_ordinary_messages_are_asked_as_ever(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    ask(qtbot, parts, "if [[ -f x ]]; then")
    wait_for_answer(qtbot, parts)
    assert process.requests[-1].form is None
    assert tinted(parts) == []


def test_exactly_what_was_filled_is_tinted(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.answer = [draft(["ya"]), committed("yate]]"), finished("yate]]")]
    send(qtbot, parts, "[[da[[word]]te]]")
    wait_for_answer(qtbot, parts)
    qtbot.waitUntil(lambda: bool(tinted(parts)), timeout=WAIT_MS)
    assert tinted(parts) == ["ya"]


def test_blanks_that_are_none_are_all_counted() -> None:
    told = words.blanks_told(0, "", ("[[a]]", "[[b]]", "[[c]]", "[[d]]"))
    assert told == "[[a]], [[b]], [[c]] and 1 more are no blanks and stay."


def test_blanks_that_no_model_can_be_kept_to_are_refused_before(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    said: list[tuple[str, str]] = []
    parts.controller.problem.connect(lambda report: said.append((report.text, report.hint)))
    strip, message = parts.window.steering.forming.strip, "Dear [[9999 words]]"
    send(qtbot, parts, message)
    assert said == [(texts.BLANKS_TOO_LARGE, texts.blanks_fit(250, 510))]
    assert (process.requests, parts.store.list_conversations()) == ([], ())
    assert parts.window.pane.composer.text == message
    qtbot.waitUntil(strip.isVisible, timeout=WAIT_MS)
    assert strip.label.text() == " ".join(said[0])


def test_an_answer_whose_form_is_refused_has_no_text_that_could_go_on(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    process.answer = [Failed("This form is too large.", "Make it simpler.", known=True, refused="form")]
    send(qtbot, parts, "Dear [[words]], bye")
    wait_for_answer(qtbot, parts)
    answer = parts.store.messages(parts.controller.chat_id or "")[-1]
    assert (answer.body, answer.error and answer.error.user_text) == ("", "This form is too large.")
    shown = parts.window.pane.chat.last_answer
    assert shown is not None
    assert not shown.can_continue
    process.answer = [committed(" Ann, bye"), finished(" Ann, bye")]
    parts.controller.try_again()
    wait_for_answer(qtbot, parts)
    assert parts.store.messages(parts.controller.chat_id or "")[-1].body == "Dear Ann, bye"
