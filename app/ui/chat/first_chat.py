"""The chat of last time, at a start: whatever is in it, it never keeps the program from starting.

A note is written before the chat is opened, and taken away when the event loop has come to rest: all is shown, and the
window answers. A start that finds the note opens no chat, and says so; the chat can still be opened by hand.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from app.base.log import get_logger
from app.bridge.chat import ChatController
from app.ui.chat import words
from app.ui.chat.turns import turns
from app.ui.widgets.notices import Notices

LOOK_MS = 50
QUIET_LOOKS = 3

_log = get_logger("start")


class FirstChat(QObject):
    """Opens the chat of last time, unless the start before did not come to rest with it."""

    def __init__(self, note: Path, controller: ChatController, notices: Notices) -> None:
        super().__init__(controller)
        self._note, self._controller, self._notices = note, controller, notices
        self._quiet = 0
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._look.timeout.connect(self.on_look_due)

    def start(self, chat_id: str) -> None:
        """Begin with this chat; "" is a new one."""
        if chat_id and self._note.exists():
            _log.info("the start before did not come to rest: no chat is opened")
            self.end()
            self._controller.start("")
            open_it = partial(self.open, chat_id)
            self._notices.show(words.NO_REST, stays=True, action=words.OPEN_ANYWAY, do=open_it)
            return
        self._begin(chat_id)
        self._controller.start(chat_id)

    def open(self, chat_id: str) -> None:
        """Open it by hand; the next start is careful again."""
        self._begin(chat_id)
        self._controller.open_chat(chat_id)

    def on_look_due(self) -> None:
        """The event loop turns; it rests when nothing waits for a turn any more."""
        self._quiet = 0 if turns().waiting else self._quiet + 1
        if self._quiet >= QUIET_LOOKS:
            self.end()

    def end(self) -> None:
        """Take the note away: the program rests, or ends as it should."""
        self._look.stop()
        try:
            self._note.unlink(missing_ok=True)
        except OSError as exc:
            _log.info("the note of the start stays: %s", exc)

    def _begin(self, chat_id: str) -> None:
        if not chat_id:
            return
        self._quiet = 0
        self._look.start()
        try:
            self._note.touch()
        except OSError as exc:  # a folder that is full or may not be written: the chat is opened all the same
            _log.info("no note of the start: %s", exc)
