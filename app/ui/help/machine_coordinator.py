"""What the menu Help says of this machine: what it does at this moment, and how fast it answers."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app.bridge.bench import Benchmark
from app.bridge.model import AnsweringModel
from app.bridge.monitor import Monitor
from app.library.services import LibraryServices
from app.ui.help.bench_dialog import BenchDialog
from app.ui.help.monitor_dialog import MonitorDialog
from app.ui.widgets.sheet import show_beside
from app.ui.widgets.theme import ThemeManager


class MachineCoordinator(QObject):
    """Opens the dialogs.

    Attributes:
        benchmark: What measures; it ends with the window.
    """

    def __init__(
        self,
        window: QWidget,
        actions: dict[str, QAction],
        monitor: Monitor,
        model: AnsweringModel,
        services: LibraryServices,
        themes: ThemeManager,
    ) -> None:
        super().__init__(window)
        self._window, self._monitor, self._model, self._themes = window, monitor, model, themes
        self.benchmark = Benchmark(services, self)
        actions["monitor"].triggered.connect(self.on_monitor)
        actions["bench"].triggered.connect(self.on_bench)

    def on_monitor(self) -> None:
        """What this computer does at this moment."""
        theme, window = self._themes.theme, self._window
        show_beside(window, MonitorDialog, lambda: MonitorDialog(self._monitor, theme, window))

    def on_bench(self) -> None:
        """How fast the model that answers is here."""
        theme, window, choice = self._themes.theme, self._window, self._model.choice
        show_beside(window, BenchDialog, lambda: BenchDialog(self.benchmark, choice, theme, window))
