"""A scroll bar whose room is always kept, and that shows nothing where there is nothing to scroll."""

from __future__ import annotations

from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QScrollBar


class QuietScrollBar(QScrollBar):
    """Text beside it never breaks anew because the bar comes or goes."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Nothing, or the bar."""
        if self.maximum() > self.minimum():
            super().paintEvent(event)
