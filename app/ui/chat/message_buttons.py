"""Small buttons of a message."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QPushButton

from app.ui.chat import words
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.plain import set_tip
from app.ui.widgets.theme import Theme


class MessageButton(QPushButton):
    """A picture that can be pressed."""

    def __init__(self, icon: str, hint: str, theme: Theme) -> None:
        super().__init__()
        self._icon = icon
        self.setProperty("role", "quiet")
        self.setAccessibleName(hint)
        set_tip(self, hint)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        edge = round(theme.ui_points * 1.5)
        self.setIcon(themed_icon(self._icon, theme.color("muted"), edge))
        self.setIconSize(QSize(edge, edge))


class MenuButton(MessageButton):
    """Opens the menu of a message."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("dots", words.MESSAGE_MENU, theme)
