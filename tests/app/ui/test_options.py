"""What is chosen for one chat alone."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.chats.options import LONGEST_PROMPT, ChatOptions
from app.main import Parts
from app.ui.chat.options import words
from inference.params import ChatTurn
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess


def test_a_new_chat_keeps_what_was_chosen_before_its_first_message(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    dialog = parts.window.chats.options.open()
    dialog.prompt.setPlainText("Answer in verse.")
    dialog.keep.click()
    dialog.preset.setCurrentIndex(3)
    dialog.length.setValue(300)
    dialog.accept()
    assert parts.window.pane.options.text() == "Options: Answer in verse. \u00b7 Careful \u00b7 300 tokens"
    ask(qtbot, parts, "Hi")
    wait_for_answer(qtbot, parts)
    assert process.requests[0].turns[0] == ChatTurn("system", "Answer in verse.")
    assert process.requests[0].max_new_tokens == 300
    chat = parts.controller.chat_id or ""
    assert parts.store.conversation(chat).options == ChatOptions(
        "Answer in verse.", "Answer in verse.", "careful", 0, 300, False
    )
    parts.controller.open_chat(None)
    assert parts.window.pane.options.text() == words.OPTIONS
    parts.controller.open_chat(chat)
    assert "Careful" in parts.window.pane.options.text()


def test_the_library_of_prompts_fills_in_and_forgets(parts: Parts) -> None:
    parts.store.order.keep_prompt("Poet", "Answer in verse.")
    dialog = parts.window.chats.options.open()
    dialog.library.setCurrentIndex(1)
    dialog.on_prompt_chosen()
    assert dialog.options.system_prompt == "Answer in verse."
    assert dialog.options.prompt_name == "Poet"
    dialog.prompt.setPlainText("Changed")
    assert dialog.options.prompt_name == ""
    dialog.remove.click()
    assert parts.store.order.prompts() == ()
    dialog.reject()
    assert parts.controller.options() == ChatOptions()


def test_a_system_prompt_that_is_too_long_is_said_and_never_cut(parts: Parts) -> None:
    dialog = parts.window.chats.options.open()
    assert (dialog.too_long.isVisible(), dialog.agree.isEnabled()) == (False, True)
    dialog.prompt.setPlainText("x" * (LONGEST_PROMPT + 1))
    assert dialog.too_long.text() == words.prompt_too_long(LONGEST_PROMPT + 1, LONGEST_PROMPT)
    assert [each.isEnabled() for each in (dialog.agree, dialog.keep)] == [False, False]
    dialog.prompt.setPlainText("x" * LONGEST_PROMPT)
    assert (dialog.too_long.isVisible(), dialog.agree.isEnabled()) == (False, True)
    dialog.accept()
    assert len(parts.controller.options().system_prompt) == LONGEST_PROMPT


def test_a_longer_one_that_came_with_an_import_stays_as_it_is(parts: Parts) -> None:
    imported = ChatOptions(system_prompt="x" * (LONGEST_PROMPT + 1))
    parts.controller.set_options(imported)
    dialog = parts.window.chats.options.open()
    dialog.preset.setCurrentIndex(3)
    assert dialog.agree.isEnabled()
    dialog.accept()
    assert parts.controller.options() == ChatOptions(system_prompt=imported.system_prompt, preset="careful")
