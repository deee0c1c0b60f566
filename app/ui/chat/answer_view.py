"""One answer in the chat: rendered text, the live canvas while it is written, and what can be done with it.

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

from app.chats.messages import Message, MessageState
from app.chats.unfinished import can_continue, cut_off
from app.ui.chat import words
from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.canvas import CanvasView
from app.ui.chat.problem_box import ProblemBox
from app.ui.chat.sibling_switch import SiblingSwitch
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.plain import PlainLabel, set_tip
from app.ui.widgets.theme import Theme
from inference.events import DraftUpdated

ACTIONS_INSET = 9  # room of a button around its icon: icon and text stand under each other


class AnswerView(QFrame):
    """An answer.

    Signals:
        try_again_requested: The user wants another answer.
        continue_requested: The user wants this one to go on.
        sibling_requested: The user wants to see another of several answers (message id, -1 or +1).
        grown: The live canvas has become higher.
    """

    try_again_requested = Signal()
    continue_requested = Signal()
    sibling_requested = Signal(str, int)
    grown = Signal()

    def __init__(self, theme: Theme, calm: bool = False, reduce_motion: bool = False) -> None:
        super().__init__()
        self._theme = theme
        self._source, self._message_id = "", ""
        self._floor = 0
        self.body = AnswerBody(theme)
        self.canvas = CanvasView(theme, calm, reduce_motion)
        self.canvas.grown.connect(self.grown)
        self._note = PlainLabel(role="muted", wrap=True)
        self._problem = ProblemBox()
        self._actions = QWidget()
        self._copy = CopyButton(self.source, "answer", theme)
        self.can_continue = False
        self._again = self._button("Try again", words.TRY_AGAIN_HINT)
        self._again.clicked.connect(self.on_try_again_clicked)
        self._on = self._button(words.CONTINUE, words.CONTINUE_HINT)
        self._on.clicked.connect(self.on_continue_clicked)
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
    def message_id(self) -> str:
        """Which message it shows."""
        return self._message_id

    def set_message(self, message: Message, last: bool) -> None:
        """Show a stored answer as far as it is known."""
        self._message_id = message.id
        writing = message.state in (MessageState.STREAMING, MessageState.DRAFT)
        self._set_source(message.committed if writing else message.body)
        self.can_continue = can_continue(message)
        self._show_end(message)
        self._actions.setEnabled(not writing)
        self.siblings.setEnabled(not writing)
        self._actions.setVisible(not writing)
        self.set_last(last)
        self.siblings.set_message(message)

    def set_last(self, last: bool) -> None:
        """Only the newest answer can be tried again, or go on."""
        self._again.setVisible(last)
        self._on.setVisible(last and self.can_continue)
        self._turn_actions()

    def set_waiting(self, text: str) -> None:
        """A quiet line before the first draft."""
        self._note.setText(text)
        self._note.setVisible(bool(text))

    def show_draft(self, draft: DraftUpdated) -> None:
        """Show a draft of the current block."""
        if self._note.isVisible():
            self.set_waiting("")
        self.canvas.set_draft(draft)

    def commit(self, source: str) -> None:
        """A block is final: `source` is the whole answer so far."""
        self._keep_height(self.height())
        self.canvas.clear()
        self._set_source(source)

    def end(self, message: Message, last: bool) -> None:
        """The answer is complete, or was ended."""
        self._keep_height(self.height())
        self.canvas.clear()
        self.set_message(message, last)
        if message.state != MessageState.DONE or cut_off(message):
            self.release_height()  # less is left than was seen, and the room would hold nothing

    def release_height(self) -> None:
        """Take only the room that is needed."""
        self._floor = 0
        self.updateGeometry()

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        for part in (self.body, self.canvas, self._copy, self._problem, self.siblings):
            part.set_theme(theme)
        edge = round(theme.ui_points * 1.5)
        for button, icon in ((self._again, "retry"), (self._on, "next")):
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

    def copy(self) -> None:
        """Copy the source."""
        self._copy.on_clicked()

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Buttons beside or below each other."""
        super().resizeEvent(event)
        self._turn_actions()

    def sizeHint(self) -> QSize:
        """What the parts need, and no less than the height that is kept."""
        return super().sizeHint().expandedTo(QSize(0, self._floor))

    def minimumSizeHint(self) -> QSize:
        """The same for the least size."""
        return super().minimumSizeHint().expandedTo(QSize(0, self._floor))

    # -- inside -----------------------------------------------------------------------------------------------------

    def _turn_actions(self) -> None:
        buttons = [each for each in (self._copy, self._on, self._again) if not each.isHidden()]
        need = sum(each.sizeHint().width() + self._row.spacing() for each in buttons)
        down = need > self.width()
        self._row.setDirection(QBoxLayout.Direction.TopToBottom if down else QBoxLayout.Direction.LeftToRight)
        for each in buttons:
            self._row.setAlignment(each, Qt.AlignmentFlag.AlignLeft if down else Qt.AlignmentFlag(0))

    def _keep_height(self, height: int) -> None:
        self._floor = max(self._floor, height)
        self.updateGeometry()

    def _set_source(self, source: str) -> None:
        self._source = source
        self.body.set_markdown(source)
        self.body.setVisible(bool(source.strip()))
        self._copy.setVisible(bool(source.strip()))

    def _show_end(self, message: Message) -> None:
        note = ""
        if message.state == MessageState.STOPPED:
            note = words.stopped_note(message)
        elif message.state == MessageState.DONE:
            note = words.cut_off_note(message) if message.body.strip() else words.EMPTY_ANSWER
        self.set_waiting(note)
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
        for widget in (self._copy, self._on, self._again):
            row.addWidget(widget)
        row.addStretch(1)
        policy = self._actions.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._actions.setSizePolicy(policy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        texts_column = QVBoxLayout()
        texts_column.setContentsMargins(ACTIONS_INSET, 0, 0, 0)
        texts_column.setSpacing(6)
        for part in (self.body, self.canvas, self._note, self._problem):
            texts_column.addWidget(part)
        column.addWidget(self.siblings, 0, Qt.AlignmentFlag.AlignLeft)
        column.addLayout(texts_column)
        column.addWidget(self._actions)
        column.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.body.hide()
        self._note.hide()
