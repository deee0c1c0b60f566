"""Help > Finding this computer: a line for each thing that the doctor looked at, and a report to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.ui.gpu import words as gpu_words
from app.ui.help import words as help_words
from app.ui.widgets import words as common_words
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.findings import FindingList
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

if TYPE_CHECKING:
    from app.bridge.gpu import GpuAddon
    from app.gpu.values import GpuStatus
    from app.machine.checks import Finding

SIZE = (640, 620)


class DoctorDialog(Sheet):
    """Asks when it is made; checks come one after another.

    Signals:
        trial_wanted: The graphics card is to be tried.
    """

    trial_wanted = Signal()
    own_size = True
    scrolls = False

    def __init__(self, gpu: GpuAddon, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(help_words.DOCTOR, help_words.DOCTOR, theme, parent)
        self._gpu = gpu
        self.checks: list[Finding] = []
        self.add_text(help_words.DOCTOR_TEXT, "muted")
        self.state = self.add_text(help_words.LOOKING)
        self._list = FindingList(help_words.DOCTOR)
        self.column.addWidget(self._list, 1)
        self.copy_button = CopyButton(self.report, help_words.COPY_WHAT, theme, help_words.COPY_REPORT)
        self.copy_button.setAutoDefault(False)
        self.copy_button.setEnabled(False)
        self.buttons.addButton(self.copy_button, self.buttons.ButtonRole.ActionRole)
        self.trial_button = self.add_button(gpu_words.TRY, self.buttons.ButtonRole.ActionRole)
        self.trial_button.setProperty("role", "quiet")
        self.trial_button.clicked.connect(self.trial_wanted)
        self.add_reject(common_words.CLOSE, primary=True)
        gpu.check_arrived.connect(self.on_check_arrived)
        gpu.checks_ended.connect(self.on_checks_ended)
        gpu.status_changed.connect(self.on_status_changed)
        self.finished.connect(self.on_finished)
        resize_within_screen(self, round(SIZE[0] * theme.scale), round(SIZE[1] * theme.scale))
        self.on_status_changed(gpu.status)
        gpu.look()
        gpu.diagnose()

    def on_status_changed(self, status: GpuStatus | None) -> None:
        """Whether there is a card to try."""
        self.trial_button.setVisible(status is not None and status.can_try)

    def report(self) -> str:
        """What is copied."""
        from app.machine.checks import report

        return report(self.checks)

    def on_finished(self) -> None:
        """Nobody looks any more."""
        self._gpu.stop_diagnosis()

    def on_check_arrived(self, check: Finding) -> None:
        """One more line."""
        self.checks.append(check)
        pill, tone = help_words.PILLS[check.status], help_words.TONES[check.status]
        self._list.add(pill, tone, check.name, check.text, check.hint)

    def on_checks_ended(self) -> None:
        """The verdict."""
        failed = sum(check.status == "fail" for check in self.checks)
        self.state.setText(help_words.bad(failed) if failed else help_words.GOOD)
        self.copy_button.setEnabled(bool(self.checks))
