"""A message that is being edited, in its own place: its text, what becomes of it, and the way back."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from app.ui.chat import words
from app.ui.chat.large_edit import LargeEdit
from app.ui.chat.search_results import takes_escape
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.theme import Theme

MOST_LINES = 16
MOST_CHARACTERS = 2_000_000


class _Edit(LargeEdit):
    """The text.

    Signals:
        agreed: Ctrl+Enter.
        left: Esc.
    """

    agreed = Signal()
    left = Signal()

    def event(self, event: QEvent) -> bool:
        """Esc leaves the editing, and stops no answer."""
        return takes_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+Enter agrees; Enter breaks the line, for a message may have many."""
        entered = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if entered and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.agreed.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class EditBox(QFrame):
    """Edits one message.

    Signals:
        agreed: Message id and text.
        changed: Message id and text.
        left: Message id: it stays as it is.

    Attributes:
        message_id: Which message.
        edit: The text field.
    """

    agreed = Signal(str, str)
    changed = Signal(str, str)
    left = Signal(str)

    def __init__(self, message_id: str, text: str, own: bool, theme: Theme) -> None:
        """Edit a message.

        Args:
            message_id: Which one.
            text: What it says, or what was typed before a restart.
            own: Whether it is the user's, which is sent again, or an answer.
            theme: Fonts.
        """
        super().__init__()
        self.message_id = message_id
        self.setObjectName("edit_box")
        self.setAccessibleName(words.EDIT_OWN if own else words.EDIT_ANSWER)
        self.edit = _Edit()
        self.edit.setObjectName("message_box")
        self.edit.setAccessibleName(words.EDIT_OWN if own else words.EDIT_ANSWER)
        self.edit.setFont(theme.body_font())
        self.edit.setFrameShape(QFrame.Shape.NoFrame)
        self.edit.setTabChangesFocus(True)
        self.edit.set_whole_text(text[:MOST_CHARACTERS])
        self._agree = QPushButton(words.SEND_EDITED if own else words.KEEP_EDITED)
        self._agree.setProperty("role", "primary")
        cancel = QPushButton(words.LEAVE_EDITING)
        hint = PlainLabel(words.EDIT_OWN_HINT if own else words.EDIT_ANSWER_HINT, role="faint", wrap=True)
        row = QHBoxLayout()
        row.addWidget(hint, 1)
        row.addWidget(cancel)
        row.addWidget(self._agree)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 12, 10)
        column.addWidget(self.edit)
        column.addLayout(row)
        self.edit.textChanged.connect(self.on_text_changed)
        self.edit.agreed.connect(self.on_agreed)
        self.edit.left.connect(self.on_left)
        self._agree.clicked.connect(self.on_agreed)
        cancel.clicked.connect(self.on_left)
        self._fit()

    def on_text_changed(self) -> None:
        """Grow, and tell."""
        self._fit()
        text = self.edit.whole_text()
        self._agree.setEnabled(bool(text.strip()))
        self.changed.emit(self.message_id, text)

    def on_agreed(self) -> None:
        """It is done."""
        text = self.edit.whole_text()
        if text.strip():
            self.agreed.emit(self.message_id, text.rstrip("\n"))

    def on_left(self) -> None:
        """It stays as it was."""
        self.left.emit(self.message_id)

    def _fit(self) -> None:
        lines = min(MOST_LINES, max(2, round(self.edit.document().size().height())))
        self.edit.setFixedHeight(round(QFontMetricsF(self.edit.font()).lineSpacing() * lines) + 12)
