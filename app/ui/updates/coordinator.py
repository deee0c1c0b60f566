"""What the window does about updates: the dialog, the notice of the weekly look, and starting a setup on Windows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app.base.errors import ErrorReport
from app.bridge.preferences import Preferences
from app.bridge.updates import Updates
from app.ui.updates import words
from app.ui.updates.dialog import UpdateDialog
from app.ui.widgets.notices import Notices
from app.ui.widgets.outside import open_folder, open_page
from app.ui.widgets.theme import ThemeManager
from app.updates import texts
from app.updates.values import Found, UpdateState


class UpdatesCoordinator(QObject):
    """Owns the dialog and the notice.

    Attributes:
        dialog: The dialog while it is open.
    """

    def __init__(
        self,
        window: QWidget,
        actions: dict[str, QAction],
        updates: Updates,
        preferences: Preferences,
        themes: ThemeManager,
        notices: Notices,
    ) -> None:
        super().__init__(window)
        self.dialog: UpdateDialog | None = None
        self._window, self._updates, self._preferences = window, updates, preferences
        self._themes, self._notices = themes, notices
        actions["updates"].triggered.connect(self.on_updates)
        updates.found_unasked.connect(self.on_update_found)
        updates.package_checked.connect(self.on_package_checked)
        updates.problem.connect(notices.report)

    def on_updates(self) -> None:
        """Whoever opens the dialog asks, unless there is more to tell already."""
        if self._updates.status.found is None or self._updates.status.state is UpdateState.NEWER:
            self._updates.ask()
        self._show_dialog()

    def on_update_found(self, found: Found) -> None:
        """The weekly look found something: said once, in a notice."""
        if self.dialog is None:
            self._notices.show(words.told(found.release.version), stays=True, action=words.TELL, do=self._show_dialog)

    def on_dialog_closed(self) -> None:
        """What goes on goes on."""
        self.dialog = None

    def on_page_wanted(self) -> None:
        """In the browser."""
        found = self._updates.status.found
        if found is not None:
            self._say(open_page(found.page))

    def on_folder_wanted(self) -> None:
        """In the file manager."""
        found = self._updates.status.found
        if found is not None and found.fetched is not None:
            self._say(open_folder(found.fetched.parent))

    def on_package_checked(self, path: Path) -> None:
        """The user wants it installed, and it is right: start the setup, close the program. Chats are saved already."""
        try:
            start_setup(path)
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            self._notices.report(ErrorReport("known", texts.not_started(path, reason), texts.NOT_STARTED_HINT))
            return
        self._window.close()

    def _say(self, trouble: str) -> None:
        if trouble:
            self._notices.show(trouble, stays=True)

    def _show_dialog(self) -> None:
        if self.dialog is None:
            dialog = UpdateDialog(self._updates, self._preferences, self._themes.theme, self._window)
            dialog.page_wanted.connect(self.on_page_wanted)
            dialog.folder_wanted.connect(self.on_folder_wanted)
            dialog.finished.connect(self.on_dialog_closed)
            self.dialog = dialog
        self.dialog.show()  # beside the window: a modal one would keep it from being closed
        self.dialog.raise_()
        self.dialog.activateWindow()


def start_setup(path: Path) -> None:
    """Start a setup as a double click does (Windows alone has them).

    Raises:
        OSError: It does not start.
    """
    start: Callable[[str], None] | None = getattr(os, "startfile", None)
    if start is None:
        raise OSError(None, "a setup starts on Windows alone")
    start(str(path))
