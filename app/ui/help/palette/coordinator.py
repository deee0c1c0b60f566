"""What the box of Ctrl+K knows of: chats, commands, settings, models; and what happens when one is chosen."""

from __future__ import annotations

from functools import partial
from itertools import islice

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.base.settings import DECLARATIONS, TABS
from app.bridge.chat import ChatController
from app.bridge.library import Library
from app.chats.messages import Conversation
from app.ui.actions import MENUS
from app.ui.chat.chat_list import Sidebar
from app.ui.help.palette import words
from app.ui.help.palette.matching import PaletteEntry, found
from app.ui.help.palette.palette import Palette
from app.ui.widgets.theme import ThemeManager

RECENT = 6  # chats that stand there before anything is typed


class PaletteCoordinator(QObject):
    """Opens the box and fills it.

    Signals:
        chat_wanted: Id of a chat.
        setting_wanted: Title of a setting.
        model_wanted: A `ModelStatus`.
        search_wanted: What shall be looked for in all messages.

    Attributes:
        box: The box.
    """

    chat_wanted = Signal(str)
    setting_wanted = Signal(str)
    model_wanted = Signal(object)
    search_wanted = Signal(str)

    def __init__(
        self,
        window: QWidget,
        actions: dict[str, QAction],
        sidebar: Sidebar,
        controller: ChatController,
        library: Library,
        themes: ThemeManager,
    ) -> None:
        super().__init__(window)
        self._actions, self._rows = actions, sidebar.list
        self._controller, self._library = controller, library
        self._entries: list[PaletteEntry] = []
        self._chats: tuple[Conversation, ...] = ()
        self.box = Palette(themes, window)
        actions["palette"].triggered.connect(self.on_wanted)
        self.box.typed.connect(self.show_found)
        self.box.chosen.connect(self.on_chosen)
        library.status_changed.connect(self.on_models_changed)

    def on_wanted(self) -> None:
        """Ctrl+K opens the box, and closes it again."""
        if not self.box.isHidden():
            self.box.close_box()
            return
        if self._library.status is None:
            self._library.look()
        self._entries = [*self._commands(), *self._models(), *self._settings()]
        self._chats = self._rows.conversations()
        self.box.open_box()

    def on_models_changed(self, *_: object) -> None:
        """A look has ended while the box is open."""
        if not self.box.isHidden():
            self._entries = [each for each in self._entries if each.kind != "model"] + self._models()
            self.show_found(self.box.line.text())

    def show_found(self, text: str) -> None:
        """What the box finds; before anything is typed, the newest chats and all commands."""
        if text.strip():
            wanted = text.strip()
            search = PaletteEntry("chat", words.search_for(wanted), partial(self.search_wanted.emit, wanted))
            best = found(self._entries, self._chats, text)
            self.box.show_entries([*(self._entry(each) for each in best), search])
        else:
            recent = islice((chat for chat in self._chats if not chat.archived), RECENT)
            commands = [each for each in self._entries if each.kind == "command"]
            self.box.show_entries([*map(self._entry, recent), *commands])

    def on_chosen(self, entry: PaletteEntry) -> None:
        """Go there."""
        entry.do()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _commands(self) -> list[PaletteEntry]:
        """Those of the menus that are possible now."""
        entries = []
        for menu, lines in MENUS.items():
            for line in lines:
                if line is None or line.name == "palette" or not self._actions[line.name].isEnabled():
                    continue
                keys = QKeySequence(line.keys[0] if line.keys else line.hint)
                shown = keys.toString(QKeySequence.SequenceFormat.NativeText)
                text = line.text.replace("&", "").removesuffix(" \u2026")
                entries.append(
                    PaletteEntry("command", text, self._actions[line.name].trigger, shown, menu.replace("&", ""))
                )
        return entries

    def _entry(self, each: PaletteEntry | Conversation) -> PaletteEntry:
        if isinstance(each, PaletteEntry):
            return each
        detail = words.ARCHIVED if each.archived else ""
        return PaletteEntry("chat", each.title, partial(self.chat_wanted.emit, each.id), detail)

    def _models(self) -> list[PaletteEntry]:
        """Those that could answer; while an answer is written, none can be changed to."""
        status, choice = self._library.status, self._controller.model.choice
        return [
            PaletteEntry(
                "model", words.use_model(model.title), partial(self.model_wanted.emit, model),
                words.ANSWERS_NOW if model.folder == choice.folder else "", model.repo,
            )
            for model in (status.models if status is not None else ())
            if model.usable and not self._controller.busy
        ]  # fmt: skip

    def _settings(self) -> list[PaletteEntry]:
        """Each of the dialog's."""
        return [
            PaletteEntry(
                "setting", each.title, partial(self.setting_wanted.emit, each.title), TABS[each.tab], each.description
            )
            for each in DECLARATIONS
            if each.in_dialog
        ]
