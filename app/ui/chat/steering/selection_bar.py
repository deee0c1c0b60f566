"""The small bar beside words that are selected in an answer."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.ui.chat.search_results import takes_escape
from app.ui.chat.steering import words
from app.ui.chat.steering.wish_row import WishRow
from app.ui.widgets.plain import PlainLabel

_GAP = 6
_WIDEST_EMS = 64


class SelectionBar(QFrame):
    """Floats over the page of the chat, and scrolls with it.

    Signals:
        left: Esc.

    Attributes:
        wishes: What can be wished of the words.
        reason: Why nothing can be.
    """

    left = Signal()

    def __init__(self, page: QWidget) -> None:
        super().__init__(page)
        self._page, self._selected = page, QRect()
        self.setObjectName("selection_bar")
        self.setAccessibleName(words.BAR)
        self.wishes = WishRow()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(6, 5, 6, 5)
        self.column.setSpacing(3)
        self.column.addWidget(self.wishes)
        self.reason = PlainLabel(role="muted", wrap=True)
        self.reason.hide()
        self.column.addWidget(self.reason)
        self.hide()

    def refuse(self, reason: str) -> None:
        """Say why nothing can be wished; "" if it can."""
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))
        self.wishes.setVisible(not reason)

    def show_beside(self, selected: QRect) -> None:
        """Stand below a rectangle of the page, or above it where there is no room; `selected` in the page's pixels."""
        self._selected = selected
        self.fit()
        self.show()
        self.raise_()

    def fit(self) -> None:
        """Take the room that is needed, beside what is selected."""
        page, selected = self._page, self._selected
        width = min(page.width() - 2 * _GAP, _WIDEST_EMS * self.fontMetrics().horizontalAdvance("n"))
        self.wishes.fit(width - 12)
        self.setFixedWidth(width)
        self.column.invalidate()  # what came into it since is not known to it yet
        self.column.activate()
        wraps = self.column.hasHeightForWidth()
        self.resize(width, self.column.totalHeightForWidth(width) if wraps else self.column.totalSizeHint().height())
        left = max(_GAP, min(selected.left() - 20, page.width() - width - _GAP))
        top = selected.bottom() + _GAP
        if top + self.height() > page.height() and selected.top() - _GAP - self.height() >= 0:
            top = selected.top() - _GAP - self.height()
        self.move(left, top)

    def take_focus(self) -> None:
        """The keyboard goes on here."""
        if not self.wishes.isHidden():
            self.wishes.buttons[words.REWRITE].setFocus(Qt.FocusReason.TabFocusReason)

    def event(self, event: QEvent) -> bool:
        """Esc leaves it, and stops no answer."""
        return takes_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)
