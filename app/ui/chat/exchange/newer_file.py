"""A start whose chat file a newer version wrote: it is not opened, but its chats can be taken out of it."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from PySide6.QtWidgets import QDialogButtonBox

from app.base.errors import ErrorReport
from app.bridge.background import BackgroundThread, Task, TaskEnded, TaskEvent
from app.chats.exporting import texts
from app.chats.exporting.snapshot import snapshot
from app.chats.exporting.writing import Exported, ExportFormat, export_chats, file_name
from app.ui.chat.exchange import words
from app.ui.chat.exchange.dialogs import ExportDialog
from app.ui.widgets.save_dialog import SaveDialog
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

POLITE_SECONDS = 2.0


class NewerFile(Sheet):
    """Says what to do, and exports all chats, as far as this version knows them."""

    def __init__(self, report: ErrorReport, path: Path, theme: Theme) -> None:
        super().__init__(words.NEWER, words.NEWER_TITLE, theme)
        self._path, self._number = path, 0
        self._cancel = threading.Event()
        self._thread = BackgroundThread("export of a newer file", self)
        self._thread.event_arrived.connect(self.on_event)
        self.add_text(f"{report.text} {report.hint}")
        self.add_text(words.NEWER_EXPORT)
        self.said = self.add_text("")
        self.said.hide()
        self.export = self.add_button(words.EXPORT_MENU, QDialogButtonBox.ButtonRole.ActionRole)
        self.quit = self.add_reject(words.QUIT, primary=True)
        self.export.clicked.connect(self.on_export_clicked)
        self.finished.connect(self.on_finished)

    def on_export_clicked(self) -> None:
        """Ask how."""
        dialog = ExportDialog("", None, self.theme, self)
        dialog.accepted.connect(self.on_format_chosen)
        dialog.open()

    def on_format_chosen(self) -> None:
        """Ask where to, and write."""
        dialog = self.sender()
        assert isinstance(dialog, ExportDialog)
        kind, label = dialog.kind, words.FORMATS[dialog.kind][0]
        start = Path.home() / file_name(texts.ALL_CHATS, kind.suffix)
        out = SaveDialog.chosen(self, words.EXPORT, str(start), f"{label} (*{kind.suffix})")
        if out is not None:
            self._say(words.EXPORTING)
            self.export.setEnabled(False)
            self._number += 1
            self._thread.do(Task(self._number, lambda: self._write(kind, out), self._cancel))

    def on_event(self, arrived: TaskEvent) -> None:
        """It is written, or could not be."""
        match arrived.event:
            case Exported() as done:
                self._say(texts.exported(done.chats, done.path))
            case TaskEnded(report=report):
                self.export.setEnabled(True)
                if report is not None:
                    self._say(f"{report.text} {report.hint}".strip())

    def on_finished(self) -> None:
        """What is written is stopped."""
        self._cancel.set()
        self._thread.close()
        self._thread.end(POLITE_SECONDS)

    def _say(self, text: str) -> None:
        self.said.show_text(text)
        self.fit_height()

    def _write(self, kind: ExportFormat, out: Path) -> Generator[object, None, None]:
        with snapshot(self._path, newer=True) as found:
            chats = found.conversations()
            with closing(export_chats(found, chats, kind, out, self._cancel.is_set)) as steps:
                done = next(steps)
                for done in steps:  # noqa: B007 - the last one is told
                    yield None
            yield done
