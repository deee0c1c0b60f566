"""Labels that all panels use: sentences, marks, frames that say what is wrong or done, and text that ends in dots."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.base.errors import ErrorReport
from app.ui.widgets import words
from app.ui.widgets.news import News, NewsStack
from app.ui.widgets.plain import PlainLabel, one_line, shown_now, tip, without_keys

LEAST_WIDTH = 60  # of a sentence
NARROW_EMS = 75  # below that, buttons stand under their text
PADDING = 8  # of an elided button, on each side; the style sheet says the same with its border


class Sentence(PlainLabel):
    """Plain text over as many lines as it needs, to select and copy; one long word (a path) does not make it wider."""

    def __init__(self, text: str = "", role: str = "") -> None:
        super().__init__(text, role, wrap=True)
        self.setMinimumWidth(LEAST_WIDTH)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def show_text(self, text: str) -> None:
        """Say it; nothing is shown if there is nothing to say."""
        self.setText(text)
        self.setVisible(bool(text))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy as the menu does."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_selected()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Copy what is selected: as it was said, without the places where Qt may break it."""
        if self.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse:
            menu = QMenu(self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.setAccessibleName(words.COPY)
            copy = menu.addAction(words.COPY)
            copy.setEnabled(self.hasSelectedText())
            copy.triggered.connect(self.copy_selected)
            menu.addAction(words.SELECT_ALL).triggered.connect(self.select_all)
            menu.popup(event.globalPos())

    def copy_selected(self) -> None:
        """Into the clipboard."""
        if self.hasSelectedText():
            QGuiApplication.clipboard().setText(self.selectedText())

    def select_all(self) -> None:
        """All that it says."""
        self.setSelection(0, len(QLabel.text(self)))  # with the places to break


class Pill(PlainLabel):
    """A word or two on a tinted ground."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("pill")

    def show_text(self, text: str, tone: str) -> None:
        """Say it in one of the tones "calm", "good", "busy", "warn", "bad", "strong"."""
        self.setText(text)
        self.setVisible(bool(text))
        set_tone(self, tone)


class TroubleFrame(QFrame):
    """What is wrong with a model, and what to do."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("trouble")
        self.text, self.hint = Sentence(), Sentence(role="muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(2)
        column.addWidget(self.text)
        column.addWidget(self.hint)
        self.hide()

    def show_report(self, report: ErrorReport | None) -> None:
        """Say it; nothing is shown without a report."""
        self.setVisible(report is not None)
        if report is not None:
            self.text.setText(report.text)
            self.hint.show_text(report.hint)
            self.setAccessibleName(f"{report.text} {report.hint}".strip())


class Strip(QFrame):
    """News at the head of a window, until it is closed; what has a button waits below what is said later."""

    def __init__(self, close: str) -> None:
        super().__init__()
        self.setObjectName("strip")
        self.text, self.hint = Sentence(), Sentence(role="muted")
        self.action, self.close_button = QPushButton(), QPushButton(close)
        for button in (self.action, self.close_button):
            button.setAutoDefault(False)
            button.setProperty("role", "quiet")
            button.setAccessibleName(button.text() or "Action")
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(self.text)
        column.addWidget(self.hint)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(14, 8, 8, 8)
        self._row.addLayout(column, 1)
        self._row.addLayout(beside(self.action, self.close_button))
        self._news = NewsStack()
        self.close_button.clicked.connect(self.close_shown)
        self.action.clicked.connect(self.on_action_clicked)
        self.hide()

    def say(
        self, text: str, hint: str = "", tone: str = "calm", action: str = "", do: Callable[[], None] | None = None
    ) -> None:
        """Say it, with a button if there is something to do."""
        self._news.put(News(text, hint, tone, action, do))
        self._refresh()

    def close_shown(self) -> None:
        """The user has read it."""
        self._news.close()
        self._refresh()

    def withdraw(self, *texts: str) -> None:
        """These sentences are no longer true."""
        if self._news.withdraw(*texts):
            self.close_shown()

    def pass_by(self) -> None:
        """The user does something else: what has no button of its own is read."""
        if self._news.pass_by():
            self._refresh()

    def _refresh(self) -> None:
        news = self._news.shown
        self.setVisible(news is not None)
        if news is not None:
            self.text.setText(news.text)
            self.hint.show_text(news.hint)
            self.action.setText(news.action)
            self.action.setAccessibleName(news.action or "Action")
            self.action.setVisible(bool(news.action))
            self.setAccessibleName(f"{news.text} {news.hint}".strip())
            set_tone(self, news.tone)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Buttons beside or below the text."""
        super().resizeEvent(event)
        turn(self._row, self)

    def on_action_clicked(self) -> None:
        """Do what belongs to this news."""
        do = self._news.shown.do if self._news.shown is not None else None
        self.close_shown()
        if do is not None:
            do()


def beside(*buttons: QPushButton) -> QHBoxLayout:
    """Buttons at the right end of a row, at its head."""
    row = QHBoxLayout()
    row.addStretch(1)
    for button in buttons:
        row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
    return row


def turn(row: QBoxLayout, widget: QWidget, ems: int = NARROW_EMS, width: int | None = None) -> None:
    """Let the parts of a row stand below each other where `widget` is narrower than so many characters.

    `width` is the one it will have, in pixels; without it, the one that it has.
    """
    room = widget.width() if width is None else width
    wide = room > ems * widget.fontMetrics().averageCharWidth()
    direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
    if row.direction() != direction:
        row.setDirection(direction)


def set_tone(widget: QWidget, tone: str, name: str = "tone") -> None:
    """Let the style sheet see another tone; nothing is polished where it is the same."""
    if widget.property(name) != tone:
        widget.setProperty(name, tone)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class ElidedLabel(PlainLabel):
    """Shows as much of its text as fits; the tool tip and screen readers get all of it."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._full, self._more = "", ""
        self.set_full_text(text)

    @property
    def full_text(self) -> str:
        """All of it."""
        return self._full

    def set_full_text(self, text: str, more: str = "") -> None:
        """Show a text; `more` stands in the tool tip alone."""
        self._full, self._more = one_line(text), more
        self.setAccessibleName(self._full)
        self._elide()
        self.updateGeometry()

    def _elide(self) -> None:
        full = self.found(self._full)
        shown = self.fontMetrics().elidedText(full, Qt.TextElideMode.ElideRight, max(self.width(), 40))
        self.setText(shown)
        said = "" if shown == self._full else self._full
        self.setToolTip(tip("\n".join(dict.fromkeys(part for part in (said, self._more) if part))))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit anew."""
        super().resizeEvent(event)
        self._elide()

    def minimumSizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(40, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        """All of the text."""
        return QSize(self.fontMetrics().horizontalAdvance(self.found(self._full)) + 4, super().sizeHint().height())

    def on_letters_due(self) -> None:
        """More can be shown."""
        self._elide()
        self.updateGeometry()


class ElidedButton(QPushButton):
    """The same as a button; `padding` is that of its style, on each side, in pixels."""

    def __init__(self, hint: str, padding: int = PADDING) -> None:
        super().__init__()
        self._full = ""
        self._hint, self._padding = hint, padding
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.on_letters_due)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.set_full_text("")

    @property
    def full_text(self) -> str:
        """All of it."""
        return self._full

    def set_full_text(self, text: str) -> None:
        """Show a text."""
        self._full = one_line(text)
        self.setAccessibleName(f"{self._full}. {self._hint}".strip(". "))
        self._elide()
        self.updateGeometry()

    def _elide(self) -> None:
        room = max(self.width() - self._frame(), 40)
        full = shown_now(self._full, self, self._later)
        shown = self.fontMetrics().elidedText(full, Qt.TextElideMode.ElideRight, room)
        self.setText(without_keys(shown))
        self.setToolTip(tip(self._hint if shown == self._full else f"{self._full}\n{self._hint}"))

    def on_letters_due(self) -> None:
        """More can be shown."""
        self._elide()
        self.updateGeometry()

    def _frame(self) -> int:
        """What stands beside the text: padding, border and icon."""
        icon = self.iconSize().width() + 6 if not self.icon().isNull() else 0
        return 2 * self._padding + icon

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit anew."""
        super().resizeEvent(event)
        self._elide()

    def minimumSizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(60, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        """All of the text."""
        full = shown_now(self._full, self, self._later)
        return QSize(self.fontMetrics().horizontalAdvance(full) + self._frame() + 2, super().sizeHint().height())
