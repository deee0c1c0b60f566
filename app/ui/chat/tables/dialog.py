"""The window of tables: files and questions, asked cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QWidget,
)

from app.base.errors import ErrorReport
from app.base.files import named_target, write_whole
from app.bridge.tables import FileTables
from app.chats.documents.quotes import FilePlace
from app.chats.documents.values import media_type_of
from app.chats.messages import MessageFile
from app.chats.tables import texts
from app.chats.tables.exports import as_csv, as_markdown
from app.chats.tables.folders import FolderFiles
from app.chats.tables.values import MOST_QUESTIONS, MOST_ROWS, FileTable, TableQuestion
from app.ui.chat.line_dialog import LineDialog
from app.ui.chat.tables import words
from app.ui.chat.tables.grid import FileGrid
from app.ui.chat.tables.question_dialog import TableQuestionDialog
from app.ui.widgets import words as common_words
from app.ui.widgets.combo import ElidedComboBox
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.plain import one_line, set_tip
from app.ui.widgets.question import Question
from app.ui.widgets.save_dialog import SaveDialog
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

SIZE = (980, 680)
_TOLD_LINES, _TOLD_MARGIN = 2, 2
_TOLD_EDGE = 7  # in pixels, with the padding; the style sheet says the same


class TablesDialog(Sheet):
    """Closing it stops the run.

    Signals:
        place_wanted: A `FilePlace` to show, and where its file lies.
    """

    place_wanted = Signal(object, object)
    own_size = True

    def __init__(self, tables: FileTables, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.TITLE, words.TITLE, theme, parent)
        self._tables, self._place, self._looking = tables, Path.home(), set[int]()
        self.setAcceptDrops(True)
        self.add_text(words.TEXT, "muted")
        self.combo = ElidedComboBox(12)
        self.combo.setAccessibleName(words.TABLE)
        self.combo.view().setAccessibleName(words.TABLE)
        self.more = self._button(words.TABLE_MENU, self.on_table_menu)
        self.ask = self._button(words.ASK, self.on_ask)
        self._row((self.combo, 1), (self.more, 0), (self.ask, 0))
        self.add_files = self._button(words.ADD_FILES, self.on_add_files)
        self.add_folder = self._button(words.ADD_FOLDER, self.on_add_folder)
        self.add_question = self._button(words.ADD_QUESTION, self.on_add_question)
        self._row((self.add_files, 0), (self.add_folder, 0), (self.add_question, 0), (None, 1))
        self.grid = FileGrid(tables, theme)
        self.column.addWidget(self.grid, 1)
        self.told = self._reading_box()
        self.column.addWidget(self.told)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(words.TITLE)
        self.bar.hide()
        self.column.addWidget(self.bar)
        self.said = self.add_text("", "muted")
        action = QDialogButtonBox.ButtonRole.ActionRole
        self.show_file = self.add_button(words.SHOW_IN_FILE, action)
        self.save = self.add_button(words.SAVE, action)
        self.add_reject(common_words.CLOSE)
        self._connect()
        resize_within_screen(self, round(SIZE[0] * theme.scale), round(SIZE[1] * theme.scale))
        self.on_changed()
        self.grid.setFocus()

    def _connect(self) -> None:
        tables, grid = self._tables, self.grid
        self.combo.activated.connect(self.on_table_chosen)
        self.show_file.clicked.connect(self.on_place_wanted)
        self.save.clicked.connect(self.on_save_menu)
        grid.place_wanted.connect(self.on_place_wanted)
        grid.again_wanted.connect(self.on_again)
        grid.removal_wanted.connect(self.on_removal)
        grid.menu_wanted.connect(self.on_cell_menu)
        grid.moved.connect(self.on_moved)
        tables.changed.connect(self.on_changed)
        tables.progressed.connect(self.on_progressed)
        tables.ended.connect(self.on_ended)
        tables.problem.connect(self.on_problem)
        tables.files.listed.connect(self.on_listed)
        self.finished.connect(self.on_finished)

    # -- the table --------------------------------------------------------------------------------------------------

    def on_changed(self) -> None:
        """Another table, or other files or questions."""
        self.combo.clear()
        for table_id, title in self._tables.titles():
            self.combo.addItem(one_line(title), table_id)
        table = self._tables.table
        self.combo.setCurrentIndex(self.combo.findData(table.id) if table is not None else -1)
        self.grid.show_table()
        self._show_possible()

    def on_table_chosen(self, at: int) -> None:
        """Another table."""
        if self._tables.table is None or self.combo.itemData(at) != self._tables.table.id:
            self._tables.open(self.combo.itemData(at))

    def on_table_menu(self) -> None:
        """New, rename, delete."""
        menu = self._menu(words.TABLE_MENU)
        menu.addAction(words.NEW).triggered.connect(self.on_new)
        menu.addAction(words.RENAME).triggered.connect(self.on_rename)
        menu.addAction(words.DELETE).triggered.connect(self.on_delete)
        menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def on_new(self) -> None:
        """An empty table; the one that was shown is kept."""
        self._tables.create(texts.NEW_TABLE)

    def on_rename(self) -> None:
        """Ask for a title."""
        if self._tables.table is not None:
            title, agree = words.RENAME_TITLE, words.RENAME_AGREE
            dialog = LineDialog(title, "", self._tables.table.title, agree, self.theme, self)
            dialog.named.connect(self._tables.rename)
            dialog.open()

    def on_delete(self) -> None:
        """Ask, and delete."""
        question = Question(
            words.TITLE, words.DELETE_TITLE, words.DELETE_DETAIL, words.REMOVE_AGREE, self.theme, self
        )  # fmt: skip
        question.accepted.connect(self._tables.delete)
        question.open()

    # -- files ------------------------------------------------------------------------------------------------------

    def on_add_files(self) -> None:
        """Choose some."""
        names, _ = QFileDialog.getOpenFileNames(self, words.ADD_FILES, str(self._place), words.FILES_PATTERN)
        self.add_paths([Path(name) for name in names])

    def on_add_folder(self) -> None:
        """Choose one."""
        name = QFileDialog.getExistingDirectory(self, words.ADD_FOLDER, str(self._place))
        self.add_paths([Path(name)] if name else [])

    def add_paths(self, paths: Sequence[Path]) -> None:
        """Files and folders; what is in folders is looked for beside the window."""
        if paths:
            self._place = paths[0].parent
            self._looking.add(self._tables.files.look_into(paths))

    def on_listed(self, number: int, found: FolderFiles) -> None:
        """Put them into the table, and say what was left out."""
        if number not in self._looking:
            return
        self._looking.discard(number)
        known, odd = self._tables.add_files(found.files)
        table = self._tables.table
        full = table is not None and len(table.files) >= MOST_ROWS
        said = [*found.refused, *map(texts.odd_name, odd[:3])]
        said += [texts.left_out(found.others)] if found.others else []
        said += [texts.known_already(known)] if known and not full else []
        said += [texts.too_many(MOST_ROWS)] if found.more or full else []
        if said:
            self.said.show_text(" ".join(said))

    def on_removal(self) -> None:
        """Take the selected files out; asked first where answers would go."""
        table = self._tables.table
        ids = {file_id for file_id, _ in self.grid.selected()}
        if table is None or not ids:
            return
        answers = sum(len(file.cells) for file in table.files if file.id in ids)
        self._remove(answers, partial(self._tables.remove_files, sorted(ids)))

    # -- questions --------------------------------------------------------------------------------------------------

    def on_add_question(self) -> None:
        """Another column."""
        self._edit(None)

    def on_edit_question(self) -> None:
        """The current column."""
        question = self._tables.question(self.grid.current()[1])
        if question is not None:
            self._edit(question)

    def on_remove_question(self) -> None:
        """The current column goes; asked first where answers would go."""
        table, question = self._tables.table, self._tables.question(self.grid.current()[1])
        if table is not None and question is not None:
            answers = sum(question.id in file.cells for file in table.files)
            rest = tuple(each for each in table.questions if each.id != question.id)
            self._remove(answers, partial(self._tables.set_questions, rest))

    def _edit(self, question: TableQuestion | None) -> None:
        table = self._tables.table
        if table is None:
            return
        heads = [each.name for each in table.questions if each is not question]
        dialog = TableQuestionDialog(question, heads, self.theme, self)
        dialog.taken.connect(partial(self._on_taken, question))
        dialog.open()

    def _on_taken(self, before: TableQuestion | None, fresh: TableQuestion) -> None:
        table = self._tables.table
        if table is None:
            return
        if before is None:
            self._tables.set_questions((*table.questions, fresh))
        else:
            self._tables.set_questions([fresh if each.id == before.id else each for each in table.questions])

    # -- asking -----------------------------------------------------------------------------------------------------

    def on_ask(self) -> None:
        """Ask what has no answer, or stop."""
        if self._tables.running:
            self._tables.stop()
            return
        table = self._tables.table
        self._begin(table.open_cells() if table is not None else ())

    def on_again(self) -> None:
        """Ask the selected cells, whatever they hold; the name of a file stands for all of its line."""
        table = self._tables.table
        if table is None or not self.ask.isEnabled():
            return
        cells: dict[tuple[str, str], None] = {}
        for file_id, question_id in self.grid.selected():
            every = [question_id] if question_id else [question.id for question in table.questions]
            cells |= dict.fromkeys((file_id, each) for each in every)
        self._begin(tuple(cells))

    def _begin(self, cells: Sequence[tuple[str, str]]) -> None:
        if cells:
            self._tables.ask(cells)
        else:
            self.said.show_text(texts.ALL_ANSWERED)
        self._show_possible()

    def on_progressed(self, done: int, count: int, said: str) -> None:
        """How far it is."""
        self.bar.setRange(0, count)
        self.bar.setValue(done)
        self._show_possible()
        self.said.show_text(said)

    def on_ended(self, said: str) -> None:
        """It is over."""
        self._show_possible()
        self.said.show_text(said)

    def on_problem(self, report: ErrorReport) -> None:
        """Something was not stored."""
        self.said.show_text(f"{report.text} {report.hint}".strip())

    # -- one cell ---------------------------------------------------------------------------------------------------

    def on_moved(self) -> None:
        """Say all of the current cell."""
        file_id, question_id = self.grid.current()
        file, question = self._tables.file(file_id), self._tables.question(question_id)
        if file is None:
            self.told.setPlainText("")
        elif question is None:
            self.told.setPlainText(str(file.path))
        else:
            self.told.setPlainText(words.told(file.path.name, question, file.cells.get(question.id)))
        self.show_file.setEnabled(file is not None)

    def on_place_wanted(self, *_: object) -> None:
        """Show the file of the current cell, with its words marked."""
        file_id, question_id = self.grid.current()
        file, question = self._tables.file(file_id), self._tables.question(question_id)
        if file is None:
            return
        cell = file.cells.get(question_id)
        words_found = cell.value if cell is not None and question is not None and question.kind == "words" else ""
        described = MessageFile(file.path.name, media_type_of(file.path.name), 0, "")
        self.place_wanted.emit(FilePlace(described, cell.place if cell else "", words_found), file.path)

    def on_cell_menu(self, at: QPoint) -> None:
        """What can be done with a cell, its line and its column."""
        file_id, question_id = self.grid.current()
        if not file_id:
            return
        menu = self._menu(words.GRID)
        menu.addAction(words.SHOW_IN_FILE).triggered.connect(self.on_place_wanted)
        again = menu.addAction(words.ASK_AGAIN)
        again.setEnabled(self.ask.isEnabled())
        again.triggered.connect(self.on_again)
        menu.addAction(words.REMOVE_FILES).triggered.connect(self.on_removal)
        if question_id:
            menu.addSeparator()
            menu.addAction(words.EDIT_QUESTION).triggered.connect(self.on_edit_question)
            menu.addAction(words.REMOVE_QUESTION).triggered.connect(self.on_remove_question)
        menu.popup(at)

    # -- out --------------------------------------------------------------------------------------------------------

    def on_save_menu(self) -> None:
        """As what."""
        menu = self._menu(words.SAVE)
        menu.addAction(words.SAVE_CSV).triggered.connect(partial(self.on_save, True))
        menu.addAction(words.SAVE_MARKDOWN).triggered.connect(partial(self.on_save, False))
        menu.popup(self.save.mapToGlobal(self.save.rect().topLeft()) - QPoint(0, menu.sizeHint().height()))

    def on_save(self, csv: bool, *_: object) -> None:
        """Ask where to, and write."""
        table = self._tables.table
        if table is None:
            return
        title, kind = (words.SAVE_CSV, words.CSV_KIND) if csv else (words.SAVE_MARKDOWN, words.MARKDOWN_KIND)
        suffix = ".csv" if csv else ".md"
        out = SaveDialog.chosen(self, title, str(self._place / f"{words.file_name(table.title)}{suffix}"), kind)
        if out is not None:
            self.said.show_text(saved(table, csv, out))

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def on_finished(self) -> None:
        """Nobody waits for it any more; what was answered is kept."""
        self._tables.stop()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files and folders."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take them."""
        self.add_paths([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _show_possible(self) -> None:
        table, running = self._tables.table, self._tables.running
        missing = self._tables.refusal
        if not missing and not running:
            missing = "" if table is not None and table.files else texts.NO_FILES
            missing = missing or ("" if table is not None and table.questions else texts.NO_QUESTIONS)
        self.ask.setText(words.STOP if running else words.ASK)
        self.ask.setAccessibleName(self.ask.text())
        self.ask.setEnabled(running or not missing)
        self.bar.setVisible(running)
        if not running:  # else it says how far it is
            self.said.show_text(missing)
        full = table is None or len(table.questions) >= MOST_QUESTIONS
        self.add_question.setEnabled(not full)
        set_tip(self.add_question, words.FULL if full and table is not None else "")
        for button in (self.add_files, self.add_folder, self.save, self.more):
            button.setEnabled(table is not None)
        self.on_moved()

    def _remove(self, answers: int, remove: partial[None]) -> None:
        if not answers:
            remove()
            return
        title, agree = words.REMOVE_TITLE, words.REMOVE_AGREE
        question = Question(words.TITLE, title, words.remove_detail(answers), agree, self.theme, self)
        question.accepted.connect(remove)
        question.open()

    def _reading_box(self) -> QPlainTextEdit:
        """Of one size whatever it says, so that the table keeps its own."""
        box = QPlainTextEdit()
        box.setReadOnly(True)
        box.setTabChangesFocus(True)
        box.setAccessibleName(words.CELL)
        box.setFont(self.theme.font())
        box.document().setDocumentMargin(_TOLD_MARGIN)
        around = 2 * (_TOLD_EDGE + _TOLD_MARGIN)
        box.setFixedHeight(_TOLD_LINES * box.fontMetrics().lineSpacing() + around)
        return box

    def _menu(self, name: str) -> QMenu:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setAccessibleName(name)
        return menu

    def _button(self, text: str, clicked: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(text)
        button.setAutoDefault(False)
        button.clicked.connect(clicked)
        return button

    def _row(self, *widgets: tuple[QWidget | None, int]) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        for widget, room in widgets:
            if widget is None:
                row.addStretch(room)
            else:
                row.addWidget(widget, room)
        self.column.addLayout(row)


def saved(table: FileTable, csv: bool, out: Path) -> str:
    """Write a table to a file; gives a sentence of how that went."""
    heads = (words.PERCENT, words.SETTLED, words.PLACE, words.FILE, words.NOTE)
    data = as_csv(table, *heads) if csv else as_markdown(table, words.FILE, words.TEXT)
    try:
        write_whole(named_target(out), data)
    except OSError as exc:
        return texts.not_exported(exc.strerror or type(exc).__name__)
    return texts.exported(len(table.files), out.name)
