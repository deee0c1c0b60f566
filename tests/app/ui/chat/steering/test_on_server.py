"""What only a model of this computer can do, in a chat with a server's model: refused before anything is sent."""

from __future__ import annotations

import dataclasses

import pytest
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.library.answering import ModelChoice, ServerModel
from app.main import Parts
from app.server.remote import texts
from app.ui.chat.steering import words
from tests.app.ui.chat.steering.test_forming import send
from tests.app.ui.chat.steering.test_rewriting import ANSWER, select
from tests.app.ui.chat.steering.test_rewriting import texts as shown_texts
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess, simple_answer
from tests.helpers.waiting import WAIT_MS

MESSAGE = "Dear [[word]], bye"


def served() -> ModelChoice:
    return ModelChoice(None, "server", "big on gpu", server=ServerModel("http://127.0.0.1:9/v1", "big"))


def serve(qtbot: QtBot, parts: Parts) -> None:
    """A server's model answers from now on."""
    choice = served()
    parts.controller.model.load(choice)
    qtbot.waitUntil(lambda: parts.controller.model.choice == choice, timeout=WAIT_MS)


@pytest.fixture
def problems(parts: Parts) -> list[ErrorReport]:
    """What was said."""
    said: list[ErrorReport] = []
    parts.controller.problem.connect(said.append)
    return said


def test_blanks_and_forms(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, problems: list[ErrorReport]
) -> None:
    serve(qtbot, parts)
    send(qtbot, parts, MESSAGE)
    assert [each.text for each in problems] == [texts.BLANKS]
    assert parts.window.pane.composer.text == MESSAGE
    parts.controller.set_options(dataclasses.replace(parts.controller.options(), form="json"))
    send(qtbot, parts, "Hi")
    assert problems[-1].text == texts.CHAT_FORM
    assert (process.requests, parts.store.list_conversations()) == ([], ())
    parts.controller.set_options(dataclasses.replace(parts.controller.options(), form=""))
    send(qtbot, parts, "Dear \\[[word]]")
    wait_for_answer(qtbot, parts)
    assert len(process.requests) == 1


def test_blanks_of_a_message_that_waits_and_of_one_that_is_asked_anew(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, problems: list[ErrorReport]
) -> None:
    process.gate.clear()
    send(qtbot, parts, MESSAGE)
    send(qtbot, parts, MESSAGE + "!")  # waits, for a model that can fill them in
    choice = served()
    parts.controller.model.load(choice)
    send(qtbot, parts, MESSAGE + "?")  # would wait for one that cannot
    assert [each.text for each in problems] == [texts.BLANKS]
    assert parts.window.pane.composer.text == MESSAGE + "?"
    send(qtbot, parts, "Hi")
    waiting = parts.controller.waiting.of(parts.controller.chat_id)
    assert [each.body for each in waiting] == [MESSAGE + "!", "Hi"]
    process.gate.set()
    qtbot.waitUntil(lambda: len(problems) == 2, timeout=WAIT_MS)  # its turn came
    qtbot.waitUntil(lambda: parts.controller.model.choice == choice, timeout=WAIT_MS)
    parts.controller.try_again()
    assert [each.text for each in problems] == [texts.BLANKS] * 3
    assert parts.controller.waiting.of(parts.controller.chat_id) == waiting
    assert len(process.requests) == 1


def test_words_of_an_answer(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.answer = [*simple_answer(ANSWER)]
    ask(qtbot, parts, "Hi")
    wait_for_answer(qtbot, parts)
    qtbot.waitUntil(lambda: bool(shown_texts(parts)), timeout=WAIT_MS)
    rewriting = parts.window.steering.rewriting
    select(qtbot, parts)
    assert rewriting.bar.wishes.isVisible()
    serve(qtbot, parts)
    select(qtbot, parts, "cat")
    assert not rewriting.bar.wishes.isVisible()
    assert rewriting.bar.reason.text() == words.ONLY_HERE
    rewriting.bar.take_focus()
    parts.window.actions_by_name["rewrite"].trigger()
    rewriting.on_wished("")
    assert rewriting.box is None
    assert words.ONLY_HERE in parts.window.pane.notice.text
    assert not process.operations
