"""Help > Finding this computer: a line for each thing that the doctor looked at, and a report to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.ui.help import words as help_words
from app.ui.widgets import words as common_words
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.labels import Pill, Sentence
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

if TYPE_CHECKING:
    from app.bridge.gpu import GpuAddon
    from app.doctor.checks import Finding

SIZE = (640, 620)


class DoctorDialog(Sheet):
    """Asks when it is made; checks come one after another."""

    own_size = True
    scrolls = False

    def __init__(self, gpu: GpuAddon, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(help_words.DOCTOR, help_words.DOCTOR, theme, parent)
        self._gpu = gpu
        self.checks: list[Finding] = []
        self.add_text(help_words.DOCTOR_TEXT, "muted")
        self.state = self.add_text(help_words.LOOKING)
        body = QWidget()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(10)
        self._grid.setColumnStretch(2, 1)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 8, 0)
        column.addLayout(self._grid)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(help_words.DOCTOR)
        area.setWidget(body)
        self.column.addWidget(area, 1)
        self.copy_button = CopyButton(self.report, help_words.COPY_WHAT, theme, help_words.COPY_REPORT)
        self.copy_button.setAutoDefault(False)
        self.copy_button.setEnabled(False)
        self.buttons.addButton(self.copy_button, self.buttons.ButtonRole.ActionRole)
        self.add_reject(common_words.CLOSE, primary=True)
        gpu.check_arrived.connect(self.on_check_arrived)
        gpu.checks_ended.connect(self.on_checks_ended)
        self.finished.connect(self.on_finished)
        resize_within_screen(self, round(SIZE[0] * theme.scale), round(SIZE[1] * theme.scale))
        gpu.diagnose()

    def report(self) -> str:
        """What is copied."""
        from app.doctor.checks import report

        return report(self.checks)

    def on_finished(self) -> None:
        """Nobody looks any more."""
        self._gpu.stop_diagnosis()

    def on_check_arrived(self, check: Finding) -> None:
        """One more line."""
        self.checks.append(check)
        row, top = len(self.checks), Qt.AlignmentFlag.AlignTop
        pill, name = Pill(), PlainLabel(check.name, "muted")
        pill.show_text(help_words.PILLS[check.status], help_words.TONES[check.status])
        pill.setAlignment(Qt.AlignmentFlag.AlignCenter)
        text = QVBoxLayout()
        text.setSpacing(2)
        said = Sentence(check.text)
        said.setAccessibleName(f"{check.name}, {help_words.PILLS[check.status]}: {check.text} {check.hint}".strip())
        text.addWidget(said)
        if check.hint:
            text.addWidget(Sentence(check.hint, "muted"))
        self._grid.addWidget(pill, row, 0, top)
        self._grid.addWidget(name, row, 1, top)
        self._grid.addLayout(text, row, 2)

    def on_checks_ended(self) -> None:
        """The verdict."""
        failed = sum(check.status == "fail" for check in self.checks)
        self.state.setText(help_words.bad(failed) if failed else help_words.GOOD)
        self.copy_button.setEnabled(bool(self.checks))
