"""What the window does about the order of the list: menus, folders, tags, dragging, and the one Undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QCheckBox, QMenu, QWidget

from app.bridge.chat import ChatController
from app.chats.messages import Conversation
from app.ui.chat import words
from app.ui.chat.bin_dialog import BinDialog
from app.ui.chat.chat_list import ConversationList
from app.ui.chat.line_dialog import LineDialog
from app.ui.widgets.font_search import showable
from app.ui.widgets.plain import without_keys
from app.ui.widgets.question import Question
from app.ui.widgets.theme import ThemeManager

Undo = Callable[[str, tuple[Conversation, ...]], None]


class Arranging(QObject):
    """Brings what the user does to the store; each change of several chats can be taken back at once."""

    def __init__(
        self, rows: ConversationList, controller: ChatController, themes: ThemeManager, undoable: Undo, window: QWidget
    ) -> None:
        """Nothing is asked or changed yet.

        Args:
            rows: The list.
            controller: Of the chats.
            themes: For dialogs.
            undoable: Told of each change: what was done, and the chats as they were.
            window: Of the dialogs.
        """
        super().__init__(window)
        self._rows, self._controller, self._themes = rows, controller, themes
        self._undoable, self._window = undoable, window
        self._bin: BinDialog | None = None
        rows.menu_wanted.connect(self.on_menu_wanted)
        rows.folder_menu_wanted.connect(self.on_folder_menu_wanted)
        rows.dropped.connect(self.on_dropped)
        rows.folder_dropped.connect(self.on_folder_dropped)
        rows.several_deleted.connect(self.delete)

    # -- chats ------------------------------------------------------------------------------------------------------

    def on_menu_wanted(self, menu: QMenu, ids: list[str]) -> None:
        """Put what can be done with these chats into a menu."""
        chats = [chat for chat in self._rows.conversations() if chat.id in ids]
        if not chats:
            return
        order = self._controller.list.order
        pinned, archived = all(chat.pinned for chat in chats), all(chat.archived for chat in chats)
        add = menu.addAction(words.UNPIN if pinned else words.PIN)
        add.triggered.connect(partial(self._do, words.PIN_UNDO, partial(order.pin, ids, not pinned)))
        add = menu.addAction(words.UNARCHIVE if archived else words.ARCHIVE)
        done = words.unarchived(len(ids)) if archived else words.archived_now(len(ids))
        add.triggered.connect(partial(self._do, done, partial(order.archive, ids, not archived)))
        into = menu.addMenu(words.PUT_IN_FOLDER)
        into.setAccessibleName(words.PUT_IN_FOLDER)
        for folder in self._controller.list.folders():
            add = into.addAction(without_keys(showable(folder.name, menu.font())[0]))
            add.triggered.connect(partial(self.put_in, ids, folder.id))
        into.addSeparator()
        into.addAction(words.NEW_FOLDER).triggered.connect(partial(self._ask_folder, None, ids))
        out = into.addAction(words.NO_FOLDER)
        out.setEnabled(any(chat.folder_id for chat in chats))
        out.triggered.connect(partial(self.put_in, ids, None))
        menu.addAction(words.TAGS).triggered.connect(partial(self._ask_tags, chats))

    def on_dropped(self, ids: list[str], place: str) -> None:
        """Chats were dropped: on a folder ("folder id"), on "pinned", or anywhere else."""
        kind, _, folder = place.partition(" ")
        order = self._controller.list.order
        if kind == "pinned":
            self._do(words.PIN_UNDO, partial(order.pin, ids))
        elif kind == "archived":
            self._do(words.archived_now(len(ids)), partial(order.archive, ids))
        else:
            self.put_in(ids, folder or None)

    def put_in(self, ids: Sequence[str], folder: str | None, *_: object) -> None:
        """Put chats into a folder, or out of any."""
        self._do(words.moved(len(ids)), partial(self._controller.list.order.put_in, ids, folder))

    def delete(self, ids: Sequence[str]) -> None:
        """Put several chats into the bin."""
        self._controller.stop_if_in(ids)
        self._do(words.deleted_several(len(ids)), partial(self._controller.list.order.delete, ids))
        if self._controller.chat_id in ids:
            self._controller.open_chat(None)

    def open_bin(self, *_: object) -> BinDialog:
        """Show the bin."""
        dialog = self._bin = BinDialog(self._controller.list.bin(), self._themes.theme, self._window)
        dialog.brought_back.connect(self.on_brought_back)
        dialog.removed.connect(self.on_removal_wanted)
        dialog.open()
        return dialog

    def on_brought_back(self, ids: list[str]) -> None:
        """Out of the bin."""
        self._controller.list.arrange(partial(self._controller.list.order.undelete, ids))
        self._show_bin()
        self._controller.open_chat(ids[0])

    def on_removal_wanted(self, ids: list[str]) -> None:
        """Only after a question."""
        theme, agree = self._themes.theme, words.REMOVE_FOR_GOOD
        question = Question(words.BIN_TITLE, words.REMOVE_TITLE, words.REMOVE_DETAIL, agree, theme, self._bin)
        too = question.add_box(words.REMOVE_FROM_BACKUPS)
        question.accepted.connect(partial(self.on_removal_agreed, ids, too))
        question.open()

    def on_removal_agreed(self, ids: list[str], from_backups: QCheckBox) -> None:
        """From the backups, too, if that was chosen."""
        self.remove_for_good(ids)
        if from_backups.isChecked():
            self._controller.backups.purge(ids)

    def remove_for_good(self, ids: list[str]) -> None:
        """Out of the file, and out of the search index."""
        if self._controller.chat_id in ids:
            self._controller.open_chat(None)
        self._controller.list.remove_for_good(ids)
        self._controller.search.refresh()
        self._show_bin()

    def _show_bin(self) -> None:
        if self._bin is not None:
            self._bin.show_chats(self._controller.list.bin())

    def _do(self, done: str, change: Callable[[], tuple[Conversation, ...]], *_: object) -> None:
        before = self._controller.list.arrange(change)
        if before:
            self._undoable(done, before)

    def _ask_tags(self, chats: Sequence[Conversation], *_: object) -> None:
        known = ", ".join(dict.fromkeys(tag for chat in chats for tag in chat.tags))
        dialog = LineDialog(
            words.TAGS_TITLE, words.TAGS_DETAIL, known, words.TAGS_AGREE, self._themes.theme, self._window
        )
        dialog.named.connect(partial(self._tag, [chat.id for chat in chats]))
        dialog.open()

    def _tag(self, ids: Sequence[str], text: str) -> None:
        self._do(words.TAGGED, partial(self._controller.list.order.tag, ids, text.replace("#", " ").split(",")))

    # -- folders ----------------------------------------------------------------------------------------------------

    def on_folder_menu_wanted(self, menu: QMenu, folder: str) -> None:
        """Put what can be done with a folder into a menu; "" is the empty place of the list."""
        parent = folder or None
        menu.addAction(words.NEW_FOLDER_INSIDE if folder else words.NEW_FOLDER).triggered.connect(
            partial(self._ask_folder, parent, [])
        )
        if folder:
            menu.addAction(words.RENAME_FOLDER).triggered.connect(partial(self._ask_rename, folder))
            menu.addAction(words.REMOVE_FOLDER).triggered.connect(partial(self._controller.list.remove_folder, folder))

    def on_folder_dropped(self, folder: str, parent: str) -> None:
        """A folder was dropped on another one, or outside ("")."""
        self._controller.list.move_folder(folder, parent or None)

    def _ask_folder(self, parent: str | None, ids: Sequence[str], *_: object) -> None:
        dialog = LineDialog(
            words.FOLDER_TITLE, "", words.FOLDER_NAME, words.FOLDER_AGREE, self._themes.theme, self._window
        )
        dialog.named.connect(partial(self._add_folder, parent, ids))
        dialog.open()

    def _add_folder(self, parent: str | None, ids: Sequence[str], name: str) -> None:
        folder = self._controller.list.add_folder(name, parent)
        if folder is not None and ids:
            self.put_in(ids, folder.id)

    def _ask_rename(self, folder: str, *_: object) -> None:
        name = next((each.name for each in self._controller.list.folders() if each.id == folder), "")
        dialog = LineDialog(words.RENAME_FOLDER_TITLE, "", name, words.RENAME_AGREE, self._themes.theme, self._window)
        dialog.named.connect(partial(self._controller.list.rename_folder, folder))
        dialog.open()
