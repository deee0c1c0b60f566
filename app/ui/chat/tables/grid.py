"""The table itself: a line for each file, a column for each question."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QContextMenuEvent, QFocusEvent, QKeyEvent, QPainter, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from app.bridge.tables import FileTables
from app.chats.tables.values import TableCell
from app.ui.chat.tables import words
from app.ui.chat.tables.names import FileNames
from app.ui.widgets.plain import one_line, tip
from app.ui.widgets.theme import Theme

_AnyIndex = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
STATE_ROLE = Qt.ItemDataRole.UserRole  # "answer", "problem", "asking", "file", ""
BELOW_ROLE = Qt.ItemDataRole.UserRole + 1  # the second line of a cell
_SIDE, _TOP = 8, 5
_FILE_EMS, _EMS, _WORDS_EMS = 32, 22, 40  # of columns, in widths of a letter
_LEAST_ROWS = 2  # that are seen, however low the window is


class _GridModel(QAbstractTableModel):
    """What the shown table says."""

    def __init__(self, tables: FileTables) -> None:
        super().__init__()
        self._tables = tables

    def rowCount(self, parent: _AnyIndex = _ROOT) -> int:
        """Files."""
        return 0 if parent.isValid() or self._tables.table is None else len(self._tables.table.files)

    def columnCount(self, parent: _AnyIndex = _ROOT) -> int:
        """Questions, and the files' names."""
        return 0 if parent.isValid() or self._tables.table is None else len(self._tables.table.questions) + 1

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Heads of columns."""
        table = self._tables.table
        if orientation != Qt.Orientation.Horizontal or table is None or not 0 <= section <= len(table.questions):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return one_line(table.questions[section - 1].name) if section else words.FILE
        if role == Qt.ItemDataRole.ToolTipRole and section:
            return tip(words.question_tip(table.questions[section - 1]))
        return None

    def data(self, index: _AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """One cell: its answer, what stands below that, what a screen reader says."""
        table = self._tables.table
        if table is None or not index.isValid():
            return None
        file, column = table.files[index.row()], index.column()
        if column == 0:
            return _of_file(file.path.name, str(file.path.parent), role)
        question = table.questions[column - 1]
        cell = file.cells.get(question.id)
        asking = self._tables.asking == (file.id, question.id)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            said = words.told(file.path.name, question, cell)
            return tip(said) if role == Qt.ItemDataRole.ToolTipRole else said
        if role == STATE_ROLE:
            return "asking" if asking else _state(cell)
        if asking:
            return {int(Qt.ItemDataRole.DisplayRole): words.ASKING, int(BELOW_ROLE): ""}.get(role)
        if cell is None or role not in (Qt.ItemDataRole.DisplayRole, BELOW_ROLE):
            return None
        if not cell.value:
            return words.NO_ANSWER if role == Qt.ItemDataRole.DisplayRole else cell.problem
        return cell.value if role == Qt.ItemDataRole.DisplayRole else words.answer_line(cell, question)

    def show_table(self) -> None:
        """Another table, or other files and questions."""
        self.beginResetModel()
        self.endResetModel()

    def show_cell(self, file_id: str, question_id: str) -> None:
        """Another answer."""
        table = self._tables.table
        if table is None:
            return
        row = next((at for at, file in enumerate(table.files) if file.id == file_id), -1)
        column = next((at for at, question in enumerate(table.questions, 1) if question.id == question_id), -1)
        if row >= 0 and column >= 0:
            index = self.index(row, column)
            self.dataChanged.emit(index, index)


def _of_file(name: str, folder: str, role: int) -> object:
    match role:
        case Qt.ItemDataRole.DisplayRole:
            return name
        case Qt.ItemDataRole.AccessibleTextRole:
            return name
        case Qt.ItemDataRole.ToolTipRole:
            return tip(f"{name}\n{folder}")
    return {int(BELOW_ROLE): folder, int(STATE_ROLE): "file"}.get(role)


def _state(cell: TableCell | None) -> str:
    if cell is None:
        return ""
    return "answer" if cell.value else "problem"


class _GridDelegate(QStyledItemDelegate):
    """Paints an answer, and below it how far it is the model's."""

    def __init__(self, view: QTableView) -> None:
        super().__init__(view)
        self._view = view
        self.muted, self.danger, self.accent = QColor(), QColor(), QColor()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _AnyIndex) -> None:
        """One cell."""
        self.initStyleOption(option, index)
        option.text = ""
        if self._view.hasFocus() and index == self._view.currentIndex():
            option.state |= QStyle.StateFlag.State_HasFocus  # among the names, which have no focus of their own
        self._view.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, self._view)
        room: QRect = option.rect.adjusted(_SIDE, _TOP, -_SIDE, -_TOP)
        metrics, state = option.fontMetrics, index.data(STATE_ROLE)
        above, below = str(index.data() or ""), str(index.data(BELOW_ROLE) or "")
        colours = {"problem": self.danger, "asking": self.accent}
        top, elide = Qt.AlignmentFlag.AlignTop, Qt.TextElideMode.ElideRight
        painter.save()
        painter.setFont(option.font)
        painter.setPen(colours.get(state, option.palette.color(QPalette.ColorRole.Text)))
        painter.drawText(room, top, metrics.elidedText(one_line(above, 500), elide, room.width()))
        painter.setPen(self.muted)
        room = room.adjusted(0, metrics.lineSpacing(), 0, 0)
        cut = Qt.TextElideMode.ElideMiddle if state == "file" else elide
        painter.drawText(room, top, metrics.elidedText(one_line(below, 500), cut, room.width()))
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: _AnyIndex) -> QSize:
        """All cells are alike."""
        return QSize(0, 2 * option.fontMetrics.lineSpacing() + 2 * _TOP)


