"""The left side: New chat, and all chats by day, to choose, rename and delete."""

from __future__ import annotations

from datetime import date, datetime

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.chats.ids import now_ms
from app.chats.messages import Conversation, times_of_use
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.plain import one_line, set_tip, shown, tip
from app.ui.widgets.theme import ThemeManager

ID_ROLE = Qt.ItemDataRole.UserRole


def day_group(milliseconds: int, today: date) -> str:
    """ "Today", "Yesterday" or "Earlier"."""
    age = (today - datetime.fromtimestamp(milliseconds / 1000).date()).days
    return "Today" if age <= 0 else "Yesterday" if age == 1 else "Earlier"


class _TitleEdit(QLineEdit):
    """A title without what would turn its letters around, whoever stored, typed or pasted that."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName("Title of the chat")
        self.setMaxLength(200)
        self.textChanged.connect(self.on_text_changed)

    def on_text_changed(self, text: str) -> None:
        """What is seen is what is stored."""
        plain = shown(text)
        if plain != text:
            place = len(shown(text[: self.cursorPosition()]))
            self.setText(plain)
            self.setCursorPosition(place)


class _RenameDelegate(QStyledItemDelegate):
    """A line edit that tells who is being renamed."""

    def __init__(self, view: QListWidget) -> None:
        super().__init__(view)
        self._view = view

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QWidget:
        """The editor in the row."""
        return _TitleEdit(parent)

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """The whole row: Qt would take the room of the text alone, too low for a border and its letters."""
        row: QRect = option.rect
        height = max(row.height(), editor.sizeHint().height())
        width = min(row.width(), self._view.viewport().width() - row.left())
        editor.setGeometry(row.left(), row.center().y() - height // 2, width, height)


class ConversationList(QListWidget):
    """The rows.

    Signals:
        chosen: Id of a chat.
        renamed: Id and new title.
        deletion_requested: Id.
        typed: Letters, which are none of the list's: they are the beginning of a message.
    """

    chosen = Signal(str)
    renamed = Signal(str, str)
    deletion_requested = Signal(str)
    typed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("chat_list")
        self.setAccessibleName("Chats")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setUniformItemSizes(False)
        self.setItemDelegate(_RenameDelegate(self))
        self._filling = False
        self.currentItemChanged.connect(self.on_current_item_changed)
        self.itemChanged.connect(self.on_item_changed)

    def fill(self, conversations: tuple[Conversation, ...], current: str | None, today: date) -> None:
        """Show these chats; what is in view stays where it is."""
        self._filling = True
        place, before = self.verticalScrollBar().value(), self.current_id
        self.clear()
        group = ""
        for conversation, used_at in zip(conversations, times_of_use(conversations, now_ms()), strict=True):
            here = day_group(used_at, today)
            if here != group:
                group = here
                self._add_heading(here)
            item = QListWidgetItem(one_line(conversation.title))
            item.setData(ID_ROLE, conversation.id)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            item.setToolTip(tip(conversation.title))
            self.addItem(item)
        self._filling = False
        self.doItemsLayout()
        self.verticalScrollBar().setValue(place)
        self.select(current)
        if current == before:
            self.verticalScrollBar().setValue(place)

    def select(self, conversation_id: str | None) -> None:
        """Mark a chat without asking for it."""
        self._filling = True
        item = self._item_of(conversation_id) if conversation_id else None
        if item is None:
            self.setCurrentRow(-1)
            self.clearSelection()
        else:
            self.setCurrentItem(item)
        self._filling = False

    def ids(self) -> list[str]:
        """Chats in the order shown."""
        items = (self.item(row) for row in range(self.count()))
        return [item.data(ID_ROLE) for item in items if item.data(ID_ROLE)]

    @property
    def current_id(self) -> str | None:
        """The marked chat."""
        item = self.currentItem()
        return item.data(ID_ROLE) if item is not None else None

    def rename_current(self) -> None:
        """Edit the marked chat's title in place."""
        if self.currentItem() is not None:
            self.editItem(self.currentItem())

    def delete_current(self) -> None:
        """Ask for the marked chat to be deleted."""
        if self.current_id:
            self.deletion_requested.emit(self.current_id)

    # -- slots ------------------------------------------------------------------------------------------------------

    def on_current_item_changed(self, item: QListWidgetItem | None) -> None:
        """The user chose a chat."""
        if not self._filling and item is not None and item.data(ID_ROLE):
            self.chosen.emit(item.data(ID_ROLE))

    def on_item_changed(self, item: QListWidgetItem) -> None:
        """The user renamed a chat."""
        if not self._filling:
            self.renamed.emit(item.data(ID_ROLE), item.text())

    # -- inside -----------------------------------------------------------------------------------------------------

    def _item_of(self, conversation_id: str) -> QListWidgetItem | None:
        for row in range(self.count()):
            if self.item(row).data(ID_ROLE) == conversation_id:
                return self.item(row)
        return None

    def _add_heading(self, text: str) -> None:
        item = QListWidgetItem(text)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 0.88)
        font.setBold(True)
        item.setFont(font)
        self.addItem(item)

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete deletes; the rest is Qt's."""
        if event.key() == Qt.Key.Key_Delete and not event.modifiers():
            self.delete_current()
            return
        super().keyPressEvent(event)

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        """Home goes to the first chat; Qt would go to the heading above it, which nobody can choose."""
        first = self._item_of(self.ids()[0]) if self.ids() else None
        if action == QAbstractItemView.CursorAction.MoveHome and first is not None:
            return self.indexFromItem(first)
        return super().moveCursor(action, modifiers)

    def keyboardSearch(self, search: str) -> None:
        """Qt would open the next chat that begins with these letters, by keys or by an input method."""
        self.typed.emit(search)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Qt would make the first row current, and so open a chat that nobody chose."""
        self._filling = True
        super().focusInEvent(event)
        self._filling = False

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Rename and Delete."""
        item = self.itemAt(event.pos()) if event.reason() == QContextMenuEvent.Reason.Mouse else self.currentItem()
        if item is None or not item.data(ID_ROLE):
            return
        self.setCurrentItem(item)
        place = event.globalPos() if event.reason() == QContextMenuEvent.Reason.Mouse else self._below(item)
        self.make_menu().popup(place)

    def _below(self, item: QListWidgetItem) -> QPoint:
        return self.viewport().mapToGlobal(self.visualItemRect(item).bottomLeft())

    def make_menu(self) -> QMenu:
        """The menu of a row."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setAccessibleName("Chat")
        menu.addAction("Rename\tF2").triggered.connect(self.rename_current)
        menu.addAction("Delete\tDel").triggered.connect(self.delete_current)
        return menu


class Sidebar(QWidget):
    """New chat above, the list below.

    Signals:
        new_chat_requested: The button was pressed.
        needed: The list must be seen: something in it is edited.
    """

    new_chat_requested = Signal()
    needed = Signal()

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self.setObjectName("sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Chat list")
        self._themes = themes
        self._conversations: tuple[Conversation, ...] = ()
        self.new_chat = QPushButton("New chat")
        self.new_chat.setObjectName("new_chat")
        self.new_chat.setAccessibleName("New chat")
        set_tip(self.new_chat, "New chat (Ctrl+N)")
        self.new_chat.setCursor(Qt.CursorShape.PointingHandCursor)
        self.list = ConversationList()
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 12, 10, 8)
        column.setSpacing(8)
        column.addWidget(self.new_chat)
        column.addWidget(self.list, 1)
        self.setMinimumWidth(180)
        self.new_chat.clicked.connect(self.new_chat_requested)
        themes.theme_changed.connect(self.on_theme_changed)
        self.on_theme_changed()

    def show_conversations(self, conversations: tuple[Conversation, ...], current: str | None) -> None:
        """Show these chats."""
        self._conversations = conversations
        self.list.fill(conversations, current, date.today())

    def on_theme_changed(self) -> None:
        """New colours and sizes."""
        theme = self._themes.theme
        edge = round(theme.ui_points * 1.7)
        self.new_chat.setIcon(themed_icon("new-chat", theme.color("accent"), edge))
        self.new_chat.setIconSize(QSize(edge, edge))
        self.list.fill(self._conversations, self.list.current_id, date.today())
