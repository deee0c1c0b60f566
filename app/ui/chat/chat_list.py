"""The left side: New chat, and all chats by day, to choose, rename and delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import islice

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QKeyEvent,
    QPalette,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFrame,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.chats.messages import Conversation, with_changed
from app.chats.order import Folder
from app.chats.search.index import SearchHit
from app.ui.chat import words
from app.ui.chat.list_rows import ARCHIVED, PINNED, ListHeading, Rows, is_heading, rows_of
from app.ui.chat.renaming import TITLE_ROLE, RenameDelegate
from app.ui.chat.search_results import SearchLine, SearchResults
from app.ui.chat.turns import TURN_UNITS, turns
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.plain import PlainLabel, one_line, set_tip, tip
from app.ui.widgets.theme import ThemeManager

ID_ROLE = Qt.ItemDataRole.UserRole
MOST_SHOWN = 120  # characters of a title in a row: the list is never wider
_AT_ONCE, _ROWS_A_TURN = 1_000, 400
_CHAT_FLAGS = QListWidgetItem().flags() | Qt.ItemFlag.ItemIsEditable
_HOLDING = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier  # a click chooses several


def _is_ordinary(title: str) -> bool:
    """Whether it is written in letters that every font has, so that it is as high as others."""
    return title.isascii() and bool(title.strip())


def _letters_in(title: str) -> frozenset[int]:
    """Where its letters beyond ASCII stand in Unicode, in pieces of 64: titles of the same ones are as high."""
    return frozenset(ord(letter) >> 6 for letter in title if letter > "\x7f")


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many they have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (this, that) in pairs if this != that), min(len(one), len(other)))


class ConversationList(QListWidget):
    """The rows.

    Signals:
        chosen: Id of a chat.
        renamed: Id and new title.
        deletion_requested: Id.
        several_deleted: Ids.
        menu_wanted: A menu to be filled, and the ids of the chats that it is about.
        folder_menu_wanted: A menu to be filled, and the id of a folder, or "".
        dropped: Ids of chats, and where they were dropped: "folder" and an id, "pinned", "archived" or "".
        folder_dropped: Id of a folder, and of the one that it was dropped on, or "".
        typed: Letters, which are none of the list's: they are the beginning of a message.
    """

    chosen = Signal(str)
    renamed = Signal(str, str)
    deletion_requested = Signal(str)
    several_deleted = Signal(list)
    typed = Signal(str)
    menu_wanted = Signal(QMenu, list)
    folder_menu_wanted = Signal(QMenu, str)
    dropped = Signal(list, str)
    folder_dropped = Signal(str, str)

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
        self.setItemDelegate(RenameDelegate(self, self.note_unfinished))
        self._filling = False
        self._keys: list[str] = []  # of the rows
        self._headings: dict[str, ListHeading] = {}
        self._conversations: tuple[Conversation, ...] = ()
        self._folders: tuple[Folder, ...] = ()
        self._closed: set[str] = set()  # see `rows_of`
        self._items: dict[str, QListWidgetItem] = {}
        self._heights: dict[frozenset[int], int] = {}  # of chats by the letters of their titles
        self._row_height = 0  # of a chat whose title is ordinary letters; 0 while it is not known
        self._unfinished: dict[int, QPersistentModelIndex] = {}
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.on_letters_due)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragEnabled(True)
        self.setAcceptDrops(True)
        self.setDropIndicatorShown(False)
        self.setDefaultDropAction(Qt.DropAction.CopyAction)
        self.itemClicked.connect(self.on_item_clicked)
        self.currentItemChanged.connect(self.on_current_item_changed)
        self.itemChanged.connect(self.on_item_changed)

    def fill(self, conversations: Sequence[Conversation], current: str | None, today: date) -> None:
        """Show these chats; what is in view stays where it is. Of very many those far below come in later turns."""
        at_top = self.verticalScrollBar().value() == 0
        with self._staying(current):
            self.clear()
            self.ensurePolished()  # rows are measured
            self._keys, self._items, self._headings, self._row_height = [], {}, {}, 0
            self._conversations = tuple(conversations)
            rows = self._wanted(today)
            first = dict(islice(rows.items(), _AT_ONCE)) if at_top else rows
            self._bring(first if current is None or current in first else rows)
        self._bring_others(rows)

    def _bring_others(self, rows: Rows) -> None:
        """What is far below, some in each turn."""

        def go_on() -> float:
            end = len(self._keys) + _ROWS_A_TURN
            self._filling = True
            self._bring(dict(islice(rows.items(), end)))
            self._filling = False
            return TURN_UNITS if end < len(rows) else 0.0

        if len(self._keys) < len(rows):
            turns().add(self, go_on, "rows")
        else:
            turns().end(self, "rows")

    def change(
        self, conversations: Sequence[Conversation], changed: Conversation, current: str | None, today: date
    ) -> None:
        """Show these chats, of which one changed, came or went since the last time: only its row is made anew."""
        self._conversations = tuple(conversations)
        rows = self._wanted(today)
        turns().end(self, "rows")
        with self._staying(current):
            if list(rows) == self._keys and all(rows[key] == known for key, known in self._headings.items()):
                if changed.id in self._items:
                    self._dress(self._items[changed.id], changed)
                    self._measure(self._items[changed.id])
                return
            self._take_out(changed.id)
            for key in [key for key, known in self._headings.items() if rows.get(key) != known]:
                self._remove(self._keys.index(key))
            self._bring(rows)

    def look_anew(self, sizes: bool) -> None:
        """Other colours and, with `sizes`, letters of another size; what is in view stays."""
        model, top = self.model(), self.itemAt(QPoint(0, 0))
        self.ensurePolished()
        self._filling = True
        blocked = model.blockSignals(True)  # else the view looks at each row that changes
        try:
            for at, key in enumerate(self._keys):
                if key in self._headings:
                    self._dress_heading(self.item(at))
            if sizes:
                self._measure_all()
        finally:
            model.blockSignals(blocked)
            self._filling = False
        if not sizes:
            self.viewport().update()
            return
        self.doItemsLayout()
        if top is not None:
            self.scrollToItem(top, QAbstractItemView.ScrollHint.PositionAtTop)

    def _measure_all(self) -> None:
        self._row_height = 0
        self._heights.clear()
        for at, key in enumerate(self._keys):
            item = self.item(at)
            known = self._row_height and key not in self._headings and _is_ordinary(item.text())
            item.setSizeHint(QSize(0, self._row_height) if known else QSize())
            self._measure(item)

    def _dress_heading(self, item: QListWidgetItem) -> None:
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 0.88)
        font.setBold(True)
        item.setFont(font)
        item.setForeground(self.palette().color(QPalette.ColorRole.PlaceholderText))

    def select(self, conversation_id: str | None) -> None:
        """Mark a chat without asking for it."""
        self._filling = True
        item = self._item_of(conversation_id) if conversation_id else None
        if item is None:
            self.setCurrentRow(-1)
            self.clearSelection()
        elif self.currentItem() is not item or not item.isSelected():
            self.setCurrentItem(item)
        self._filling = False

    def ids(self) -> list[str]:
        """Chats in the order shown."""
        return [key for key in self._keys if not is_heading(key)]

    def conversations(self) -> tuple[Conversation, ...]:
        """All chats, also those that no row is shown of."""
        return self._conversations

    def set_folders(self, folders: tuple[Folder, ...]) -> None:
        """The folders; they are shown with the next `fill`."""
        self._folders = folders

    def selected_ids(self) -> list[str]:
        """The chats that are selected, in the order shown; else the one that is marked."""
        chosen = {item.data(ID_ROLE) for item in self.selectedItems()}
        found = [key for key in self.ids() if key in chosen]
        return found or ([self.current_id] if self.current_id else [])

    def toggle(self, key: str) -> None:
        """Hide what is below a heading, or show it."""
        self._closed ^= {key}
        self.fill(self._conversations, self.current_id, date.today())

    def _wanted(self, today: date) -> Rows:
        return rows_of(self._conversations, self._folders, self._closed, today)

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
        """Ask for the marked chat, or all that are selected, to be deleted."""
        chosen = self.selected_ids()
        if len(chosen) > 1:
            self.several_deleted.emit(chosen)
        elif chosen:
            self.deletion_requested.emit(chosen[0])

    # -- slots ------------------------------------------------------------------------------------------------------

    def on_current_item_changed(self, item: QListWidgetItem | None) -> None:
        """The user chose a chat."""
        holding = QApplication.keyboardModifiers() & _HOLDING
        if not self._filling and item is not None and item.data(ID_ROLE) and not holding:
            self.chosen.emit(item.data(ID_ROLE))

    def on_item_clicked(self, item: QListWidgetItem) -> None:
        """A heading opens or closes."""
        key = self._keys[self.row(item)]
        if key in self._headings and self._headings[key].closes:
            self.toggle(key)

    def on_item_changed(self, item: QListWidgetItem) -> None:
        """The user renamed a chat."""
        if not self._filling and item.data(ID_ROLE):
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
        self._remove(self._keys.index(conversation_id))

    def _bring(self, rows: Rows) -> None:
        """Make the rows what they shall be; where they begin and end alike they stay."""
        wanted = list(rows)
        first = _alike(self._keys, wanted)
        last = _alike(self._keys[first:][::-1], wanted[first:][::-1])
        for at in reversed(range(first, len(self._keys) - last)):
            self._remove(at)
        for at in range(first, len(wanted) - last):
            self._insert(at, wanted[at], rows[wanted[at]])

    def _remove(self, at: int) -> None:
        key = self._keys.pop(at)
        self._items.pop(key, None)
        self._headings.pop(key, None)
        self.takeItem(at)

    def _insert(self, at: int, key: str, chat: Conversation | ListHeading) -> None:
        item = QListWidgetItem()
        if isinstance(chat, Conversation):
            item.setData(ID_ROLE, key)
            item.setFlags(_CHAT_FLAGS)
            self._items[key] = item
            self._dress(item, chat)
        else:
            self._headings[key] = chat
            opens = Qt.ItemFlag.ItemIsEnabled | (Qt.ItemFlag.ItemIsDragEnabled if chat.folder else Qt.ItemFlag(0))
            item.setFlags(opens if chat.closes else Qt.ItemFlag.NoItemFlags)
            mark = "" if not chat.closes else "\u25b8 " if chat.closed else "\u25be "
            item.setText(f"{'    ' * chat.depth}{mark}{one_line(chat.text)}")
            self._dress_heading(item)
        self._keys.insert(at, key)
        self.insertItem(at, item)
        self._measure(item)

    def _dress(self, item: QListWidgetItem, chat: Conversation) -> None:
        """Give a row its texts; ordinary letters are as high in every chat's row."""
        title = one_line(chat.title, MOST_SHOWN)
        item.setText(title)
        item.setData(TITLE_ROLE, chat.title)
        item.setToolTip(tip(" ".join([chat.title, *(f"#{name}" for name in chat.tags)])))
        known = self._row_height and _is_ordinary(title)
        item.setSizeHint(QSize(0, self._row_height) if known else QSize())

    def _measure(self, item: QListWidgetItem) -> None:
        """Give a row its height, once: Qt would measure all rows anew whenever one comes or goes."""
        if item.sizeHint().isValid():
            return
        letters = _letters_in(item.text()) if item.data(ID_ROLE) else frozenset[int]()
        height = self._heights.get(letters) or self.sizeHintForIndex(self.indexFromItem(item)).height()
        if letters:
            self._heights[letters] = height
        item.setSizeHint(QSize(0, height))
        if item.data(ID_ROLE) and _is_ordinary(item.text()):
            self._row_height = height

    def note_unfinished(self, index: QModelIndex | QPersistentModelIndex) -> None:
        """Letters of a row are still to be looked for."""
        self._unfinished[index.row()] = QPersistentModelIndex(index)
        self._later.start(0)

    def on_letters_due(self) -> None:
        """Measure and paint such rows again."""
        rows, self._unfinished = self._unfinished, {}
        self._filling = True  # nobody renames a chat by this
        for row in rows.values():
            item = self.itemFromIndex(row) if row.isValid() else None
            if item is not None:
                self._heights.pop(_letters_in(item.text()), None)
                item.setSizeHint(QSize())
                self._measure(item)
        self._filling = False
        self.viewport().update()

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
        """What can be done with a chat, with several, with a folder, or with the list."""
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        item = self.itemAt(event.pos()) if by_mouse else self.currentItem()
        if item is None or not item.data(ID_ROLE):
            key = self._keys[self.row(item)] if item is not None else ""
            menu = self._menu(words.FOLDER_MENU)
            self.folder_menu_wanted.emit(menu, self._headings[key].folder if key in self._headings else "")
        else:
            if not item.isSelected():
                self.setCurrentItem(item)
            menu = self.make_menu()
        menu.popup(event.globalPos() if by_mouse or item is None else self._below(item))

    def _below(self, item: QListWidgetItem) -> QPoint:
        return self.viewport().mapToGlobal(self.visualItemRect(item).bottomLeft())

    def make_menu(self) -> QMenu:
        """The menu of the rows that are selected."""
        menu = self._menu(words.CHAT_MENU)
        chosen = self.selected_ids()
        if len(chosen) <= 1:
            menu.addAction("Rename\tF2").triggered.connect(self.rename_current)
        self.menu_wanted.emit(menu, chosen)
        menu.addSeparator()
        menu.addAction("Delete\tDel").triggered.connect(self.delete_current)
        return menu

    def _menu(self, name: str) -> QMenu:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setAccessibleName(name)
        return menu

    # -- dragging ---------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Rows of this list alone."""
        event.setAccepted(event.source() is self)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Anywhere on it."""
        event.setAccepted(event.source() is self)

    def dropEvent(self, event: QDropEvent) -> None:
        """Chats go into the folder that they are dropped on, or out of theirs; folders, too."""
        if event.source() is not self:
            return
        event.accept()
        place = self._place_at(event.position().toPoint())
        dragged = self.currentItem()
        heading = self._headings.get(self._keys[self.row(dragged)]) if dragged is not None else None
        chats = [key for item in self.selectedItems() if (key := item.data(ID_ROLE))]
        if chats:
            self.dropped.emit(chats, place)
        elif heading is not None and heading.folder:
            self.folder_dropped.emit(heading.folder, place.partition(" ")[2])

    def _place_at(self, point: QPoint) -> str:
        """The part of the list that a point is in; see `dropped`."""
        item = self.itemAt(point)
        at = self.row(item) if item is not None else len(self._keys) - 1
        while at >= 0 and self._keys[at] not in self._headings:
            at -= 1
        key = self._keys[at] if at >= 0 else ""
        heading = self._headings.get(key)
        if heading is not None and heading.folder:
            return f"folder {heading.folder}"
        return {PINNED: "pinned", ARCHIVED: "archived"}.get(key, "")


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
        self._points = themes.theme.ui_points
        self.new_chat = QPushButton("New chat")
        self.new_chat.setObjectName("new_chat")
        self.new_chat.setAccessibleName("New chat")
        set_tip(self.new_chat, "New chat (Ctrl+N)")
        self.new_chat.setCursor(Qt.CursorShape.PointingHandCursor)
        self.search = SearchLine()
        self.list = ConversationList()
        self.results = SearchResults()
        self.found_line = PlainLabel(role="faint", wrap=True)
        self.found_line.hide()
        self.results.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 12, 10, 8)
        column.setSpacing(8)
        column.addWidget(self.new_chat)
        column.addWidget(self.search)
        column.addWidget(self.found_line)
        column.addWidget(self.list, 1)
        column.addWidget(self.results, 1)
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

    def show_results(self, hits: tuple[SearchHit, ...] | None, line: str = "") -> None:
        """Show what a search found in the place of the list; None shows the list again."""
        self.list.setVisible(hits is None)
        self.results.setVisible(hits is not None)
        self.results.show_hits(hits or ())
        self.found_line.setText(line)
        self.found_line.setVisible(bool(line))

    def on_theme_changed(self) -> None:
        """New colours and sizes."""
        theme = self._themes.theme
        edge = round(theme.ui_points * 1.7)
        self.new_chat.setIcon(themed_icon("new-chat", theme.color("accent"), edge))
        self.new_chat.setIconSize(QSize(edge, edge))
        self.results.set_muted(theme.color("muted"))
        self.list.look_anew(sizes=theme.ui_points != self._points)
        self._points = theme.ui_points
