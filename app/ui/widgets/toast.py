"""Bars that float above the composer: Undo after a deletion, and short notices."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QPushButton

from app.ui.widgets.labels import turn
from app.ui.widgets.news import News, NewsStack
from app.ui.widgets.plain import LONGEST_PROBLEM, PlainLabel, shown

UNDO_MS = 10_000
NOTICE_MS = 9_000
LEAST_EMS = 50  # below that, the buttons stand under the text


class Toast(QFrame):
    """A text and one button, for some seconds; a second one where there is something to do.

    What stands comes back when what was said after it is gone.

    Signals:
        pressed: The button was pressed.
        closed: It has gone, by the button or by itself.
    """

    pressed = Signal()
    closed = Signal()

    def __init__(self, name: str, button: str, milliseconds: int) -> None:
        super().__init__()
        self.setObjectName(name)
        self._label = PlainLabel(wrap=True)
        self.button = QPushButton(button)
        self.button.setAccessibleName(button)
        self.action = QPushButton()
        self.action.setAccessibleName("Action")
        self.action.hide()
        for each in (self.action, self.button):
            each.setCursor(Qt.CursorShape.PointingHandCursor)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(16, 5, 6, 5)
        self._row.addWidget(self._label, 1)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.action)
        buttons.addWidget(self.button)
        self._row.addLayout(buttons)
        self._news = NewsStack()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(milliseconds)
        self._timer.timeout.connect(self.dismiss)
        self.button.clicked.connect(self.on_pressed)
        self.action.clicked.connect(self.on_acted)
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._label.text()

    def show_text(self, text: str, stays: bool = False, action: str = "", do: Callable[[], None] | None = None) -> None:
        """Appear; with `stays` or an `action`, until a button is pressed; `do` is what the second button does."""
        news = News(text, action=action, do=do, stays=stays)
        self._news.put(news)
        self._show(news)

    def fit(self, width: int) -> int:
        """Put the buttons beside or below the text, as a width of so many pixels has room; the height it needs then."""
        turn(self._row, self, LEAST_EMS, width)
        return self.heightForWidth(width)

    def on_pressed(self) -> None:
        """The button; whoever does what it asks may show the next text."""
        news = self._news.shown
        self.pressed.emit()
        if self._news.shown is news:
            self.dismiss()

    def on_acted(self) -> None:
        """The second button does what belongs to this text, whatever was said elsewhere since."""
        do = self._news.shown.do if self._news.shown is not None else None
        self.dismiss()
        if do is not None:
            do()

    def withdraw(self, *texts: str) -> None:
        """These sentences are no longer true."""
        if self._news.withdraw(*texts):
            self.dismiss()

    def dismiss(self) -> None:
        """Go; what stands below is shown again."""
        self._timer.stop()
        below = self._news.close()
        if below is not None:
            self._show(below)
        elif not self.isHidden():
            self.hide()
            self.closed.emit()

    def _show(self, news: News) -> None:
        self._label.setText(shown(news.text, LONGEST_PROBLEM))
        self.action.setText(news.action)
        self.action.setAccessibleName(news.action or "Action")
        self.action.setVisible(bool(news.action))
        self.setAccessibleName(shown(news.text))
        self.show()
        self.updateGeometry()
        self._timer.stop()
        if not news.stands:
            self._timer.start()
