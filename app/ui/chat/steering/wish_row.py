"""What shall become of the selected words: Rewrite, Shorter, Longer, Simpler, or in the user's own words."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QLineEdit, QPushButton, QWidget

from app.ui.chat.steering import words
from app.ui.widgets.labels import turn
from app.ui.widgets.plain import set_tip

LONGEST_WISH = 500  # characters
_LEAST_EMS = 34  # of the controls' letters, below which the line stands under the buttons


class WishRow(QWidget):
    """Four buttons and a line.

    Signals:
        wanted: The wish, "" for just another way to say it.
    """

    wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4)
        buttons = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        buttons.setSpacing(2)
        self.buttons: dict[str, QPushButton] = {}
        for name, (wish, hint) in words.WISHES.items():
            button = QPushButton(name)
            button.setProperty("role", "quiet")
            button.setAccessibleName(hint)
            set_tip(button, hint)
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.clicked.connect(partial(self._want, wish))
            buttons.addWidget(button)
            self.buttons[name] = button
        buttons.addStretch(1)
        self.line = QLineEdit()
        self.line.setPlaceholderText(words.OWN_WORDS)
        self.line.setAccessibleName(words.OWN_WORDS_HINT)
        self.line.setMaxLength(LONGEST_WISH)
        set_tip(self.line, words.OWN_WORDS_HINT)
        self.line.returnPressed.connect(self.on_line_entered)
        self._row.addLayout(buttons)
        self._row.addWidget(self.line, 1)

    def fit(self, width: int) -> None:
        """Line beside or below the buttons, as a width in pixels has room."""
        turn(self._row, self, _LEAST_EMS, width)

    def on_line_entered(self) -> None:
        """In the user's own words."""
        wish = self.line.text().strip()
        if wish:
            self.wanted.emit(wish)

    def _want(self, wish: str, *_: object) -> None:
        self.wanted.emit(wish)
