"""What the menu Help does: keys, the data folder, the doctor, the list of connections, About."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app.base.paths import AppPaths
from app.bridge.gpu import GpuAddon
from app.bridge.preferences import Preferences
from app.network.client import Network
from app.ui.help.dialogs import AboutDialog, ShortcutsDialog
from app.ui.help.doctor_dialog import DoctorDialog
from app.ui.help.network_dialog import NetworkDialog
from app.ui.widgets.notices import Notices
from app.ui.widgets.outside import open_folder
from app.ui.widgets.sheet import show_beside
from app.ui.widgets.theme import ThemeManager
from app.updates.source import shown_address


class HelpCoordinator(QObject):
    """Opens the dialogs of the menu Help.

    Signals:
        trial_wanted: The graphics card is to be tried, shown beside this dialog.
    """

    trial_wanted = Signal(object)

    def __init__(
        self,
        window: QWidget,
        actions: dict[str, QAction],
        gpu: GpuAddon,
        network: Network,
        preferences: Preferences,
        themes: ThemeManager,
        notices: Notices,
        paths: AppPaths,
    ) -> None:
        super().__init__(window)
        self._window, self._gpu, self._network = window, gpu, network
        self._preferences, self._themes, self._paths = preferences, themes, paths
        self._notices = notices
        actions["shortcuts"].triggered.connect(self.on_shortcuts)
        actions["data_folder"].triggered.connect(self.on_data_folder)
        actions["doctor"].triggered.connect(self.on_doctor)
        actions["network"].triggered.connect(self.on_network)
        actions["about"].triggered.connect(self.on_about)

    def on_shortcuts(self) -> None:
        """All keys."""
        show_beside(self._window, ShortcutsDialog, lambda: ShortcutsDialog(self._window))

    def on_data_folder(self) -> None:
        """Show where the chats lie."""
        trouble = open_folder(self._paths.base)
        if trouble:
            self._notices.show(trouble, stays=True)

    def on_doctor(self) -> None:
        """Look at this computer."""
        show_beside(self._window, DoctorDialog, self._new_doctor)

    def on_trial(self) -> None:
        """The doctor's button."""
        self.trial_wanted.emit(self.sender())

    def _new_doctor(self) -> DoctorDialog:
        dialog = DoctorDialog(self._gpu, self._themes.theme, self._window)
        dialog.trial_wanted.connect(self.on_trial)
        return dialog

    def on_network(self) -> None:
        """What is asked, and the switch."""
        self.show_network(self._window)

    def show_network(self, host: QWidget) -> None:
        """The same, before another dialog."""
        uses, theme = self._network.uses(shown_address()), self._themes.theme
        show_beside(host, NetworkDialog, lambda: NetworkDialog(uses, self._preferences, theme, host))

    def on_about(self) -> None:
        """What this is."""
        show_beside(self._window, AboutDialog, lambda: AboutDialog(self._themes.theme, self._window))
