"""The end of an answer that is too long to be formatted at once: as it was written, and a button for more of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.ui.chat import words
from app.ui.chat.long_text import LongText
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.theme import Theme


class RestText(QWidget):
    """What is not formatted yet.

    Signals:
        more_requested: The user wants more of it formatted.
    """

    more_requested = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._note = PlainLabel(words.NOT_FORMATTED, role="muted", wrap=True)
        self.button = QPushButton(words.FORMAT_MORE)
        self.button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.button.clicked.connect(self.on_clicked)
        self.text = LongText(theme)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._note)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.text)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.set_theme(theme)

    def set_content(self, text: str) -> None:
        """Show a text as it is."""
        self.text.set_content(text)

    def hold_layout(self) -> None:
        """See `LongText`."""
        self.text.hold_layout()

    def set_theme(self, theme: Theme) -> None:
        """New sizes."""
        self.text.set_theme(theme)

    def on_clicked(self) -> None:
        """More of it is wanted."""
        self.more_requested.emit()
