"""Previous and next of several messages at one place in a chat: "2 of 3" between two arrows."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from app.chats.messages import Message
from app.ui.chat import words
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.plain import PlainLabel, set_tip
from app.ui.widgets.theme import Theme


class SiblingSwitch(QWidget):
    """Shows which of several messages is seen, and asks for another; hidden where there is only one.

    Args:
        what: What the messages are, for screen readers ("answer", "message").
        theme: Colours.

    Signals:
        sibling_requested: The user wants to see another one (message id, -1 or +1).
    """

    sibling_requested = Signal(str, int)

    def __init__(self, what: str, theme: Theme) -> None:
        super().__init__()
        self._message_id, self._count = "", 1
        self._previous = self._button(f"Previous {what}")
        self._next = self._button(f"Next {what}")
        self._previous.clicked.connect(self.on_previous_clicked)
        self._next.clicked.connect(self.on_next_clicked)
        self._place = PlainLabel(role="faint")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for widget in (self._previous, self._place, self._next):
            row.addWidget(widget)
        self.hide()
        self.set_theme(theme)

    def set_message(self, message: Message) -> None:
        """The message that is shown."""
        self._message_id = message.id
        self._place.setText(words.sibling_label(message.sibling_no, message.sibling_count))
        self._count = message.sibling_count
        self._keep_width()
        self._previous.setEnabled(message.sibling_no > 0)
        self._next.setEnabled(message.sibling_no + 1 < message.sibling_count)
        self.setVisible(message.sibling_count > 1)

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        edge = round(theme.ui_points * 1.5)
        for button, name in ((self._previous, "previous"), (self._next, "next")):
            button.setIcon(themed_icon(name, theme.color("muted"), edge))
            button.setIconSize(QSize(edge, edge))
        self._keep_width()

    @property
    def focused_step(self) -> int:
        """Which arrow has the focus: -1, +1, or 0 for none."""
        return 1 if self._next.hasFocus() else -1 if self._previous.hasFocus() else 0

    def focus_step(self, step: int) -> None:
        """Give an arrow the focus, or the other one where there is nothing more to see."""
        wanted, other = (self._next, self._previous) if step > 0 else (self._previous, self._next)
        (wanted if wanted.isEnabled() else other).setFocus()

    def on_previous_clicked(self) -> None:
        """Show the one before."""
        self.sibling_requested.emit(self._message_id, -1)

    def on_next_clicked(self) -> None:
        """Show the one after."""
        self.sibling_requested.emit(self._message_id, 1)

    def _keep_width(self) -> None:
        """The arrows stay where they are, whatever number stands between them."""
        metrics = self._place.fontMetrics()
        widest = (words.sibling_label(number, self._count) for number in range(min(self._count, 200)))
        self._place.setMinimumWidth(max(metrics.horizontalAdvance(label) for label in widest))

    def _button(self, name: str) -> QPushButton:
        button = QPushButton()
        button.setProperty("role", "quiet")
        button.setAccessibleName(name)
        set_tip(button, name)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return button
