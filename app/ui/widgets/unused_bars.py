"""Scroll bars that texts do not show cost nothing at another look.

Qt goes over every widget then, and a text of an answer has four for its two bars.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractScrollArea


def pass_over_bars(area: QAbstractScrollArea) -> None:
    """Before another look: hidden bars of an area get it when they are shown, as any widget does the first time."""
    for bar in (area.verticalScrollBar(), area.horizontalScrollBar()):
        for widget in (bar, bar.parentWidget() or bar):
            widget.setAttribute(Qt.WidgetAttribute.WA_SetStyle, not widget.isVisible())  # is not told
            if not widget.isVisible():
                widget.setAttribute(Qt.WidgetAttribute.WA_WState_Polished, False)
