"""What the menus do: one short method for each entry of `app.ui.actions`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QMainWindow, QPlainTextEdit

from app.base.paths import AppPaths, starter_model_folder
from app.base.settings import Settings
from app.bridge.chat import ChatController
from app.bridge.preferences import Preferences
from app.chats.messages import Conversation
from app.library import texts
from app.library.answering import ModelChoice
from app.ui.help.dialogs import AboutDialog, ShortcutsDialog
from app.ui.settings.dialog import SettingsDialog
from app.ui.widgets.theme import ThemeManager

if TYPE_CHECKING:
    from app.ui.chat.chat_list import Sidebar
    from app.ui.chat.pane import ChatPane

    _Base = QMainWindow
else:
    _Base = object

TEXT_STEP = 10


def starter_choice(backend: str = "auto") -> ModelChoice:
    """The model that ships with the program."""
    return ModelChoice(starter_model_folder(), backend, texts.STARTER_MODEL_NAME, starter=True)


class MenuSlots(_Base):
    """The part of the window that the menus call."""

    _controller: ChatController
    _preferences: Preferences
    _themes: ThemeManager
    _paths: AppPaths
    _deleted: list[str]
    _conversations: tuple[Conversation, ...]
    sidebar: Sidebar
    pane: ChatPane
    actions_by_name: dict[str, QAction]

    # -- File -------------------------------------------------------------------------------------------------------

    def on_new_chat(self) -> None:
        """Show an empty chat; it is stored with its first message."""
        self._controller.open_chat(None)
        self.pane.composer.setFocus()

    def on_rename(self) -> None:
        """Edit the chat's title in the list."""
        self._preferences.set(show_chat_list=True)
        self.sidebar.list.setFocus()
        self.sidebar.list.rename_current()

    def on_delete(self) -> None:
        """Delete the chat that is marked in the list."""
        self.sidebar.list.delete_current()

    def on_settings(self) -> None:
        """The settings dialog."""
        SettingsDialog(self._preferences, self).open()

    def on_quit(self) -> None:
        """Close the window; that ends the program."""
        self.close()

    # -- Edit -------------------------------------------------------------------------------------------------------

    def on_undo(self) -> None:
        """Bring the chat back that was deleted last; else undo typing."""
        if self._deleted:
            self._controller.undelete(self._deleted.pop())
            self.pane.undo_bar.dismiss()
        elif isinstance(self.focusWidget(), QPlainTextEdit):
            self.pane.composer.box.undo()

    def on_copy_answer(self) -> None:
        """Copy the newest answer's source."""
        answer = self.pane.chat.last_answer
        if answer is not None and answer.source():
            answer.copy()

    def on_try_again(self) -> None:
        """Ask for another answer."""
        self._controller.try_again()

    def on_stop(self) -> None:
        """Stop the answer."""
        self._controller.stop()

    # -- View -------------------------------------------------------------------------------------------------------

    def on_chat_list(self) -> None:
        """Hide or show the chat list."""
        self._preferences.set(show_chat_list=not self._settings.show_chat_list)

    def on_sidebar_toggled(self) -> None:
        """The button in the header."""
        self.on_chat_list()

    def on_message_box(self) -> None:
        """Go to the message box."""
        self.pane.composer.setFocus()

    def on_next_chat(self) -> None:
        """The chat below."""
        self._step_chat(1)

    def on_previous_chat(self) -> None:
        """The chat above."""
        self._step_chat(-1)

    def on_larger(self) -> None:
        """Larger text."""
        self._preferences.set(text_scale=min(200, self._settings.text_scale + TEXT_STEP))

    def on_smaller(self) -> None:
        """Smaller text."""
        self._preferences.set(text_scale=max(100, self._settings.text_scale - TEXT_STEP))

    def on_normal(self) -> None:
        """Text at the system's size."""
        self._preferences.set(text_scale=100)

    def on_calm(self) -> None:
        """Switch calm mode."""
        self._preferences.set(drafts="full" if self._settings.drafts == "calm" else "calm")

    def on_reduce_motion(self) -> None:
        """Switch reduced motion."""
        self._preferences.set(reduce_motion=not self._settings.reduce_motion)

    # -- Model ------------------------------------------------------------------------------------------------------

    def open_model(self, folder: Path) -> None:
        """Load the model in `folder`; the one that is there stays if that fails."""
        self._controller.model.load(ModelChoice(folder, "auto", folder.name))

    def on_starter_model(self) -> None:
        """Back to the starter model."""
        if not self._controller.model.choice.starter:
            self._controller.model.load(starter_choice())
        self._refresh_actions()

    # -- Help -------------------------------------------------------------------------------------------------------

    def on_shortcuts(self) -> None:
        """All keys."""
        ShortcutsDialog(self).open()

    def on_data_folder(self) -> None:
        """Show where the chats lie."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._paths.base)))

    def on_about(self) -> None:
        """What this is."""
        AboutDialog(self._themes.theme, self).open()

    # -- inside -----------------------------------------------------------------------------------------------------

    @property
    def _settings(self) -> Settings:
        return self._preferences.settings

    def _step_chat(self, step: int) -> None:
        ids = self.sidebar.list.ids()
        if not ids:
            return
        current = self._controller.chat_id
        at = ids.index(current) + step if current in ids else (0 if step > 0 else len(ids) - 1)
        if 0 <= at < len(ids):
            self._controller.open_chat(ids[at])

    def _refresh_actions(self) -> None:
        """Enable what is possible now."""
        busy, known = self._controller.busy, self._controller.chat_id is not None
        answer = self.pane.chat.last_answer
        possible = {
            "rename": known,
            "delete": known,
            "try_again": known and not busy,
            "stop": busy,
            "copy_answer": answer is not None and bool(answer.source()),
            "next_chat": bool(self._conversations),
            "previous_chat": bool(self._conversations),
            "open_model": not busy,
            "starter_model": not busy,
        }
        for name, enabled in possible.items():
            self.actions_by_name[name].setEnabled(enabled)
        self.actions_by_name["starter_model"].setChecked(self._controller.model.choice.starter)
