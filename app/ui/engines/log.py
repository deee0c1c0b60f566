"""The log of the segment that is being built, or was built last; it follows while it is open."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.bridge.engines import Engines
from app.engines.texts import part_name
from app.engines.values import EngineOffer
from app.ui.engines import words
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.theme import Theme

REFRESH_MS = 1000


class EngineLog(QDialog):
    """What TensorRT says."""

    def __init__(self, engines: Engines, offer: EngineOffer, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._engines = engines
        self._offer = offer
        self.box = QPlainTextEdit()
        self.box.setReadOnly(True)
        self.box.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.box.setAccessibleName("Log")
        self.box.setTabChangesFocus(True)
        self.box.setFont(theme.mono_font())
        buttons = QDialogButtonBox()
        close = buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        close.setAccessibleName("Close")
        close.setDefault(True)
        buttons.rejected.connect(self.reject)
        row = QHBoxLayout()
        row.addWidget(CopyButton(self.box.toPlainText, "log", theme, label="Copy log"))
        row.addStretch(1)
        row.addWidget(buttons)
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 20, 24, 16)
        page.setSpacing(12)
        page.addWidget(self.box, 1)
        page.addLayout(row)
        close.setFocus()
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.on_refresh_due)
        resize_within_screen(self, 760, 520)
        self.on_refresh_due()

    def on_refresh_due(self) -> None:
        """Show what was added; a reader who scrolled up is not moved."""
        part, text = self._engines.log(self._offer)
        self.setWindowTitle(words.log_title(part_name(part, self._offer.request.identity.cuts) if part else ""))
        if text == self.box.toPlainText():
            return
        bar = self.box.verticalScrollBar()
        at_end, at = bar.value() >= bar.maximum(), bar.value()
        self.box.setPlainText(text)
        bar.setValue(bar.maximum() if at_end else at)

    def showEvent(self, event: QShowEvent) -> None:
        """Follow."""
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody reads."""
        self._timer.stop()
        super().hideEvent(event)
