"""What went wrong, inside the chat: one sentence, what to do, and for bugs of ours a report to copy."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from app.chats.messages import MessageError
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.labels import Sentence
from app.ui.widgets.plain import LONGEST_PROBLEM, shown
from app.ui.widgets.theme import Theme


class ProblemBox(QFrame):
    """Hidden while nothing is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("problem")
        self._error: MessageError | None = None
        self._text, self._hint = Sentence(), Sentence(role="muted")
        self._copy: CopyButton | None = None
        self._row = QHBoxLayout()
        self._row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 10)
        column.setSpacing(3)
        column.addWidget(self._text)
        column.addWidget(self._hint)
        column.addLayout(self._row)
        self.hide()

    def set_error(self, error: MessageError | None) -> None:
        """Show an error, or nothing."""
        self._error = error
        self.setVisible(error is not None)
        if error is None:
            return
        text, hint = shown(error.user_text, LONGEST_PROBLEM), shown(error.hint, LONGEST_PROBLEM)
        self._text.setText(text)
        self._hint.show_text(hint)
        self.setAccessibleName(f"Problem: {text} {hint}".strip())
        if self._copy is not None:
            self._copy.setVisible(_has_report(error))

    def report(self) -> str:
        """Text to send us."""
        return f"{self._error.user_text}\n\n{self._error.detail}".strip() if self._error else ""

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        if self._copy is None:
            self._copy = CopyButton(self.report, "report", theme, label="Copy report")
            self._row.insertWidget(0, self._copy)
        self._copy.set_theme(theme)
        self._copy.setVisible(_has_report(self._error))


def _has_report(error: MessageError | None) -> bool:
    return error is not None and bool(error.detail or len(error.user_text) > LONGEST_PROBLEM)
