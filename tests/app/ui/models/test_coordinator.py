"""What the main window says and does about models: header, notices, first advice, settings, the engine card."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.bridge.library import Library
from app.library.answering import ModelPhase
from app.library.queue import Ended
from app.library.values import Fit, ModelState, ModelWork, ModelWorkEnd, Processor, Transferring
from app.main import Parts
from app.ui.models import words
from app.ui.models.models_window import ModelsWindow
from tests.app.ui.conftest import MakeWindow
from tests.helpers.fake_engines import FakeEngines
from tests.helpers.scripted_library import (
    NO_CARD,
    NVIDIA,
    PROBLEM,
    PROCESSOR,
    ScriptedLibrary,
    library_of,
    mine,
)
from tests.helpers.waiting import WAIT_MS

SMALL = mine("m", ModelState.READY, fit=PROCESSOR)


def opened(qtbot: QtBot, parts: Parts) -> ModelsWindow:
    """The models window, once a model answers."""
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    parts.window.models.show_page()
    assert parts.window.models.page is not None
    return parts.window.models.page


def in_use(qtbot: QtBot, parts: Parts, folder: Path | None) -> None:
    """Wait until the model in `folder` answers."""
    answering = parts.controller.model
    qtbot.waitUntil(
        lambda: answering.choice.folder == folder and answering.status.phase == ModelPhase.READY, timeout=WAIT_MS
    )


def test_the_name_in_the_header_leads_to_the_models(qtbot: QtBot, scripted: Parts) -> None:
    qtbot.mouseClick(scripted.window.pane.header.name, Qt.MouseButton.LeftButton)
    assert scripted.window.models.page is not None
    assert scripted.window.models.page.isVisible()
    assert not scripted.window.models.page.isModal()


def test_a_download_in_the_header(qtbot: QtBot, scripted: Parts, library: ScriptedLibrary) -> None:
    link = scripted.window.models.link
    library.show(library_of(mine("m", ModelState.DOWNLOADING)))
    assert not link.isVisible()
    library.show_transfer(Transferring("m", 43, 100, 1.0, 720.0))
    assert link.isVisible()
    assert link.text() == "Downloading 43 % \u00b7 12 min"
    link.click()
    window = scripted.window.models.page
    assert window is not None
    assert not link.isVisible()  # the open window says it
    window.close()
    assert link.text() == "Downloading 43 % \u00b7 12 min"
    assert link.isVisible()
    library.show_transfer(None)
    library.show(library_of(mine("m", ModelState.PAUSED, problem=PROBLEM)))
    assert link.text() == "Download paused"
    library.show(library_of(mine("m", ModelState.PAUSED)))  # by the user: no news
    assert not link.isVisible()
    library.show_work(ModelWork("move", "m", 0.5))
    assert link.text() == "Moving 50 %"


def test_the_processor_is_measured_for_a_page_that_is_open_while_nothing_is_written(
    qtbot: QtBot, scripted: Parts, library: ScriptedLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = dataclasses.replace(NO_CARD, processor=Processor(True))
    large = Fit("processor", "Runs on the processor; the models page measures how fast.")
    library.show(library_of(machine=machine, fit=large))
    assert ("measure",) not in library.calls
    qtbot.waitUntil(lambda: scripted.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    with monkeypatch.context() as patch:
        patch.setattr(type(scripted.controller.answering), "busy", property(lambda _: True))
        window = opened(qtbot, scripted)
        library.show(library_of(machine=machine, fit=large))
    assert ("measure",) not in library.calls
    scripted.controller.busy_changed.emit(False)
    assert ("measure",) in library.calls
    library.calls.clear()
    window.close()
    library.show(library_of(machine=machine, fit=large))
    assert ("measure",) not in library.calls


def test_an_installed_model_can_be_used_at_once(qtbot: QtBot, scripted: Parts, library: ScriptedLibrary) -> None:
    qtbot.waitUntil(lambda: scripted.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    notice = scripted.window.pane.notice
    library.show(library_of(SMALL))
    library.download_ended.emit(Ended("m", True, None))
    assert notice.text == f"{NVIDIA.title} is installed."
    assert notice.action.text() == "Use it"
    notice.action.click()
    assert not notice.isVisible()
    in_use(qtbot, scripted, SMALL.folder)
    assert scripted.preferences.settings.model_folder == str(SMALL.folder)


def test_a_model_that_needs_engines_says_so(
    qtbot: QtBot, scripted: Parts, library: ScriptedLibrary, fake_engines: FakeEngines
) -> None:
    window = opened(qtbot, scripted)
    library.show(library_of(mine("m", ModelState.INSTALLED)))
    library.download_ended.emit(Ended("m", True, None))
    assert window.strip.text.text() == f"{NVIDIA.title} is installed."
    assert window.strip.action.text() == "Build engines \u2026"
    window.strip.action.click()
    card = scripted.window.engines.card
    assert card is not None
    qtbot.waitUntil(lambda: NVIDIA.title in card.subject.text(), timeout=WAIT_MS)


def test_engines_are_built_for_the_model_of_the_row(
    qtbot: QtBot, scripted: Parts, library: ScriptedLibrary, fake_engines: FakeEngines
) -> None:
    window = opened(qtbot, scripted)
    model = mine("m", ModelState.INSTALLED)
    library.show(library_of(model))
    row = window.list.rows["m"]
    row.buttons()[1].click()
    card = scripted.window.engines.card
    assert card is not None
    qtbot.waitUntil(lambda: card.build_button.isEnabled() and NVIDIA.title in card.subject.text(), timeout=WAIT_MS)
    fake_engines.gate.clear()
    card.build_button.click()
    qtbot.waitUntil(lambda: row.progress.text().startswith("Segment 2 of 35"), timeout=WAIT_MS)
    assert row.state.text() == "Building engines"
    assert [button.text() for button in row.buttons()] == ["Engines \u2026"]
    remove = next(line for line in row.menu.actions() if line.data() == "remove")
    assert remove.toolTip() == words.BUILDING_WHY
    card.close()
    scripted.window.engines.link.click()  # of this model, not of the one that answers
    qtbot.waitUntil(lambda: NVIDIA.title in card.subject.text() and card.isVisible(), timeout=WAIT_MS)
    looks = library.calls.count(("look",))
    fake_engines.gate.set()
    qtbot.waitUntil(lambda: library.calls.count(("look",)) > looks, timeout=WAIT_MS)
    assert scripted.controller.model.choice.folder != model.folder  # what answers is not loaded again


def test_a_download_that_cannot_go_on(scripted: Parts, library: ScriptedLibrary) -> None:
    library.show(library_of(mine("m", ModelState.PAUSED)))
    library.download_ended.emit(Ended("m", False, PROBLEM))
    assert scripted.window.pane.notice.text.startswith(f"{NVIDIA.title}: {PROBLEM.text}")
    scripted.window.pane.notice.dismiss()
    library.download_ended.emit(Ended("m", False, None))  # paused by the user
    assert not scripted.window.pane.notice.isVisible()


ENDS = [
    (ModelWorkEnd(ModelWork("verify", "m"), False, None), f"Every file of {NVIDIA.title} is right."),
    (ModelWorkEnd(ModelWork("verify", "m", damaged=("a",)), False, None), "is missing or damaged: a"),
    (ModelWorkEnd(ModelWork("verify", "m"), True, None), words.VERIFY_STOPPED),
    (ModelWorkEnd(ModelWork("move", "m"), False, None), f"{NVIDIA.title} has moved."),
    (ModelWorkEnd(ModelWork("merge", "m"), True, None), words.MERGE_STOPPED),
    (ModelWorkEnd(ModelWork("merge", "m"), False, PROBLEM), PROBLEM.text),
]


@pytest.mark.parametrize(("end", "sentence"), ENDS)
@pytest.mark.parametrize("open_window", [True, False])
def test_how_work_ended(
    qtbot: QtBot, scripted: Parts, library: ScriptedLibrary, end: ModelWorkEnd, sentence: str, open_window: bool
) -> None:
    library.show(library_of(SMALL))
    window = opened(qtbot, scripted) if open_window else None
    library.work_ended.emit(end)
    said = window.strip.text.text() if window is not None else scripted.window.pane.notice.text
    assert sentence in said
    assert scripted.window.pane.notice.isVisible() == (not open_window)


def test_bytes_that_came_free(scripted: Parts, library: ScriptedLibrary) -> None:
    library.freed.emit(35_600_000_000)
    assert scripted.window.pane.notice.text == "Removed; 35.6 GB came free."
    library.freed.emit(0)
    assert "no file was deleted" in scripted.window.pane.notice.text


def test_a_problem_is_said_where_the_user_is(qtbot: QtBot, scripted: Parts, library: ScriptedLibrary) -> None:
    library.problem.emit(PROBLEM)
    assert scripted.window.pane.notice.text == f"{PROBLEM.text} {PROBLEM.hint}"
    scripted.window.pane.notice.dismiss()
    window = opened(qtbot, scripted)
    library.problem.emit(PROBLEM)
    assert (window.strip.text.text(), window.strip.hint.text()) == (PROBLEM.text, PROBLEM.hint)
    assert not scripted.window.pane.notice.isVisible()
    window.strip.close_button.click()
    assert not window.strip.isVisible()


def test_use_and_back_to_the_starter(qtbot: QtBot, scripted: Parts, library: ScriptedLibrary) -> None:
    window = opened(qtbot, scripted)
    library.show(library_of(SMALL))
    row, starter = window.list.rows["m"], window.list.rows["starter"]
    row.buttons()[0].click()
    assert not starter.buttons()[0].isEnabled()
    assert starter.buttons()[0].toolTip() == words.LOADING_WHY
    in_use(qtbot, scripted, SMALL.folder)
    assert row.mark.text() == "In use"
    starter.buttons()[0].click()
    qtbot.waitUntil(lambda: scripted.controller.model.choice.starter, timeout=WAIT_MS)
    assert row.mark.text() != "In use"
    assert starter.mark.text() == "In use"


@pytest.mark.parametrize("known", [True, False])
def test_a_folder_opened_in_the_menu_comes_into_the_list(
    qtbot: QtBot,
    scripted: Parts,
    library: ScriptedLibrary,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    known: bool,
) -> None:
    qtbot.waitUntil(lambda: scripted.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(tmp_path))
    scripted.window.actions_by_name["open_model"].trigger()
    assert library.asked_for() == [("add_folder", tmp_path)]
    before = scripted.controller.model.choice
    if known:
        library.added.emit("m")
        in_use(qtbot, scripted, tmp_path)
    else:
        library.problem.emit(ErrorReport("known", "This is no model.", "Choose another."))
        library.added.emit("other")  # something else that was added later is not used
        assert scripted.controller.model.choice == before
        assert not scripted.controller.model.loading


def test_settings_hold_at_once_and_at_the_start(make_window: MakeWindow) -> None:
    parts = make_window()
    parts.preferences.set(offline=True, speed_limit=12)
    assert parts.library.services.network.offline
    assert parts.library.services.rate.bytes_per_second == 12_000_000
    parts.window.close()
    again = make_window()
    assert again.library.services.network.offline
    assert again.library.services.rate.bytes_per_second == 12_000_000


def test_nobody_looks_before_the_window_takes_input(qtbot: QtBot, scripted: Parts, library: ScriptedLibrary) -> None:
    assert library.calls == []
    scripted.window.models.first_look.setInterval(1)
    scripted.window.models.first_look.start()
    qtbot.waitUntil(lambda: library.calls == [("look",)], timeout=WAIT_MS)


def test_a_real_look(qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real library, on an empty data folder: the starter model, and what the list offers for the card."""
    monkeypatch.setattr("app.library.overview.free_bytes", lambda folder: 500 * 10**9)  # or no model suits a full disk
    window = opened(qtbot, parts)
    qtbot.waitUntil(lambda: bool(window.list.rows), timeout=WAIT_MS)
    assert window.list.machine.card.text() == "RTX 4070, 12 GiB"
    states = {row.state.text() for row in window.list.rows.values()}
    assert states == {"Ready", "Not downloaded"}
    suits = [row for row in window.list.rows.values() if row.mark.text() == "Suits this computer"]
    assert len(suits) == 1
    assert suits[0].title.full_text in window.list.machine.advice.text()
    assert not parts.library.services.paths.models.exists()  # a look makes nothing


def test_closing_ends_the_library_first(
    scripted: Parts, library: ScriptedLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(library, "cancel_all", lambda: (order.append("cancel"), Library.cancel_all(library)))
    monkeypatch.setattr(scripted.engines, "cancel_all", lambda: order.append("engines"))
    monkeypatch.setattr(library, "shut_down", lambda: order.append("shut down") or True)
    scripted.window.close()
    assert order[:2] == ["cancel", "engines"]
    assert "shut down" in order
