"""What a model thought before it answered: a line of its own above the answer, which opens."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QPushButton, QSizePolicy, QVBoxLayout

from app.ui.chat import words
from app.ui.chat.flow_text import FlowText
from app.ui.chat.long_text import LongText
from app.ui.chat.user_message import is_long
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.plain import set_tip
from app.ui.widgets.theme import Theme

_INSET = 12


class Thought(QFrame):
    """Folded until it is asked for; nothing at all where nothing was thought.

    A text is put into its widget when it is seen, so that thoughts that nobody opens cost nothing.

    Attributes:
        fold: The line.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._text, self._writing = theme, "", False
        self._short: FlowText | None = None
        self._long: LongText | None = None
        self.fold = QPushButton()
        self.fold.setProperty("role", "quiet")
        self.fold.setCheckable(True)
        self.fold.setCursor(Qt.CursorShape.PointingHandCursor)
        self.fold.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        set_tip(self.fold, words.THOUGHT_HINT)
        self.fold.toggled.connect(self.on_toggled)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._column.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.hide()

    def text(self) -> str:
        """What was thought."""
        return self._text

    @property
    def is_open(self) -> bool:
        """Whether it can be read."""
        return self.fold.isChecked()

    def set_text(self, text: str, writing: bool = False) -> None:
        """What was thought so far; `writing` while the answer is made and nothing of it is said yet."""
        text = text.strip()
        if (text, writing) == (self._text, self._writing) and self._dressed:
            return
        self._text, self._writing = text, writing
        self.setVisible(bool(text))
        self._show()

    def hold_layout(self) -> None:
        """See `FlowText`."""
        for part in (self._short, self._long):
            if part is not None:
                part.hold_layout()

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        for part in (self._short, self._long):
            if part is not None:
                part.set_theme(theme)
        self._show()

    def on_toggled(self, opened: bool) -> None:
        """Show it, or its line alone."""
        self._show()

    # -- inside -----------------------------------------------------------------------------------------------------

    @property
    def _dressed(self) -> bool:
        return bool(self.fold.text())

    def _show(self) -> None:
        line = words.thought_line(len(self._text.split()), self._writing)
        self.fold.setText(line)
        self.fold.setAccessibleName(words.thought_name(line, self.is_open))
        edge = round(self._theme.ui_points * 1.4)
        icon = ("arrow-dark" if self._theme.dark else "arrow-light") if self.is_open else "next"
        self.fold.setIcon(themed_icon(icon, self._theme.color("muted"), edge))
        self.fold.setIconSize(QSize(edge, edge))
        long = is_long(self._text)
        if self.is_open and self._text:
            part = self._long_text() if long else self._short_text()
            part.set_content(self._text)
        for shown, text_part in ((not long, self._short), (long, self._long)):
            if text_part is not None:
                frame = text_part.parentWidget()
                assert frame is not None
                frame.setVisible(shown and self.is_open)
        self.updateGeometry()

    def _short_text(self) -> FlowText:
        if self._short is None:
            self._short = FlowText(self._theme)
            self._put(self._short)
        return self._short

    def _long_text(self) -> LongText:
        if self._long is None:
            self._long = LongText(self._theme)
            self._put(self._long)
        return self._long

    def _put(self, part: FlowText | LongText) -> None:
        part.setAccessibleName(words.THOUGHT)
        frame = QFrame()
        frame.setObjectName("thought")
        inner = QVBoxLayout(frame)
        inner.setContentsMargins(_INSET, 2, 0, 2)
        inner.addWidget(part)
        self._column.addWidget(frame)
