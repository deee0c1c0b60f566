"""The files of a message, below it: each opens in the reader."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.base.graphemes import shortened
from app.base.texts import name_of
from app.chats.documents.quotes import FilePlace
from app.chats.documents.values import can_be_read
from app.chats.messages import MessageFile
from app.ui.chat import words
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.plain import set_tip, without_keys
from app.ui.widgets.theme import Theme

LONGEST_NAME = 48
MOST_FILES = 20  # that one message shows


class FileButtons(QWidget):
    """A button for each file that the reader can show; nothing, and no height, where there is none.

    Signals:
        place_wanted: A file was clicked (a `FilePlace`).
    """

    place_wanted = Signal(object)

    def __init__(self, files: Sequence[MessageFile], theme: Theme) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self.buttons: list[QPushButton] = []
        for file in list(filter(can_be_read, files))[:MOST_FILES]:
            button = QPushButton(without_keys(shortened(name_of(file.name), LONGEST_NAME)))
            button.setProperty("role", "quiet")
            button.setAccessibleName(words.open_file(file.name))
            set_tip(button, words.open_file(file.name))
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.clicked.connect(partial(self.on_clicked, file))
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignRight)
            self.buttons.append(button)
        self.setVisible(bool(self.buttons))
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        edge = round(theme.ui_points * 1.5)
        for button in self.buttons:
            button.setIcon(themed_icon("attach", theme.color("muted"), edge))
            button.setIconSize(QSize(edge, edge))

    def on_clicked(self, file: MessageFile, *_: object) -> None:
        """Show it."""
        self.place_wanted.emit(FilePlace(file, ""))
