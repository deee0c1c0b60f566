"""What the dialogs around the models window have in common: a head, a body, and buttons below."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.widgets.labels import Sentence
from app.ui.widgets.theme import Theme


class Sheet(QDialog):
    """A dialog that is gone when it is closed; as high as its texts need, unless it has a size of its own."""

    own_size = False
    width_ems = 44

    def __init__(self, title: str, head: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName(head)
        self.theme = theme
        self.head = Sentence(head)
        self.head.setObjectName("dialog_title")
        self.buttons = QDialogButtonBox()
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.column = QVBoxLayout()
        self.column.setSpacing(10)
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 20, 24, 16)
        page.setSpacing(10)
        page.addWidget(self.head)
        page.addLayout(self.column, 1)
        page.addSpacing(6)
        page.addWidget(self.buttons)
        self.setMinimumWidth(
            min(round(theme.ui_points * self.width_ems), self.screen().availableGeometry().width() - 40)
        )

    def add_button(self, text: str, role: QDialogButtonBox.ButtonRole, primary: bool = False) -> QPushButton:
        """A button below; a primary one is the default."""
        button = self.buttons.addButton(text, role)
        button.setAccessibleName(text)
        button.setAutoDefault(False)
        button.setDefault(primary)
        return button

    def add_accept(self, text: str, primary: bool = False) -> QPushButton:
        """The button that agrees."""
        return self.add_button(text, QDialogButtonBox.ButtonRole.AcceptRole, primary)

    def add_reject(self, text: str, primary: bool = False) -> QPushButton:
        """The button that leaves everything as it is."""
        return self.add_button(text, QDialogButtonBox.ButtonRole.RejectRole, primary)

    def add_box(self, text: str) -> QCheckBox:
        """A check box."""
        box = QCheckBox(text)
        box.setProperty("role", "text")
        box.setAccessibleName(text)
        self.column.addWidget(box)
        return box

    def fit_height(self) -> None:
        """As high as its texts need at this width."""
        page = self.layout()
        if page is not None and not self.own_size:
            page.activate()
            self.resize(self.width(), page.totalHeightForWidth(self.width()))

    def showEvent(self, event: QShowEvent) -> None:
        """The texts have their fonts now."""
        super().showEvent(event)
        self.fit_height()

    def add_text(self, text: str, role: str = "") -> Sentence:
        """A paragraph."""
        label = Sentence(text, role)
        self.column.addWidget(label)
        return label


def close_below(dialog: QDialog, body: QWidget) -> None:
    """Lay a dialog out: its body, and Close below it."""
    buttons = QDialogButtonBox()
    close: QPushButton = buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
    close.setDefault(True)
    close.setAccessibleName("Close")
    buttons.rejected.connect(dialog.reject)
    row = QHBoxLayout()
    row.setContentsMargins(24, 6, 24, 16)
    row.addWidget(buttons)
    page = QVBoxLayout(dialog)
    page.setContentsMargins(0, 0, 0, 0)
    page.addWidget(body, 1)
    page.addLayout(row)
