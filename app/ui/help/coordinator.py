"""What the menu Help does: keys, the data folder, the doctor, the list of connections, About."""

from __future__ import annotations

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QWidget

from app.base.paths import AppPaths
from app.bridge.gpu import GpuAddon
from app.bridge.preferences import Preferences
from app.network.client import Network
from app.ui.help.dialogs import AboutDialog, ShortcutsDialog
from app.ui.help.doctor_dialog import DoctorDialog
from app.ui.help.network_dialog import NetworkDialog
from app.ui.widgets.theme import ThemeManager
from app.updates.source import shown_address


class HelpCoordinator(QObject):
    """Opens the dialogs of the menu Help."""

    def __init__(
        self,
        window: QWidget,
        actions: dict[str, QAction],
        gpu: GpuAddon,
        network: Network,
        preferences: Preferences,
        themes: ThemeManager,
        paths: AppPaths,
    ) -> None:
        super().__init__(window)
        self._window, self._gpu, self._network = window, gpu, network
        self._preferences, self._themes, self._paths = preferences, themes, paths
        actions["shortcuts"].triggered.connect(self.on_shortcuts)
        actions["data_folder"].triggered.connect(self.on_data_folder)
        actions["doctor"].triggered.connect(self.on_doctor)
        actions["network"].triggered.connect(self.on_network)
        actions["about"].triggered.connect(self.on_about)

    def on_shortcuts(self) -> None:
        """All keys."""
        ShortcutsDialog(self._window).open()

    def on_data_folder(self) -> None:
        """Show where the chats lie."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._paths.base)))

    def on_doctor(self) -> None:
        """Look at this computer."""
        DoctorDialog(self._gpu, self._themes.theme, self._window).open()

    def on_network(self) -> None:
        """What is asked, and the switch."""
        self.show_network(self._window)

    def show_network(self, host: QWidget) -> None:
        """The same, before another dialog."""
        NetworkDialog(self._network.uses(shown_address()), self._preferences, self._themes.theme, host).open()

    def on_about(self) -> None:
        """What this is."""
        AboutDialog(self._themes.theme, self._window).open()
