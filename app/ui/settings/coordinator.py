"""What the menus do about settings: the dialog, the text size, the switches of the menu View."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app.base.settings import Settings
from app.bridge.preferences import Preferences
from app.bridge.server import LocalServer
from app.ui.settings import words
from app.ui.settings.dialog import SettingsDialog, SettingsPanel
from app.ui.settings.server_dialog import ServerDialog, ServerPanel
from app.ui.settings.share_panel import SharePanel
from app.ui.widgets.notices import Notices
from app.ui.widgets.sheet import show_beside
from app.ui.widgets.theme import ThemeManager

TEXT_STEP = 10


class SettingsCoordinator(QObject):
    """Opens the dialog, switches by menu, and lets appearance and text size hold at once."""

    def __init__(
        self,
        window: QWidget,
        actions: dict[str, QAction],
        preferences: Preferences,
        themes: ThemeManager,
        notices: Notices,
        server: LocalServer,
    ) -> None:
        super().__init__(window)
        self._window, self._actions = window, actions
        self._preferences, self._themes, self._server = preferences, themes, server
        self._panels: list[SettingsPanel] = []
        self.add_panel("data", f"{words.SHARE} {words.SHARE_TEXT} {words.EXPORT} {words.IMPORT}", self._new_share)
        self.add_panel("network", f"{words.SERVER} {words.SERVER_TEXT}", self._new_server_panel)
        actions["settings"].triggered.connect(self.on_settings)
        actions["server"].triggered.connect(self.on_server)
        actions["larger"].triggered.connect(self.on_larger)
        actions["smaller"].triggered.connect(self.on_smaller)
        actions["normal"].triggered.connect(self.on_normal)
        actions["calm"].triggered.connect(self.on_calm)
        actions["reduce_motion"].triggered.connect(self.on_reduce_motion)
        preferences.changed.connect(self.on_settings_changed)
        preferences.problem.connect(notices.report)
        self.on_settings_changed(preferences.settings)

    def on_settings(self) -> None:
        """The settings dialog."""
        show_beside(self._window, SettingsDialog, self._new_dialog)

    def show_setting(self, title: str) -> None:
        """The settings dialog, with what has these words."""
        show_beside(self._window, SettingsDialog, self._new_dialog).search.setText(title)

    def add_panel(self, tab: str, text: str, make: Callable[[SettingsDialog], QWidget]) -> None:
        """Another subject's part of the dialog.

        Args:
            tab: Where, of `app.base.settings.TABS`.
            text: What it is about, for the search.
            make: Makes it each time the dialog is opened; it belongs to the dialog.
        """
        self._panels.append(SettingsPanel(tab, text, make))

    def _new_dialog(self) -> SettingsDialog:
        return SettingsDialog(self._preferences, self._themes, self._window, self._panels)

    def _new_share(self, dialog: SettingsDialog) -> QWidget:
        return SharePanel(self._preferences, self._themes, dialog)

    def _new_server_panel(self, dialog: SettingsDialog) -> QWidget:
        panel = ServerPanel()
        panel.wanted.connect(self.on_server)
        return panel

    def on_server(self) -> None:
        """The local server's dialog."""
        preferences, theme = self._preferences, self._themes.theme
        show_beside(self._window, ServerDialog, lambda: ServerDialog(self._server, preferences, theme, self._window))

    def on_larger(self) -> None:
        """Larger text."""
        self._preferences.set(text_scale=min(200, self._settings.text_scale + TEXT_STEP))

    def on_smaller(self) -> None:
        """Smaller text."""
        self._preferences.set(text_scale=max(100, self._settings.text_scale - TEXT_STEP))

    def on_normal(self) -> None:
        """Text at the system's size."""
        self._preferences.set(text_scale=100)

    def on_calm(self) -> None:
        """Switch calm mode."""
        self._preferences.set(drafts="full" if self._settings.drafts == "calm" else "calm")

    def on_reduce_motion(self) -> None:
        """Switch reduced motion."""
        self._preferences.set(reduce_motion=not self._settings.reduce_motion)

    def on_settings_changed(self, settings: Settings) -> None:
        """They hold at once."""
        self._themes.set_appearance(settings.appearance)
        self._themes.set_text_scale(settings.text_scale)
        for name, checked in (
            ("calm", settings.drafts == "calm"),
            ("reduce_motion", settings.reduce_motion),
        ):
            self._actions[name].setChecked(checked)

    @property
    def _settings(self) -> Settings:
        return self._preferences.settings
