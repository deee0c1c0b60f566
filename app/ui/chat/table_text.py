"""Tables and formulas of an answer: they keep their size, and scroll sideways where they are wider than the answer."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QSizeF, Qt
from PySide6.QtGui import QTextOption, QWheelEvent
from PySide6.QtWidgets import QTextBrowser

from app.ui.chat.flow_text import FlowText
from app.ui.widgets.theme import Theme


class WideText(FlowText):
    """Something that may be wider than the answer."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._formulas.shrinks = False
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)

    def on_document_size_changed(self, size: QSizeF) -> None:
        """Take the height of the text, and of the scroll bar under one that is too wide."""
        too_wide = size.width() > self.viewport().width() + 1
        bar = self.horizontalScrollBar().sizeHint().height() if too_wide else 0
        height = max(1, math.ceil(size.height()) + bar)
        if height != self.height() or self.minimumHeight() != height:
            self.setFixedHeight(height)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Sideways here, else the chat."""
        sideways = abs(event.angleDelta().x()) > abs(event.angleDelta().y())
        if sideways or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            QTextBrowser.wheelEvent(self, event)
        else:
            event.ignore()

    def event(self, event: QEvent) -> bool:
        """A new width may need, or no longer need, a scroll bar."""
        done = super().event(event)
        if event.type() == QEvent.Type.Resize:
            self._fit()
        return done


class TableText(WideText):
    """One table; its words stay whole."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.setWordWrapMode(QTextOption.WrapMode.WordWrap)
        self.setAccessibleName("Table")


class FormulaText(WideText):
    """A formula on lines of its own: in the middle where there is room, else from its beginning on."""

    def _fit(self) -> None:
        self._take_width()
        super()._fit()

    def _take_width(self) -> None:
        """Qt would centre what is too wide, and its beginning could never be scrolled to."""
        widest = max((math.ceil(formula.width) + 4 for formula in self._formulas.formulas), default=0)
        if widest > self.viewport().width():
            self.setLineWrapMode(QTextBrowser.LineWrapMode.FixedPixelWidth)
            self.setLineWrapColumnOrWidth(widest)
        else:
            self.setLineWrapMode(QTextBrowser.LineWrapMode.WidgetWidth)
