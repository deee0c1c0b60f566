"""A choice between texts of any length in a column of any width."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter

from app.ui.widgets.plain import tip

_TEXT_MARGIN = 2  # pixels that Qt's styles leave beside the text


class ElidedComboBox(QComboBox):
    """As wide as there is room; a text that is longer ends in dots, and the tool tip and screen readers get all of it.

    The list that opens is as wide as its longest text, or as the screen.
    """

    def __init__(self, least: int) -> None:
        """`least`: characters that it has room for at any rate."""
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(least)
        self.currentTextChanged.connect(self.on_text_changed)

    def shown_text(self) -> str:
        """What of the current text has room."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        return self._elided(option)

    def on_text_changed(self, text: str) -> None:
        """The tool tip says what has no room."""
        self.setToolTip(tip("" if self.shown_text() == text else text))

    def showPopup(self) -> None:
        """Open the list, with room for its texts."""
        view = self.view()
        wanted = view.sizeHintForColumn(0) + 2 * view.frameWidth() + view.verticalScrollBar().sizeHint().width()
        view.setMinimumWidth(min(wanted, self.screen().availableGeometry().width()))
        super().showPopup()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it with as much of the text as has room: Qt would cut it off."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self._elided(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width."""
        super().resizeEvent(event)
        self.on_text_changed(self.currentText())

    def changeEvent(self, event: QEvent) -> None:
        """Another font or style."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.on_text_changed(self.currentText())

    def _elided(self, option: QStyleOptionComboBox) -> str:
        field = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self).width()
        return self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, room - _TEXT_MARGIN)
