"""A label and a button of one line that end in dots where they are too long."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy

PADDING = 8  # of the button, on each side; the style sheet says the same with its border


class ElidedLabel(QLabel):
    """Shows as much of its text as fits; the tool tip and screen readers get all of it."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._full = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.set_full_text(text)

    @property
    def full_text(self) -> str:
        """All of it."""
        return self._full

    def set_full_text(self, text: str) -> None:
        """Show a text."""
        self._full = text
        self.setAccessibleName(text)
        self._elide()

    def _elide(self) -> None:
        shown = self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideRight, max(self.width(), 40))
        self.setText(shown)
        self.setToolTip("" if shown == self._full else self._full)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit anew."""
        super().resizeEvent(event)
        self._elide()

    def minimumSizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(40, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        """All of the text."""
        return QSize(self.fontMetrics().horizontalAdvance(self._full) + 4, super().sizeHint().height())


class ElidedButton(QPushButton):
    """The same as a button."""

    def __init__(self, hint: str) -> None:
        super().__init__()
        self._full = ""
        self._hint = hint
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.set_full_text("")

    @property
    def full_text(self) -> str:
        """All of it."""
        return self._full

    def set_full_text(self, text: str) -> None:
        """Show a text."""
        self._full = text
        self.setAccessibleName(f"{text}. {self._hint}".strip(". "))
        self._elide()
        self.updateGeometry()

    def _elide(self) -> None:
        room = max(self.width() - self._frame(), 40)
        shown = self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideRight, room)
        self.setText(shown)
        self.setToolTip(self._hint if shown == self._full else f"{self._full}\n{self._hint}")

    def _frame(self) -> int:
        """What stands beside the text: padding, border and icon."""
        icon = self.iconSize().width() + 6 if not self.icon().isNull() else 0
        return 2 * PADDING + icon

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit anew."""
        super().resizeEvent(event)
        self._elide()

    def minimumSizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(60, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        """All of the text."""
        return QSize(self.fontMetrics().horizontalAdvance(self._full) + self._frame() + 2, super().sizeHint().height())
