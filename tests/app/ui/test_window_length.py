"""A message that is too long for the model is refused before it is sent, and stays in the box to be changed."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.bridge.length import Asking, TooLong
from app.library.answering import ModelPhase
from app.main import Parts
from app.ui.chat import words
from inference.events import Failed
from tests.app.ui.conftest import MakeWindow
from tests.app.ui.test_window_chat import wait_for_answer
from tests.app.ui.test_window_list import add_chats
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS

LONG = "long " * 1000  # more bytes than the scripted model has tokens
ROOM = 4064


def wait_until_ready(qtbot: QtBot, parts: Parts) -> None:
    """The model is loaded."""
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)


def send(qtbot: QtBot, parts: Parts, text: str) -> None:
    """Put the text into the box and press Enter."""
    parts.window.pane.composer.set_text(text)
    qtbot.keyClick(parts.window.pane.composer.box, Qt.Key.Key_Return)


def wait_until_measured(qtbot: QtBot, parts: Parts) -> None:
    """The model has said how long it is."""
    qtbot.waitUntil(lambda: parts.controller.length.asking is None, timeout=WAIT_MS)


def test_too_long_a_message_stays_in_the_box(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    wait_until_ready(qtbot, parts)
    process.measured = 5080
    send(qtbot, parts, LONG)
    wait_until_measured(qtbot, parts)
    assert parts.window.pane.composer.text == LONG
    assert parts.window.pane.notice.text == words.message_too_long(5080, ROOM, len(LONG), 4000)
    assert parts.store.list_conversations() == ()
    assert not process.requests
    assert not parts.controller.busy


def test_a_long_message_that_fits_is_sent(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    wait_until_ready(qtbot, parts)
    process.measured = ROOM
    send(qtbot, parts, LONG)
    wait_until_measured(qtbot, parts)
    assert wait_for_answer(qtbot, parts).source() == "Hello **there**."
    assert process.requests[0].turns[-1].text == LONG
    assert parts.window.pane.composer.text == ""
    assert parts.store.unsent_text(None) == ""


def test_a_short_message_is_not_measured(qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_until_ready(qtbot, parts)
    monkeypatch.delattr(ScriptedModelProcess, "measure")
    send(qtbot, parts, "x" * 3800)
    assert parts.controller.busy
    wait_for_answer(qtbot, parts)


def test_letters_of_several_bytes_count_as_what_they_are(qtbot: QtBot, parts: Parts) -> None:
    wait_until_ready(qtbot, parts)
    assert parts.controller.length.surely_fits("x" * 3800)
    assert not parts.controller.length.surely_fits("\N{DROPLET}" * 1000)


def test_while_the_model_is_loading_a_long_message_waits_for_it(
    qtbot: QtBot, make_window: MakeWindow, process: ScriptedModelProcess
) -> None:
    process.load_gate.clear()
    parts = make_window()
    process.measured = 9999
    send(qtbot, parts, LONG)
    qtbot.waitUntil(lambda: parts.window.pane.notice.text == words.MEASURING, timeout=WAIT_MS)
    process.load_gate.set()
    wait_until_measured(qtbot, parts)
    assert parts.window.pane.composer.text == LONG
    assert "9,999 tokens" in parts.window.pane.notice.text


def test_a_text_that_is_changed_meanwhile_is_not_sent(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    wait_until_ready(qtbot, parts)
    process.gate.clear()
    send(qtbot, parts, LONG)
    assert parts.controller.length.asking is not None
    qtbot.keyClicks(parts.window.pane.composer.box, "!")
    assert parts.controller.length.asking is None
    process.gate.set()
    send(qtbot, parts, "short")
    wait_for_answer(qtbot, parts)
    assert parts.store.messages(parts.controller.chat_id or "")[0].body == "short"


def test_a_text_whose_chat_is_left_meanwhile_is_not_sent(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    send(qtbot, parts, "One")
    wait_for_answer(qtbot, parts)
    chat = parts.controller.chat_id
    process.gate.clear()
    send(qtbot, parts, LONG)
    parts.controller.open_chat(None)
    process.gate.set()
    send(qtbot, parts, "Two")
    wait_for_answer(qtbot, parts)
    parts.controller.open_chat(chat)
    assert parts.window.pane.composer.text == LONG


def test_asking_anew_with_a_smaller_model_is_refused_before_anything_is_stored(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    wait_until_ready(qtbot, parts)
    send(qtbot, parts, LONG)
    wait_until_measured(qtbot, parts)
    wait_for_answer(qtbot, parts)
    before = parts.store.messages(parts.controller.chat_id or "")
    process.measured = 6000  # as another model counts
    parts.controller.try_again()
    wait_until_measured(qtbot, parts)
    assert parts.window.pane.notice.text.startswith("The question is too long for this model")
    assert parts.store.messages(parts.controller.chat_id or "") == before
    process.measured = 100
    parts.controller.try_again()
    wait_until_measured(qtbot, parts)
    wait_for_answer(qtbot, parts)
    assert len(parts.store.siblings(before[-1].id)) == 2


def test_a_model_that_cannot_say_leaves_the_text_in_the_box(
    qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until_ready(qtbot, parts)
    gone = Failed("The model is gone.", "Choose another.", known=True, engine_lost=True)
    monkeypatch.setattr(ScriptedModelProcess, "measure", lambda process, request, flag: iter([gone]))
    send(qtbot, parts, LONG)
    wait_until_measured(qtbot, parts)
    assert parts.window.pane.notice.text == "The model is gone. Choose another."
    assert parts.window.pane.composer.text == LONG
    assert parts.store.list_conversations() == ()


def test_how_much_is_too_much() -> None:
    assert TooLong(Asking("x" * 1000, None), 500, 400).characters_fit == 800
    assert TooLong(Asking("x" * 100_000, None), 52_013, 32_512).characters_fit == 62_000
    assert TooLong(Asking("x" * 200_000, None), 66_700, 3_840).characters_fit == 11_000  # "by 190,000" helps nobody
    assert TooLong(Asking("x", None), 500, 499).characters_fit == 0
    said = words.message_too_long(66_700, 3_840, 200_000, 11_000)
    assert said.endswith("Shorten it from 200,000 to about 11,000 characters, or send it in parts.")


@pytest.mark.parametrize("how", ["typed", "sent", "new chat", "other chat", "example"])
def test_what_was_said_about_a_message_goes_with_it(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, how: str
) -> None:
    (other,) = add_chats(parts, "Other")
    wait_until_ready(qtbot, parts)
    process.measured = 5080
    composer, notice = parts.window.pane.composer, parts.window.pane.notice
    send(qtbot, parts, LONG)
    wait_until_measured(qtbot, parts)
    assert notice.isVisible()
    if how == "typed":
        qtbot.keyClick(composer.box, Qt.Key.Key_Backspace)
    elif how == "sent":
        send(qtbot, parts, "short")
    elif how == "example":
        parts.window.pane.empty.examples[0].click()
    else:
        if how == "new chat":
            parts.controller.open_chat(other)
            send(qtbot, parts, LONG)
            wait_until_measured(qtbot, parts)
            assert notice.isVisible()
        parts.controller.open_chat(other if how == "other chat" else None)
    assert not notice.isVisible()
