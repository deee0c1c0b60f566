"""The trial of a card: a line for each thing that was tried, what follows from it, and the report to open or copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QProgressBar, QWidget

from app.gpu import texts
from app.gpu.values import GpuEnd
from app.ui.gpu import words
from app.ui.widgets import words as common_words
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.findings import FindingList
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.labels import Sentence
from app.ui.widgets.outside import open_file
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme
from trt_engines.tensorrt.card_report import NEEDED_STEPS, STEPS, CardReport, TrialStep

if TYPE_CHECKING:
    from app.bridge.gpu import GpuAddon

SIZE = (660, 620)


class TrialDialog(Sheet):
    """Shows the last trial, or the one that runs; closing it stops nothing."""

    own_size = True
    scrolls = False

    def __init__(self, gpu: GpuAddon, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.TRIAL_TITLE, words.TRIAL_TITLE, theme, parent)
        self._gpu = gpu
        self._shown: tuple[TrialStep, ...] = ()
        self.add_text(words.TRIAL_TEXT, "muted")
        self.state, self.hint = self.add_text(""), Sentence(role="muted")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, len(STEPS))
        self.bar.setAccessibleName(words.TRIAL_PROGRESS)
        self.list = FindingList(words.TRIAL_TITLE)
        for widget in (self.hint, self.bar):
            self.column.addWidget(widget)
        self.column.addWidget(self.list, 1)
        role = self.buttons.ButtonRole.ActionRole
        self.open_button = self.add_button(words.OPEN_REPORT, role)
        self.open_button.setProperty("role", "quiet")
        self.open_button.clicked.connect(self.on_open)
        self.copy_button = CopyButton(self.report, words.COPY_WHAT, theme, words.COPY_REPORT)
        self.copy_button.setAutoDefault(False)
        self.buttons.addButton(self.copy_button, role)
        self.try_button = self.add_button(words.TRY_NOW, role)
        self.try_button.clicked.connect(self.on_try)
        self.add_reject(common_words.CLOSE, primary=True)
        gpu.status_changed.connect(self.on_changed)
        gpu.work_changed.connect(self.on_changed)
        gpu.work_ended.connect(self.on_work_ended)
        resize_within_screen(self, round(SIZE[0] * theme.scale), round(SIZE[1] * theme.scale))
        self.refresh()

    def on_changed(self, news: object) -> None:
        """A look, or news of what is being done."""
        self.refresh()

    def on_try(self) -> None:
        """Begin, or stop."""
        if self._gpu.work is None:
            self._gpu.do("try")
        else:
            self._gpu.stop()

    def on_work_ended(self, end: GpuEnd) -> None:
        """What the report does not say: it was stopped, or it could not be done."""
        if end.work.kind == "try" and (end.report is not None or end.stopped):
            known = end.report is not None and end.report.kind == "known"
            self.state.setText(end.report.text if known and end.report else words.TRIAL_STOPPED)
            self.hint.show_text(end.report.hint if known and end.report else "")
            self._show_steps(end.work.tried)

    def on_open(self) -> None:
        """Show the file."""
        trouble = open_file(self._gpu.trial_file)
        if trouble:
            self.hint.show_text(trouble)

    def report(self) -> str:
        """What is copied: the file as it is."""
        try:
            return self._gpu.trial_file.read_text("utf-8")
        except (OSError, ValueError):
            return common_words.file_not_opened(self._gpu.trial_file)

    def refresh(self) -> None:
        """Show what is known now."""
        work, status = self._gpu.work, self._gpu.status
        found = status.trial if status is not None else None
        runs = work is not None and (work.kind == "try" or bool(work.tried))
        self.bar.setVisible(runs)
        if work is not None and runs:
            self.bar.setValue(len(work.tried))
            self.state.setText(words.STOPPING if work.stopping else words.WORKING["try"])
            self.hint.show_text("")
            self._show_steps(work.tried)
        elif found is not None:
            self.state.setText(texts.tried_on(found))
            self.hint.show_text(_about(found))
            self._show_steps(found.steps)
        else:
            self.state.setText(words.NOT_TRIED)
            self.hint.show_text("")
        for button in (self.open_button, self.copy_button):
            button.setEnabled(found is not None and not runs)
        self.try_button.setText(words.STOP if runs else words.TRY_NOW if found is None else words.TRY_AGAIN)
        self.try_button.setAccessibleName(self.try_button.text())
        self.try_button.setEnabled(
            not work.stopping if work is not None and runs else work is None and status is not None and status.can_try
        )

    def _show_steps(self, steps: tuple[TrialStep, ...]) -> None:
        """New lines alone, where these are those that are shown and more."""
        if steps[: len(self._shown)] != self._shown or not steps:
            self.list.clear()
            self._shown = ()
        for step in steps[len(self._shown) :]:
            tone = "good" if step.worked else "bad" if step.name in NEEDED_STEPS else "calm"
            self.list.add(words.WORKS if step.worked else words.FAILS, tone, step.name, step.text, step.detail)
        self._shown = steps


def _about(found: CardReport) -> str:
    """With what."""
    return words.tried_with(found.tensorrt, found.version, found.driver, found.system)
