"""A small button that copies a text and says so for a moment."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton

from app.ui.widgets.icons import themed_icon
from app.ui.widgets.theme import Theme

SHOWN_MS = 1600


class CopyButton(QPushButton):
    """Copies what `source` returns.

    Args:
        source: Gives the text at the time of the click.
        what: What is copied, for screen readers ("answer", "code").
        theme: Colours.
        label: What the button says.
    """

    def __init__(self, source: Callable[[], str], what: str, theme: Theme, label: str = "Copy") -> None:
        super().__init__()
        self._source = source
        self._what = what
        self._label = label
        self._theme = theme
        self.setProperty("role", "quiet")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._back = QTimer(self)
        self._back.setSingleShot(True)
        self._back.setInterval(SHOWN_MS)
        self._back.timeout.connect(self.on_shown_long_enough)
        self.clicked.connect(self.on_clicked)
        self._show(copied=False)

    def set_theme(self, theme: Theme) -> None:
        """New colours."""
        self._theme = theme
        self._show(copied=self._back.isActive())

    def on_clicked(self) -> None:
        """Copy."""
        QGuiApplication.clipboard().setText(self._source())
        self._show(copied=True)
        self._back.start()

    def on_shown_long_enough(self) -> None:
        """Say "Copy" again."""
        self._show(copied=False)

    def _show(self, copied: bool) -> None:
        edge = round(self._theme.ui_points * 1.5)
        self.setIconSize(QSize(edge, edge))
        color = self._theme.color("accent" if copied else "muted")
        self.setIcon(themed_icon("check" if copied else "copy", color, edge))
        self.setText("Copied" if copied else self._label)
        self.setAccessibleName(f"Copied {self._what}" if copied else f"Copy {self._what}")
