"""What the dialogs around the models window have in common: a head, a body, and buttons below."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.ui.widgets.first_size import FRAME
from app.ui.widgets.labels import Sentence
from app.ui.widgets.theme import Theme

GAP = 6  # above the buttons


class _PageArea(QScrollArea):
    """A page that scrolls where it is higher than its window; then, and only then, it is a Tab stop."""

    def __init__(self, page: QWidget, name: str) -> None:
        super().__init__()
        self.setObjectName("page_area")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(name)
        self.setWidget(page)
        self.verticalScrollBar().rangeChanged.connect(self.on_range_changed)

    def on_range_changed(self, least: int, most: int) -> None:
        """What does not fit can be scrolled by key, too."""
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if most > least else Qt.FocusPolicy.NoFocus)

    def minimumSizeHint(self) -> QSize:
        """A page of one line is no higher than that."""
        return QSize(0, self.fontMetrics().height())


class Sheet(QDialog):
    """A dialog that is gone when it is closed; as high as its texts need, unless it has a size of its own.

    What is higher than the screen scrolls.
    """

    own_size = False
    scrolls = True  # False for dialogs with a list of their own that scrolls
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
        body = QWidget()
        self.column = QVBoxLayout(body)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(10)
        self._area = _PageArea(body, head) if self.scrolls else body
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 20, 24, 16)
        page.setSpacing(10)
        page.addWidget(self.head)
        page.addWidget(self._area, 1)
        page.addSpacing(GAP)
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
        if primary:
            button.setFocus()  # unless the dialog has an input that is filled in first
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
        if page is None or self.own_size:
            return
        page.activate()
        around = self.height() - self.head.height() - self._area.height()
        inner = self.head.heightForWidth(self.head.width()) + self.column.totalHeightForWidth(self._area.width())
        self.resize(self.width(), min(around + inner, self.screen().availableGeometry().height() - FRAME.height()))

    def showEvent(self, event: QShowEvent) -> None:
        """The texts have their fonts now."""
        super().showEvent(event)
        self.fit_height()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return presses the button that has the focus."""
        if not pressed_by_return(event, self):
            super().keyPressEvent(event)

    def add_text(self, text: str, role: str = "") -> Sentence:
        """A paragraph."""
        label = Sentence(text, role)
        self.column.addWidget(label)
        return label


class PanelHost(QDialog):
    """A dialog to which other subjects add their lines, at the head of what scrolls."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.page_column = QVBoxLayout()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return presses the button that has the focus."""
        if not pressed_by_return(event, self):
            super().keyPressEvent(event)

    def add_panel(self, panel: QWidget) -> None:
        """Above everything else."""
        self.page_column.insertWidget(0, panel)


AnyDialog = TypeVar("AnyDialog", bound=QDialog)


def show_beside(host: QWidget, kind: type[AnyDialog], make: Callable[[], AnyDialog]) -> AnyDialog:
    """Open a dialog that asks nothing beside its window, or bring the open one to the front.

    A modal one would keep the desktop from closing the window: Qt drops that wish without a word.
    """
    dialog = next((each for each in host.findChildren(kind) if each.isVisible()), None) or make()
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
    return dialog


def pressed_by_return(event: QKeyEvent, window: QWidget) -> bool:
    """Press the button that has the focus, as Space does; Qt would press the default button of a dialog, or none."""
    button = window.focusWidget()
    wanted = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(button, QAbstractButton)
    if wanted and isinstance(button, QAbstractButton) and not isinstance(button, QCheckBox):
        button.click()
        return True
    return False


def close_below(dialog: QDialog, body: QWidget) -> None:
    """Lay a dialog out: its body, which scrolls where it has to, and Close below it."""
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
    page.addWidget(body if isinstance(body, QScrollArea) else _PageArea(body, dialog.windowTitle()), 1)
    page.addLayout(row)
    close.setFocus()
