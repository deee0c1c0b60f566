"""Messages that wait for the answer that is being written: above the message box, each with the way back."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from app.chats.queue import QueuedMessage
from app.ui.chat import words
from app.ui.widgets.labels import ElidedLabel
from app.ui.widgets.plain import one_line

MOST_SHOWN = 4


class QueueStrip(QFrame):
    """The rows.

    Signals:
        taken_back: Id of a message that shall wait no longer.
        sent_now: Id of one that shall be sent now.
    """

    taken_back = Signal(str)
    sent_now = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("queue_strip")
        self.setAccessibleName(words.QUEUED)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 4, 6, 4)
        self._column.setSpacing(0)
        self._rows: list[QFrame] = []
        self.hide()

    def show_messages(self, messages: tuple[QueuedMessage, ...], busy: bool) -> None:
        """Show what waits; while nothing is written, the first one can be sent."""
        for row in self._rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows = [self._row(message, busy or at > 0) for at, message in enumerate(messages[:MOST_SHOWN])]
        for row in self._rows:
            self._column.addWidget(row)
        self.setVisible(bool(messages))

    def _row(self, message: QueuedMessage, waits: bool) -> QFrame:
        row = QFrame()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        label = ElidedLabel()
        label.set_full_text(words.queued(one_line(message.body)))
        label.setProperty("role", "muted")
        line.addWidget(label, 1)
        for text, signal, wanted in (
            (words.SEND_NOW, self.sent_now, not waits),
            (words.TAKE_BACK, self.taken_back, True),
        ):
            if wanted:
                button = QPushButton(text)
                button.setProperty("role", "quiet")
                button.setAccessibleName(f"{text}: {one_line(message.body)}")
                button.clicked.connect(partial(signal.emit, message.id))
                line.addWidget(button)
        return row
