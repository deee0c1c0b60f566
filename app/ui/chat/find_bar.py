"""Finding in the chat that is open: a bar above it, with the number of messages found, next and previous."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QToolButton

from app.ui.chat import words
from app.ui.chat.search_results import takes_escape
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.plain import PlainLabel, set_tip
from app.ui.widgets.theme import ThemeManager

TYPING_MS = 150


class _FindLine(QLineEdit):
    """What is looked for.

    Signals:
        step_wanted: +1 for the next one (Enter), -1 for the one before (Shift+Enter).
        left: Esc.
    """

    step_wanted = Signal(int)
    left = Signal()

    def event(self, event: QEvent) -> bool:
        """Esc is for the bar."""
        return takes_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter, Shift+Enter, the arrows, Esc."""
        back = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self.step_wanted.emit(-1 if back else 1)
            case Qt.Key.Key_Down:
                self.step_wanted.emit(1)
            case Qt.Key.Key_Up:
                self.step_wanted.emit(-1)
            case Qt.Key.Key_Escape:
                self.left.emit()
            case _:
                super().keyPressEvent(event)


class FindBar(QFrame):
    """The bar.

    Signals:
        wanted: Another text is looked for.
        step_wanted: The next (+1) or the one before (-1).
        closed: It was closed.
    """

    wanted = Signal(str)
    step_wanted = Signal(int)
    closed = Signal()

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self.setObjectName("find_bar")
        self.setAccessibleName(words.FIND_IN_CHAT)
        self._themes = themes
        self.line = _FindLine()
        self.line.setPlaceholderText(words.FIND_IN_CHAT)
        self.line.setAccessibleName(words.FIND_IN_CHAT)
        self.line.setMaxLength(1_000)
        self.count = PlainLabel(role="muted")
        self._buttons = {name: QToolButton() for name in ("previous", "next", "close")}
        row = QHBoxLayout(self)
        row.setContentsMargins(28, 6, 28, 6)
        row.setSpacing(4)
        row.addWidget(self.line, 1)
        row.addWidget(self.count)
        for name, tip in (("previous", words.FIND_PREVIOUS), ("next", words.FIND_NEXT), ("close", words.FIND_CLOSE)):
            button = self._buttons[name]
            button.setAccessibleName(tip)
            set_tip(button, tip)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            row.addWidget(button)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self.on_typed)
        self.line.textChanged.connect(self.on_text_changed)
        self.line.step_wanted.connect(self.on_step)
        self.line.left.connect(self.on_close)
        self._buttons["previous"].clicked.connect(self.on_previous)
        self._buttons["next"].clicked.connect(self.on_next)
        self._buttons["close"].clicked.connect(self.on_close)
        themes.theme_changed.connect(self.on_theme_changed)
        self.on_theme_changed()
        self.hide()

    def open(self, text: str = "") -> None:
        """Show it, with this text or the one of last time."""
        if text:
            self.line.setText(text)
        self.show()
        self.line.setFocus()
        self.line.selectAll()
        self.on_typed()

    def show_count(self, number: int, count: int) -> None:
        """That this one (from 1) of so many messages is in view."""
        self.count.setText(words.found_in_chat(number, count) if self.line.text().strip() else "")
        for name in ("previous", "next"):
            self._buttons[name].setEnabled(count > 0)

    def on_text_changed(self) -> None:
        """Look when the typing pauses."""
        self._typing.start()

    def on_typed(self) -> None:
        """Look now."""
        self._typing.stop()
        if not self.isHidden():
            self.wanted.emit(self.line.text())

    def on_step(self, step: int) -> None:
        """To another one; what was typed just now is looked for first."""
        if self._typing.isActive():
            self.on_typed()
        else:
            self.step_wanted.emit(step)

    def on_previous(self) -> None:
        """The one before."""
        self.on_step(-1)

    def on_next(self) -> None:
        """The next one."""
        self.on_step(1)

    def on_close(self) -> None:
        """Away with it."""
        self._typing.stop()
        self.hide()
        self.closed.emit()

    def on_theme_changed(self) -> None:
        """New colours and sizes."""
        theme = self._themes.theme
        edge = round(theme.ui_points * 1.5)
        for name, button in self._buttons.items():
            button.setIcon(themed_icon(name, theme.color("muted"), edge))
            button.setIconSize(QSize(edge, edge))
