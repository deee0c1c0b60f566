"""The message box: what it holds belongs to one chat, and leaves it only by being sent."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.bridge.chat import ChatController
from app.ui.chat import words
from app.ui.chat.composer import Composer
from app.ui.widgets.notices import Notices


class Sending(QObject):
    """Brings the box's text to the controller, and keeps one draft a chat."""

    def __init__(self, composer: Composer, controller: ChatController, notices: Notices, parent: QObject) -> None:
        super().__init__(parent)
        self._composer, self._controller, self._notices = composer, controller, notices
        self._drafts = controller.drafts
        self._chat_id: str | None = None  # whose text the box holds
        self._shown = False
        composer.sent.connect(self.on_send)
        composer.box.textChanged.connect(self.on_text_changed)
        controller.chat_shown.connect(self.on_chat_shown)

    def on_chat_shown(self, chat_id: str | None) -> None:
        """The box belongs to another chat: its draft goes, that of the other one comes."""
        if self._shown and chat_id == self._chat_id:
            return
        self._drafts.flush()
        typed_first = "" if self._shown else self._composer.text
        self._chat_id, self._shown = chat_id, True
        self._composer.set_text(typed_first or self._drafts.text_of(chat_id))

    def on_text_changed(self) -> None:
        """Something was typed."""
        if self._shown:
            self._drafts.note(self._chat_id, self._composer.text)

    def on_send(self, text: str) -> None:
        """Send a message; it stays in the box if that is not possible now."""
        if self._controller.busy:
            self._notices.show(words.BUSY_HERE if self._controller.busy_here else words.BUSY_ELSEWHERE)
        elif self._controller.send(text):
            self._after_sending(text)

    def _after_sending(self, text: str) -> None:
        """A new chat is a chat now, and so is what else was typed in it."""
        before, self._chat_id = self._chat_id, self._controller.chat_id
        if before != self._chat_id:
            self._drafts.note(before, "")
            self._drafts.note(self._chat_id, self._composer.text)
        if self._composer.text.strip("\n") == text:
            self._composer.clear()
        self._drafts.flush()
