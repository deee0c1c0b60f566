"""The report of a bug: one sentence, what to do, and the details to copy."""

from __future__ import annotations

from PySide6.QtCore import Qt, qVersion
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app import __version__
from app.base import texts
from app.base.errors import ErrorReport
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.labels import Sentence
from app.ui.widgets.sheet import close_below
from app.ui.widgets.theme import Theme


class BugDialog(QDialog):
    """Something inside went wrong: one sentence, and a report to copy."""

    def __init__(self, report: ErrorReport, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(texts.APP_NAME)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._report = report
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(24, 20, 24, 8)
        column.setSpacing(8)
        title, hint = Sentence(report.text), Sentence(report.hint)
        title.setObjectName("dialog_title")
        column.addWidget(title)
        column.addWidget(hint)
        detail = QPlainTextEdit(report.detail)
        detail.setReadOnly(True)
        detail.setAccessibleName("Report")
        detail.setFont(theme.mono_font())
        detail.setTabChangesFocus(True)
        column.addWidget(detail, 1)
        row = QHBoxLayout()
        row.addWidget(CopyButton(self.report_text, "report", theme, label="Copy report"))
        row.addStretch(1)
        column.addLayout(row)
        close_below(self, body)
        resize_within_screen(self, 640, 420)

    def report_text(self) -> str:
        """What is copied."""
        return f"{texts.APP_NAME} {__version__}, Qt {qVersion()}\n{self._report.text}\n\n{self._report.detail}"
