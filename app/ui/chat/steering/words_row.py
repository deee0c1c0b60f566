"""Other words that the model would put in the place of one that is selected."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from app.ui.chat.steering import words
from app.ui.widgets.plain import PlainLabel, set_tip, without_keys
from inference.events import Alternative

_LONGEST = 24  # characters of a word on its button


class WordsRow(QWidget):
    """Up to five buttons.

    Signals:
        chosen: An `Alternative` shall stand there.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(7, 0, 0, 0)
        self._row.setSpacing(2)
        self.label = PlainLabel(role="faint")
        self._row.addWidget(self.label)
        self._row.addStretch(1)
        self.buttons: list[QPushButton] = []
        self.hide()

    def show_words(self, label: str, alternatives: tuple[Alternative, ...]) -> None:
        """Offer these; with neither them nor a label nothing is shown."""
        for old in self.buttons:
            self._row.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.buttons = [self._button(each) for each in alternatives]
        for at, button in enumerate(self.buttons):
            self._row.insertWidget(at + 1, button)
            button.ensurePolished()  # its size depends on it
            button.show()
        self.label.setText(label)
        self.setVisible(bool(label))

    def _button(self, alternative: Alternative) -> QPushButton:
        text = alternative.piece.strip()
        short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\u2026"
        button = QPushButton(without_keys(short))
        button.setProperty("role", "quiet")
        hint = words.other_word_hint(text, alternative.log_probability)
        button.setAccessibleName(hint)
        set_tip(button, hint)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.clicked.connect(partial(self.chosen.emit, alternative))
        return button
