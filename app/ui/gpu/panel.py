"""The line about TensorRT for RTX, in the models window and on the engine card: how it is, and what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.gpu import texts
from app.gpu.values import GpuState, GpuStatus
from app.ui.gpu import words
from app.ui.widgets.labels import Sentence, beside, set_tone, turn
from app.ui.widgets.plain import set_tip

if TYPE_CHECKING:
    from app.bridge.gpu import GpuAddon
    from app.gpu.values import GpuWork

STEPS = 1000


class GpuPanel(QFrame):
    """Shown if there is something to say.

    Signals:
        wanted: Name of a button, of `gpu_words.BUTTONS`.
    """

    wanted = Signal(str)

    def __init__(self, gpu: GpuAddon) -> None:
        super().__init__()
        self.setObjectName("strip")
        self._gpu = gpu
        self.text, self.hint, self.step = Sentence(), Sentence(role="muted"), Sentence(role="muted")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, STEPS)
        self.bar.setAccessibleName(words.PROGRESS)
        self.buttons = {name: self._button(name, label) for name, label in words.BUTTONS.items()}
        column, row = QVBoxLayout(), QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row = row
        column.setSpacing(3)
        for widget in (self.text, self.hint, self.step, self.bar):
            column.addWidget(widget)
        row.setContentsMargins(14, 8, 8, 8)
        row.addLayout(column, 1)
        self._button_row = beside(*self.buttons.values())
        row.addLayout(self._button_row)
        gpu.status_changed.connect(self.on_changed)
        gpu.work_changed.connect(self.on_changed)
        self.refresh()

    def tab_order(self) -> list[QWidget]:
        """Its buttons, as Tab goes through them."""
        return list(self.buttons.values())

    def minimumSizeHint(self) -> QSize:
        """As wide as its widest button: where they have no room beside each other, they stand below each other."""
        margins = self._row.contentsMargins()
        widest = max(button.minimumSizeHint().width() for button in self.buttons.values())
        return QSize(widest + margins.left() + margins.right(), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Buttons beside or below the text, and beside or below each other."""
        super().resizeEvent(event)
        turn(self._row, self)
        self._turn_buttons()

    def _turn_buttons(self) -> None:
        """Let the buttons stand below each other where they have no room beside each other."""
        shown = [button for button in self.buttons.values() if not button.isHidden()]
        wanted = sum(button.sizeHint().width() + self._button_row.spacing() for button in shown)
        fits = wanted <= self.contentsRect().width() - self._row.contentsMargins().left()
        direction = QBoxLayout.Direction.LeftToRight if fits else QBoxLayout.Direction.TopToBottom
        if self._button_row.direction() != direction:
            self._button_row.setDirection(direction)

    def on_changed(self, news: object) -> None:
        """A look, or news of what is being done."""
        self.refresh()

    def on_pressed(self) -> None:
        """Which button it was."""
        sender = self.sender()
        if sender is not None:
            self.wanted.emit(sender.property("does"))

    def refresh(self) -> None:
        """Show what is known now."""
        status, work = self._gpu.status, self._gpu.work
        if work is not None:
            self._show_work(work)
        elif status is not None:
            self._show_status(status)
        self.setVisible(work is not None or (status is not None and status.wanted))

    def _show_work(self, work: GpuWork) -> None:
        self.text.setText(words.WORKING[work.kind])
        self.hint.show_text("")
        step = work.step
        said = texts.stage(step.stage, step.fraction) if step is not None else ""
        self.step.show_text(words.STOPPING if work.stopping else said)
        self.bar.setVisible(step is not None and step.stage != "trying")
        self.bar.setValue(round(STEPS * step.fraction) if step is not None else 0)
        self._show_buttons("stop")
        stops = work.kind in ("install", "try") and (step is None or step.stage != "trying")
        self.buttons["stop"].setVisible(stops)
        self.buttons["stop"].setEnabled(not work.stopping)
        set_tone(self, "calm")
        self.setAccessibleName(f"{self.text.text()}. {self.step.text()}".strip())

    def _show_status(self, status: GpuStatus) -> None:
        hint, tone = "", "calm"
        names: tuple[str, ...] = ("verify", "remove")
        match status.state:
            case GpuState.ABSENT:
                text, names = texts.not_installed(status.card, status.download, status.needs), ("install",)
            case GpuState.DAMAGED:
                text, hint = texts.damaged(status.damaged), texts.DAMAGED_HINT
                tone, names = "bad", ("install", "remove")
            case GpuState.BROKEN:
                text = texts.broken(status.report.text if status.report is not None else "")
                hint, tone, names = texts.BROKEN_HINT, "bad", ("verify", "install", "remove")
            case _:
                text, found = texts.installed(status.version, status.size, status.installed), status.trial
                if found is not None:
                    hint = texts.tried_on(found)
        names = ("try", *names) if status.can_try else names
        self.text.setText(text)
        self.hint.show_text(hint)
        self.step.hide()
        self.bar.hide()
        self._show_buttons(*names)
        install = self.buttons["install"]
        install.setText(words.INSTALL if status.state is GpuState.ABSENT else words.AGAIN)
        install.setEnabled(not status.offline)
        set_tip(install, words.OFFLINE_WHY if status.offline else "")
        set_tone(self, tone)
        self.setAccessibleName(f"{text} {hint}".strip())

    def _show_buttons(self, *names: str) -> None:
        for name, button in self.buttons.items():
            button.setVisible(name in names)
            button.setAccessibleName(f"{button.text()}: {words.TITLE}")
        self._turn_buttons()

    def _button(self, name: str, label: str) -> QPushButton:
        button = QPushButton(label)
        button.setAutoDefault(False)
        button.setAccessibleName(f"{label}: {words.TITLE}")
        button.setProperty("does", name)
        button.setProperty("role", "primary" if name == "install" else "quiet")
        button.clicked.connect(self.on_pressed)
        return button
