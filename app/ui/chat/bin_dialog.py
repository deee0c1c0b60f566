"""The bin: chats that were deleted and are not removed yet, to be brought back or removed for good."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QAbstractItemView, QDialogButtonBox, QListWidget, QListWidgetItem, QWidget

from app.chats.messages import Conversation
from app.ui.chat import words
from app.ui.widgets import words as common_words
from app.ui.widgets.font_search import showable
from app.ui.widgets.plain import one_line
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

_ID_ROLE = Qt.ItemDataRole.UserRole


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
        self.list = QListWidget()
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
        self.list.itemSelectionChanged.connect(self.on_selection_changed)
        self._unnamed: dict[int, Conversation] = {}
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.on_letters_due)
        self.show_chats(chats)
        self.list.setFocus()

    def show_chats(self, chats: tuple[Conversation, ...]) -> None:
        """What is in the bin now."""
        self.list.clear()
        for chat in chats:
            item = QListWidgetItem(self.list)
            item.setData(_ID_ROLE, chat.id)
        self._unnamed = dict(enumerate(chats))
        self.on_letters_due()
        self.list.setCurrentRow(0)
        self.on_selection_changed()

    def on_letters_due(self) -> None:
        """Name the rows; letters for which there is no time now come in the next turn."""
        for row, chat in list(self._unnamed.items()):
            title, more = showable(one_line(chat.title), self.list.font())
            deleted = datetime.fromtimestamp((chat.deleted_at or 0) / 1000)
            self.list.item(row).setText(words.in_bin(title, deleted.strftime("%Y-%m-%d")))
            if not more:
                del self._unnamed[row]
        if self._unnamed:
            self._later.start(0)

    def on_selection_changed(self) -> None:
        """Something to do?"""
        for button in (self.back, self.remove):
            button.setEnabled(bool(self.list.selectedItems()))

    def on_back_clicked(self) -> None:
        """Into the list again."""
        self.brought_back.emit(self._chosen())

    def on_remove_clicked(self) -> None:
        """Away."""
        self.removed.emit(self._chosen())

    def _chosen(self) -> list[str]:
        return [item.data(_ID_ROLE) for item in self.list.selectedItems()]
