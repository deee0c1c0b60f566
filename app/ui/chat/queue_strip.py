"""Messages that wait for the answer that is being written: above the message box, each with the way back.

Those of the shown chat come first, then those of other chats, each with the way there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        chat_wanted: Id of the chat that another one waits in.
    """

    taken_back = Signal(str)
    sent_now = Signal(str)
    chat_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("queue_strip")
        self.setAccessibleName(words.QUEUED)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 4, 6, 4)
        self._column.setSpacing(0)
        self._rows: list[QFrame] = []
        self.hide()

    def show_messages(
        self,
        messages: Sequence[QueuedMessage],
        elsewhere: Sequence[tuple[QueuedMessage, str]],
        busy: bool,
        writing: str,
    ) -> None:
        """Show what waits; while nothing is written, the first one of this chat can be sent.

        Args:
            messages: Those of the shown chat.
            elsewhere: Those of other chats, and the titles of these.
            busy: Whether an answer is being written.
            writing: Title of the other chat that it is written in; "" if it is in the shown one.
        """
        for row in self._rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        rows = [self._row(message, busy or at > 0, writing) for at, message in enumerate(messages[:MOST_SHOWN])]
        rows += [self._row_elsewhere(*each) for each in elsewhere[: MOST_SHOWN - len(rows)]]
        self._rows = rows
        for row in self._rows:
            self._column.addWidget(row)
        self.setVisible(bool(rows))

    def _row(self, message: QueuedMessage, waits: bool, writing: str) -> QFrame:
        body = one_line(message.body)
        buttons = [] if waits else [(words.SEND_NOW, partial(self.sent_now.emit, message.id))]
        buttons.append((words.TAKE_BACK, partial(self.taken_back.emit, message.id)))
        return _line(words.queued(body, one_line(writing)), body, buttons)

    def _row_elsewhere(self, message: QueuedMessage, title: str) -> QFrame:
        body = one_line(message.body)
        show = (words.SHOW_QUEUED, partial(self.chat_wanted.emit, message.conversation_id))
        return _line(words.queued_elsewhere(body, one_line(title)), body, [show])


def _line(said: str, body: str, buttons: Sequence[tuple[str, Callable[[], object]]]) -> QFrame:
    row = QFrame()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    label = ElidedLabel()
    label.set_full_text(said)
    label.setProperty("role", "muted")
    line.addWidget(label, 1)
    for text, press in buttons:
        button = QPushButton(text)
        button.setProperty("role", "quiet")
        button.setAccessibleName(f"{text}: {body}")
        button.clicked.connect(press)
        line.addWidget(button)
    return row
