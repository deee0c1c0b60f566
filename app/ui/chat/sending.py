"""The message box: what it holds belongs to one chat, and leaves it only by being sent."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from app.bridge.chat import ChatController
from app.bridge.length import TooLong
from app.chats.dropped import dropped_text
from app.ui.chat import words
from app.ui.chat.composer import MOST_CHARACTERS, MOST_ROWS, Composer
from app.ui.widgets.notices import Notices
from app.ui.widgets.question import Question
from app.ui.widgets.theme import ThemeManager

MEASURING_MS = 500
LONG_TEXT = 20_000  # characters; ten pages


class Sending(QObject):
    """Brings the box's text to the controller, and keeps one unsent text a chat."""

    def __init__(
        self,
        composer: Composer,
        controller: ChatController,
        themes: ThemeManager,
        notices: Notices,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._composer, self._controller, self._themes, self._notices = composer, controller, themes, notices
        self._unsent = controller.unsent
        self._chat_id: str | None = None  # whose text the box holds
        self._shown = False
        self._said: list[str] = []  # about what the box holds, or was given,
        self._said_of = ""  # while it holds this
        composer.sent.connect(self.on_send)
        composer.box.textChanged.connect(self.on_text_changed)
        controller.chat_shown.connect(self.on_chat_shown)
        controller.sent_late.connect(self.on_sent_late)
        controller.length.too_long.connect(self.on_too_long)
        controller.length.failed.connect(self.on_measured)
        composer.box.files_given.connect(self.on_files_given)
        composer.box.too_much.connect(self.on_too_much)
        self._measuring = QTimer(self)
        self._measuring.setSingleShot(True)
        self._measuring.setInterval(MEASURING_MS)
        self._measuring.timeout.connect(self.on_measuring_takes_long)

    def on_chat_shown(self, chat_id: str | None) -> None:
        """The box belongs to another chat: its text goes, that of the other one comes."""
        self.on_measured()
        if self._shown and chat_id == self._chat_id:
            return
        self._forget_said()
        self._unsent.flush()
        typed_first = "" if self._shown else self._composer.text
        self._chat_id, self._shown = chat_id, bool(typed_first)  # what is only shown is no news for the disk
        self._composer.set_text(typed_first or self._unsent.text_of(chat_id))
        self._shown = True

    def on_text_changed(self) -> None:
        """Something was typed; Qt tells it once more at the end of a drop."""
        text = self._composer.text
        if text != self._said_of:
            self._forget_said()
        asking = self._controller.length.asking
        if asking is not None and not asking.again and asking.text != text.rstrip("\n"):
            self._controller.length.forget()
            self.on_measured()
        if self._shown:
            self._unsent.note(self._chat_id, text)

    def on_send(self, text: str) -> None:
        """Send a message; it stays in the box if that is not possible now."""
        if self._controller.busy:
            self._notices.show(words.BUSY_HERE if self._controller.busy_here else words.BUSY_ELSEWHERE)
            return
        self._forget_said()
        if self._controller.send(text):
            self._after_sending(text)
        elif self._controller.length.asking is not None:
            self._measuring.start()

    def on_files_given(self, paths: list[str]) -> None:
        """Put the text of files into the box; much of it only after a question."""
        found = dropped_text([Path(path) for path in paths], beside_text=bool(self._composer.text.strip()))
        say_refused = partial(self._say, words.refused_files(found.refused))
        if len(found.text) <= LONG_TEXT:
            self._composer.insert(found.text)
            say_refused()
            return
        detail = words.long_file_detail(found.names, len(found.text))
        question = Question(
            words.LONG_FILE, words.LONG_FILE_TITLE, detail, words.LONG_FILE_AGREE, self._themes.theme, self._composer
        )
        question.accepted.connect(partial(self._composer.insert, found.text))
        question.finished.connect(say_refused)
        question.open()

    def on_too_much(self, characters: int, lines: int) -> None:
        """More was pasted than a message takes: nothing is put in."""
        self._say(words.too_much_text(characters, lines, MOST_CHARACTERS, MOST_ROWS))

    def on_measuring_takes_long(self) -> None:
        """The model is still being loaded, or the text is very long: say why nothing happens."""
        if self._controller.length.asking is not None:
            self._notices.show(words.MEASURING, stays=True)

    def on_measured(self) -> None:
        """It is known, or nobody wants to know any more."""
        self._measuring.stop()
        self._notices.withdraw(words.MEASURING)

    def on_sent_late(self, text: str) -> None:
        """The model can take what it measured, and it was sent."""
        self.on_measured()
        self._after_sending(text)

    def on_too_long(self, found: TooLong) -> None:
        """The text stays where it is, to be changed."""
        self.on_measured()
        say = words.question_too_long if found.asking.again else words.message_too_long
        self._say(say(found.tokens, found.most, len(found.asking.text), found.characters_fit))

    def _say(self, text: str, *_: object) -> None:
        """Until the box holds another text, or it is sent."""
        if text:
            self._said.append(text)
            self._said_of = self._composer.text
            self._notices.show(text, stays=True)

    def _forget_said(self) -> None:
        if self._said:
            self._notices.withdraw(*self._said)
            self._said.clear()

    def _after_sending(self, text: str) -> None:
        """A new chat is a chat now, and so is what else was typed in it."""
        before, self._chat_id = self._chat_id, self._controller.chat_id
        if before != self._chat_id:
            self._unsent.note(before, "")
            self._unsent.note(self._chat_id, self._composer.text)
        if self._composer.text.rstrip("\n") == text:
            self._composer.clear()
        self._unsent.flush()
