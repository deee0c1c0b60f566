"""Small dialogs: keyboard shortcuts, About, and the report of a bug."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, qVersion
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app import __version__
from app.base import texts
from app.ui.help import words
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.icons import pixmap_from_svg
from app.ui.widgets.labels import Sentence
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.sheet import close_below
from app.ui.widgets.theme import Theme


class ShortcutsDialog(QDialog):
    """All keys, from the table in `app.base.texts`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        rows = QWidget()
        grid = QGridLayout(rows)
        grid.setContentsMargins(24, 18, 24, 8)
        grid.setHorizontalSpacing(22)
        grid.setVerticalSpacing(8)
        for number, shortcut in enumerate(words.SHORTCUTS):
            key = PlainLabel(shortcut.keys, "key")
            grid.addWidget(key, number, 0, Qt.AlignmentFlag.AlignLeft)
            action = PlainLabel(shortcut.action, wrap=True)
            grid.addWidget(action, number, 1)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(len(words.SHORTCUTS), 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setAccessibleName("Keyboard shortcuts")
        area.setWidget(rows)
        close_below(self, area)
        resize_within_screen(self, 520, 640)


class AboutDialog(QDialog):
    """What this is."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"About {texts.APP_NAME}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        drop = PlainLabel()
        edge = round(theme.ui_points * 6.4)
        drop.setPixmap(pixmap_from_svg("dewpoint", QSize(edge, edge), self.devicePixelRatioF()))
        name = PlainLabel(f"{texts.APP_NAME} {__version__}")
        name.setObjectName("empty_title")
        tagline = PlainLabel(texts.TAGLINE)
        tagline.setObjectName("empty_tagline")
        about = Sentence(words.ABOUT)
        small = Sentence(f"{words.LICENSE_LINE} \u00b7 Qt {qVersion()} (LGPL)", "muted")
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(36, 28, 36, 12)
        column.setSpacing(8)
        for label in (drop, name, tagline):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
        column.addSpacing(10)
        column.addWidget(about)
        column.addSpacing(4)
        column.addWidget(small)
        close_below(self, body)
        width = round(theme.ui_points * 44)
        resize_within_screen(self, width, column.totalHeightForWidth(width) + round(theme.ui_points * 8))
