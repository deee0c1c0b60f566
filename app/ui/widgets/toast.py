"""Bars that float above the composer: Undo after a deletion, and short notices."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QPushButton

from app.ui.widgets.labels import beside, turn
from app.ui.widgets.plain import PlainLabel

UNDO_MS = 10_000
NOTICE_MS = 9_000
LEAST_EMS = 50  # below that, the buttons stand under the text


class Toast(QFrame):
    """A text and one button, for some seconds; a second one where there is something to do.

    Signals:
        pressed: The button was pressed.
        closed: It has gone, by the button or by itself.
    """

    pressed = Signal()
    closed = Signal()

    def __init__(self, name: str, button: str, milliseconds: int) -> None:
        super().__init__()
        self.setObjectName(name)
        self._label = PlainLabel(wrap=True)
        self.button = QPushButton(button)
        self.button.setAccessibleName(button)
        self.action = QPushButton()
        self.action.setAccessibleName("Action")
        self.action.hide()
        for each in (self.action, self.button):
            each.setCursor(Qt.CursorShape.PointingHandCursor)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(16, 5, 6, 5)
        self._row.addWidget(self._label, 1)
        self._row.addLayout(beside(self.action, self.button))
        self._do: Callable[[], None] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(milliseconds)
        self._timer.timeout.connect(self.dismiss)
        self.button.clicked.connect(self.on_pressed)
        self.action.clicked.connect(self.on_acted)
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._label.text()

    def show_text(self, text: str, stays: bool = False, action: str = "", do: Callable[[], None] | None = None) -> None:
        """Appear; with `stays`, until a button is pressed; `do` is what the second button, `action`, does."""
        self._label.setText(text)
        self._do = do
        self.action.setText(action)
        self.action.setAccessibleName(action or "Action")
        self.action.setVisible(bool(action))
        self.setAccessibleName(text)
        self.show()
        self._timer.stop()
        if not stays:
            self._timer.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Buttons beside or below the text."""
        super().resizeEvent(event)
        turn(self._row, self, LEAST_EMS)

    def on_pressed(self) -> None:
        """The button."""
        self.pressed.emit()
        self.dismiss()

    def on_acted(self) -> None:
        """The second button does what belongs to this text, whatever was said elsewhere since."""
        do = self._do
        self.dismiss()
        if do is not None:
            do()

    def dismiss(self) -> None:
        """Go."""
        self._timer.stop()
        if not self.isHidden():
            self.hide()
            self.closed.emit()
