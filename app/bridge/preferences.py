"""The settings while the program runs: one frozen value, one signal when it changes, saved a moment later."""

from __future__ import annotations

import dataclasses
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.base.errors import AppError, report_from_exception
from app.base.settings import Settings
from app.base.settings_file import SettingsFile

SAVE_MS = 400


class Preferences(QObject):
    """Holds and saves the settings.

    Signals:
        changed: The new `Settings`.
        problem: They could not be saved (an `ErrorReport`).
    """

    changed = Signal(object)
    problem = Signal(object)

    def __init__(self, file: SettingsFile, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = file
        self._settings = settings
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SAVE_MS)
        self._timer.timeout.connect(self.save_now)

    @property
    def settings(self) -> Settings:
        """The settings that hold now."""
        return self._settings

    def set(self, **changes: Any) -> None:
        """Change some settings by name."""
        settings = dataclasses.replace(self._settings, **changes)
        if settings == self._settings:
            return
        self._settings = settings
        if not self._timer.isActive():  # soon, also if the changes never pause
            self._timer.start()
        self.changed.emit(settings)

    def save_now(self) -> None:
        """Write what is not yet written."""
        self._timer.stop()
        try:
            self._file.save(self._settings)
        except AppError as exc:
            self.problem.emit(report_from_exception(exc))

    def flush(self) -> None:
        """Write now if a change waits; for the end of the program."""
        if self._timer.isActive():
            self.save_now()
