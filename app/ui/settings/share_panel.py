"""The settings as a file: export, and import after a question that names what would change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.base.errors import AppError, report_from_exception
from app.base.settings import DECLARATIONS, Value
from app.base.settings_share import export_settings, import_settings
from app.bridge.preferences import Preferences
from app.ui.settings import words
from app.ui.widgets.labels import Sentence
from app.ui.widgets.question import Question
from app.ui.widgets.save_dialog import SaveDialog
from app.ui.widgets.theme import ThemeManager

FILE_NAME = "dewpoint-settings.json"


class SharePanel(QWidget):
    """Two buttons, and a sentence about what came of them."""

    def __init__(self, preferences: Preferences, themes: ThemeManager, host: QWidget) -> None:
        super().__init__()
        self._preferences, self._themes, self._host = preferences, themes, host
        title = Sentence(words.SHARE)
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        self.export_button, self.import_button = QPushButton(words.EXPORT), QPushButton(words.IMPORT)
        row = QHBoxLayout()
        for button in (self.export_button, self.import_button):
            button.setAccessibleName(button.text())
            button.setAutoDefault(False)
            row.addWidget(button)
        row.addStretch(1)
        self.said = Sentence()
        self.said.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (title, Sentence(words.SHARE_TEXT, "muted")):
            column.addWidget(widget)
        column.addLayout(row)
        column.addWidget(self.said)
        self.export_button.clicked.connect(self.on_export)
        self.import_button.clicked.connect(self.on_import)

    def on_export(self) -> None:
        """Choose a file, write it."""
        start = str(Path.home() / FILE_NAME)
        path = SaveDialog.chosen(self._host, words.EXPORT_TITLE, start, words.FILES)
        if path is None:
            return
        try:
            export_settings(path, self._preferences.settings)
        except AppError as exc:
            self._say_problem(exc)
        else:
            self.said.show_text(words.exported(path.name))

    def on_import(self) -> None:
        """Choose a file, and ask before anything changes."""
        name, _ = QFileDialog.getOpenFileName(self._host, words.IMPORT_TITLE, str(Path.home()), words.FILES)
        if not name:
            return
        try:
            found = import_settings(Path(name), self._preferences.settings)
        except AppError as exc:
            self._say_problem(exc)
            return
        refused = words.refused(found.refused) if found.refused else ""
        if not found.changes:
            self.said.show_text(f"{words.NOTHING_CHANGES} {refused}".strip())
            return
        detail = f"{words.import_detail(self._lines(found.changes))} {refused}".strip()

        def change() -> None:
            self._preferences.set(**found.changes)
            self.said.show_text(words.imported(len(found.changes)))

        question = Question(
            words.SETTINGS, words.IMPORT_QUESTION, detail, words.IMPORT_AGREE, self._themes.theme, self._host
        )
        question.accepted.connect(change)
        question.open()

    def _lines(self, changes: Mapping[str, Value]) -> list[str]:
        """Each change, from what to what."""
        known = {each.name: each for each in DECLARATIONS}
        now = self._preferences.settings
        return [
            words.change(known[name].title, known[name].say(getattr(now, name)), known[name].say(value))
            for name, value in changes.items()
        ]

    def _say_problem(self, exc: AppError) -> None:
        report = report_from_exception(exc)
        self.said.show_text(f"{report.text} {report.hint}".strip())