class FileGrid(QTableView):
    """The table; keys do what the menu of a cell does.

    Signals:
        place_wanted: The file of the current cell shall be shown.
        again_wanted: The selected cells shall be asked again.
        removal_wanted: The selected files shall go.
        menu_wanted: The menu of the current cell, at a point of the screen.
        moved: Another cell is the current one.

    Attributes:
        names: The column of the files, which stays in sight.
    """

    place_wanted = Signal()
    again_wanted = Signal()
    removal_wanted = Signal()
    menu_wanted = Signal(QPoint)
    moved = Signal()

    def __init__(self, tables: FileTables, theme: Theme) -> None:
        super().__init__()
        self._tables = tables
        self._cells = _GridModel(tables)
        self._shown_ems: list[int] = []
        self._painted_by = _GridDelegate(self)
        self.setModel(self._cells)
        self.setItemDelegate(self._painted_by)
        self.names = FileNames(self, self._painted_by)
        self.setAccessibleName(words.GRID)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads = self.horizontalHeader()
        heads.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for each in (heads, self.names.horizontalHeader()):
            each.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            each.setHighlightSections(False)
        for view in (self, self.names):
            view.doubleClicked.connect(self.place_wanted)
        tables.cell_changed.connect(self.on_cell_changed)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        painted = self._painted_by
        painted.muted, painted.danger, painted.accent = map(theme.color, ("muted", "danger", "accent"))
        height = 2 * self.fontMetrics().lineSpacing() + 2 * _TOP
        self.verticalHeader().setMinimumSectionSize(height)
        self.verticalHeader().setDefaultSectionSize(height)
        self.setMinimumHeight((_LEAST_ROWS + 1) * height)
        self._set_widths()
        self.names.show_names(height)
        self.viewport().update()

    def show_table(self) -> None:
        """Other files or questions; the current cell stays where it was."""
        at = self.currentIndex()
        row, column = at.row(), at.column()
        self._cells.show_table()
        if self._ems() != self._shown_ems:  # else they are as wide as the user made them
            self._set_widths()
        self.names.show_names(self.verticalHeader().defaultSectionSize())
        if row >= 0 and self._cells.rowCount():
            row, column = min(row, self._cells.rowCount() - 1), min(column, self._cells.columnCount() - 1)
            self.choose(row, column)
        self.moved.emit()

    def on_cell_changed(self, file_id: str, question_id: str) -> None:
        """Another answer."""
        self._cells.show_cell(file_id, question_id)
        self.moved.emit()

    def choose(self, row: int, column: int) -> None:
        """Make a cell the current one and select nothing else, whatever key is held: Ctrl would add it."""
        chosen = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self.selectionModel().setCurrentIndex(self._cells.index(row, column), chosen)

    def current(self) -> tuple[str, str]:
        """Ids of file and question of the current cell; "" for the column of names, and where there is none."""
        return self._ids(self.currentIndex())

    def selected(self) -> list[tuple[str, str]]:
        """The same of all selected cells, in the order of the table."""
        found = sorted(self.selectedIndexes(), key=lambda index: (index.row(), index.column()))
        return [self._ids(index) for index in found]

    def currentChanged(self, current: _AnyIndex, previous: _AnyIndex) -> None:
        """Tell."""
        super().currentChanged(current, previous)
        self.moved.emit()

    def scrollTo(
        self, index: _AnyIndex, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        """Bring a cell out from below the names, which are in sight anyhow."""
        bar, covered = self.horizontalScrollBar(), self.names.room
        before = bar.value()
        super().scrollTo(index, hint)
        if covered and index.column() == 0:
            bar.setValue(before)
        elif covered:
            bar.setValue(bar.value() + min(0, self.visualRect(index).left() - covered))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The names are as high as the table."""
        super().resizeEvent(event)
        self.names.place()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The current cell is marked."""
        super().focusInEvent(event)
        self.names.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """It no longer is."""
        super().focusOutEvent(event)
        self.names.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter shows the file, Delete takes it out, Ctrl+R asks again."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.place_wanted.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.removal_wanted.emit()
        elif event.key() == Qt.Key.Key_R and event.modifiers() == Qt.KeyboardModifier.ControlModifier:
            self.again_wanted.emit()
        else:
            super().keyPressEvent(event)
            return
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """At the pointer, or at the current cell for the key."""
        at = event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            at = self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).center())
        self.menu_wanted.emit(at)

    def _ids(self, index: _AnyIndex) -> tuple[str, str]:
        table = self._tables.table
        if table is None or not index.isValid():
            return "", ""
        column = index.column()
        return table.files[index.row()].id, table.questions[column - 1].id if column else ""

    def _set_widths(self) -> None:
        letter, self._shown_ems = self.fontMetrics().averageCharWidth(), self._ems()
        for column, ems in enumerate(self._shown_ems):
            self.setColumnWidth(column, letter * ems)

    def _ems(self) -> list[int]:
        table = self._tables.table
        kinds = [question.kind for question in table.questions] if table is not None else []
        return [_FILE_EMS, *(_WORDS_EMS if kind == "words" else _EMS for kind in kinds)]
