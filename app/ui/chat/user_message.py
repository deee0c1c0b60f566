"""A message of the user: a soft bubble on the right, and above it a switch where its place has several messages."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from app.chats.messages import Message
from app.ui.chat.flow_text import FlowText
from app.ui.chat.sibling_switch import SiblingSwitch
from app.ui.widgets.theme import Theme

_WIDEST = 0.78
_SIDE, _TOP = 16, 10


class UserMessage(QWidget):
    """Shows text exactly as it was typed.

    Signals:
        sibling_requested: The user wants to see another message at this place (message id, -1 or +1).
    """

    sibling_requested = Signal(str, int)

    def __init__(self, message: Message, theme: Theme) -> None:
        super().__init__()
        self.message_id = message.id
        self._source = message.body
        self._theme = theme
        self._text = FlowText(theme)
        self._text.setAccessibleName("Your message")
        self._bubble = QFrame()
        self._bubble.setObjectName("bubble")
        self._inner = QVBoxLayout(self._bubble)
        self._inner.addWidget(self._text)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.siblings: SiblingSwitch | None = None
        if message.sibling_count > 1:
            self.siblings = SiblingSwitch("message", theme)
            column.addWidget(self.siblings, 0, Qt.AlignmentFlag.AlignRight)
            self.siblings.sibling_requested.connect(self.sibling_requested)
            self.siblings.set_message(message)
        column.addWidget(self._bubble, 0, Qt.AlignmentFlag.AlignRight)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Your message")
        self._text.set_plain(message.body)
        self._fit()

    def source(self) -> str:
        """The text."""
        return self._source

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        self._text.set_theme(theme)
        if self.siblings is not None:
            self.siblings.set_theme(theme)
        self._fit()

    def _fit(self) -> None:
        extra = self._theme.line_height() - math.ceil(QFontMetricsF(self._theme.body_font()).height())
        self._inner.setContentsMargins(_SIDE, _TOP, _SIDE, max(2, _TOP - extra))
        room = max(120, int(self.width() * _WIDEST) - 2 * _SIDE)
        self._text.setFixedWidth(min(self._text.ideal_width(), room))

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Use at most a part of the column."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._fit()
