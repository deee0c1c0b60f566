"""The files' names, which stay in sight beside the questions."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStyledItemDelegate, QTableView

from app.ui.chat.tables import words

_MOST_SHARE = 0.6  # of the room: where the names take more, they are scrolled with the rest


class FileNames(QTableView):
    """The first column of a table, over that table; what is done to it is done to the table."""

    def __init__(self, table: QTableView, painted_by: QStyledItemDelegate) -> None:
        super().__init__(table)
        self._table = table
        self.setObjectName("names")
        self.setAccessibleName(words.NAMES)
        self.setModel(table.model())
        self.setSelectionModel(table.selectionModel())
        self.setItemDelegate(painted_by)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys are the table's
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        for policy in (self.setVerticalScrollBarPolicy, self.setHorizontalScrollBarPolicy):
            policy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads = self.horizontalHeader()
        heads.sectionResized.connect(self.on_resized)
        table.horizontalHeader().sectionResized.connect(self.on_table_resized)
        table.horizontalHeader().geometriesChanged.connect(self.place)
        table.verticalScrollBar().valueChanged.connect(self.verticalScrollBar().setValue)
        self.verticalScrollBar().valueChanged.connect(table.verticalScrollBar().setValue)

    @property
    def room(self) -> int:
        """What they cover of the table, in pixels."""
        return 0 if self.isHidden() else self.width()

    def show_names(self, height: int) -> None:
        """Other files or columns; `height` of a line in pixels."""
        self.verticalHeader().setMinimumSectionSize(height)
        self.verticalHeader().setDefaultSectionSize(height)
        for column in range(1, self.model().columnCount()):
            self.setColumnHidden(column, True)
        self.place()

    def place(self) -> None:
        """Over the column whose place they take."""
        table = self._table
        width, height = table.columnWidth(0), table.horizontalHeader().height()
        frame, viewport = table.frameWidth(), table.viewport()
        self.setColumnWidth(0, width)
        self.horizontalHeader().setFixedHeight(height)
        self.setGeometry(frame, frame, width, viewport.height() + height)
        self.setVisible(self.model().columnCount() > 1 and width <= viewport.width() * _MOST_SHARE)
        self.verticalScrollBar().setValue(table.verticalScrollBar().value())

    def on_resized(self, column: int, before: int, width: int) -> None:
        """By the user, here."""
        if column == 0 and width:
            self._table.setColumnWidth(0, width)

    def on_table_resized(self, column: int, before: int, width: int) -> None:
        """Follow."""
        if column == 0:
            self.place()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The table's."""
        self._table.contextMenuEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Both directions are the table's."""
        self._table.wheelEvent(event)
