"""Above the message box: that a message has blanks, and what will become of it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from app.chats.blanks import Blanks
from app.ui.chat.steering import words
from app.ui.widgets.labels import Sentence
from app.ui.widgets.plain import set_tip


class BlanksStrip(QFrame):
    """One sentence and a button.

    Signals:
        as_it_is: The brackets are no blanks.
    """

    as_it_is = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("queue_strip")
        self.setAccessibleName(words.BLANKS)
        self.label = Sentence(role="muted")
        self.button = QPushButton(words.NO_BLANKS)
        self.button.setProperty("role", "quiet")
        self.button.setAccessibleName(words.NO_BLANKS_HINT)
        set_tip(self.button, words.NO_BLANKS_HINT)
        self.button.clicked.connect(self.as_it_is)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 4, 6, 4)
        row.addWidget(self.label, 1)
        row.addWidget(self.button)
        self.hide()

    def show_blanks(self, blanks: Blanks | None, unknown: tuple[str, ...]) -> None:
        """Say what a message has; nothing for an ordinary one."""
        text = words.blanks_told(blanks.count if blanks else 0, blanks.wish if blanks else "", unknown)
        if blanks is not None and blanks.trouble is not None:
            text = " ".join(blanks.trouble)
        self.label.setText(text)
        self.button.setVisible(blanks is not None)
        self.setVisible(bool(text))
