"""A question before something is removed: what happens, and two buttons."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from app.ui.widgets import words
from app.ui.widgets.labels import Sentence
from app.ui.widgets.theme import Theme


class Question(QDialog):
    """Accepted if the user agrees; Cancel is the default."""

    def __init__(
        self, subject: str, title: str, detail: str, agree: str, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(subject)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName(title)
        head, text = Sentence(title), Sentence(detail)
        head.setObjectName("dialog_title")
        buttons = QDialogButtonBox()
        self.agree = buttons.addButton(agree, QDialogButtonBox.ButtonRole.AcceptRole)
        self.cancel = buttons.addButton(words.CANCEL, QDialogButtonBox.ButtonRole.RejectRole)
        self.agree.setAutoDefault(False)
        self.cancel.setDefault(True)
        for button in (self.agree, self.cancel):
            button.setAccessibleName(button.text())
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(10)
        column.addWidget(head)
        column.addWidget(text)
        column.addSpacing(6)
        column.addWidget(buttons)
        self.setMinimumWidth(round(theme.ui_points * 44))
