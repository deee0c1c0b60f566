"""A tour of three minutes, with the user's own words: each step waits until the user has done it, or goes on."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QPushButton

from app.bridge.chat import ChatController
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.pane import ChatPane
from app.ui.chat.replay_bar import ReplayBar
from app.ui.chat.steering import words
from app.ui.chat.steering.rewriting import Rewriting
from app.ui.widgets.labels import Sentence
from app.ui.widgets.plain import PlainLabel


class TourCard(QFrame):
    """Which step it is, what to do, and two buttons.

    Signals:
        next_wanted: Go on without it.
        left: No more of it.
    """

    next_wanted = Signal()
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("strip")
        self.setProperty("tone", "good")
        self.setAccessibleName(words.TOUR)
        self.place = PlainLabel(role="faint")
        self.text = Sentence()
        self.next = self._button(words.TOUR_NEXT)
        self.leave = self._button(words.TOUR_LEAVE)
        self.next.clicked.connect(self.next_wanted)
        self.leave.clicked.connect(self.left)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 8, 8)
        row.setSpacing(10)
        row.addWidget(self.place, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.text, 1)
        row.addWidget(self.next, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.leave, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_step(self, number: int, text: str) -> None:
        """From 0; `text`: what is to be done."""
        count = len(words.TOUR_STEPS)
        self.place.setText(words.tour_place(number, count))
        self.text.setText(text)
        self.text.setAccessibleName(text)
        self.next.setText(words.TOUR_NEXT if number + 1 < count else words.TOUR_DONE)
        self.next.setAccessibleName(self.next.text())
        self.show()

    def _button(self, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setProperty("role", "quiet")
        button.setAccessibleName(text)
        return button


class Tour(QObject):
    """Follows what the user does.

    Attributes:
        card: Between the header and the chat.
        link: On the page of a new chat; not while the tour goes on.
        step: Which step it is, from 0; -1 while there is no tour.
    """

    def __init__(
        self, pane: ChatPane, action: QAction, rewriting: Rewriting, controller: ChatController, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._pane, self._controller = pane, controller
        self.card, self.step = TourCard(), -1
        self._unanswered = False  # the step needs an answer, and there is none
        self._bar: ReplayBar | None = None  # of the replay whose end is waited for
        page = pane.layout()
        if isinstance(page, QBoxLayout):
            page.insertWidget(page.indexOf(pane.find_bar) + 1, self.card)
        self.link = pane.empty.add_link(words.TOUR_LINK)
        self.link.clicked.connect(action.trigger)
        action.triggered.connect(self.begin)
        self.card.next_wanted.connect(self.on_next_wanted)
        self.card.left.connect(self.end)
        controller.answer_ended.connect(self.on_answer_ended)
        pane.chat.items_made.connect(self.on_items_made)
        pane.chat.draft_shown.connect(self.on_draft_shown)
        rewriting.closed.connect(self.on_rewritten)

    def begin(self) -> None:
        """From its first step on, in a new chat."""
        if self._controller.chat_id is not None:
            self._controller.open_chat(None)
        self._go_to(0)

    def end(self) -> None:
        """No more of it."""
        self.step = -1
        self.card.hide()
        self.link.show()
        self._pane.composer.setFocus()

    def on_next_wanted(self) -> None:
        """On, whether or not it was done."""
        self._go_to(self.step + 1)

    def on_answer_ended(self, *_: object) -> None:
        """An answer: to the user's own words, with another word, or of a text with blanks."""
        if self._unanswered:
            self._show_step()
        elif self.step in (words.TOUR_ASK, words.TOUR_WORD, words.TOUR_BLANKS):
            self._go_to(self.step + 1)

    def on_items_made(self) -> None:
        """Another chat is shown, perhaps: without an answer, or with one."""
        if self.step >= 0:
            self._show_step()

    def on_draft_shown(self, _: object, answer: AnswerView) -> None:
        """It is played back; what is to be done there stays to be read until it is closed."""
        bar = answer.bar
        if self.step == words.TOUR_REPLAY and bar is not None and bar is not self._bar:
            self._bar = bar
            bar.closed.connect(self.on_replay_closed)

    def on_replay_closed(self) -> None:
        """It was played back."""
        if self.step == words.TOUR_REPLAY:
            self._go_to(self.step + 1)

    def on_rewritten(self) -> None:
        """Words were written anew, and taken or left."""
        if self.step == words.TOUR_REWRITE:
            self._go_to(self.step + 1)

    def _go_to(self, step: int) -> None:
        if step >= len(words.TOUR_STEPS):
            self.end()
            return
        self.step = step
        self._show_step()
        self.link.hide()
        if step == words.TOUR_BLANKS and not self._pane.composer.text.strip():
            self._pane.composer.set_text(words.TOUR_TEXT)
        if step in (words.TOUR_ASK, words.TOUR_BLANKS):
            self._pane.composer.setFocus()

    def _show_step(self) -> None:
        needs = self.step in (words.TOUR_REPLAY, words.TOUR_WORD, words.TOUR_REWRITE)
        answered = any(isinstance(item, AnswerView) for item in self._pane.chat.items)
        self._unanswered = needs and not answered
        self.card.show_step(self.step, words.TOUR_ANSWER_FIRST if self._unanswered else words.TOUR_STEPS[self.step])
