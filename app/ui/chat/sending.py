"""The message box: what it holds belongs to one chat, and leaves it only by being sent."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer

from app.bridge.chat import ChatController
from app.bridge.length import TooLong
from app.ui.chat import words
from app.ui.chat.composer import MOST_CHARACTERS, MOST_ROWS, Composer
from app.ui.chat.queue_strip import QueueStrip
from app.ui.widgets.notices import Notices
from app.ui.widgets.theme import ThemeManager

MEASURING_MS = 500


@dataclass(slots=True, eq=False)
class BoxOwner:
    """Whose message box something was put into, whatever chat is shown later.

    Attributes:
        chat_id: The chat; None as long as it is a new one, and the chat that it became when its first message is sent.
    """

    chat_id: str | None


class Sending(QObject):
    """Brings the box's text to the controller, and keeps one unsent text a chat."""

    def __init__(
        self,
        composer: Composer,
        strip: QueueStrip,
        controller: ChatController,
        themes: ThemeManager,
        notices: Notices,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._composer, self._controller, self.notices = composer, controller, notices
        self._strip, self._unsent = strip, controller.unsent
        self._new = BoxOwner(None)  # the chat that is not stored yet
        self._owner = self._new  # whose text the box holds
        self._shown = self._replaced = False
        self._said: list[str] = []  # about what the box holds, or was given,
        self._said_of = ""  # while it holds this
        composer.sent.connect(self.on_send)
        strip.taken_back.connect(self.on_taken_back)
        strip.sent_now.connect(self.on_sent_now)
        strip.chat_wanted.connect(controller.open_chat)
        controller.waiting.changed.connect(self.show_queue)
        controller.busy_changed.connect(self.show_queue)
        composer.box.textChanged.connect(self.on_text_changed)
        controller.chat_shown.connect(self.on_chat_shown)
        controller.sent_late.connect(self.on_sent_late)
        controller.length.too_long.connect(self.on_too_long)
        controller.length.failed.connect(self.on_measured)
        composer.box.too_much.connect(self.on_too_much)
        self._unsent.replaced.connect(self.on_replaced)
        self._measuring = QTimer(self)
        self._measuring.setSingleShot(True)
        self._measuring.setInterval(MEASURING_MS)
        self._measuring.timeout.connect(self.on_measuring_takes_long)

    @property
    def owner(self) -> BoxOwner:
        """Whose text the box holds now."""
        return self._owner

    def holds(self, owner: BoxOwner) -> bool:
        """Whether the box shows what is typed in this chat."""
        return owner.chat_id == self._owner.chat_id

    def text_in(self, owner: BoxOwner) -> str:
        """What is typed in a chat and not sent."""
        return self._composer.text if self.holds(owner) else self._unsent.text_of(owner.chat_id)

    def insert(self, owner: BoxOwner, text: str) -> bool:
        """Put a text into a chat's message box as a paragraph of its own, also while another chat is shown.

        False if it is too long, which is said.
        """
        if self.holds(owner):
            return self._composer.insert(text)
        if not text:
            return True
        typed = self._unsent.text_of(owner.chat_id)
        joined = "\n\n".join((typed.rstrip("\n"), text)) if typed.strip() else text
        if len(joined) > MOST_CHARACTERS or joined.count("\n") >= MOST_ROWS:
            self.on_too_much(len(text), text.count("\n") + 1)
            return False
        self._unsent.note(owner.chat_id, joined)
        return True

    def on_chat_shown(self, chat_id: str | None) -> None:
        """The box belongs to another chat: its text goes, that of the other one comes."""
        self.show_queue()
        self.on_measured()
        if self._shown and not self._replaced and chat_id == self._owner.chat_id:
            return
        self._replaced = False
        self._forget_said()
        self._unsent.flush()
        typed_first = "" if self._shown else self._composer.text
        self._owner = self._new if chat_id is None else BoxOwner(chat_id)
        self._shown = bool(typed_first)  # what is only shown is no news for the disk
        self._composer.set_text(typed_first or self._unsent.text_of(chat_id))
        self._shown = True

    def on_replaced(self) -> None:
        """All chats are others: what the box holds is read anew with the next one that is shown."""
        self._replaced = True

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
            self._unsent.note(self._owner.chat_id, text)
        self._controller.context.note(text)

    def on_send(self, text: str) -> None:
        """Send a message; it stays in the box if that is not possible now."""
        if self._controller.held:
            return
        if self._controller.busy:
            self._let_wait(text)
        else:
            self._send(text)

    def _let_wait(self, text: str) -> None:
        """It waits for the end of the answer that is being written; what could not be answered then stays here."""
        if self._controller.models.refuses(self._controller.options(), text):
            return
        if self._controller.waiting.add(self._controller.chat_id, text):
            self._after_sending(text)
        else:
            self.notices.show(words.BUSY_HERE if self._controller.busy_here else words.BUSY_ELSEWHERE)

    def _send(self, text: str) -> None:
        self._forget_said()
        if self._controller.send(text):
            self._after_sending(text)
        elif self._controller.length.asking is not None:
            self._measuring.start()

    def show_queue(self, *_: object) -> None:
        """What waits in the shown chat, and what is sent by itself in others."""
        shown, waiting = self._controller.chat_id, self._controller.waiting
        elsewhere = [(each, waiting.title_of(each.conversation_id)) for each in waiting.elsewhere(shown)]
        written = self._controller.answering.conversation_id
        writing = waiting.title_of(written) if written is not None and written != shown else ""
        self._strip.show_messages(waiting.of(shown), elsewhere, self._controller.busy, writing)

    def on_taken_back(self, message_id: str) -> None:
        """A message waits no longer: it is in the box again, to be changed."""
        text = self._controller.waiting.take_back(message_id)
        if text:
            self._composer.insert(text)

    def on_sent_now(self, message_id: str) -> None:
        """The first one that waits is sent."""
        if self._controller.chat_id is not None:
            self._controller.send_queued(self._controller.chat_id)

    def on_too_much(self, characters: int, lines: int) -> None:
        """More was pasted than a message takes: nothing is put in."""
        self.say(words.too_much_text(characters, lines, MOST_CHARACTERS, MOST_ROWS))

    def on_measuring_takes_long(self) -> None:
        """The model is still being loaded, or the text is very long: say why nothing happens."""
        if self._controller.length.asking is not None:
            self.notices.show(words.MEASURING, stays=True)

    def on_measured(self) -> None:
        """It is known, or nobody wants to know any more."""
        self._measuring.stop()
        self.notices.withdraw(words.MEASURING)

    def on_sent_late(self, text: str) -> None:
        """The model can take what it measured, and it was sent."""
        self.on_measured()
        self._after_sending(text)

    def on_too_long(self, found: TooLong) -> None:
        """The text stays where it is, to be changed."""
        self.on_measured()
        say = words.question_too_long if found.asking.again else words.message_too_long
        self.say(say(found.tokens, found.most, len(found.asking.text), found.characters_fit))

    def say(self, text: str) -> None:
        """Until the box holds another text, or it is sent."""
        if text:
            self._said.append(text)
            self._said_of = self._composer.text
            self.notices.show(text, stays=True)

    def _forget_said(self) -> None:
        if self._said:
            self.notices.withdraw(*self._said)
            self._said.clear()

    def _after_sending(self, text: str) -> None:
        """A new chat is a chat now, and so is what else was typed in it."""
        before, now = self._owner.chat_id, self._controller.chat_id
        if before != now:
            self._owner.chat_id = now
            if before is None:
                self._new = BoxOwner(None)
            self._unsent.note(before, "")
            self._unsent.note(now, self._composer.text)
        if self._composer.text.rstrip("\n") == text:
            self._composer.clear()
        self._unsent.flush()
