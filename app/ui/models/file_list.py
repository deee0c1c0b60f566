"""A list of files that is unfolded by a button: what is deleted, and what stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.ui.models import words
from app.ui.widgets.plain import one_line, without_keys

LINES = 8  # that are seen at once
MOST = 5_000  # names; the rest is a number


class FileList(QWidget):
    """Folded at first.

    Args:
        goes: What is deleted.
        stays: What is not.
        folder: What the names are relative to.
    """

    def __init__(self, goes: Sequence[Path], stays: Sequence[Path], folder: Path) -> None:
        super().__init__()
        self.button = QPushButton()
        self.button.setAutoDefault(False)
        self.button.setCheckable(True)
        self.box = QPlainTextEdit("\n".join((*_lines(words.GOES, goes, folder), *_lines(words.STAYS, stays, folder))))
        self.box.setReadOnly(True)
        self.box.setTabChangesFocus(True)
        self.box.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.box.setAccessibleName(words.SHOW_FILES)
        self.box.setFixedHeight(self.box.fontMetrics().lineSpacing() * (LINES + 1) + 2 * self.box.frameWidth())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        column.addWidget(self.box)
        self.button.toggled.connect(self.on_toggled)
        self.on_toggled(False)

    def on_toggled(self, shown: bool) -> None:
        """Fold or unfold."""
        text = words.HIDE_FILES if shown else words.SHOW_FILES
        self.button.setText(without_keys(text))
        self.button.setAccessibleName(text)
        self.box.setVisible(shown)
        sheet = self.window()
        if sheet is not self and hasattr(sheet, "fit_height"):
            sheet.fit_height()


def _lines(head: str, files: Sequence[Path], folder: Path) -> list[str]:
    if not files:
        return []
    names = [one_line(str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)) for file in files]
    return [head, *(f"    {name}" for name in names[:MOST]), *words.more_files(len(names) - MOST)]
