"""A part of an answer that is written anew, in the answer's own place.

before      the paragraphs above it, as they are
canvas      its paragraph while the first variant condenses; later `diff`: what went and what came
behind      the paragraphs below it
row         which variant, how long it is; Take, Three more, Back
wishes      the same again, otherwise
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.canvas import CanvasView
from app.ui.chat.message_buttons import MessageButton
from app.ui.chat.problem_box import ProblemBox
from app.ui.chat.search_results import takes_escape
from app.ui.chat.steering import words
from app.ui.chat.steering.diff import changes
from app.ui.chat.steering.diff_text import DiffText
from app.ui.chat.steering.places import WORD, paragraph_of
from app.ui.chat.steering.wish_row import WishRow
from app.ui.widgets.labels import Pill
from app.ui.widgets.plain import PlainLabel, set_tip
from app.ui.widgets.theme import Theme
from inference.events import DraftUpdated, VariantWritten


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """A part of an answer.

    Attributes:
        message_id: The answer.
        source: Its text.
        first: Where the part begins, in characters.
        last: Where it ends.
    """

    message_id: str
    source: str
    first: int
    last: int

    @property
    def text(self) -> str:
        """What stands there."""
        return self.source[self.first : self.last]

    def replaced_in(self, text: str) -> str | None:
        """What stands there in another text; None if anything else in it differs."""
        behind = self.source[self.last :]
        same = text.startswith(self.source[: self.first]) and text.endswith(behind)
        if not same or len(text) < self.first + len(behind):
            return None
        return text[self.first : len(text) - len(behind)]


@dataclass(frozen=True, slots=True)
class LeftVariants:
    """What a box held when its answer was shown no longer.

    Attributes:
        part: What was written anew.
        variants: Those that were there.
        at: Which one was shown.
        wish: The newest wish.
    """

    part: AnswerPart
    variants: tuple[VariantWritten, ...]
    at: int
    wish: str


class RewriteBox(QFrame):
    """Shows variants as they come; the answer itself stays as it is until one is taken.

    Signals:
        wanted: Three more, with a wish.
        stop_wanted: What is being written shall not go on.
        taken: The whole answer with the variant that is shown.
        left: The answer stays as it was.

    Attributes:
        part: What is written anew.
        variants: Those that are there.
        at: Which one is shown.
        writing: Whether one is being written.
        asked: Whether any was asked for.
        wish: The newest wish.
        unlike: Signs with which the newest variants shall not begin.
    """

    wanted = Signal(str)
    stop_wanted = Signal()
    taken = Signal(str)
    left = Signal()

    def __init__(self, part: AnswerPart, theme: Theme, drafts: str, reduce_motion: bool) -> None:
        super().__init__()
        self.setObjectName("edit_box")
        self.setAccessibleName(words.REWRITING)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.part, self._theme = part, theme
        self.variants: list[VariantWritten] = []
        self.at, self.writing, self.asked = 0, False, False
        self.wish = self.unlike = ""
        self._floor, self._count, self._done = 0, 0, 0
        begin, end = paragraph_of(part.source, part.first, part.last)
        self._around = part.source[begin : part.first], part.source[part.last : end]
        self._before, self._behind = AnswerBody(theme), AnswerBody(theme)
        for body, text in ((self._before, part.source[:begin]), (self._behind, part.source[end:])):
            body.set_markdown(text)
            body.setVisible(bool(text.strip()))
        self.canvas = CanvasView(theme, drafts, reduce_motion)
        self.canvas.shown.connect(self.on_draft_shown)
        self.diff = DiffText(theme)
        self.diff.setAccessibleName(words.REWRITING)
        self.note = PlainLabel(role="muted", wrap=True)
        self.problem = ProblemBox()
        self.problem.set_theme(theme)
        self.wishes = WishRow()
        self.wishes.wanted.connect(self.wanted)
        self._make_row()
        self._lay_out()
        self._show()

    # -- what it is told --------------------------------------------------------------------------------------------

    def begin(self, wish: str, count: int, unlike: str) -> None:
        """So many variants are being written, which begin with none of these signs."""
        self.wish, self.unlike, self.writing, self.asked = wish, unlike, True, True
        self._count, self._done = count, 0
        self.problem.set_error(None)
        self.canvas.set_start(self._around[0].rstrip(" "))
        self.note.setText(words.STARTS)
        self._show()

    def show_draft(self, draft: DraftUpdated) -> None:
        """The first variant condenses in its place; others are written behind the one that is shown."""
        self.note.setText(words.writing_variant(self._done + 1, self._count))
        if not self.variants:
            self.canvas.set_draft(draft)

    def on_draft_shown(self) -> None:
        """The canvas has it: at once, or when its letters have been looked for."""
        self._floor = max(self._floor, self.sizeHint().height())
        self._show()

    def end_of_one(self) -> None:
        """A variant is through, whether or not it is another one."""
        self._done += 1

    def add(self, variant: VariantWritten) -> None:
        """One more is there; the first one is shown."""
        self.variants.append(variant)
        self._show()

    def end(self, note: str) -> None:
        """No more come for now; `note` says why there are none, or "" if there are."""
        self.writing = False
        self.canvas.clear()
        self.note.setText(note or words.outside_same(self.part.first, len(self.part.source) - self.part.last))
        self._floor = 0
        self._show()

    @property
    def left_variants(self) -> LeftVariants:
        """What is to be shown again with the answer."""
        return LeftVariants(self.part, tuple(self.variants), self.at, self.wish)

    def bring_back(self, left: LeftVariants) -> None:
        """Show what a box of the same part held."""
        self.variants, self.at, self.wish, self.asked = list(left.variants), left.at, left.wish, True
        self.end("")

    def step(self, by: int) -> None:
        """Show another one."""
        if 0 <= self.at + by < len(self.variants):
            self.at += by
            self._show()

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        moving = (self._earlier, self._later, self.problem)
        for part in (self._before, self._behind, self.canvas, self.diff, *moving):
            part.set_theme(theme)

    # -- what the user does -----------------------------------------------------------------------------------------

    def on_take(self) -> None:
        """Keep the one that is shown."""
        if self.variants:
            self.taken.emit(self.variants[self.at].answer)

    def on_leave(self) -> None:
        """Stop what is being written; where nothing is, go back to the answer."""
        if self.writing:
            self.stop_wanted.emit()
        else:
            self.left.emit()

    def on_more(self) -> None:
        """The same wish, other noise."""
        self.wanted.emit(self.wish)

    def on_earlier(self) -> None:
        """The variant before."""
        self.step(-1)

    def on_later(self) -> None:
        """The next one."""
        self.step(1)

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Esc belongs here."""
        return takes_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The arrows lead from one to the other, Enter takes, Esc leaves."""
        keys = {
            Qt.Key.Key_Left: self.on_earlier,
            Qt.Key.Key_Right: self.on_later,
            Qt.Key.Key_Return: self.on_take,
            Qt.Key.Key_Enter: self.on_take,
            Qt.Key.Key_Escape: self.on_leave,
        }
        do = keys.get(Qt.Key(event.key()))
        focused = self.focusWidget()
        if do == self.on_take and isinstance(focused, QPushButton) and focused.hasFocus():
            focused.click()
        elif do is not None and event.modifiers() in (
            Qt.KeyboardModifier.NoModifier,
            Qt.KeyboardModifier.KeypadModifier,
        ):
            do()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Line beside or below the buttons."""
        super().resizeEvent(event)
        self.wishes.fit(self.width() - 32)

    def sizeHint(self) -> QSize:
        """What the parts need, and no less than while the first variant was written."""
        return super().sizeHint().expandedTo(QSize(0, self._floor))

    def minimumSizeHint(self) -> QSize:
        """The same for the least size."""
        return super().minimumSizeHint().expandedTo(QSize(0, self._floor))

    # -- inside -----------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """What is possible now."""
        drafting = self.writing and not self.variants and self.canvas.draft is not None
        self.canvas.setVisible(drafting)
        self.diff.setVisible(not drafting)
        part, chosen = self.part, self.variants[self.at] if self.variants else None
        if not drafting:
            found = changes(part.text, chosen.part if chosen is not None else part.text)
            self.diff.set_changes(self._around[0], found, self._around[1])
        several = len(self.variants) > 1
        for button, there in ((self._earlier, self.at > 0), (self._later, self.at + 1 < len(self.variants))):
            button.setVisible(several)
            button.setEnabled(there)
        self._place.setText(words.variant_label(self.at, len(self.variants)) if several else "")
        self._place.setVisible(several)
        best = max(self.variants, key=_score, default=None)
        self._best.setVisible(several and not self.writing and chosen is best)
        before = len(WORD.findall(part.text))
        self._length.setText(words.words_counted(before, len(WORD.findall(chosen.part))) if chosen is not None else "")
        self._stop.setVisible(self.writing)
        self._more.setVisible(not self.writing)
        self._leave.setVisible(not self.writing)
        self._take.setEnabled(chosen is not None)
        self.wishes.setEnabled(not self.writing)
        if chosen is not None:
            self.setAccessibleDescription(words.variant_spoken(self.at, len(self.variants), chosen.part))
        self.updateGeometry()

    def _make_row(self) -> None:
        self._earlier = MessageButton("previous", words.EARLIER, self._theme)
        self._later = MessageButton("next", words.LATER, self._theme)
        self._earlier.clicked.connect(self.on_earlier)
        self._later.clicked.connect(self.on_later)
        self._place = PlainLabel(role="muted")
        self._best = Pill()
        self._best.show_text(words.FITS_BEST, "good")
        set_tip(self._best, words.FITS_BEST_HINT)
        self._length = PlainLabel(role="faint")
        self._stop = self._button(words.STOP, words.STOP_HINT)
        self._stop.clicked.connect(self.stop_wanted)
        self._more = self._button(words.MORE, words.MORE_HINT)
        self._more.clicked.connect(self.on_more)
        self._leave = self._button(words.LEAVE, words.LEAVE_HINT)
        self._leave.clicked.connect(self.left)
        self._take = self._button(words.TAKE, words.TAKE_HINT)
        self._take.setProperty("role", "primary")
        self._take.clicked.connect(self.on_take)

    def _button(self, text: str, hint: str) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(hint)
        set_tip(button, hint)
        return button

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(6)
        for widget in (self._earlier, self._place, self._later, self._best, self._length):
            row.addWidget(widget)
        row.addStretch(1)
        for button in (self._stop, self._more, self._leave, self._take):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        for part in (self._before, self.canvas, self.diff, self._behind, self.problem, self.note):
            column.addWidget(part)
        column.addLayout(row)
        column.addWidget(self.wishes)


def _score(variant: VariantWritten) -> float:
    return variant.score
