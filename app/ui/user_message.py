"""A message of the user: a soft bubble on the right."""

from __future__ import annotations

import math

from PySide6.QtGui import QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.ui.flow_text import FlowText
from app.ui.theme import Theme

_WIDEST = 0.78
_SIDE, _TOP = 16, 10


class UserMessage(QWidget):
    """Shows text exactly as it was typed."""

    def __init__(self, message_id: str, text: str, theme: Theme) -> None:
        super().__init__()
        self.message_id = message_id
        self._source = text
        self._theme = theme
        self._text = FlowText(theme)
        self._text.setAccessibleName("Your message")
        self._bubble = QFrame()
        self._bubble.setObjectName("bubble")
        self._inner = QVBoxLayout(self._bubble)
        self._inner.addWidget(self._text)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(self._bubble)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Your message")
        self._text.set_plain(text)
        self._fit()

    def source(self) -> str:
        """The text."""
        return self._source

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        self._text.set_theme(theme)
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
