"""Which words of an answer were filled into the blanks of its question: tinted, and said below it."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QTextCharFormat

from app.bridge.chat import ChatController
from app.chats.blanks import blanks_of
from app.chats.messages import Message, MessageState
from app.chats.unfinished import cut_off
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.chat_view import ChatView
from app.ui.chat.steering import words
from app.ui.chat.steering.places import shown_part
from app.ui.chat.steering.shown import ShownText
from app.ui.chat.turns import turns
from app.ui.widgets.theme import ThemeManager

LOOK_MS = 60
LONGEST = 50_000  # characters of an answer in which they are looked for


class FilledWords(QObject):
    """Looks through the answers that are shown, whenever others are."""

    def __init__(self, view: ChatView, controller: ChatController, themes: ThemeManager, parent: QObject) -> None:
        super().__init__(parent)
        self._view, self._themes = view, themes
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.setInterval(LOOK_MS)
        self._looking.timeout.connect(self.on_look_due)
        for changed in (view.items_made, view.came_to_rest, controller.answer_ended, themes.theme_changed):
            changed.connect(self.on_changed)

    def look_again(self) -> None:
        """Texts are shown without their tints."""
        self._looking.start()

    def on_changed(self, *_: object) -> None:
        """Look, when it is there."""
        self._looking.start()

    def on_look_due(self) -> None:
        """Tint what was filled."""
        if turns().waiting:
            self._looking.start()
            return
        for asked, item in pairwise(self._view.items):
            if isinstance(item, AnswerView) and item.replay is None and "[[" in asked.source():
                self._look(item)

    def _look(self, answer: AnswerView) -> None:
        message = self._view.message(answer.message_id)
        asked = self._view.message(message.parent_id) if message is not None and message.parent_id else None
        if message is None or asked is None or len(message.body) > LONGEST:
            return
        blanks = blanks_of(asked.body)
        spans = blanks.filled(message.body) if blanks is not None else ()
        if blanks is None or not spans or message.state == MessageState.STREAMING:
            return
        shown = ShownText(answer.body)
        look = QTextCharFormat()
        look.setBackground(self._themes.theme.color("accent_soft"))
        for first, last in spans:
            part = shown_part(shown.text, message.body, first, last)
            found = shown.cursor(*part) if part is not None else None
            if found is not None:
                found[1].mergeCharFormat(look)
        if _is_whole(message):
            answer.set_waiting(words.filled_note(blanks.count))


def _is_whole(message: Message) -> bool:
    """Whether nothing else is said below it."""
    outcomes = message.generation.outcomes if message.generation is not None else ()
    return message.state == MessageState.DONE and not cut_off(message) and all(each.settled for each in outcomes)
