"""Help > Check for updates: shows what is new, fetches and checks the package on a click."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPlainTextEdit, QProgressBar, QPushButton, QWidget

from app import __version__
from app.base.units import size
from app.ui.updates import words
from app.ui.updates.package import PackagePanel
from app.ui.widgets import words as common_words
from app.ui.widgets.labels import Sentence, TroubleFrame
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme
from app.updates import texts
from app.updates.values import Found, UpdateState, UpdateStatus

if TYPE_CHECKING:
    from app.base.settings import Settings
    from app.bridge.preferences import Preferences
    from app.bridge.updates import Updates

STEPS = 1000
NEWS_LINES, LINE_CHARACTERS = 10, 66


class UpdateDialog(Sheet):
    """What is known, and the one thing that can be done next.

    Signals:
        page_wanted: The release's page is to be opened in a browser.
        folder_wanted: The package is to be shown in its folder.
    """

    page_wanted = Signal()
    folder_wanted = Signal()
    width_ems = 56

    def __init__(self, updates: Updates, preferences: Preferences, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.TITLE, words.TITLE, theme, parent)
        self._preferences = preferences
        self._shown: UpdateState | None = None
        self.state, self.trouble, self.news = self.add_text(""), TroubleFrame(), QPlainTextEdit()
        self.news.setReadOnly(True)
        self.news.setTabChangesFocus(True)
        self.news.setAccessibleName(words.NEWS)
        self.bar, self.step, self.package = QProgressBar(), Sentence(role="muted"), PackagePanel(theme)
        self.bar.setTextVisible(False)
        self.bar.setRange(0, STEPS)
        self.bar.setAccessibleName(words.PROGRESS)
        for widget in (self.trouble, self.news, self.bar, self.step, self.package):
            self.column.addWidget(widget)
        self.weekly = self.add_box(words.WEEKLY)
        self.weekly.setAccessibleDescription(words.WEEKLY_TEXT)
        self.add_text(words.WEEKLY_TEXT, "muted")
        self.page_button = self._button(words.ON_THE_WEB, self.page_wanted.emit)
        self.again = self._button(words.AGAIN, updates.ask)
        self.download = self._button(words.download(""), updates.fetch)
        self.stop = self._button(words.STOP, updates.stop)
        self.install = self._button(words.CLOSE_AND_INSTALL, updates.check)
        self.add_reject(common_words.CLOSE)
        self.package.folder_wanted.connect(self.folder_wanted)
        self.weekly.toggled.connect(self.on_weekly_toggled)
        preferences.changed.connect(self.on_settings_changed)
        updates.status_changed.connect(self.on_status_changed)
        self.on_settings_changed(preferences.settings)
        self.on_status_changed(updates.status)

    # -- slots ------------------------------------------------------------------------------------------------------

    def on_weekly_toggled(self, weekly: bool) -> None:
        """It holds at once."""
        self._preferences.set(update_check="weekly" if weekly else "click")

    def on_settings_changed(self, settings: Settings) -> None:
        """Whoever changed it."""
        self.weekly.setChecked(settings.update_check == "weekly")

    def on_status_changed(self, status: UpdateStatus) -> None:
        """Show what is known now."""
        state, found = status.state, status.found
        package = found.file if found is not None else None
        self.state.show_text(state_text(status))
        self.trouble.show_report(status.report)
        self._show_news(found)
        self._show_progress(status)
        self.package.show_found(found if state in (UpdateState.READY, UpdateState.CHECKING) else None)
        self.page_button.setVisible(found is not None)
        self.again.setVisible(state in (UpdateState.IDLE, UpdateState.CURRENT))
        self.download.setVisible(state is UpdateState.NEWER and package is not None)
        self.stop.setVisible(state in (UpdateState.ASKING, UpdateState.FETCHING))
        self.stop.setEnabled(not status.stopping)
        self.install.setVisible(state is UpdateState.READY and package is not None and package.kind == "windows")
        if package is not None:
            self.download.setText(words.download(size(package.size)))
            self.download.setAccessibleName(self.download.text())
        for button in (self.again, self.download, self.install):
            button.setDefault(not button.isHidden())
            if button.isDefault() and state is not self._shown:
                button.setFocus()
        self._shown = state
        if self.isVisible():
            self.fit_height()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _show_news(self, found: Found | None) -> None:
        lines = [f"\u2022 {change}" for change in found.release.changes] if found is not None else []
        if (text := "\n".join(lines)) != self.news.toPlainText():
            self.news.setPlainText(text)
        needed = 2 + sum(1 + len(line) // LINE_CHARACTERS for line in lines)
        self.news.setFixedHeight(self.news.fontMetrics().lineSpacing() * min(NEWS_LINES, needed))
        self.news.setVisible(bool(lines))

    def _show_progress(self, status: UpdateStatus) -> None:
        fetching = status.state is UpdateState.FETCHING
        self.bar.setVisible(fetching)
        self.step.setVisible(fetching)
        if fetching and status.found is not None and status.found.file is not None:
            total = status.found.file.size
            self.bar.setValue(round(STEPS * status.done / total))
            said = status.waiting or words.progress(status.done, total, status.rate)
            self.step.setText(words.STOPPING if status.stopping else said)

    def _button(self, text: str, slot: Callable[[], None]) -> QPushButton:
        button = self.add_button(text, self.buttons.ButtonRole.ActionRole)
        button.clicked.connect(slot)
        return button


def state_text(status: UpdateStatus) -> str:
    """The first line."""
    found = status.found
    match status.state:
        case UpdateState.ASKING:
            return words.ASKING
        case UpdateState.CURRENT:
            return texts.newest(__version__)
        case UpdateState.NOBODY:
            return f"{texts.GIT_UPDATES} {texts.GIT_UPDATES_HINT}"
        case UpdateState.CHECKING:
            return words.CHECKING
        case UpdateState.IDLE:
            return "" if status.report is not None else words.NOT_ASKED
    if found is None:
        return ""
    said = texts.newer(found.release.version, found.release.date, __version__)
    return said if found.file is not None else f"{said} {texts.no_package(found.release.version)}"
