"""A model for one chat alone: loaded when it is asked, remembered, and missed in a sentence."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.chats import texts as chat_texts
from app.chats.options import STARTER_MODEL, ChatOptions, options_from_json
from app.library.answering import ModelChoice, ModelPhase, folder_choice
from app.library.values import ModelState
from app.main import Parts
from app.ui.chat.options import words
from inference.events import Failed
from tests.app.ui.conftest import MakeWindow
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_library import ScriptedLibrary, library_of, mine
from tests.helpers.scripted_process import READY, ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS


class Processes:
    """One scripted process a model, by the model's name."""

    def __init__(self) -> None:
        self.made: dict[str, ScriptedModelProcess] = {}
        self.loads: list[str] = []

    def __call__(self, choice: ModelChoice) -> ScriptedModelProcess:
        self.loads.append(choice.name)
        process = ScriptedModelProcess(loading=[dataclasses.replace(READY, name=choice.name)])
        return self.made.setdefault(choice.name, process)


@pytest.fixture
def processes() -> Processes:
    """What every window here starts."""
    return Processes()


@pytest.fixture
def window(
    qtbot: QtBot, make_window: MakeWindow, processes: Processes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Parts:
    """A window whose list of models is scripted, with one model beside the usual one, "Poet"."""
    monkeypatch.setattr("app.main.Library", ScriptedLibrary)
    (tmp_path / "poet").mkdir()
    parts = make_window(factory=processes)
    ready(qtbot, parts)
    assert isinstance(parts.library, ScriptedLibrary)
    parts.library.show(library_of(mine("poet", ModelState.READY, title="Poet", folder=tmp_path / "poet")))
    return parts


def ready(qtbot: QtBot, parts: Parts) -> None:
    """No model is being loaded."""
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)


def choose(parts: Parts, name: str) -> None:
    """In the options of the shown chat."""
    dialog = parts.window.chats.options.open()
    dialog.model.setCurrentIndex(dialog.model.findText(name))
    dialog.accept()


def answered_by(parts: Parts) -> str:
    """Who made the newest answer of the shown chat."""
    made = parts.store.messages(parts.controller.chat_id or "")[-1].generation
    assert made is not None
    return made.model


def test_a_chat_asks_its_own_model_and_the_others_the_usual_one(
    qtbot: QtBot, window: Parts, processes: Processes
) -> None:
    choose(window, "Poet")
    assert window.window.pane.options.text() == "Options: Poet"
    assert processes.loads == ["Fake model"], "nothing is loaded before it is asked"
    ask(qtbot, window, "Hi")
    wait_for_answer(qtbot, window)
    mine_alone = window.controller.chat_id
    assert answered_by(window) == "Poet"
    assert window.preferences.settings.model_folder == "", "it is not the model of the next start"
    window.controller.open_chat(None)
    assert processes.loads == ["Fake model", "Poet"]
    ask(qtbot, window, "You there?")
    wait_for_answer(qtbot, window)
    assert answered_by(window) == "Fake model"
    window.controller.open_chat(mine_alone)
    window.controller.try_again()
    wait_for_answer(qtbot, window)
    assert answered_by(window) == "Poet"
    assert processes.loads == ["Fake model", "Poet", "Fake model", "Poet"]


def test_a_model_that_is_gone_is_missed_before_anything_is_sent(
    qtbot: QtBot, window: Parts, processes: Processes, tmp_path: Path
) -> None:
    choose(window, "Poet")
    (tmp_path / "poet").rmdir()
    ask(qtbot, window, "Hi")
    notice = window.window.pane.notice
    assert notice.text == words.model_missing("Poet", "", "")
    assert notice.action.text() == words.answer_instead("Fake model")
    assert window.window.pane.composer.text == "Hi"
    assert window.store.list_conversations() == ()
    notice.action.click()
    ask(qtbot, window, "")
    wait_for_answer(qtbot, window)
    assert answered_by(window) == "Fake model"
    assert processes.loads == ["Fake model"]


