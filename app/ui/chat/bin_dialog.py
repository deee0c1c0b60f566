"""The bin: chats that were deleted and are not removed yet, to be brought back or removed for good.

It may hold tens of thousands: a row costs something when it is seen.
"""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialogButtonBox,
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.chats.messages import Conversation
from app.ui.chat import words
from app.ui.widgets import words as common_words
from app.ui.widgets.font_search import showable
from app.ui.widgets.plain import one_line
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

Index = QModelIndex | QPersistentModelIndex
_TALL = 1.25  # of the interface's own line: letters of other fonts are higher


class _Rows(QAbstractListModel):
    """Titles of chats, and when each was deleted."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.chats: tuple[Conversation, ...] = ()

    def show_chats(self, chats: tuple[Conversation, ...]) -> None:
        """Other ones."""
        self.beginResetModel()
        self.chats = chats
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (as Qt declares it)
        return 0 if parent.isValid() else len(self.chats)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role != Qt.ItemDataRole.DisplayRole or not index.isValid():
            return None
        chat = self.chats[index.row()]
        deleted = datetime.fromtimestamp((chat.deleted_at or 0) / 1000)
        return words.in_bin(one_line(chat.title), deleted.strftime("%Y-%m-%d"))


class _Names(QStyledItemDelegate):
    """Rows of one height; their letters as they are found."""

    def __init__(self, view: QListView) -> None:
        super().__init__(view)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(view.viewport().update)

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        """Letters for which there is no time now come in the next turn."""
        super().initStyleOption(option, index)
        if not option.text.isascii():
            option.text, more = showable(option.text, option.font)
            if more:
                self._later.start(0)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """As wide as the list."""
        height = super().sizeHint(option, index).height()
        return QSize(0, height + round((_TALL - 1) * option.fontMetrics.height()))


class BinDialog(Sheet):
    """Lists the chats, the one deleted last first.

    Signals:
        brought_back: Ids.
        removed: Ids of chats that shall be removed for good.
    """

    brought_back = Signal(list)
    removed = Signal(list)
    scrolls = False

    def __init__(self, chats: tuple[Conversation, ...], theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.BIN_TITLE, words.BIN_TITLE, theme, parent)
        self.add_text(words.BIN_DETAIL, "muted")
        self.list = QListView()
        self._rows = _Rows(self.list)
        self.list.setModel(self._rows)
        self.list.setItemDelegate(_Names(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setObjectName("chat_list")
        self.list.setAccessibleName(words.BIN_TITLE)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setMinimumHeight(round(theme.ui_points * 16))
        self.column.addWidget(self.list, 1)
        self.back = self.add_button(words.BRING_BACK, QDialogButtonBox.ButtonRole.ActionRole, primary=True)
        self.remove = self.add_button(words.REMOVE_FOR_GOOD, QDialogButtonBox.ButtonRole.DestructiveRole)
        self.add_reject(common_words.CLOSE)
        self.back.clicked.connect(self.on_back_clicked)
        self.remove.clicked.connect(self.on_remove_clicked)
        self.list.selectionModel().selectionChanged.connect(self.on_selection_changed)
        self.show_chats(chats)
        self.list.setFocus()

    def show_chats(self, chats: tuple[Conversation, ...]) -> None:
        """What is in the bin now."""
        self._rows.show_chats(chats)
        self.list.setCurrentIndex(self._rows.index(0))
        self.on_selection_changed()

    def on_selection_changed(self, *_: object) -> None:
        """Something to do?"""
        for button in (self.back, self.remove):
            button.setEnabled(self.list.selectionModel().hasSelection())

    def on_back_clicked(self) -> None:
        """Into the list again."""
        self.brought_back.emit(self._chosen())

    def on_remove_clicked(self) -> None:
        """Away."""
        self.removed.emit(self._chosen())

    def _chosen(self) -> list[str]:
        return [self._rows.chats[index.row()].id for index in self.list.selectionModel().selectedRows()]
