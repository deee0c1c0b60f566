"""TensorRT for RTX in the window: the line in the models window and on the engine card, its dialogs, and the doctor."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.gpu import texts
from app.gpu.values import GpuStep, GpuWork
from app.library.answering import ModelPhase
from app.machine.checks import Finding
from app.main import Parts
from app.ui.gpu import words
from app.ui.gpu.dialog import GpuDialog
from app.ui.gpu.panel import GpuPanel
from app.ui.help import words as help_words
from app.ui.help.doctor_dialog import DoctorDialog
from app.ui.models.models_window import ModelsWindow
from app.ui.widgets.question import Question
from tests.helpers.scripted_gpu import ABSENT, BROKEN, DAMAGED, INSTALLED, MB, OFFER, ScriptedGpu
from tests.helpers.scripted_library import ScriptedLibrary, library_of
from tests.helpers.waiting import WAIT_MS

FAILED = ErrorReport("known", texts.UNREACHABLE, texts.UNREACHABLE_HINT)


@pytest.fixture
def scripted(make_window: object, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """A window whose models and whose add-on are scripted."""
    monkeypatch.setattr("app.main.Library", ScriptedLibrary)
    monkeypatch.setattr("app.main.GpuAddon", ScriptedGpu)
    return make_window()  # type: ignore[operator, no-any-return]


@pytest.fixture
def gpu(scripted: Parts) -> ScriptedGpu:
    """The script."""
    assert isinstance(scripted.gpu, ScriptedGpu)
    return scripted.gpu


@pytest.fixture
def panel(models: ModelsWindow, library: ScriptedLibrary) -> GpuPanel:
    """The line in the models window."""
    library.show(library_of())
    return models.findChildren(GpuPanel)[0]


def buttons(panel: GpuPanel) -> list[str]:
    """Those that are shown; grey ones in brackets."""
    shown = [button for button in panel.buttons.values() if not button.isHidden()]
    return [button.text() if button.isEnabled() else f"({button.text()})" for button in shown]


def test_not_installed(panel: GpuPanel, gpu: ScriptedGpu) -> None:
    assert not panel.isVisible(), "nothing is known yet"
    gpu.show(ABSENT)
    assert panel.isVisible()
    head = "TensorRT for RTX is not installed. It makes models run on your RTX 4070."
    assert panel.text.text() == f"{head} 109 MB to download, 357 MB on the disk."
    assert buttons(panel) == [words.INSTALL]
    gpu.show(dataclasses.replace(ABSENT, offline=True))
    assert buttons(panel) == [f"({words.INSTALL})"]
    assert panel.buttons["install"].toolTip() == words.OFFLINE_WHY
    for unwanted in (dataclasses.replace(ABSENT, card=""), dataclasses.replace(ABSENT, elsewhere=True)):
        gpu.show(unwanted)
        assert not panel.isVisible()


def test_every_other_state(panel: GpuPanel, gpu: ScriptedGpu) -> None:
    gpu.show(INSTALLED)
    assert panel.text.text().startswith("TensorRT for RTX 1.7.1.116 is installed (357 MB, installed 24 Nov 2026")
    assert buttons(panel) == [words.TRY, words.CHECK, words.REMOVE]
    gpu.show(DAMAGED)
    assert "2 files are missing or wrong" in panel.text.text()
    assert buttons(panel) == [words.AGAIN, words.REMOVE]
    assert panel.property("tone") == "bad"
    gpu.show(BROKEN)
    assert "does not work: CUDA's bindings do not load" in panel.text.text()
    assert panel.hint.text() == texts.BROKEN_HINT
    assert panel.accessibleName().startswith(panel.text.text())


def test_install_shows_the_licence_first(panel: GpuPanel, gpu: ScriptedGpu, models: ModelsWindow) -> None:
    gpu.show(ABSENT)
    panel.buttons["install"].click()
    assert gpu.asked_for() == [("ask",)]
    gpu.offered.emit(OFFER)
    gpu.offered.emit(OFFER)  # an answer that nobody waits for
    (dialog,) = models.findChildren(GpuDialog)
    assert dialog.head.text() == "TensorRT for RTX 1.7.1.116 for your RTX 4070"
    assert dialog.text.toPlainText().startswith("NVIDIA SOFTWARE LICENSE")
    assert not dialog.install.isEnabled()
    dialog.box.click()
    assert dialog.install.isEnabled()
    dialog.install.click()
    assert gpu.asked_for() == [("ask",), ("do", "install")]


def test_cancelled_and_impossible(panel: GpuPanel, gpu: ScriptedGpu, models: ModelsWindow) -> None:
    gpu.show(ABSENT)
    panel.buttons["install"].click()
    gpu.offered.emit(dataclasses.replace(OFFER, problem=ErrorReport("known", "No room.", "Make some.")))
    (dialog,) = models.findChildren(GpuDialog)
    assert dialog.trouble.isVisible()
    assert dialog.box.isHidden()
    assert dialog.install.isHidden()
    dialog.cancel.click()
    assert gpu.asked_for() == [("ask",)]


def test_progress_and_stop(panel: GpuPanel, gpu: ScriptedGpu, models: ModelsWindow) -> None:
    gpu.show(ABSENT)
    gpu.show_work(GpuWork("install", GpuStep("fetching", 0.43)))
    assert panel.text.text() == words.INSTALLING
    assert panel.step.text() == "Fetching \u2026 43 %"
    assert panel.bar.value() == 430
    assert buttons(panel) == [words.STOP]
    panel.buttons["stop"].click()
    assert gpu.asked_for() == [("stop",)]
    gpu.show_work(GpuWork("install", GpuStep("fetching", 0.43), stopping=True))
    assert buttons(panel) == [f"({words.STOP})"]
    gpu.show_work(GpuWork("install", GpuStep("trying")))
    assert panel.bar.isHidden()
    assert buttons(panel) == [], "it has its place: there is nothing to stop any more"
    gpu.end(GpuWork("install", status=ABSENT), stopped=True)
    assert models.strip.text.text() == texts.STOPPED
    assert buttons(panel) == [words.INSTALL]


def test_how_an_installation_ends(
    panel: GpuPanel, gpu: ScriptedGpu, models: ModelsWindow, library: ScriptedLibrary
) -> None:
    gpu.end(GpuWork("install", status=INSTALLED))
    assert models.strip.text.text() == texts.installed_new("1.7.1.116", 357 * MB)
    assert models.strip.hint.isHidden()
    assert ("look",) in library.calls, "verdicts are others now"
    gpu.end(GpuWork("install", status=INSTALLED, restart=True))
    assert models.strip.hint.text() == "Restart Dewpoint to use it."
    gpu.end(GpuWork("install", status=ABSENT), report=FAILED)
    assert (models.strip.text.text(), models.strip.property("tone")) == (texts.UNREACHABLE, "bad")
    models.strip.hide()
    gpu.end(GpuWork("install", status=BROKEN))
    assert models.strip.isHidden(), "the line itself says it"
    assert "does not work" in panel.text.text()


def test_check(panel: GpuPanel, gpu: ScriptedGpu, models: ModelsWindow) -> None:
    gpu.show(INSTALLED)
    panel.buttons["verify"].click()
    assert gpu.asked_for() == [("do", "verify")]
    gpu.end(GpuWork("verify", status=INSTALLED))
    assert models.strip.text.text() == words.ALL_RIGHT
    gpu.end(GpuWork("verify", wrong=("a", "b"), status=INSTALLED))
    assert "2 files are missing or wrong (a, b)" in models.strip.text.text()


def test_remove_asks(panel: GpuPanel, gpu: ScriptedGpu, models: ModelsWindow) -> None:
    gpu.show(INSTALLED)
    panel.buttons["remove"].click()
    (question,) = models.findChildren(Question)
    question.agree.click()
    assert gpu.asked_for() == [("do", "remove")]
    gpu.end(GpuWork("remove", freed=357 * MB, status=ABSENT))
    assert models.strip.text.text() == "TensorRT for RTX was removed; 357 MB came free."


def test_news_while_the_models_window_is_closed(scripted: Parts, gpu: ScriptedGpu) -> None:
    gpu.end(GpuWork("install", status=INSTALLED))
    assert scripted.window.pane.notice.isVisibleTo(scripted.window.pane)
    gpu.problem.emit(FAILED)
    assert texts.UNREACHABLE in scripted.window.pane.notice.text


def test_the_engine_card_has_the_line_too(qtbot: QtBot, scripted: Parts, gpu: ScriptedGpu) -> None:
    qtbot.waitUntil(lambda: scripted.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    scripted.window.engines.open_card(Path("/models/x"), "Big model")
    card = scripted.window.engines.card
    assert card is not None
    (panel,) = card.findChildren(GpuPanel)
    gpu.show(ABSENT)
    assert panel.isVisible()
    panel.buttons["install"].click()
    gpu.offered.emit(OFFER)
    assert len(card.findChildren(GpuDialog)) == 1
    gpu.show(dataclasses.replace(ABSENT, card=""))
    assert not panel.isVisible()


def test_the_offline_switch_is_seen_at_once(panel: GpuPanel, gpu: ScriptedGpu, scripted: Parts) -> None:
    gpu.show(ABSENT)
    gpu.calls.clear()
    scripted.preferences.set(offline=True)
    assert gpu.calls == [("look",)]


def test_the_doctor(scripted: Parts, gpu: ScriptedGpu) -> None:
    scripted.window.actions_by_name["doctor"].trigger()
    (dialog,) = scripted.window.findChildren(DoctorDialog)
    assert gpu.asked_for() == [("diagnose",)]
    assert dialog.state.text() == help_words.LOOKING
    assert not dialog.copy_button.isEnabled()
    gpu.check_arrived.emit(Finding("Python", "pass", "3.11.7"))
    gpu.check_arrived.emit(Finding("Chats", "fail", "The chat file is damaged.", "Start Dewpoint again."))
    gpu.checks_ended.emit()
    assert dialog.state.text() == help_words.bad(1)
    dialog.copy_button.click()
    copied = QGuiApplication.clipboard().text()
    assert "[pass] Python: 3.11.7\n[fail] Chats: The chat file is damaged.\n       Start Dewpoint again." in copied
    dialog.reject()
    assert gpu.asked_for()[-1] == ("stop_diagnosis",)


def test_a_doctor_who_finds_nothing(scripted: Parts, gpu: ScriptedGpu) -> None:
    scripted.window.actions_by_name["doctor"].trigger()
    (dialog,) = scripted.window.findChildren(DoctorDialog)
    gpu.check_arrived.emit(Finding("Python", "pass", "3.11.7"))
    gpu.checks_ended.emit()
    assert dialog.state.text() == help_words.GOOD
