"""From the menu to the window of tables."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app.bridge.tables import FileTables
from app.ui.chat.tables.dialog import TablesDialog
from app.ui.widgets.sheet import show_beside
from app.ui.widgets.theme import ThemeManager


class TablesCoordinator(QObject):
    """Opens it.

    Signals:
        place_wanted: A `FilePlace` to show, and where its file lies.
    """

    place_wanted = Signal(object, object)

    def __init__(self, window: QWidget, action: QAction, tables: FileTables, themes: ThemeManager) -> None:
        super().__init__(window)
        self._window, self._tables, self._themes = window, tables, themes
        action.triggered.connect(self.on_wanted)

    def on_wanted(self) -> None:
        """Open it with the table of last time, or bring it to the front."""
        show_beside(self._window, TablesDialog, self._open)

    def on_brought_back(self, *_: object) -> None:
        """The history is another one."""
        if self._tables.table is not None:
            self._tables.open(self._tables.table.id)

    def _open(self) -> TablesDialog:
        if self._tables.table is None:
            self._tables.open(None)
        dialog = TablesDialog(self._tables, self._themes.theme, self._window)
        dialog.place_wanted.connect(self.place_wanted)
        return dialog
