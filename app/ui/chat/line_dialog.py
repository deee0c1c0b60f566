"""Asks for one line: the name of a folder, or tags."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from app.ui.widgets import words as common_words
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

MOST_CHARACTERS = 500  # that can be typed


class LineDialog(Sheet):
    """One line, and two buttons.

    Signals:
        named: What was typed.
    """

    named = Signal(str)

    def __init__(
        self, title: str, detail: str, text: str, agree: str, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(title, title, theme, parent)
        if detail:
            self.add_text(detail, "muted")
        self.edit = QLineEdit(text)
        self.edit.setAccessibleName(title)
        self.edit.setMaxLength(MOST_CHARACTERS + len(text))  # of what is there nothing is lost
        self.column.addWidget(self.edit)
        self.add_accept(agree, primary=True)
        self.add_reject(common_words.CANCEL)
        self.accepted.connect(self.on_accepted)
        self.edit.selectAll()
        self.edit.setFocus()

    def on_accepted(self) -> None:
        """Tell."""
        self.named.emit(self.edit.text())
