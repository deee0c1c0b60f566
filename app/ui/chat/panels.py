"""The two panels beside each other: the list of chats keeps its width, and gives way where both have no room."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

from app.base.settings import Settings
from app.bridge.preferences import Preferences
from app.ui.chat.chat_list import Sidebar
from app.ui.widgets.theme import ThemeManager

CHAT_EMS = 36  # of the size of controls: the least width at which a chat can be read beside the list


class Panels(QSplitter):
    """Shows the list of chats as the user wants it. In a narrow window it is hidden until the user asks for it.

    Signals:
        sidebar_shown: Whether the list is shown now.
    """

    sidebar_shown = Signal(bool)

    def __init__(self, sidebar: Sidebar, pane: QWidget, preferences: Preferences, themes: ThemeManager) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._sidebar, self._preferences, self._themes = sidebar, preferences, themes
        self._asked = False  # the user wants the list although the window is narrow
        self._narrow = False
        self.setHandleWidth(1)
        self.setChildrenCollapsible(False)
        self.addWidget(sidebar)
        self.addWidget(pane)
        self.setStretchFactor(1, 1)
        self.splitterMoved.connect(self.on_moved)
        sidebar.needed.connect(self.reveal)
        sidebar.list.clicked.connect(self.on_chat_clicked)
        preferences.changed.connect(self.on_settings_changed)
        themes.theme_changed.connect(self._fit)

    def toggle(self) -> None:
        """Hide or show the list; in a narrow window for now, else for good."""
        if self._narrow:
            self._asked = not self._asked
            self._fit()
        else:
            self._preferences.set(show_chat_list=not self._preferences.settings.show_chat_list)

    def reveal(self) -> None:
        """Show the list, because something in it is edited."""
        self._asked = True
        self._preferences.set(show_chat_list=True)
        self._fit()

    def on_chat_clicked(self) -> None:
        """In a narrow window the list has done what it was asked for."""
        if self._narrow and self._asked:
            self.toggle()

    def on_moved(self) -> None:
        """The user gave the list another width."""
        self._preferences.set(sidebar_width=self._sidebar.width())

    def on_settings_changed(self, settings: Settings) -> None:
        """They hold at once."""
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width may have room for both, or not any more."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        settings = self._preferences.settings
        narrow = self.width() < settings.sidebar_width + CHAT_EMS * self._themes.theme.ui_points
        if narrow != self._narrow:
            self._narrow, self._asked = narrow, False
        shown = self._asked if narrow else settings.show_chat_list
        self._sidebar.setVisible(shown)
        if shown and self.sizes()[0] != settings.sidebar_width:
            self.setSizes([settings.sidebar_width, max(1, self.width() - settings.sidebar_width)])
        self.sidebar_shown.emit(shown)
