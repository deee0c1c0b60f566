"""What can be done with any message of the chat: another version of it, or a new chat that goes on from it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QMenu

from app.bridge.chat import ChatController
from app.chats.messages import Message, MessageState
from app.chats.migrations import EDIT_SLOT
from app.ui.chat import words
from app.ui.chat.chat_view import ChatView
from app.ui.chat.edit_box import EditBox
from app.ui.widgets.notices import Notices
from app.ui.widgets.theme import ThemeManager


class Editing(QObject):
    """Edits messages in their places; what is typed is kept over a restart, as any unsent text is."""

    def __init__(
        self, view: ChatView, controller: ChatController, themes: ThemeManager, notices: Notices, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._view, self._controller, self._themes, self._notices = view, controller, themes, notices
        view.action_requested.connect(self.on_action)
        view.items_made.connect(self.on_items_made)
        controller.edit_sent.connect(self._forget)

    def box(self, message_id: str) -> EditBox | None:
        """Where a message is being edited."""
        box = self._view.instead(message_id)
        return box if isinstance(box, EditBox) else None

    def on_action(self, message_id: str, action: str) -> None:
        """A button of a message, or its menu."""
        if action == "edit":
            self.edit(message_id)
        else:
            self.menu(message_id).popup(QCursor.pos())

    def menu(self, message_id: str) -> QMenu:
        """What can be done with it."""
        menu = QMenu(self._view)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setAccessibleName(words.MESSAGE_MENU)
        message = self._view.message(message_id)
        writing = message is not None and message.state == MessageState.STREAMING
        edit = menu.addAction(words.EDIT_MENU)
        edit.setEnabled(not writing)
        edit.triggered.connect(partial(self.edit, message_id))
        branch = menu.addAction(words.BRANCH_OFF)
        branch.setEnabled(not writing)
        branch.triggered.connect(partial(self._controller.branch_off, message_id))
        return menu

    def edit(self, message_id: str, *_: object) -> None:
        """Edit a message in its place."""
        message = self._view.message(message_id)
        if message is None or message.state == MessageState.STREAMING:
            return
        box = self.box(message_id)
        if box is None:
            box = self._open(message, self._controller.unsent.text_of(slot(message_id)) or message.body)
        box.edit.setFocus()

    def on_items_made(self) -> None:
        """Messages are shown anew: what was being edited still is; boxes went with the messages that went."""
        shown = {item.message_id for item in self._view.items}
        if not shown:
            return
        self._controller.unsent.flush()
        for message_id in self._controller.edits():
            message = self._view.message(message_id)
            writing = message is not None and message.state == MessageState.STREAMING
            if message_id in shown and self.box(message_id) is None and message is not None and not writing:
                self._open(message, self._controller.unsent.text_of(slot(message_id)))

    def on_changed(self, message_id: str, text: str) -> None:
        """It is kept as what is typed in the message box is."""
        self._controller.unsent.note(slot(message_id), text)

    def on_agreed(self, message_id: str, text: str) -> None:
        """Send the user's message again, or keep another version of the answer."""
        message = self._view.message(message_id)
        if message is None:
            return
        if message.role == "user" and self._controller.busy:
            self._notices.show(words.BUSY_HERE if self._controller.busy_here else words.BUSY_ELSEWHERE)
        elif message.role == "user":
            self._controller.send_edited(message_id, text)
        elif self._controller.add_version(message_id, text):
            self._forget(message_id)

    def on_left(self, message_id: str) -> None:
        """It stays as it was."""
        self._forget(message_id)

    def _open(self, message: Message, text: str) -> EditBox:
        box = EditBox(message.id, text, message.role == "user", self._themes.theme)
        box.agreed.connect(self.on_agreed)
        box.changed.connect(self.on_changed)
        box.left.connect(self.on_left)
        self._view.put_instead(message.id, box)
        return box

    def _forget(self, message_id: str) -> None:
        self._controller.unsent.note(slot(message_id), "")
        self._controller.unsent.flush()
        self._view.show_item(message_id)


def slot(message_id: str) -> str:
    """Under which name the text of a message that is edited is kept."""
    return f"{EDIT_SLOT}{message_id}"
