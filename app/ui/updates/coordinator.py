"""What the window does about updates: the dialog, the notice of the weekly look, and starting a setup on Windows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMainWindow

from app.base.errors import ErrorReport
from app.ui.updates import words
from app.ui.updates.dialog import UpdateDialog
from app.ui.widgets.theme import ThemeManager
from app.updates import texts
from app.updates.values import Found, UpdateState

if TYPE_CHECKING:
    from app.bridge.preferences import Preferences
    from app.bridge.updates import Updates
    from app.ui.chat.pane import ChatPane

    _Base = QMainWindow
else:
    _Base = object


class UpdateSlots(_Base):
    """The part of the window that deals with updates."""

    _updates: Updates
    _preferences: Preferences
    _themes: ThemeManager
    _news: Callable[[], None] | None
    _update_dialog: UpdateDialog | None
    pane: ChatPane
    if TYPE_CHECKING:

        def on_problem(self, report: ErrorReport) -> None:
            """The window's own."""

    def connect_updates(self) -> None:
        """Listen to the keeper."""
        self._update_dialog = None
        self._updates.found_unasked.connect(self.on_update_found)
        self._updates.package_checked.connect(self.on_package_checked)
        self._updates.problem.connect(self.on_problem)

    def on_updates(self) -> None:
        """Whoever opens the dialog asks, unless there is more to tell already."""
        if self._updates.status.state in (UpdateState.IDLE, UpdateState.CURRENT, UpdateState.NEWER, UpdateState.ASKING):
            self._updates.ask()
        self._show_updates()

    def on_update_found(self, found: Found) -> None:
        """The weekly look found something: said once, in a notice."""
        if self._update_dialog is None:
            self._news = self._show_updates
            self.pane.notice.show_text(words.told(found.release.version), stays=True, action=words.TELL)

    def on_update_dialog_closed(self) -> None:
        """What goes on goes on."""
        self._update_dialog = None

    def on_page_wanted(self) -> None:
        """In the browser."""
        found = self._updates.status.found
        if found is not None:
            QDesktopServices.openUrl(QUrl(found.page))

    def on_folder_wanted(self) -> None:
        """In the file manager."""
        found = self._updates.status.found
        if found is not None and found.fetched is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(found.fetched.parent)))

    def on_package_checked(self, path: Path) -> None:
        """The user wants it installed, and it is right: start the setup, close the program. Chats are saved already."""
        try:
            start_setup(path)
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            self.on_problem(ErrorReport("known", texts.not_started(path, reason), texts.NOT_STARTED_HINT))
            return
        self.close()

    def _show_updates(self) -> None:
        if self._update_dialog is None:
            dialog = UpdateDialog(self._updates, self._preferences, self._themes.theme, self)
            dialog.page_wanted.connect(self.on_page_wanted)
            dialog.folder_wanted.connect(self.on_folder_wanted)
            dialog.finished.connect(self.on_update_dialog_closed)
            self._update_dialog = dialog
        self._update_dialog.open()


def start_setup(path: Path) -> None:
    """Start a setup as a double click does (Windows alone has them).

    Raises:
        OSError: It does not start.
    """
    start: Callable[[str], None] | None = getattr(os, "startfile", None)
    if start is None:
        raise OSError(None, "a setup starts on Windows alone")
    start(str(path))
