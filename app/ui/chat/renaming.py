"""A chat's row is renamed in place."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QRect, Qt
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.chats.messages import LONGEST_TITLE
from app.ui.widgets.font_search import showable
from app.ui.widgets.plain import shown

Index = QModelIndex | QPersistentModelIndex
TITLE_ROLE = Qt.ItemDataRole.UserRole + 1  # all of a title, of which a row shows the beginning


class TitleEdit(QLineEdit):
    """A title without what would turn its letters around, whoever stored, typed or pasted that."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName("Title of the chat")
        self.setMaxLength(LONGEST_TITLE)  # in code units; the store counts as a reader does
        self.textChanged.connect(self.on_text_changed)

    def on_text_changed(self, text: str) -> None:
        """What is seen is what is stored."""
        plain = shown(text, LONGEST_TITLE)
        if plain != text:
            place = len(shown(text[: self.cursorPosition()], LONGEST_TITLE))
            self.setText(plain)
            self.setCursorPosition(place)


class RenameDelegate(QStyledItemDelegate):
    """The rows of chats: titles as far as their letters are found, and a line edit that says what it changes.

    Args:
        view: The list.
        unfinished: Is told of rows whose letters are still to be looked for.
    """

    def __init__(self, view: QAbstractItemView, unfinished: Callable[[Index], None]) -> None:
        super().__init__(view)
        self._view, self._unfinished = view, unfinished
        self._begun_with = ""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        """A title in many scripts is shown as its letters are found."""
        super().initStyleOption(option, index)
        if not option.text.isascii():
            option.text, more = showable(option.text, option.font)
            if more:
                self._unfinished(index)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """The editor in the row."""
        return TitleEdit(parent)

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """All of the title."""
        editor.setProperty("text", index.data(TITLE_ROLE) or index.data(Qt.ItemDataRole.EditRole))
        self._begun_with = editor.property("text")

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        """What was not changed stays as it is."""
        if editor.property("text") != self._begun_with:
            super().setModelData(editor, model, index)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        """The whole row: Qt would take the room of the text alone, too low for a border and its letters."""
        row: QRect = option.rect
        height = max(row.height(), editor.sizeHint().height())
        width = min(row.width(), self._view.viewport().width() - row.left())
        editor.setGeometry(row.left(), row.center().y() - height // 2, width, height)
