"""The chat: messages under each other in a centred column, newest at the bottom.

Only the newest messages are made into widgets; earlier ones come when the user scrolls to the top. The view sticks to
the bottom only while the user is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.chats.messages import Message, MessageState
from app.ui.chat import words
from app.ui.chat.answer_view import ACTIONS_INSET, AnswerView
from app.ui.chat.turns import turns
from app.ui.chat.user_message import UserMessage
from app.ui.widgets.theme import Theme, ThemeManager
from inference.events import DraftUpdated

COLUMN_WIDTH = 860
PAGE, PAGE_CHARACTERS = 30, 60_000  # messages that are made into widgets unasked, or so much text of them
AT_ONCE = 3  # of them, the newest; the others follow in later turns
_MESSAGE_UNITS = 25.0
_NEAR_BOTTOM = 32
_NEAR_TOP = 60
SETTLE_MS = 150


@dataclass(frozen=True, slots=True)
class _Kept:
    """A message whose head stays where it is while another version of it is shown.

    Attributes:
        number: Its place in the chat.
        first: The first message that had a widget.
        top: Where its head is in the view, in pixels.
        focused: Which of its arrows had the focus (-1, +1), or 0.
    """

    number: int
    first: int
    top: int
    focused: int


def page_start(messages: tuple[Message, ...], end: int) -> int:
    """The first message of the page that ends before message `end`."""
    start, characters = end, 0
    while start > 0 and end - start < PAGE and (characters < PAGE_CHARACTERS or end - start < 2):
        start -= 1
        characters += len(messages[start].body)
    return start


class ChatView(QScrollArea):
    """Scrolling list of messages.

    Signals:
        try_again_requested: From the newest answer.
        continue_requested: From the newest answer.
        sibling_requested: Message id, -1 or +1.
        bottom_reached: Whether the newest message is in view.
        page_added: A page of earlier messages is shown, too.
    """

    try_again_requested = Signal()
    continue_requested = Signal()
    sibling_requested = Signal(str, int)
    bottom_reached = Signal(bool)
    page_added = Signal()

    def __init__(self, themes: ThemeManager, calm: bool, reduce_motion: bool) -> None:
        super().__init__()
        self.setObjectName("chat_view")
        self.setAccessibleName("Chat")
        self._themes = themes
        self._calm, self._reduce_motion = calm, reduce_motion
        self._messages: tuple[Message, ...] = ()
        self._first = self._unasked = 0
        self._items: list[UserMessage | AnswerView] = []
        self._stick, self._at_bottom = True, True
        self._from_bottom, self._moving = -1, False
        self._kept: _Kept | None = None
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLE_MS)
        self._settling.timeout.connect(self.on_settled)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the focus in the message box
        self._earlier = QPushButton(words.SHOW_EARLIER)
        self._earlier.setObjectName("link")
        self._earlier.setAccessibleName(words.SHOW_EARLIER)
        self._earlier.clicked.connect(self.on_earlier_wanted)
        self._lay_out()
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self.on_range_changed)
        bar.valueChanged.connect(self.on_value_changed)
        themes.theme_changed.connect(self.on_theme_changed)

    # -- what it shows ----------------------------------------------------------------------------------------------

    @property
    def items(self) -> tuple[UserMessage | AnswerView, ...]:
        """The message widgets that exist, in order."""
        return tuple(self._items)

    @property
    def last_answer(self) -> AnswerView | None:
        """The newest answer."""
        last = self._items[-1] if self._items else None
        return last if isinstance(last, AnswerView) else None

    def show_messages(self, messages: tuple[Message, ...]) -> None:
        """Show another chat, or this one anew."""
        self.setUpdatesEnabled(False)
        kept, self._kept = self._kept, None
        same = kept.number if kept is not None and messages[: kept.number] == self._messages[: kept.number] else 0
        self._clear(same - self._first if same else 0)
        self._messages = messages
        if not same:
            self._unasked = page_start(messages, len(messages))
            self._first = max(self._unasked, len(messages) - AT_ONCE)
            if kept is not None:
                self._first = min(self._first, kept.first)
        with turns().last_first():
            for message in messages[self._first + len(self._items) :]:
                self._append(message)
        self._mark_last()
        self._earlier.setVisible(self._unasked > 0)
        self._hold_height(0)
        turns().begin(self, self._add_unasked, "page")
        if kept is not None and kept.number < len(messages):
            self._show_kept(kept)
            self.setUpdatesEnabled(True)
            return
        self._stick = True
        self.setUpdatesEnabled(True)
        self.scroll_to_bottom()

    def step_version(self, step: int) -> None:
        """Show another version: of the message that has the focus, else of the newest one that has several."""
        several = [item for item in self._items if item.siblings is not None and not item.siblings.isHidden()]
        focused = QApplication.focusWidget()
        here = [item for item in several if focused is not None and item.isAncestorOf(focused)]
        if several:
            self.on_sibling_wanted((here or several)[-1].message_id, step)

    @property
    def has_versions(self) -> bool:
        """Whether a message of the page has several versions, also where it is still to be made into a widget."""
        return any(message.sibling_count > 1 for message in self._messages[self._unasked :])

    def add_message(self, message: Message) -> None:
        """Append one message."""
        self._hold_height(0)
        for item in self._items:
            if isinstance(item, AnswerView):
                item.release_height()
        self._messages = (*self._messages, message)
        self._append(message)
        self._mark_last()
        self._stick = True
        self.scroll_to_bottom()

    def replace_last(self, message: Message) -> None:
        """Put a new answer in the place of the newest one; without one, append it."""
        last = self.last_answer
        if last is None:
            self.add_message(message)
            return
        self._messages = self._messages[:-1]
        self._items.remove(last)
        self._column.removeWidget(last)
        last.hide()
        last.deleteLater()
        self.add_message(message)

    def resume_last(self, message: Message) -> None:
        """The newest answer goes on."""
        self._messages = tuple(message if old.id == message.id else old for old in self._messages)
        if self.last_answer is not None and self.last_answer.message_id == message.id:
            self._without_flicker(lambda answer: answer.set_message(message, last=True))
            self.scroll_to_bottom()

    def show_draft(self, draft: DraftUpdated) -> None:
        """Pass a draft on to the answer that is being written."""
        if self.last_answer is not None:
            self.last_answer.show_draft(draft)

    def commit(self, source: str) -> None:
        """A block of the newest answer is final."""
        if self.last_answer is not None:
            self._without_flicker(lambda answer: answer.commit(source))

    def end_answer(self, message: Message) -> None:
        """The newest answer is complete."""
        self._messages = tuple(message if old.id == message.id else old for old in self._messages)
        if self.last_answer is not None and self.last_answer.message_id == message.id:
            self._without_flicker(lambda answer: answer.end(message, last=True))

    def set_waiting(self, text: str) -> None:
        """A quiet line in the newest answer, before its first draft."""
        if self.last_answer is not None:
            self.last_answer.set_waiting(text)

    def set_calm(self, calm: bool) -> None:
        """Calm mode."""
        self._calm = calm
        for answer in self._answers():
            answer.canvas.set_calm(calm)

    def set_reduce_motion(self, reduce_motion: bool) -> None:
        """Reduced motion."""
        self._reduce_motion = reduce_motion
        for answer in self._answers():
            answer.canvas.set_reduce_motion(reduce_motion)

    def scroll_to_bottom(self) -> None:
        """Show the newest message."""
        self._stick = True
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    # -- slots ------------------------------------------------------------------------------------------------------

    def on_range_changed(self, least: int, most: int) -> None:
        """The content's height changed."""
        bar = self.verticalScrollBar()
        writing = any(message.state == MessageState.STREAMING for message in self._messages[-1:])
        if self._settling.isActive() and not writing:
            self._settling.start()  # on a busy machine the rounds of layout take longer than one interval
        if self._kept is not None:
            self._place_kept(self._kept)
        elif self._from_bottom >= 0:
            self._moving = True
            bar.setValue(most - self._from_bottom)
            self._moving = False
        elif self._stick:
            bar.setValue(most)
        self._report_bottom()

    def on_value_changed(self, value: int) -> None:
        """Somebody scrolled."""
        self._stick = value >= self.verticalScrollBar().maximum() - _NEAR_BOTTOM and self._kept is None
        if not self._moving:
            self._kept = None
        self._report_bottom()
        if self._from_bottom >= 0 and not self._moving:
            self._from_bottom = self.verticalScrollBar().maximum() - value
        if value < _NEAR_TOP and self._first > 0 and self._from_bottom < 0 and self.verticalScrollBar().maximum() > 0:
            self.on_earlier_wanted()

    def _add_unasked(self) -> float:
        """One more message of the page, above the others; what is in view stays where it is."""
        if self._first <= self._unasked or not self._items:
            return 0.0
        if not self._stick and self._kept is None:
            bar = self.verticalScrollBar()
            self._from_bottom = bar.maximum() - bar.value()
            self._settling.start()
        self._first -= 1
        item = self._make(self._messages[self._first])
        self._items.insert(0, item)
        self._column.insertWidget(1, item)
        return _MESSAGE_UNITS

    def on_earlier_wanted(self) -> None:
        """Make one more page of earlier messages; what is in view stays where it is."""
        if self._first == 0 or self._first > self._unasked:  # or they are coming
            return
        bar = self.verticalScrollBar()
        self._from_bottom = bar.maximum() - bar.value()
        start = page_start(self._messages, self._first)
        with turns().last_first():
            for at, message in enumerate(self._messages[start : self._first]):
                item = self._make(message)
                self._items.insert(at, item)
                self._column.insertWidget(at + 1, item)
        self._first = self._unasked = start
        self._earlier.setVisible(start > 0)
        self._settling.start()
        self.page_added.emit()

    def on_settled(self) -> None:
        """Earlier messages have got their heights, which takes some rounds of layout."""
        if turns().waiting:  # or have not: they are still being shown
            self._settling.start()
            return
        self._from_bottom = -1
        if self._kept is not None:
            self._place_kept(self._kept)
            self._kept = None

    def on_sibling_wanted(self, message_id: str, step: int) -> None:
        """Another version of a message is wanted: its head stays where it is, and so does the focus."""
        number = next((at for at, item in enumerate(self._items) if item.message_id == message_id), None)
        if number is None:
            return
        item = self._items[number]
        switch = item.siblings
        top = item.y() - self.verticalScrollBar().value()
        focused = switch.focused_step if switch is not None else 0
        self._kept = _Kept(self._first + number, self._first, top, focused)
        self.sibling_requested.emit(message_id, step)
        if not self._settling.isActive():
            self._kept = None  # there was nothing else to show

    def on_theme_changed(self) -> None:
        """New colours and sizes, from the newest message on."""
        old = list(self._items)

        def go_on() -> float:
            if not old:
                return 0.0
            item = old.pop()
            if item in self._items:
                item.set_theme(self._themes.theme)
            return 6.0

        turns().begin(self, go_on, "theme")

    # -- inside -----------------------------------------------------------------------------------------------------

    def _answers(self) -> list[AnswerView]:
        return [item for item in self._items if isinstance(item, AnswerView)]

    def _append(self, message: Message) -> None:
        item = self._make(message)
        self._items.append(item)
        self._column.insertWidget(self._column.count() - 1, item)

    def _make(self, message: Message) -> UserMessage | AnswerView:
        theme: Theme = self._themes.theme
        if message.role == "user":
            asked = UserMessage(message, theme)
            asked.sibling_requested.connect(self.on_sibling_wanted)
            return asked
        answer = AnswerView(theme, self._calm, self._reduce_motion)
        answer.set_message(message, last=False)
        if message.state == MessageState.STREAMING:
            answer.set_waiting(words.READING)
        answer.try_again_requested.connect(self.try_again_requested)
        answer.continue_requested.connect(self.continue_requested)
        answer.sibling_requested.connect(self.on_sibling_wanted)
        return answer

    def _show_kept(self, kept: _Kept) -> None:
        """Another version is there: give it the place and the focus of the one before."""
        self._stick = False
        self._kept = kept
        self._hold_height(self.verticalScrollBar().value() + self.viewport().height())
        switch = self._items[kept.number - self._first].siblings
        if switch is not None and kept.focused:
            switch.focus_step(kept.focused)
        self._place_kept(kept)
        self._settling.start()

    def _place_kept(self, kept: _Kept) -> None:
        self._moving = True
        self.verticalScrollBar().setValue(self._items[kept.number - self._first].y() - kept.top)
        self._moving = False

    def _hold_height(self, height: int) -> None:
        """Keep the page at least that high, so that it need not scroll when a message becomes shorter."""
        self._floor.setFixedHeight(height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What was kept for another height is room for nothing."""
        super().resizeEvent(event)
        if event.oldSize().height() != event.size().height():  # not where a scroll bar comes or goes
            self._hold_height(0)

    def _mark_last(self) -> None:
        for item in self._items:
            if isinstance(item, AnswerView):
                item.set_last(item is self._items[-1])

    def _clear(self, keep: int = 0) -> None:
        """Take away all but the first `keep` items."""
        for item in self._items[keep:]:
            if isinstance(item, AnswerView):
                item.canvas.clear()
            self._column.removeWidget(item)
            item.hide()
            item.deleteLater()
        del self._items[keep:]
        self._settling.stop()
        self._from_bottom = -1

    def _without_flicker(self, change: Callable[[AnswerView], None]) -> None:
        self.setUpdatesEnabled(False)
        answer = self.last_answer
        if answer is not None:
            change(answer)
        self.setUpdatesEnabled(True)

    def _report_bottom(self) -> None:
        bar = self.verticalScrollBar()
        at_bottom = bar.value() >= bar.maximum() - _NEAR_BOTTOM
        if at_bottom != self._at_bottom:
            self._at_bottom = at_bottom
            self.bottom_reached.emit(at_bottom)

    def _lay_out(self) -> None:
        page = QWidget()
        page.setObjectName("chat_canvas")
        # As wide as the view, whatever a message would like: else all of them would run off its edge.
        page.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        column = QWidget()
        column.setObjectName("chat_column")
        column.setMaximumWidth(COLUMN_WIDTH)
        self._column = QVBoxLayout(column)
        self._column.setContentsMargins(28 - ACTIONS_INSET, 20, 28, 20)
        self._column.setSpacing(22)
        self._column.addWidget(self._earlier, 0, Qt.AlignmentFlag.AlignHCenter)
        self._column.addStretch(1)
        self._floor = QWidget()  # beside the column: a minimum height of the page would take the place of what it needs
        self._floor.setFixedSize(0, 0)
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._floor, 0, Qt.AlignmentFlag.AlignTop)
        row.addStretch(1)
        row.addWidget(column, 1000)
        row.addStretch(1)
        self._earlier.hide()
        self.setWidget(page)
