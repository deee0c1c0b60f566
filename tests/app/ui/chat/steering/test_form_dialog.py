"""Forms of whole answers: from the menu, checked where they are typed and by the model, kept with the chat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.chats.options import NO_OPTIONS, ChatOptions, options_from_json
from app.library.answering import ModelPhase
from app.main import Parts
from app.ui.chat.steering import words
from app.ui.chat.steering.form_dialog import FormDialog
from inference.events import Event, Failed, PromptMeasured
from inference.forms.wanted import Form
from inference.params import GenerationRequest
from tests.app.ui.conftest import MakeWindow
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS

SCHEMA = '{"type": "object",\n "properties": {"a": {"not": {}}}}'


def choose(parts: Parts, kind: str) -> None:
    """A line of the menu."""
    group = parts.window.steering.forming._forms
    next(action for action in group.actions() if action.data() == kind).trigger()


def dialog_of(parts: Parts) -> FormDialog:
    return next(each for each in parts.window.findChildren(FormDialog) if each.isVisible())


def test_one_of_some_answers(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, make_window: MakeWindow
) -> None:
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    choose(parts, "choice")
    dialog = dialog_of(parts)
    assert not dialog.agree.isEnabled()
    dialog.edit.setPlainText("yes\n\nyes")
    assert dialog.error.text() == words.TWO_CHOICES
    dialog.edit.setPlainText("yes\nno")
    dialog.agree.click()
    qtbot.waitUntil(lambda: parts.controller.options().form == "choice", timeout=WAIT_MS)
    button = parts.window.steering.forming.button
    assert button.text() == "Form: one of 2"
    ask(qtbot, parts, "Is it?")
    wait_for_answer(qtbot, parts)
    assert process.requests[-1].form == Form("choice", texts=("yes", "no"))
    parts.window.close()
    again = make_window()
    assert again.window.steering.forming.button.text() == "Form: one of 2"
    again.controller.open_chat(None)
    assert again.window.steering.forming.button.text() == words.FORM


def test_errors_of_a_schema_are_shown_where_they_are(
    qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(_: object, request: GenerationRequest, __: object = None) -> Iterator[Event]:
        if request.later_forms and "not" in request.later_forms[0].text:
            yield Failed(
                "#/properties/a/not cannot be kept: no form says what a text is not.", "Leave it out.", known=True
            )
        else:
            yield PromptMeasured(1, 2)

    monkeypatch.setattr(ScriptedModelProcess, "measure", measured)
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    choose(parts, "schema")
    dialog = dialog_of(parts)
    dialog.edit.setPlainText('{"type":\n}')
    assert dialog.error.text().startswith("Line 2, column 1: this is no JSON yet")
    assert len(dialog.edit.extraSelections()) == 1
    assert not dialog.agree.isEnabled()
    dialog.edit.setPlainText('{"title": "a\nb"}')
    assert dialog.error.text() == "Line 1, column 13: this is no JSON yet (invalid control character)."
    dialog.edit.setPlainText('{\n"items":\n' + "[" * 5000 + "]" * 5000 + "}")
    assert dialog.error.text() == words.json_too_deep(3)
    dialog.edit.setPlainText('{\n"maximum": ' + "9" * 5000 + "}")
    assert dialog.error.text() == words.json_number_too_long(2)
    dialog.edit.setPlainText(SCHEMA)
    dialog.agree.click()
    qtbot.waitUntil(lambda: dialog.error.isVisible(), timeout=WAIT_MS)
    assert "no form says what a text is not" in dialog.error.text()
    marked = dialog.edit.extraSelections()[0]
    assert '"not"' in marked.cursor.selectedText()
    dialog.edit.setPlainText('{"type": "string"}')
    assert not dialog.error.isVisible()
    dialog.agree.click()
    qtbot.waitUntil(lambda: parts.controller.options().form == "schema", timeout=WAIT_MS)
    choose(parts, "json")
    assert parts.controller.options().form == "json"
    choose(parts, "")
    assert parts.controller.options() == NO_OPTIONS


def test_a_schema_is_loaded(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "invoice.json"
    path.write_text('{"type": "integer"}', encoding="utf-8")
    dialog = parts.window.steering.forming.open("schema")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    dialog.load.click()
    assert dialog.text == '{"type": "integer"}'
    path.write_bytes(b"\xff\xfe\x00")
    dialog.load.click()
    assert dialog.error.text() == words.no_schema_file("invoice.json")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path), ""))
    dialog.load.click()
    assert "cannot be read" in dialog.error.text()


def test_options_with_forms_are_kept_and_damaged_ones_are_none() -> None:
    options = ChatOptions(form_text="a\nb", form="choice", steps=3)
    assert options_from_json(options.as_json()) == options
    assert options_from_json('{"form": "schema"}') == NO_OPTIONS
    assert options_from_json('{"form": "poem", "form_text": "x"}').form == ""
    with pytest.raises(ValueError, match="form"):
        ChatOptions(form="poem")
