"""How large a window is the first time: as wanted, but never larger than the screen lets it be."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

FRAME = QSize(16, 48)  # of the desktop around a window: title bar and borders


def resize_within_screen(widget: QWidget, width: int, height: int) -> None:
    """Give `widget` this size, or as much of it as its screen has room for (device-independent pixels).

    A laptop of 1366 x 768, or of 1920 x 1080 at 150 %, has less room than the window would like.
    """
    room = widget.screen().availableGeometry().size() - FRAME
    widget.resize(QSize(width, height).boundedTo(room))
