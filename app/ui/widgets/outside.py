"""Folders and pages are opened by other programs; where there is none, the user is told where to look."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from app.base.paths import is_folder
from app.ui.widgets import words


def open_folder(folder: Path) -> str:
    """Show a folder in the file manager; "" or a sentence for the user."""
    if not is_folder(folder):
        return words.folder_gone(folder)
    opened = QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
    return "" if opened else words.folder_not_opened(folder)


def open_file(file: Path) -> str:
    """Show a file in the program that the system has for it; "" or a sentence for the user."""
    opened = file.is_file() and QDesktopServices.openUrl(QUrl.fromLocalFile(str(file)))
    return "" if opened else words.file_not_opened(file)


def open_page(address: str) -> str:
    """Show a page in the browser; "" or a sentence for the user."""
    return "" if QDesktopServices.openUrl(QUrl(address)) else words.page_not_opened(address)
