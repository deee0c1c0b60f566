"""The part of the dialog about updates that says how a package that is here is installed."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout

from app.ui.updates import words
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.labels import Sentence
from app.ui.widgets.theme import Theme
from app.updates import texts
from app.updates.values import Found


class PackagePanel(QFrame):
    """A sentence; on Linux the command, to copy; a button that shows the file.

    Signals:
        folder_wanted: The package is to be shown in its folder.
    """

    folder_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.text = Sentence()
        self.command = QLineEdit()
        self.command.setReadOnly(True)
        self.command.setFont(theme.mono_font())
        self.command.setAccessibleName(words.COMMAND)
        self.copy_button = CopyButton(self.command.text, words.COPY_WHAT, theme, words.COPY)
        self.show_button = QPushButton(words.SHOW)
        self.show_button.setAccessibleName(words.SHOW)
        self.show_button.setProperty("role", "quiet")
        self.show_button.clicked.connect(self.folder_wanted)
        for button in (self.copy_button, self.show_button):
            button.setAutoDefault(False)
        row = QHBoxLayout()
        row.addWidget(self.copy_button)
        row.addWidget(self.show_button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        column.addWidget(self.command)
        column.addLayout(row)
        column.addWidget(Sentence(texts.CHATS_STAY, "muted"))

    def show_found(self, found: Found | None) -> None:
        """Nothing is shown while there is no package."""
        package = found.fetched if found is not None else None
        self.setVisible(package is not None)
        if found is None or package is None or found.kind is None:
            return
        command = texts.install_command(found.kind, package)
        self.text.setText(texts.what_to_do(found.kind, package))
        self.command.setText(command)
        self.command.setCursorPosition(0)
        for widget in (self.command, self.copy_button):
            widget.setVisible(bool(command))
