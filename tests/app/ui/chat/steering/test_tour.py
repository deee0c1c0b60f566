"""The tour: each step waits until it is done, or goes on; it can be left at any time."""

from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.chat.steering import words
from tests.app.ui.chat.test_replay import replay
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS


def test_it_follows_what_the_user_does(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    tour, composer = parts.window.steering.tour, parts.window.pane.composer
    assert not tour.card.isVisible()
    parts.window.actions_by_name["tour"].trigger()
    assert tour.card.isVisible()
    assert (tour.step, tour.card.text.text()) == (words.TOUR_ASK, words.TOUR_STEPS[0])
    ask(qtbot, parts, "My own words")
    answer = wait_for_answer(qtbot, parts)
    assert tour.step == words.TOUR_REPLAY
    answer.open_replay(replay(), "")
    assert (tour.step, answer.bar is not None) == (words.TOUR_REPLAY, True), "what to do there can be read meanwhile"
    assert answer.bar is not None
    qtbot.waitUntil(lambda: tour._bar is answer.bar, timeout=WAIT_MS)
    answer.bar.closed.emit()
    assert tour.step == words.TOUR_WORD
    parts.window.steering.rewriting.closed.emit()  # not what this step is about
    assert tour.step == words.TOUR_WORD
    parts.controller.try_again()
    wait_for_answer(qtbot, parts)
    assert tour.step == words.TOUR_REWRITE
    parts.window.steering.rewriting.closed.emit()
    assert tour.step == words.TOUR_BLANKS
    assert composer.text == words.TOUR_TEXT
    qtbot.keyClick(composer.box, Qt.Key.Key_Return)
    wait_for_answer(qtbot, parts)
    assert process.requests[-1].form is not None
    assert tour.card.next.text() == words.TOUR_DONE
    qtbot.mouseClick(tour.card.next, Qt.MouseButton.LeftButton)
    assert not tour.card.isVisible()


def test_it_can_be_left_and_keeps_what_is_typed(qtbot: QtBot, parts: Parts) -> None:
    tour, composer = parts.window.steering.tour, parts.window.pane.composer
    parts.window.actions_by_name["tour"].trigger()
    composer.box.setPlainText("half a thought")
    for _ in range(words.TOUR_BLANKS):
        qtbot.mouseClick(tour.card.next, Qt.MouseButton.LeftButton)
    assert tour.step == words.TOUR_BLANKS
    assert composer.text == "half a thought"
    qtbot.mouseClick(tour.card.leave, Qt.MouseButton.LeftButton)
    assert (tour.step, tour.card.isVisible()) == (-1, False)
    ask(qtbot, parts, " more")
    wait_for_answer(qtbot, parts)
    assert not tour.card.isVisible()


def test_it_begins_on_the_page_of_a_new_chat_and_from_the_box_of_commands(qtbot: QtBot, parts: Parts) -> None:
    tour, composer, box = parts.window.steering.tour, parts.window.pane.composer, parts.window.go_to.box
    composer.box.setPlainText("typed before")
    qtbot.mouseClick(tour.link, Qt.MouseButton.LeftButton)
    assert (tour.step, tour.card.isVisible(), tour.link.isVisible()) == (words.TOUR_ASK, True, False)
    assert (composer.text, composer.box.hasFocus()) == ("typed before", True)
    tour.end()
    assert tour.link.isVisible()
    parts.window.actions_by_name["palette"].trigger()
    box.line.setText("tour")
    qtbot.keyClick(box.line, Qt.Key.Key_Return)
    assert (tour.step, composer.box.hasFocus()) == (words.TOUR_ASK, True)


def test_a_step_that_needs_an_answer_asks_for_one(qtbot: QtBot, parts: Parts) -> None:
    tour = parts.window.steering.tour
    parts.window.actions_by_name["tour"].trigger()
    qtbot.mouseClick(tour.card.next, Qt.MouseButton.LeftButton)
    assert (tour.step, tour.card.text.text()) == (words.TOUR_REPLAY, words.TOUR_ANSWER_FIRST)
    ask(qtbot, parts, "Hi")
    wait_for_answer(qtbot, parts)
    assert (tour.step, tour.card.text.text()) == (words.TOUR_REPLAY, words.TOUR_STEPS[words.TOUR_REPLAY])
    parts.controller.open_chat(None)
    assert tour.card.text.text() == words.TOUR_ANSWER_FIRST
    qtbot.mouseClick(tour.card.next, Qt.MouseButton.LeftButton)
    ask(qtbot, parts, "Hi")
    wait_for_answer(qtbot, parts)
    assert (tour.step, tour.card.text.text()) == (words.TOUR_WORD, words.TOUR_STEPS[words.TOUR_WORD])
