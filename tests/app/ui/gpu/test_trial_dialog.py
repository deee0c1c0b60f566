"""The trial of a card in the window: where it is begun, what it shows while it runs and afterwards, and its file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton

from app.base.errors import ErrorReport
from app.gpu import texts
from app.gpu.values import GpuStep, GpuWork
from app.main import Parts
from app.ui.gpu import words
from app.ui.gpu.panel import GpuPanel
from app.ui.gpu.trial_dialog import TrialDialog
from app.ui.help.doctor_dialog import DoctorDialog
from app.ui.models.models_window import ModelsWindow
from app.ui.widgets import words as common_words
from tests.helpers.card_reports import REPORT
from tests.helpers.scripted_gpu import ABSENT, BROKEN, INSTALLED, ScriptedGpu
from tests.helpers.scripted_library import ScriptedLibrary, library_of
from trt_engines.tensorrt.card_report import STEPS, write_report

TRIED = dataclasses.replace(INSTALLED, trial=REPORT)


@pytest.fixture
def gpu(everything: Parts) -> ScriptedGpu:
    """The script."""
    assert isinstance(everything.gpu, ScriptedGpu)
    return everything.gpu


@pytest.fixture
def dialog(everything: Parts, gpu: ScriptedGpu) -> TrialDialog:
    """The dialog, beside the doctor's, which is open."""
    everything.window.actions_by_name["doctor"].trigger()
    (doctor,) = everything.window.findChildren(DoctorDialog)
    assert doctor.trial_button.isHidden(), "no card is known"
    gpu.show(INSTALLED)
    doctor.trial_button.click()
    (made,) = doctor.findChildren(TrialDialog)
    return made


def names(dialog: TrialDialog) -> list[str]:
    """What stands in the list."""
    return [step.name for step in dialog._shown]


def test_the_panel_offers_it_where_there_is_a_card_and_a_tensorrt(everything: Parts, gpu: ScriptedGpu) -> None:
    assert isinstance(everything.library, ScriptedLibrary)
    everything.window.actions_by_name["models"].trigger()
    (page,) = everything.window.findChildren(ModelsWindow)
    everything.library.show(library_of())
    (panel,) = page.findChildren(GpuPanel)
    for status, offered in (
        (INSTALLED, True), (ABSENT, False), (BROKEN, False), (dataclasses.replace(INSTALLED, card=""), False),
    ):  # fmt: skip
        gpu.show(status)
        assert panel.buttons["try"].isHidden() != offered
    gpu.show(TRIED)
    can = "models can run on RTX 4070, and weights can be streamed (loading weights later)."
    assert panel.hint.text() == f"Tried on 2026-11-29: {can}"
    panel.buttons["try"].click()
    assert len(page.findChildren(TrialDialog)) == 1
    gpu.show_work(GpuWork("try", GpuStep("card", 0.3), tried=REPORT.steps[:3]))
    assert panel.step.text() == "Trying the card \u2026 30 %"
    panel.buttons["stop"].click()
    assert gpu.asked_for() == [("stop",)]


def test_steps_come_one_after_another(dialog: TrialDialog, gpu: ScriptedGpu, everything: Parts) -> None:
    assert dialog.state.text() == words.NOT_TRIED
    assert not dialog.open_button.isEnabled()
    dialog.try_button.click()
    assert gpu.asked_for()[-1] == ("do", "try")
    gpu.show_work(GpuWork("try"))
    gpu.show_work(GpuWork("try", GpuStep("card", 0.1), tried=REPORT.steps[:1]))
    gpu.show_work(GpuWork("try", GpuStep("card", 0.2), tried=REPORT.steps[:2]))
    assert (names(dialog), dialog.bar.value(), dialog.list.count) == (list(STEPS[:2]), 2, 2)
    assert dialog.try_button.text() == words.STOP
    dialog.try_button.click()
    assert gpu.asked_for()[-1] == ("stop",)
    gpu.show_work(GpuWork("try", GpuStep("card", 0.2), stopping=True, tried=REPORT.steps[:2]))
    assert not dialog.try_button.isEnabled()
    gpu.end(GpuWork("try", tried=REPORT.steps, trial=REPORT, status=TRIED))
    assert "weights can be streamed" in dialog.state.text()
    assert dialog.hint.text() == "TensorRT for RTX 1.7.1, driver 581.15, Linux 6.1"
    assert names(dialog) == list(STEPS)
    assert dialog.try_button.text() == words.TRY_AGAIN
    assert not everything.window.pane.notice.isVisible(), "the dialog says it"


def test_a_trial_that_is_stopped_or_cannot_be_made(dialog: TrialDialog, gpu: ScriptedGpu) -> None:
    gpu.end(GpuWork("try", tried=REPORT.steps[:2], status=INSTALLED), stopped=True)
    assert dialog.state.text() == words.TRIAL_STOPPED
    assert names(dialog) == list(STEPS[:2])
    gpu.end(GpuWork("try", status=INSTALLED), report=ErrorReport("known", "The driver is too old.", "Update it."))
    assert (dialog.state.text(), dialog.hint.text()) == ("The driver is too old.", "Update it.")
    failed = dataclasses.replace(REPORT, steps=REPORT.steps[:4])
    gpu.show(dataclasses.replace(INSTALLED, trial=failed))
    assert "models cannot run on RTX 4070" in dialog.state.text()


def test_the_report_is_opened_and_copied(
    dialog: TrialDialog, gpu: ScriptedGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("PySide6.QtGui.QDesktopServices.openUrl", lambda url: opened.append(url.toLocalFile()) or True)
    gpu.show(TRIED)
    dialog.open_button.click()
    assert (opened, dialog.hint.text()) == ([], common_words.file_not_opened(gpu.trial_file)), "somebody removed it"
    write_report(gpu.trial_file.parent, REPORT)
    dialog.open_button.click()
    assert [Path(each) for each in opened] == [gpu.trial_file]
    dialog.copy_button.click()
    assert QGuiApplication.clipboard().text() == gpu.trial_file.read_text("utf-8")


def test_a_trial_ends_while_nobody_looks(everything: Parts, gpu: ScriptedGpu) -> None:
    notice = everything.window.pane.notice
    gpu.end(GpuWork("try", trial=REPORT, status=TRIED))
    assert notice.text == texts.tried(REPORT)
    gpu.end(GpuWork("try", trial=dataclasses.replace(REPORT, steps=()), status=TRIED))
    assert "models cannot run" in notice.text
    gpu.end(GpuWork("try", status=TRIED), stopped=True)
    assert notice.text == words.TRIAL_STOPPED
    gpu.end(GpuWork("install", GpuStep("card", 0.1), status=INSTALLED), stopped=True)
    assert "is installed" in notice.text, "the trial was stopped, not the installation"


def test_the_buttons_are_named(dialog: TrialDialog) -> None:
    assert all(button.accessibleName() for button in dialog.findChildren(QPushButton))
