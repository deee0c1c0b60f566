"""Where to save a file: the name is whole, with its suffix, before it is asked whether a file may be replaced."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget


class SaveDialog(QFileDialog):
    """The system's dialog, or Qt's own.

    Args:
        parent: What it belongs to.
        title: Of the dialog.
        start: Folder and name that are proposed.
        pattern: Kind of file, as Qt takes it: "Text (*.txt)". Names get the first suffix in it.
    """

    def __init__(self, parent: QWidget | None, title: str, start: str, pattern: str) -> None:
        super().__init__(parent, title, str(Path(start).parent) if Path(start).is_absolute() else "", pattern)
        suffix = re.search(r"\*(\.\w+)", pattern)
        self._suffix = suffix[1] if suffix else ""
        self.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self.setFileMode(QFileDialog.FileMode.AnyFile)
        self.setDefaultSuffix(self._suffix)
        self.selectFile(start)

    @staticmethod
    def chosen(parent: QWidget | None, title: str, start: str, pattern: str) -> Path | None:
        """Ask; None if the user thought better of it."""
        dialog = SaveDialog(parent, title, start, pattern)
        try:
            while dialog.exec():
                if not dialog.complete_name():
                    return Path(dialog.selectedFiles()[0])
        finally:
            dialog.deleteLater()
        return None

    def complete_name(self) -> bool:
        """Give the name its suffix; whether it had none."""
        name = next(iter(self.selectedFiles()), "")
        if not name or name.lower().endswith(self._suffix) or Path(name).is_dir():
            return False
        self.selectFile(name + self._suffix)
        return True

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Qt adds a suffix only to a name that has none at all; a dialog of the system does not come by here."""
        self.complete_name()
        super().accept()