def test_a_chats_own_model_that_does_not_load_is_named_and_the_chat_stays_usable(
    qtbot: QtBot, window: Parts, processes: Processes
) -> None:
    processes.made["Poet"] = ScriptedModelProcess(loading=[Failed("Broken.", "Load it again.", known=True)])
    choose(window, "Poet")
    for number in (1, 2):  # asked again, it is tried once more
        ask(qtbot, window, f"Hi {number}")
        wait_for_answer(qtbot, window)
        error = window.store.messages(window.controller.chat_id or "")[-1].error
        assert error is not None
        assert error.user_text == chat_texts.own_model_not_loaded("Poet", "Broken.")
        assert error.hint == chat_texts.OWN_MODEL_HINT
        notice = window.window.pane.notice
        assert notice.text == words.model_not_loaded("Poet", "", "Broken.", "Fake model")
        assert processes.loads == ["Fake model", *["Poet"] * number]
    assert notice.action.text() == words.answer_instead("Fake model")
    notice.action.click()
    window.controller.try_again()
    wait_for_answer(qtbot, window)
    assert answered_by(window) == "Fake model"
    assert not notice.isVisible()


def test_the_model_of_a_chat_that_is_not_shown_is_named_with_its_chat(
    qtbot: QtBot, window: Parts, processes: Processes, tmp_path: Path
) -> None:
    """A message waited there; the way out leads to that chat, and changes nothing in the one that is shown."""
    choose(window, "Poet")
    ask(qtbot, window, "Of the poet's chat")
    wait_for_answer(qtbot, window)
    its = window.controller.chat_id
    window.controller.open_chat(None)
    ask(qtbot, window, "Of another chat")
    wait_for_answer(qtbot, window)
    usual = processes.made["Fake model"]
    usual.gate.clear()
    ask(qtbot, window, "And more")
    other = window.controller.chat_id
    window.controller.open_chat(its)
    ask(qtbot, window, "Waits")
    window.controller.open_chat(other)
    (tmp_path / "poet").rmdir()
    usual.gate.set()
    notice = window.window.pane.notice
    said = words.model_missing("Poet", "Of the poet's chat", "")
    qtbot.waitUntil(lambda: notice.text == said, timeout=WAIT_MS)
    assert notice.action.text() == words.SHOW_CHAT
    notice.action.click()
    assert window.controller.chat_id == its
    assert window.controller.options().model_name == "Poet"
    assert [each.body for each in window.controller.waiting.of(its)] == ["Waits"]


def test_using_a_model_everywhere_takes_the_shown_chat_along(qtbot: QtBot, window: Parts, tmp_path: Path) -> None:
    choose(window, "Poet")
    ask(qtbot, window, "Hi")
    wait_for_answer(qtbot, window)
    (tmp_path / "other").mkdir()
    window.window.models.open_model(tmp_path / "other")
    ready(qtbot, window)
    assert window.controller.options() == ChatOptions()
    assert window.controller.model.usual.name == "other"


def test_a_model_that_cannot_be_loaded_leaves_the_usual_one(
    qtbot: QtBot, window: Parts, processes: Processes, tmp_path: Path
) -> None:
    usual = window.controller.model.usual
    for used_everywhere in (True, False):
        processes.made["poet"] = ScriptedModelProcess(loading=[Failed("Broken.", "", known=True)])
        window.controller.model.load(folder_choice(tmp_path / "poet", "auto"), usual=used_everywhere)
        ready(qtbot, window)
        assert window.controller.model.usual == usual


def test_the_dialog_names_a_model_that_is_not_there_any_more(window: Parts) -> None:
    window.controller.set_options(ChatOptions(model="/gone/away", model_name="R&D <b>"))
    dialog = window.window.chats.options.open()
    assert dialog.model.currentText() == "R&D <b>"
    assert dialog.options == ChatOptions(model="/gone/away", model_name="R&D <b>")
    assert dialog.model.findData(STARTER_MODEL) == 1
    dialog.reject()
    assert options_from_json(ChatOptions(model="/x", model_name="X").as_json()) == ChatOptions(
        model="/x", model_name="X"
    )
