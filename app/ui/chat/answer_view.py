"""One answer in the chat: rendered text, the live canvas while it is written, and what can be done with it.

    thought   what was thought before, folded; nothing where nothing was
    body      committed text, as Markdown
    canvas    the block that is being denoised; no height otherwise
    problem   one sentence if something went wrong
    actions   Copy, Continue, Try again

Above all of them stands "2 of 3" where there are several answers: there the arrows stay under the pointer, however
long each answer is.

When a block is committed the view keeps the height it had, so that nothing jumps; `release_height` gives it back. That
floor goes into the size hints: a minimum height would take the place of what the text needs, not only add to it.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.chats.messages import FileSource, Message, MessageState
from app.chats.unfinished import can_continue, cut_off
from app.ui.chat import outcome_words, words
from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.canvas import CanvasView
from app.ui.chat.message_buttons import MenuButton
from app.ui.chat.open_paragraph import cut_open_paragraph
from app.ui.chat.problem_box import ProblemBox
from app.ui.chat.replay import Replay
from app.ui.chat.replay_bar import ReplayBar
from app.ui.chat.sibling_switch import SiblingSwitch
from app.ui.chat.thought import Thought
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.labels import ElidedLabel
from app.ui.widgets.look_later import in_view, pass_over, take_look
from app.ui.widgets.plain import PlainLabel, set_tip
from app.ui.widgets.theme import Theme, paragraph_gap
from inference.events import DraftUpdated

TEXTS_SPACING = 6
ACTIONS_INSET = 9  # room of a button around its icon: icon and text stand under each other


class AnswerView(QFrame):
    """An answer.

    Signals:
        try_again_requested: The user wants another answer.
        continue_requested: The user wants this one to go on.
        settle_requested: The user wants the block that is being written as it stands.
        more_steps_requested: The user wants it to take more steps than its limit.
        replay_requested: The user wants to see how it was written (message id).
        export_requested: The replay (this `AnswerView`) shall become a file of a kind ("gif", "webp", "html", "png").
        draft_shown: A draft that the canvas shows, also one of a replay, and this `AnswerView`.
        sibling_requested: The user wants to see another of several answers (message id, -1 or +1).
        action_requested: Message id, and "menu": the user wants what can be done with it besides.
        place_wanted: A quote was clicked (a `FilePlace`).
        grown: The live canvas has become higher.
    """

    try_again_requested = Signal()
    continue_requested = Signal()
    settle_requested = Signal()
    more_steps_requested = Signal()
    replay_requested = Signal(str)
    export_requested = Signal(object, str)
    draft_shown = Signal(object, object)
    sibling_requested = Signal(str, int)
    action_requested = Signal(str, str)
    place_wanted = Signal(object)
    grown = Signal()

    def __init__(self, theme: Theme, drafts: str = "full", reduce_motion: bool = False) -> None:
        super().__init__()
        self._theme = theme
        self._source, self._message_id = "", ""
        self._message: Message | None = None
        self._recorded = False
        self.replay: Replay | None = None
        self._bar: ReplayBar | None = None
        self._shown_block = -1
        self._floor = 0
        self._writing = self._drafting = self._last = False
        self.thought = Thought(theme)
        self.body = AnswerBody(theme)
        self.body.place_wanted.connect(self.place_wanted)
        self._drafts = drafts
        self.canvas = CanvasView(theme, drafts, reduce_motion)
        self.canvas.grown.connect(self.grown)
        self.canvas.shown.connect(self.on_canvas_shown)
        self._note = PlainLabel(role="muted", wrap=True)
        self._problem = ProblemBox()
        self._actions = QWidget()
        self._copy = CopyButton(self.source, "answer", theme)
        self.can_continue = False
        self._outcome = ElidedLabel()
        self._outcome.setProperty("role", "muted")
        self._settle = self._button(words.SETTLE_NOW, words.SETTLE_NOW_HINT)
        self._settle.clicked.connect(self.settle_requested)
        self._replay_button = self._button(words.REPLAY, words.REPLAY_HINT)
        self._replay_button.clicked.connect(self.on_replay_clicked)
        self._more = self._button(words.MORE_STEPS, words.MORE_STEPS_HINT)
        self._more.clicked.connect(self.more_steps_requested)
        self._again = self._button("Try again", words.TRY_AGAIN_HINT)
        self._again.clicked.connect(self.on_try_again_clicked)
        self._on = self._button(words.CONTINUE, words.CONTINUE_HINT)
        self._on.clicked.connect(self.on_continue_clicked)
        self._menu = MenuButton(theme)
        self._menu.clicked.connect(self.on_menu_clicked)
        self.siblings = SiblingSwitch("answer", theme)
        self.siblings.sibling_requested.connect(self.sibling_requested)
        self.setAccessibleName("Answer")
        self._lay_out()
        self.set_theme(theme)

    # -- what it shows ----------------------------------------------------------------------------------------------

    def source(self) -> str:
        """The Markdown source: what Copy copies."""
        return self._source

    @property
    def theme(self) -> Theme:
        """Its colours and sizes."""
        return self._theme

    @property
    def message_id(self) -> str:
        """Which message it shows."""
        return self._message_id

    def set_message(self, message: Message, last: bool) -> None:
        """Show a stored answer as far as it is known."""
        self._message_id, self._message = message.id, message
        self._end_replay()
        writing = message.state in (MessageState.STREAMING, MessageState.DRAFT)
        self.thought.set_text(message.thinking, writing and not message.body.strip())
        if writing:
            self._set_open_source(message.committed)
        else:
            self.canvas.clear()
            self._source = message.body
            self._show_body(message.body, message.sources)
        self.can_continue = can_continue(message)
        self._show_end(message)
        self.siblings.setEnabled(not writing)
        self._writing, self._drafting = writing, False
        self.set_last(last)
        self.siblings.set_message(message)

    def set_last(self, last: bool) -> None:
        """Only the newest answer can be tried again, or go on."""
        self._last = last
        self._show_actions()

    def set_recorded(self, recorded: bool) -> None:
        """Whether it can be replayed."""
        self._recorded = recorded
        self._show_actions()

    def open_replay(self, replay: Replay, size: str) -> None:
        """Play how it was written, in its place; `size` says how much room the recording takes."""
        self._end_replay()
        self._keep_height(self.height())
        self.replay, self._shown_block = replay, -1
        bar = self._bar = ReplayBar(self._theme)
        set_tip(bar, size)
        bar.frame_wanted.connect(self.on_frame_wanted)
        bar.export_wanted.connect(self.on_export_wanted)
        bar.closed.connect(self.on_replay_closed)
        self._column.insertWidget(self._column.indexOf(self._actions), bar)
        self.set_waiting("")
        self.canvas.set_drafts("full")
        self._show_actions()
        bar.start(replay)

    def on_frame_wanted(self, frame: int) -> None:
        """Show a step of the replay."""
        replay = self.replay
        if replay is None or self._bar is None:
            return
        if replay.block(frame) != self._shown_block:
            self._shown_block = replay.block(frame)
            source = self._source
            self._set_open_source(replay.start(frame))
            self._source = source
        self.canvas.set_draft(replay.draft(frame), at_once=not self._bar.playing)
        self.canvas.set_told(replay, frame)

    def on_canvas_shown(self, draft: DraftUpdated) -> None:
        """The canvas shows another draft."""
        self.draft_shown.emit(draft, self)

    def on_export_wanted(self, kind: str) -> None:
        """Make a file of the replay."""
        self.export_requested.emit(self, kind)

    def on_replay_clicked(self) -> None:
        """See how it was written."""
        self.replay_requested.emit(self._message_id)

    def on_replay_closed(self) -> None:
        """Show the answer again."""
        if self._message is not None:
            self.set_message(self._message, self._last)
            self.release_height()
            self._replay_button.setFocus()

    @property
    def bar(self) -> ReplayBar | None:
        """What plays the replay, while there is one."""
        return self._bar

    @property
    def replay_frame(self) -> int:
        """Which step of the replay is shown."""
        return self._bar.slider.value() if self._bar is not None else 0

    def _end_replay(self) -> None:
        bar, self._bar, self.replay = self._bar, None, None
        if bar is not None:
            bar.stop()
            self._column.removeWidget(bar)
            bar.hide()
            bar.deleteLater()
            self.canvas.set_told(None, 0)
            self.canvas.set_drafts(self._drafts)

    def set_drafts(self, drafts: str) -> None:
        """How much of a draft is shown: "full", "calm" or "off"."""
        self._drafts = drafts
        if self.replay is None:
            self.canvas.set_drafts(drafts)

    def set_waiting(self, text: str) -> None:
        """A quiet line before the first draft."""
        self._note.setText(text)
        self._note.setVisible(bool(text))

    def show_draft(self, draft: DraftUpdated) -> None:
        """Show a draft of the current block."""
        self.set_waiting("" if self.canvas.shows_drafts else words.WRITING)
        self.canvas.set_draft(draft)
        if not self._drafting:
            self._drafting = True
            self._show_actions()

    def commit(self, source: str, thought: str = "") -> None:
        """A block is final: `source` is the whole answer so far, `thought` what was thought before it."""
        self._keep_height(self.height())
        self._say_final(source, last=False)
        self.thought.set_text(thought, writing=not source.strip())
        self._set_open_source(source)
        if not self._drafting:  # a server sends no drafts: what is read is there, and the chat is not read any more
            self.set_waiting("")

    def end(self, message: Message, last: bool) -> None:
        """The answer is complete, or was ended."""
        self._keep_height(self.height())
        self._say_final(message.body, last=True)
        self.set_message(message, last)
        if message.state != MessageState.DONE or cut_off(message):
            self.release_height()  # less is left than was seen, and the room would hold nothing

    def release_height(self) -> None:
        """Take only the room that is needed."""
        self._floor = 0
        self.updateGeometry()

    def go(self) -> None:
        """It is shown no longer, and deletes itself: over several turns where it has many parts."""
        self.hide()
        self.canvas.clear()
        self.body.take_apart(self.deleteLater)

    def hold_layout(self) -> None:
        """See `FlowText`; what is out of view takes the look later."""
        self.thought.hold_layout()
        self.body.hold_layout()
        if not in_view(self):
            pass_over(self)

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        take_look(self, (self.body,))
        for part in (self.thought, self.body, self.canvas, self._copy, self._problem, self.siblings, self._menu):
            part.set_theme(theme)
        if self._bar is not None:
            self._bar.set_theme(theme)
        edge = round(theme.ui_points * 1.5)
        icons = (
            (self._again, "retry"),
            (self._on, "next"),
            (self._settle, "settle"),
            (self._more, "more"),
            (self._replay_button, "replay"),
        )
        for button, icon in icons:
            button.setIcon(themed_icon(icon, theme.color("muted"), edge))
            button.setIconSize(QSize(edge, edge))
        self._note.setFont(theme.body_font())
        self._turn_actions()
        self.release_height()

    # -- what the user does -----------------------------------------------------------------------------------------

    def on_try_again_clicked(self) -> None:
        """Ask for another answer."""
        self.try_again_requested.emit()

    def on_continue_clicked(self) -> None:
        """Let it go on."""
        self.continue_requested.emit()

    def on_menu_clicked(self) -> None:
        """What can be done with it besides."""
        self.action_requested.emit(self._message_id, "menu")

    def copy(self) -> None:
        """Copy the source."""
        self._copy.on_clicked()

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Buttons beside or below each other."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():  # heights change with each message that comes above
            self._turn_actions()

    def sizeHint(self) -> QSize:
        """What the parts need, and no less than the height that is kept."""
        return super().sizeHint().expandedTo(QSize(0, self._floor))

    def minimumSizeHint(self) -> QSize:
        """The same for the least size."""
        return super().minimumSizeHint().expandedTo(QSize(0, self._floor))

    # -- inside -----------------------------------------------------------------------------------------------------

    def _buttons(self) -> tuple[QWidget, ...]:
        return (self._copy, self._on, self._again, self._replay_button, self._settle, self._more)

    def _show_actions(self) -> None:
        """While it is written what steers it, later what can be done with it; the row keeps its height."""
        done = not self._writing and self.replay is None
        self._actions.setVisible(self.replay is None)
        self._replay_button.setVisible(done and self._recorded)
        self._copy.setVisible(done and bool(self._source.strip()))
        self._again.setVisible(done and self._last)
        self._on.setVisible(done and self._last and self.can_continue)
        for steers in (self._settle, self._more):
            steers.setVisible(self._writing and self._drafting)
        self._actions.setMinimumHeight(self._again.sizeHint().height())
        self._turn_actions()

    def _turn_actions(self) -> None:
        buttons = [each for each in self._buttons() if not each.isHidden()]
        need = sum(each.sizeHint().width() + self._row.spacing() for each in buttons)
        down = need > self.width()
        self._row.setDirection(QBoxLayout.Direction.TopToBottom if down else QBoxLayout.Direction.LeftToRight)
        for each in buttons:
            self._row.setAlignment(each, Qt.AlignmentFlag.AlignLeft if down else Qt.AlignmentFlag(0))

    def _keep_height(self, height: int) -> None:
        self._floor = max(self._floor, height)
        self.updateGeometry()

    def _say_final(self, source: str, last: bool) -> None:
        """Screen readers hear what of the answer came, and what they have not heard yet."""
        self.canvas.say_final(source.removeprefix(self._source) if source.startswith(self._source) else "", last)

    def _set_open_source(self, source: str) -> None:
        """Show what goes on: the last paragraph by the canvas, so that the next block stands in it."""
        self._source = source
        finished, paragraph = cut_open_paragraph(source)
        self._show_body(finished)
        gap = paragraph_gap(self._theme) - TEXTS_SPACING if finished.strip() else 0
        self.canvas.set_start(paragraph, max(0, gap))

    def _show_body(self, source: str, sources: tuple[FileSource, ...] = ()) -> None:
        self.body.set_markdown(source, sources)
        self.body.setVisible(bool(source.strip()))

    def _show_end(self, message: Message) -> None:
        outcomes = message.generation.outcomes if message.generation is not None and message.body.strip() else ()
        note = ""
        if message.state == MessageState.STOPPED:
            note = words.stopped_note(message)
        elif message.foreign:
            note = words.foreign_note(message)
        elif message.state == MessageState.DONE:
            note = words.cut_off_note(message) if message.body.strip() else words.EMPTY_ANSWER
            unsettled = outcome_words.unsettled_note(outcomes, message.generation.params) if message.generation else ""
            note = " ".join(filter(None, (note, unsettled)))
        self.set_waiting(note)
        tip = outcome_words.outcome_tip(outcomes) if outcomes else ""
        self._outcome.set_full_text(outcome_words.outcome_line(outcomes), tip)
        self._problem.set_error(message.error)

    def _button(self, text: str, hint: str) -> QPushButton:
        button = QPushButton(text)
        button.setProperty("role", "quiet")
        button.setAccessibleName(hint)
        set_tip(button, hint)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return button

    def _lay_out(self) -> None:
        row = self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self._actions)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for widget in self._buttons():
            row.addWidget(widget)
        row.addWidget(self._menu)
        row.addWidget(self._outcome, 1)
        self._outcome.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        texts_column = QVBoxLayout()
        texts_column.setContentsMargins(ACTIONS_INSET, 0, 0, 0)
        texts_column.setSpacing(TEXTS_SPACING)
        for part in (self.body, self.canvas, self._note, self._problem):
            texts_column.addWidget(part)
        column.addWidget(self.siblings, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.thought)
        column.addLayout(texts_column)
        column.addWidget(self._actions)
        column.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.body.hide()
        self._note.hide()
