"""The left side: New chat, and all chats by day, to choose, rename and delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import TypeAlias

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
from app.chats.messages import Conversation, times_of_use, with_changed
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.plain import one_line, set_tip, shown, tip
from app.ui.widgets.theme import ThemeManager

ID_ROLE = Qt.ItemDataRole.UserRole
_HEADINGS = {f"\n{group}": group for group in ("Today", "Yesterday", "Earlier")}  # by what no id is
_Rows: TypeAlias = dict[str, Conversation | None]  # in the order shown: headings, and chats by their ids


def day_group(milliseconds: int, today: date) -> str:
    """ "Today", "Yesterday" or "Earlier"."""
    age = (today - datetime.fromtimestamp(milliseconds / 1000).date()).days
    return "Today" if age <= 0 else "Yesterday" if age == 1 else "Earlier"


def _rows(conversations: Sequence[Conversation], today: date) -> _Rows:
    rows: _Rows = {}
    group = ""
    for conversation, used_at in zip(conversations, times_of_use(conversations, now_ms()), strict=True):
        here = day_group(used_at, today)
        if here != group:
            group = here
            rows[f"\n{here}"] = None
        rows[conversation.id] = conversation
    return rows


def _is_ordinary(title: str) -> bool:
    """Whether it is written in letters that every font has, so that it is as high as others."""
    return title.isascii() and bool(title.strip())


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many they have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (this, that) in pairs if this != that), min(len(one), len(other)))


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
        self._keys: list[str] = []  # of the rows
        self._items: dict[str, QListWidgetItem] = {}
        self._row_height = 0  # of a chat whose title is ordinary letters; 0 while it is not known
        self.currentItemChanged.connect(self.on_current_item_changed)
        self.itemChanged.connect(self.on_item_changed)

    def fill(self, conversations: Sequence[Conversation], current: str | None, today: date) -> None:
        """Show these chats; what is in view stays where it is."""
        with self._staying(current):
            self.clear()
            self.ensurePolished()  # rows are measured
            self._keys, self._items, self._row_height = [], {}, 0
            self._bring(_rows(conversations, today))

    def change(
        self, conversations: Sequence[Conversation], changed: Conversation, current: str | None, today: date
    ) -> None:
        """Show these chats, of which one changed, came or went since the last time: only its row is made anew."""
        rows = _rows(conversations, today)
        with self._staying(current):
            if list(rows) == self._keys:
                if changed.id in self._items:
                    self._dress(self._items[changed.id], changed)
                    self._measure(self._items[changed.id])
                return
            self._take_out(changed.id)
            self._bring(rows)

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
        return [key for key in self._keys if key not in _HEADINGS]

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

    @contextmanager
    def _staying(self, current: str | None) -> Iterator[None]:
        """What is in view stays where it is while rows change; then a chat is marked."""
        place, before = self.verticalScrollBar().value(), self.current_id
        self._filling = True
        try:
            yield
        finally:
            self._filling = False
        self.doItemsLayout()
        self.verticalScrollBar().setValue(place)
        self.select(current)
        if current == before:
            self.verticalScrollBar().setValue(place)

    def _take_out(self, conversation_id: str) -> None:
        """Take a chat away, and the heading above it if no other chat stands there."""
        if conversation_id not in self._items:
            return
        at = self._keys.index(conversation_id)
        self._remove(at)
        if self._keys[at - 1] in _HEADINGS and (at == len(self._keys) or self._keys[at] in _HEADINGS):
            self._remove(at - 1)

    def _bring(self, rows: _Rows) -> None:
        """Make the rows what they shall be; where they begin and end alike they stay."""
        wanted = list(rows)
        first = _alike(self._keys, wanted)
        last = _alike(self._keys[first:][::-1], wanted[first:][::-1])
        for at in reversed(range(first, len(self._keys) - last)):
            self._remove(at)
        for at in range(first, len(wanted) - last):
            self._insert(at, wanted[at], rows[wanted[at]])

    def _remove(self, at: int) -> None:
        self._items.pop(self._keys.pop(at), None)
        self.takeItem(at)

    def _insert(self, at: int, key: str, chat: Conversation | None) -> None:
        item = QListWidgetItem()
        if chat is not None:
            item.setData(ID_ROLE, key)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            self._items[key] = item
            self._dress(item, chat)
        else:
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            font = self.font()
            font.setPointSizeF(font.pointSizeF() * 0.88)
            font.setBold(True)
            item.setFont(font)
            item.setText(_HEADINGS[key])
        self._keys.insert(at, key)
        self.insertItem(at, item)
        self._measure(item)

    def _dress(self, item: QListWidgetItem, chat: Conversation) -> None:
        """Give a row its texts; ordinary letters are as high in every chat's row."""
        title = one_line(chat.title)
        item.setText(title)
        item.setToolTip(tip(chat.title))
        known = self._row_height and _is_ordinary(title)
        item.setSizeHint(QSize(0, self._row_height) if known else QSize())

    def _measure(self, item: QListWidgetItem) -> None:
        """Give a row its height, once: Qt would measure all rows anew whenever one comes or goes."""
        if item.sizeHint().isValid():
            return
        height = self.sizeHintForIndex(self.indexFromItem(item)).height()
        item.setSizeHint(QSize(0, height))
        if item.data(ID_ROLE) and _is_ordinary(item.text()):
            self._row_height = height

    def _item_of(self, conversation_id: str) -> QListWidgetItem | None:
        return self._items.get(conversation_id)

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

    def show_changed(self, conversation: Conversation, current: str | None) -> None:
        """Show that one of the chats changed, was used, is new, came back, or was deleted."""
        self._conversations = with_changed(self._conversations, conversation)
        self.list.change(self._conversations, conversation, current, date.today())

    def on_theme_changed(self) -> None:
        """New colours and sizes."""
        theme = self._themes.theme
        edge = round(theme.ui_points * 1.7)
        self.new_chat.setIcon(themed_icon("new-chat", theme.color("accent"), edge))
        self.new_chat.setIconSize(QSize(edge, edge))
        self.list.fill(self._conversations, self.list.current_id, date.today())
