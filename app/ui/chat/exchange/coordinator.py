"""What the window does about chats in and out: two dialogs, and where the files are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMenu

from app.base.errors import ErrorReport
from app.bridge.chat import ChatController
from app.bridge.exchange import Exchange
from app.chats.exporting import texts
from app.chats.exporting.writing import Exported, file_name
from app.chats.importing.importer import Imported
from app.chats.messages import Conversation
from app.ui.chat.chat_list import ConversationList
from app.ui.chat.exchange import words
from app.ui.chat.exchange.dialogs import ExportDialog, ImportDialog, ImportState
from app.ui.widgets.notices import Notices
from app.ui.widgets.save_dialog import SaveDialog
from app.ui.widgets.theme import ThemeManager


class ExchangeCoordinator(QObject):
    """Exports and imports, asked for in the menus."""

    def __init__(
        self,
        window: QMainWindow,
        actions: dict[str, QAction],
        rows: ConversationList,
        exchange: Exchange,
        controller: ChatController,
        themes: ThemeManager,
        notices: Notices,
    ) -> None:
        super().__init__(window)
        self._window, self._exchange, self._controller = window, exchange, controller
        self._actions, self._themes, self._notices = actions, themes, notices
        self._titles: dict[str, str] = {}
        self._place = Path.home()
        self._import: ImportDialog | None = None
        actions["export_chat"].triggered.connect(self.on_export_chat)
        actions["export_all"].triggered.connect(self.on_export_all)
        actions["import_chats"].triggered.connect(self.on_import)
        controller.conversations_changed.connect(self.on_conversations_changed)
        controller.conversation_changed.connect(self.on_conversation_changed)
        controller.chat_shown.connect(self.on_chat_shown)
        rows.menu_wanted.connect(self.on_menu_wanted)
        exchange.exported.connect(self.on_exported)
        exchange.imported.connect(self.on_imported)
        exchange.failed.connect(self.on_failed)
        self._show_possible()

    # -- export -----------------------------------------------------------------------------------------------------

    def on_export_chat(self) -> None:
        """The chat that is shown."""
        if self._controller.chat_id is not None:
            self.export_chats([self._controller.chat_id])

    def export_chats(self, chat_ids: Sequence[str]) -> None:
        """Ask how, and write some chats."""
        title = self._titles.get(chat_ids[0], "") if len(chat_ids) == 1 else ""
        self._ask(ExportDialog(title, chat_ids, self._themes.theme, self._window))

    def on_menu_wanted(self, menu: QMenu, chat_ids: Sequence[str]) -> None:
        """The menu of some rows of the list: they can be exported."""
        if chat_ids:
            menu.addAction(words.EXPORT_MENU).triggered.connect(partial(self._export_later, tuple(chat_ids)))

    def _export_later(self, chat_ids: tuple[str, ...], *_: object) -> None:
        self.export_chats(chat_ids)

    def on_export_all(self) -> None:
        """All that are not in the bin."""
        self._ask(ExportDialog("", None, self._themes.theme, self._window))

    def _ask(self, dialog: ExportDialog) -> None:
        dialog.accepted.connect(self.on_format_chosen)
        dialog.open()

    def on_format_chosen(self) -> None:
        """Ask where to, and write."""
        dialog = self.sender()
        assert isinstance(dialog, ExportDialog)
        kind, label = dialog.kind, words.FORMATS[dialog.kind][0]
        start = self._place / file_name(dialog.title or texts.ALL_CHATS, kind.suffix)
        out = SaveDialog.chosen(self._window, words.EXPORT, str(start), f"{label} (*{kind.suffix})")
        if out is None:
            return
        self._place = out.parent
        self._notices.show(words.EXPORTING)
        self._exchange.export(dialog.chat_ids, kind, out)

    def on_exported(self, done: Exported) -> None:
        """It is written."""
        self._notices.withdraw(words.EXPORTING)
        self._notices.show(texts.exported(done.chats, done.path))

    # -- import -----------------------------------------------------------------------------------------------------

    def on_import(self) -> None:
        """Open the dialog, or bring it to the front."""
        if self._import is None:
            self._import = ImportDialog(self._themes.theme, self._window)
            self._import.file_wanted.connect(self.on_file_wanted)
            self._import.folder_wanted.connect(self.on_folder_wanted)
            self._import.take_wanted.connect(self.on_take_wanted)
            self._import.finished.connect(self.on_import_closed)
            self._exchange.read.connect(self._import.on_read)
            self._exchange.counted.connect(self._import.on_counted)
        self._import.show()
        self._import.raise_()
        self._import.activateWindow()

    def on_file_wanted(self) -> None:
        """A zip or a JSON file."""
        name, _ = QFileDialog.getOpenFileName(self._import, words.CHOOSE_FILE, str(self._place), words.FILES)
        self._begin(name)

    def on_folder_wanted(self) -> None:
        """A folder of LM Studio or Jan, or an unpacked export."""
        self._begin(QFileDialog.getExistingDirectory(self._import, words.CHOOSE_FOLDER, str(self._place)))

    def _begin(self, name: str) -> None:
        if name and self._import is not None:
            path = Path(name)
            self._place = path.parent
            self._import.begin(path)
            self._exchange.read_import(path)

    def on_take_wanted(self) -> None:
        """The user has seen what would be added."""
        if self._import is not None:
            self._import.begin_taking()
            self._exchange.take_import()

    def on_imported(self, done: Imported) -> None:
        """The list of chats is another one."""
        self._controller.look_again()
        self._controller.search.look_again()
        if self._controller.chat_id in done.grown and not self._controller.busy_here:
            self._controller.open_chat(self._controller.chat_id)  # what is asked next stands below what has come
        if self._import is not None:
            self._import.on_imported(done)

    def on_import_closed(self) -> None:
        """Whatever lies ready is not wanted any more."""
        dialog, self._import = self._import, None
        if dialog is not None and dialog.state not in (ImportState.CHOOSING, ImportState.FAILED):
            self._exchange.forget_import()

    def on_failed(self, report: ErrorReport) -> None:
        """An import says so in its dialog, an export above the message box."""
        self._notices.withdraw(words.EXPORTING)
        working = self._import is not None and self._import.state in (ImportState.READING, ImportState.TAKING)
        if self._import is not None and working and report.kind == "known":
            self._import.on_failed(report)
        else:
            self._notices.report(report)

    # -- what there is ----------------------------------------------------------------------------------------------

    def on_conversations_changed(self, conversations: tuple[Conversation, ...]) -> None:
        """Another list."""
        self._titles = {each.id: each.title for each in conversations}
        self._show_possible()

    def on_conversation_changed(self, conversation: Conversation) -> None:
        """A chat is new, has another title, or is gone."""
        self._titles.pop(conversation.id, None)
        if conversation.deleted_at is None:
            self._titles[conversation.id] = conversation.title
        self._show_possible()

    def on_chat_shown(self, conversation: object, _: object) -> None:
        """Another chat, or an empty one."""
        self._show_possible()

    def _show_possible(self) -> None:
        self._actions["export_chat"].setEnabled(self._controller.chat_id in self._titles)
        self._actions["export_all"].setEnabled(bool(self._titles))
