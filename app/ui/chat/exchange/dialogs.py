"""File > Export: what to write. File > Import: what was found, what would be added, what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialogButtonBox, QPlainTextEdit, QProgressBar, QWidget

from app.base.errors import ErrorReport
from app.chats.exporting.writing import ExportFormat
from app.chats.importing import texts
from app.chats.importing.importer import Imported
from app.ui.chat.exchange import words
from app.ui.widgets import words as common_words
from app.ui.widgets.combo import ElidedComboBox
from app.ui.widgets.labels import TroubleFrame
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

_REPORT_LINES = 8


class ExportDialog(Sheet):
    """Accepted with a format in `kind`.

    Attributes:
        chat_ids: The chats that are exported; None for all.
    """

    def __init__(self, title: str, chat_ids: Sequence[str] | None, theme: Theme, parent: QWidget | None = None) -> None:
        name = words.EXPORT_ALL if chat_ids is None else words.export_some(len(chat_ids))
        super().__init__(name, name, theme, parent)
        self.chat_ids = chat_ids
        self.title = title
        if title:
            self.add_text(title, "muted")
        self.combo = ElidedComboBox(12)
        self.combo.setAccessibleName(words.FORMAT)
        for kind, (label, _) in words.FORMATS.items():
            self.combo.addItem(label, kind.value)
        self.column.addWidget(self.combo)
        self.what = self.add_text("", "muted")
        self.combo.currentIndexChanged.connect(self.on_chosen)
        self.agree = self.add_accept(words.CHOOSE_PLACE, primary=True)
        self.add_reject(common_words.CANCEL)
        self.on_chosen()

    @property
    def kind(self) -> ExportFormat:
        """The format that is chosen."""
        return ExportFormat(self.combo.currentData())

    def on_chosen(self) -> None:
        """Say what the format is for."""
        what = words.FORMATS[self.kind][1]
        self.what.show_text(what)
        self.combo.setAccessibleDescription(what)
        self.fit_height()


class ImportState(Enum):
    """Where an import is; the last three are ends."""

    CHOOSING = "choosing"
    READING = "reading"
    COUNTED = "counted"
    TAKING = "taking"
    DONE = "done"
    FAILED = "failed"


class ImportDialog(Sheet):
    """One import, from the choice of a file to the report.

    Signals:
        file_wanted, folder_wanted: The user wants to choose one.
        take_wanted: What was counted is to be taken in.

    Attributes:
        state: Where it is.
    """

    file_wanted = Signal()
    folder_wanted = Signal()
    take_wanted = Signal()
    width_ems = 52

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.IMPORT_TITLE, words.IMPORT_TITLE, theme, parent)
        self.state = ImportState.CHOOSING
        self._name = ""
        self.says = self.add_text(words.IMPORT_TEXT)
        self.more = self.add_text("")
        self.trouble = TroubleFrame()
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(words.IMPORT_TITLE)
        self.report_head = self.add_text("", "muted")
        self.report = QPlainTextEdit()
        self.report.setReadOnly(True)
        self.report.setTabChangesFocus(True)
        self.report.setAccessibleName(words.REPORT)
        self.report.setFixedHeight(self.report.fontMetrics().lineSpacing() * _REPORT_LINES + 12)
        for widget in (self.trouble, self.bar, self.report):
            self.column.addWidget(widget)
        role = QDialogButtonBox.ButtonRole.ActionRole
        self.file = self.add_button(words.CHOOSE_FILE, role, primary=True)
        self.folder = self.add_button(words.CHOOSE_FOLDER, role)
        self.take = self.add_button(words.TAKE, role)
        self.leave = self.add_reject(common_words.CANCEL)
        self.file.clicked.connect(self.file_wanted)
        self.folder.clicked.connect(self.folder_wanted)
        self.take.clicked.connect(self.take_wanted)
        self._show()

    def begin(self, path: Path) -> None:
        """A file is read from now on."""
        self._name = path.name
        self.report.clear()
        self._show(ImportState.READING, words.reading(self._name, 0))

    def on_read(self, count: int) -> None:
        """So many chats were found."""
        if self.state is ImportState.READING:
            self.says.show_text(words.reading(self._name, count))

    def on_counted(self, found: Imported) -> None:
        """It is read."""
        nothing = not (found.added.messages or found.added.conversations)
        self._show(
            ImportState.DONE if nothing else ImportState.COUNTED,
            _found(found),
            _nothing_new(found) if nothing else _added(found),
        )
        self._list_skipped(found)

    def begin_taking(self) -> None:
        """It is taken in from now on."""
        self._show(ImportState.TAKING, words.TAKING)

    def on_imported(self, done: Imported) -> None:
        """It is in."""
        self._show(ImportState.DONE, _added(done))
        self._list_skipped(done)

    def on_failed(self, report: ErrorReport) -> None:
        """It cannot be done."""
        self._show(ImportState.FAILED)
        self.trouble.show_report(report)
        self.fit_height()

    def _list_skipped(self, found: Imported) -> None:
        skipped = found.found.skipped
        count = len(skipped) + found.found.unnamed
        self.report_head.show_text(texts.skipped_head(count) if count else "")
        lines = [texts.skipped_line(each["what"], each["why"]).strip() for each in skipped]
        self.report.setPlainText("\n".join(lines))
        self.report.setVisible(bool(lines))
        self.fit_height()

    def _show(self, state: ImportState = ImportState.CHOOSING, says: str = words.IMPORT_TEXT, more: str = "") -> None:
        self.state = state
        self.says.show_text(says if state is not ImportState.FAILED else "")
        self.more.show_text(more)
        self.report_head.show_text("")
        choosing = state in (ImportState.CHOOSING, ImportState.FAILED)
        working = state in (ImportState.READING, ImportState.TAKING)
        self.file.setVisible(choosing)
        self.folder.setVisible(choosing)
        self.take.setVisible(state is ImportState.COUNTED)
        self.take.setDefault(state is ImportState.COUNTED)
        self.trouble.setVisible(state is ImportState.FAILED)
        self.bar.setVisible(working)
        self.report.setVisible(False)
        name = common_words.CLOSE if state is ImportState.DONE else words.STOP if working else common_words.CANCEL
        self.leave.setText(name)
        self.leave.setAccessibleName(name)
        focus = {ImportState.COUNTED: self.take, ImportState.CHOOSING: self.file}.get(state, self.leave)
        focus.setFocus()
        self.fit_height()


def _found(found: Imported) -> str:
    report = found.found
    what = texts.counts(report.conversations, report.messages, report.branches, report.assets)
    return texts.found_line(report.source, what)


def _nothing_new(found: Imported) -> str:
    if not found.found.conversations:
        return words.NO_CHATS
    return words.REST_IS_HERE if found.found.skipped else words.NOTHING_NEW


def _added(found: Imported) -> str:
    added = found.added
    what = texts.counts(added.conversations, added.messages, added.branches, added.assets)
    return texts.added_line(what, found.done)
