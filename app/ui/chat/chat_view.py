"""The chat: messages under each other in a centred column, newest at the bottom.

Only some messages, in a row, are made into widgets: first the newest, or those around one that is gone to. Others come
when the user scrolls to an end, and far ones go then, so that a chat of any length takes the same room. The view sticks
to the bottom only while the user is there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.chats.messages import Message, MessageState
from app.ui.chat import words
from app.ui.chat.answer_view import ACTIONS_INSET, AnswerView
from app.ui.chat.marks import mark, selected_line
from app.ui.chat.pages import Kept, page_end, page_link, page_start
from app.ui.chat.rest import RestingPage
from app.ui.chat.turns import TURN_UNITS, turns
from app.ui.chat.user_message import UserMessage
from app.ui.widgets.quiet_bar import QuietScrollBar
from app.ui.widgets.theme import ThemeManager
from inference.events import DraftUpdated

COLUMN_WIDTH = 860
MOST_ITEMS = 120  # widgets; those farthest from what is read go
AROUND = 3  # messages before and behind one that is gone to
AT_ONCE = 3  # of them, the newest; the others follow in later turns
_MESSAGE_UNITS = 40.0
_LOOK_SECONDS = 0.01  # that another look may take before less of it is done at once
_NEAR_BOTTOM, _NEAR_TOP, _TOP_MARGIN = 32, 60, 24  # pixels; the last above a message that is gone to
SETTLE_MS = 150
_PASSED_ON = (
    "try_again_requested", "continue_requested", "replay_requested", "export_requested", "draft_shown",
    "settle_requested", "more_steps_requested", "action_requested", "place_wanted",
)  # fmt: skip


class ChatView(QScrollArea):
    """Scrolling list of messages.

    Signals:
        try_again_requested, continue_requested: From the newest answer.
        settle_requested, more_steps_requested: From the answer that is being written.
        replay_requested: Message id.
        export_requested: The answer that is replayed, and the kind of file.
        draft_shown: A draft that an answer shows, also one of a replay, and that `AnswerView`.
        pointed: The pointer is over the word of a place of an answer's canvas, -1 for none.
        sibling_requested: Message id, -1 or +1.
        action_requested: Message id, and "edit" or "menu".
        place_wanted: A quote, or a file of a message, was clicked (a `FilePlace`).
        items_made: Messages are shown that were not.
        bottom_reached: Whether the newest message is in view.
        page_added: A page of earlier or later messages comes, or is shown.
        came_to_rest: The messages have got their heights.

    Attributes:
        is_recorded: Says whether an answer (by message id) can be replayed.
        later: Brings later messages, where there are some.
    """

    try_again_requested = Signal()
    continue_requested = Signal()
    settle_requested = Signal()
    more_steps_requested = Signal()
    replay_requested = Signal(str)
    export_requested = Signal(object, str)
    draft_shown = Signal(object, object)
    pointed = Signal(int)
    sibling_requested = Signal(str, int)
    action_requested = Signal(str, str)
    place_wanted = Signal(object)
    items_made = Signal()
    bottom_reached = Signal(bool)
    page_added = Signal()
    came_to_rest = Signal()

    def __init__(self, themes: ThemeManager, drafts: str, reduce_motion: bool) -> None:
        super().__init__()
        self.setObjectName("chat_view")
        self.setAccessibleName("Chat")
        self._themes = themes
        self._drafts, self._reduce_motion = drafts, reduce_motion
        self._messages: tuple[Message, ...] = ()
        self._first = self._unasked = self._end = 0  # widgets are there from `_first` to before `_end`
        self._marked = ""  # what is marked in all of them
        self.is_recorded: Callable[[str], bool] = frozenset[str]().__contains__
        self._items: list[UserMessage | AnswerView] = []
        self._instead: dict[str, QWidget] = {}  # by message: what stands in its place, and goes with it
        self._stick, self._at_bottom = True, True
        self._from_bottom, self._moving, self._taking = -1, False, False
        self._kept: Kept | None = None
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLE_MS)
        self._settling.timeout.connect(self.on_settled)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBar(QuietScrollBar())
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the focus in the message box
        self._earlier = page_link(words.SHOW_EARLIER, self.on_earlier_wanted)
        self.later = page_link(words.SHOW_LATER, self.on_later_wanted)
        self._lay_out()
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self.on_range_changed)
        bar.valueChanged.connect(self.on_value_changed)
        themes.theme_changing.connect(self.on_theme_changing)
        themes.theme_changed.connect(self.on_theme_changed)

    # -- what it shows ----------------------------------------------------------------------------------------------

    @property
    def items(self) -> tuple[UserMessage | AnswerView, ...]:
        """The message widgets that exist, in order."""
        return tuple(self._items)

    @property
    def last_answer(self) -> AnswerView | None:
        """The newest answer."""
        last = self._items[-1] if self._items and self._end == len(self._messages) else None
        return last if isinstance(last, AnswerView) else None

    def show_messages(self, messages: tuple[Message, ...]) -> None:
        """Show another chat, or this one anew."""
        self.setUpdatesEnabled(False)
        kept, self._kept = self._kept, None
        same = kept.number if kept is not None and messages[: kept.number] == self._messages[: kept.number] else 0
        self._end = len(messages)
        self.later.hide()
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
        else:
            self._stick = True
            self.setUpdatesEnabled(True)
            self.scroll_to_bottom()
        self.items_made.emit()

    def keep_room_below(self, pixels: int) -> None:
        """Behind the newest message, for what floats above the message box."""
        self._column.setContentsMargins(28 - ACTIONS_INSET, 20, 28, 20 + pixels)

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
        if self._end < len(self._messages):
            self.show_messages((*self._messages, message))
            return
        self._hold_height(0)
        for item in self._items:
            if isinstance(item, AnswerView):
                item.release_height()
        self._messages = (*self._messages, message)
        self._end = len(self._messages)
        self._append(message)
        self._mark_last()
        self._stick = True
        self.scroll_to_bottom()

    def replace_last(self, message: Message) -> None:
        """Put a new answer in the place of the newest one; without one, append it."""
        if self._end < len(self._messages) and self._messages[-1].role == "assistant":
            self.show_messages((*self._messages[:-1], message))
            return
        last = self.last_answer
        if last is not None:
            self._messages = self._messages[:-1]
            self._end = len(self._messages)
            self._items.remove(last)
            self._take_away(last.message_id, last)
        self.add_message(message)

    def resume_last(self, message: Message) -> None:
        """The newest answer goes on."""
        self._messages = tuple(message if old.id == message.id else old for old in self._messages)
        if self.last_answer is not None and self.last_answer.message_id == message.id:
            self.show_item(message.id)
            self._without_flicker(lambda answer: answer.set_message(message, last=True))
            self.scroll_to_bottom()

    def go_to(self, message_id: str) -> bool:
        """Bring a message into view, its head near the top; False if it is not in the branch that is shown."""
        number = next((at for at, message in enumerate(self._messages) if message.id == message_id), None)
        if number is None:
            return False
        if not self._first <= number < self._end:
            self.setUpdatesEnabled(False)
            self._clear()
            self._first = self._unasked = max(0, number - AROUND)
            self._end = min(len(self._messages), number + AROUND + 1)
            with turns().last_first():
                for message in self._messages[self._first : self._end]:
                    self._append(message)
            self._mark_last()
            self._show_more()
            self._hold_height(0)
            self.setUpdatesEnabled(True)
            self.items_made.emit()
        self._keep_in_place(Kept(number, self._first, _TOP_MARGIN, 0))
        return True

    def message(self, message_id: str) -> Message | None:
        """A message of the branch that is shown."""
        return next((each for each in self._messages if each.id == message_id), None)

    def put_instead(self, message_id: str, widget: QWidget) -> None:
        """Show a widget in the place of a message, which is hidden; the widget goes when the message does."""
        item = next(each for each in self._items if each.message_id == message_id)
        self._column.insertWidget(self._column.indexOf(item), widget)
        self._instead[message_id] = widget
        item.hide()

    def instead(self, message_id: str) -> QWidget | None:
        """What stands in the place of a message."""
        return self._instead.get(message_id)

    def show_item(self, message_id: str) -> None:
        """Show a message again, and nothing in its place."""
        self._take_away(message_id)
        for item in self._items:
            if item.message_id == message_id:
                item.show()

    def selected_text(self) -> str:
        """What is selected in a message, if it is one line."""
        return selected_line(self._items)

    def mark(self, message_id: str, text: str) -> None:
        """Mark `text` in the messages, and show its first place in this one; "" takes the marks away."""
        self._marked = text
        color = self._themes.theme.color("selection")
        for item in self._items:
            first = mark(item, text, color)
            if first is None or item.message_id != message_id:
                continue
            edit, cursor = first
            place = edit.viewport().mapTo(item, edit.cursorRect(cursor).center()) + item.pos()
            bar = self.verticalScrollBar()
            if not bar.value() + _TOP_MARGIN < place.y() < bar.value() + self.viewport().height() - _TOP_MARGIN:
                self._kept = None
                bar.setValue(place.y() - self.viewport().height() // 3)

    @property
    def settled(self) -> bool:
        """Whether the messages have got their heights."""
        return not self._settling.isActive()

    def show_draft(self, draft: DraftUpdated) -> None:
        """Pass a draft on to the answer that is being written."""
        if self.last_answer is not None:
            self.last_answer.show_draft(draft)

    def commit(self, source: str, thought: str = "") -> None:
        """A block of the newest answer is final."""
        if self.last_answer is not None:
            self._without_flicker(lambda answer: answer.commit(source, thought))

    def end_answer(self, message: Message) -> None:
        """The newest answer is complete."""
        self._messages = tuple(message if old.id == message.id else old for old in self._messages)
        if self.last_answer is not None and self.last_answer.message_id == message.id:
            self._without_flicker(lambda answer: answer.end(message, last=True))
            self.last_answer.set_recorded(self.is_recorded(message.id))

    def set_waiting(self, text: str) -> None:
        """A quiet line in the newest answer, before its first draft."""
        if self.last_answer is not None:
            self.last_answer.set_waiting(text)

    def set_drafts(self, drafts: str) -> None:
        """How much of a draft is shown: "full", "calm" or "off"."""
        self._drafts = drafts
        for answer in self._answers():
            answer.set_drafts(drafts)

    def set_reduce_motion(self, reduce_motion: bool) -> None:
        """Reduced motion."""
        self._reduce_motion = reduce_motion
        for answer in self._answers():
            answer.canvas.set_reduce_motion(reduce_motion)

    def answer_of(self, message_id: str) -> AnswerView | None:
        """The widget of an answer."""
        return next((answer for answer in self._answers() if answer.message_id == message_id), None)

    def scroll_to_bottom(self) -> None:
        """Show the newest message."""
        if self._end < len(self._messages):
            self.show_messages(self._messages)
            return
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
        most = self.verticalScrollBar().maximum()
        if most > 0 and self._from_bottom < 0 and self._kept is None and value > most - _NEAR_TOP and not self._taking:
            self.on_later_wanted()
        if value < _NEAR_TOP and self._first > 0 and self._from_bottom < 0 and most > 0 and not self._taking:
            self.on_earlier_wanted()

    def _add_unasked(self, units: float = 0.0) -> float:
        """One more message of the page, above the others; what is in view stays where it is. Gives its `units`."""
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
        if self._first == self._unasked:
            self.page_added.emit()
            self.items_made.emit()
        return units or _MESSAGE_UNITS

    def on_earlier_wanted(self) -> None:
        """Make one more page of earlier messages, soon; what is in view stays where it is."""
        if self._first == 0 or self._first > self._unasked:  # or they are coming
            return
        self._unasked = page_start(self._messages, self._first)
        spare = len(self._items) + self._first - self._unasked - MOST_ITEMS
        writing = self._messages[-1].state == MessageState.STREAMING and self._end == len(self._messages)
        if 0 < spare < len(self._items) and not writing:
            anchor, coming = self._in_view(), self._unasked
            self._drop(self._items[-spare:])
            self._unasked = coming
            self._keep_in_place(anchor)
        self._show_more()
        self._settling.start()
        self.page_added.emit()
        turns().add(self, partial(self._add_unasked, TURN_UNITS), "page")  # one a turn: somebody is scrolling

    def on_later_wanted(self) -> None:
        """Make one more page of later messages; what is in view stays where it is."""
        if self._end >= len(self._messages):
            return
        anchor, end = self._in_view(), page_end(self._messages, self._end)
        for message in self._messages[self._end : end]:
            self._append(message)
        self._end = end
        if len(self._items) > MOST_ITEMS:
            self._drop(self._items[: len(self._items) - MOST_ITEMS])
            self._keep_in_place(anchor)
        self._mark_last()
        self._show_more()
        self.page_added.emit()
        self.items_made.emit()

    def on_settled(self) -> None:
        """Earlier messages have got their heights, which takes some rounds of layout."""
        if turns().waiting:  # or have not: they are still being shown
            self._settling.start()
            return
        self._from_bottom = -1
        if self._kept is not None:
            self._place_kept(self._kept)
            self._kept = None
        self.came_to_rest.emit()

    def on_sibling_wanted(self, message_id: str, step: int) -> None:
        """Another version of a message is wanted: its head stays where it is, and so does the focus."""
        number = next((at for at, item in enumerate(self._items) if item.message_id == message_id), None)
        if number is None:
            return
        item = self._items[number]
        switch = item.siblings
        top = item.y() - self.verticalScrollBar().value()
        focused = switch.focused_step if switch is not None else 0
        self._kept = Kept(self._first + number, self._first, top, focused)
        self.sibling_requested.emit(message_id, step)
        self._kept = self._kept if self._settling.isActive() else None  # there was nothing else to show

    def on_theme_changing(self) -> None:
        """Texts wait for `on_theme_changed`."""
        for item in self._items:
            item.hold_layout()

    def on_theme_changed(self) -> None:
        """New colours and sizes, from the newest message on."""
        old = self._items.copy()
        turns().spend(self._themes.seconds - _LOOK_SECONDS)

        def go_on() -> float:
            if not old:
                return 0.0
            if (item := old.pop()) in self._items:
                item.set_theme(self._themes.theme)
                mark(item, self._marked, self._themes.theme.color("selection"))
            return 6.0

        turns().begin(self, go_on, "theme")

    # -- inside -----------------------------------------------------------------------------------------------------

    def _answers(self) -> list[AnswerView]:
        return [item for item in self._items if isinstance(item, AnswerView)]

    def _append(self, message: Message) -> None:
        self._items.append(item := self._make(message))
        self._column.insertWidget(self._column.count() - 2, item)

    def _make(self, message: Message) -> UserMessage | AnswerView:
        if message.role == "user":
            asked = UserMessage(message, self._themes.theme)
            asked.sibling_requested.connect(self.on_sibling_wanted)
            asked.action_requested.connect(self.action_requested)
            asked.place_wanted.connect(self.place_wanted)
            return asked
        answer = AnswerView(self._themes.theme, self._drafts, self._reduce_motion)
        answer.set_message(message, last=False)
        if message.state == MessageState.STREAMING:
            answer.set_waiting(words.READING)
        answer.set_recorded(self.is_recorded(message.id))
        for name in _PASSED_ON:
            getattr(answer, name).connect(getattr(self, name))
        answer.canvas.pointed.connect(self.pointed)
        answer.sibling_requested.connect(self.on_sibling_wanted)
        return answer

    def _show_more(self) -> None:
        self._earlier.setVisible(self._unasked > 0)
        self.later.setVisible(self._end < len(self._messages))

    def _in_view(self) -> Kept:
        """The first message of which something is in view."""
        value = self.verticalScrollBar().value()
        at = next((at for at, item in enumerate(self._items) if item.y() + item.height() > value), 0)
        return Kept(self._first + at, self._first, self._items[at].y() - value, 0)

    def _keep_in_place(self, kept: Kept) -> None:
        """The head of a message stays where it shall be until all have got their heights."""
        self._stick, self._kept = False, kept
        self._place_kept(kept)
        self._settling.start()

    def _drop(self, items: list[UserMessage | AnswerView]) -> None:
        """Take widgets away at one end."""
        if items and items[0] is self._items[0]:
            self._first += len(items)
            self._unasked = self._first
        else:
            self._end -= len(items)
        for item in items:
            self._items.remove(item)
            self._take_away(item.message_id, item)

    def _show_kept(self, kept: Kept) -> None:
        """Another version is there: give it the place and the focus of the one before."""
        self._stick = False
        self._kept = kept
        self._hold_height(self.verticalScrollBar().value() + self.viewport().height())
        switch = self._items[kept.number - self._first].siblings
        if switch is not None and kept.focused:
            switch.focus_step(kept.focused)
        self._place_kept(kept)
        self._settling.start()

    def _place_kept(self, kept: Kept) -> None:
        self._moving = True
        number = min(max(kept.number, self._first), self._end - 1)
        self.verticalScrollBar().setValue(self._items[number - self._first].y() - kept.top)
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
        for item in self._answers():
            item.set_last(item is self._items[-1] and self._end == len(self._messages))

    def _clear(self, keep: int = 0) -> None:
        """Take away all but the first `keep` items."""
        for item in self._items[keep:]:
            self._take_away(item.message_id, item)
        del self._items[keep:]
        self._settling.stop()
        self._from_bottom = -1

    def _take_away(self, message_id: str, item: QWidget | None = None) -> None:
        """Away with what stands in the place of a message, and with its own widget."""
        self._taking = True  # the focus may leave it for another message and scroll there, which asks for no more
        for widget in filter(None, (item, self._instead.pop(message_id, None))):
            self._column.removeWidget(widget)
            if isinstance(widget, AnswerView):
                widget.go()
            else:
                widget.hide()
                widget.deleteLater()
        self._taking = False

    def _without_flicker(self, change: Callable[[AnswerView], None]) -> None:
        self.setUpdatesEnabled(False)
        if (answer := self.last_answer) is not None:
            change(answer)
        self.setUpdatesEnabled(True)

    def _report_bottom(self) -> None:
        bar = self.verticalScrollBar()
        at_bottom = bar.value() >= bar.maximum() - _NEAR_BOTTOM and self._end == len(self._messages)
        if at_bottom != self._at_bottom:
            self._at_bottom = at_bottom
            self.bottom_reached.emit(at_bottom)

    def _lay_out(self) -> None:
        page = RestingPage()
        # As wide as the view, whatever a message would like: else all of them would run off its edge.
        page.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        column = QWidget()
        column.setObjectName("chat_column")
        column.setMaximumWidth(COLUMN_WIDTH)
        self._column = QVBoxLayout(column)
        self.keep_room_below(0)
        self._column.setSpacing(22)
        for link in (self._earlier, self.later):
            self._column.addWidget(link, 0, Qt.AlignmentFlag.AlignHCenter)
            link.hide()
        self._column.addStretch(1)
        self._floor = QWidget()  # beside the column: a minimum height of the page would take the place of what it needs
        self._floor.setFixedSize(0, 0)
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._floor, 0, Qt.AlignmentFlag.AlignTop)
        row.addStretch(1)
        row.addWidget(column, 1000)
        row.addStretch(1)
        self.setWidget(page)
