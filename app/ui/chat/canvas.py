"""The block that is being denoised, shown live in the place of the answer.

`CanvasFlow` says where each word of a draft stands (`app.ui.chat.canvas_flow`), `CanvasPainter` how a word looks at
each level (`app.ui.chat.canvas_paint`), and `CanvasView` is the widget: it begins with the paragraph that the block
goes on from, keeps its height within a block (it grows, never shrinks), repaints only for a new draft or while a word
fades, changes no unsettled place more than three times a second, and tells screen readers of settled text only, once.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, QPointF, QSize, QTimer, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.chats.unfinished import settled_words
from app.ui.chat.canvas_flow import CanvasFlow, Flow, Word, pieces_of
from app.ui.chat.canvas_paint import FADE_SECONDS, GLOW_SECONDS, CanvasPainter, Look
from app.ui.chat.canvas_words import Level, levels_of
from app.ui.chat.replay import Replay
from app.ui.chat.spoken import Spoken
from app.ui.chat.turns import turns
from app.ui.widgets.font_search import FontSearch
from app.ui.widgets.plain import show_tip
from app.ui.widgets.theme import Theme
from inference.events import DraftUpdated

FRAME_MS = 33
DRAFT_MS = 40  # between two drafts that are laid out: more can be seen by nobody, and takes the time of the model
SLOW_FRAME_MS = 500
HOLD_SECONDS = 0.35  # for which an unsettled place shows the same: what changes three times a second does not flicker
_TAIL_STRENGTH = (0.85, 0.45, 0.25)
_NOTHING = Flow((), (0.0,), 0, 0.0)
_Key = tuple[int, int]


class CanvasView(QWidget):
    """A live canvas.

    Args:
        theme: Colours and sizes.
        drafts: "full" shows every word of a draft, "calm" those that stay, where they stay, "off" none.
        reduce_motion: No fades, and two updates a second at most.

    Signals:
        grown: The widget has become higher.
        shown: A draft (`DraftUpdated`) is shown now.
        pointed: The pointer is over the word of a place, -1 for none.
    """

    grown = Signal()
    shown = Signal(object)
    pointed = Signal(int)

    def __init__(self, theme: Theme, drafts: str = "full", reduce_motion: bool = False) -> None:
        super().__init__()
        self._drafts, self._reduce_motion = drafts, reduce_motion
        self._use(theme)
        self._flow = _NOTHING
        self._looks: dict[_Key, Look] = {}
        self._start: tuple[str, ...] = ()
        self._start_to_come: tuple[str, ...] = ()  # when its letters have been looked for
        self._room = 0
        self._draft: DraftUpdated | None = None
        self._levels: list[Level] = []
        self._waiting: DraftUpdated | None = None
        self._search: FontSearch | None = None
        self._next: tuple[tuple[str, ...], Callable[[], None]] | None = None
        self._block, self._applied_at = -1, -math.inf
        self._frames = QTimer(self)
        self._frames.setInterval(FRAME_MS)
        self._frames.timeout.connect(self.on_frame_due)
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.timeout.connect(self.on_slow_frame_due)
        self.frames_painted = 0
        self._told: Replay | None = None
        self._told_frame = 0
        self._marked = -1
        self._spoken = Spoken(self)
        self.setAccessibleName("Answer being written")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(0)

    # -- what it is told --------------------------------------------------------------------------------------------

    def set_start(self, text: str, room: int = 0) -> None:
        """What the next block goes on from: the last paragraph so far, and pixels between it and what stands above."""
        self._stop_timers()
        self._start, self._room = (), room
        self._waiting, self._draft, self._block = None, None, -1
        self._levels = []
        self._flow_maker.reset()
        self._start_to_come = pieces_of(text)
        self._show_when_found((), self._lay_out_again)

    def set_draft(self, draft: DraftUpdated, at_once: bool = False) -> None:
        """Show a draft: 25 in a second at most, with reduced motion two; one that somebody steps to at once."""
        if at_once:
            self._show_newest(draft, self.set_still)
            return
        pause = SLOW_FRAME_MS if self._reduce_motion else DRAFT_MS
        wait = self._applied_at + pause / 1000 - time.monotonic()
        if draft.block == self._block and wait > 0:
            self._waiting = draft
            if not self._slow.isActive():
                self._slow.start(math.ceil(wait * 1000))
            return
        self._show_newest(draft, self._apply)

    def set_still(self, draft: DraftUpdated) -> None:
        """Show a draft before this returns, with nothing that moves: somebody takes a picture of it."""
        self._search = None
        self._take_start()
        self._apply(draft)
        self._still()
        self.update()

    def set_told(self, replay: Replay | None, frame: int) -> None:
        """What is told of a word under the pointer."""
        self._told = replay
        self._told_frame = frame
        self.setMouseTracking(True)

    def highlight(self, place: int) -> None:
        """Mark the word of a place; -1 for none."""
        if place != self._marked:
            self._marked = place
            self.update()

    def set_drafts(self, drafts: str) -> None:
        """Show all of a draft, words that are final alone, or nothing of it."""
        self._drafts = drafts
        self._lay_out_again()

    def set_reduce_motion(self, reduce_motion: bool) -> None:
        """No fades, and two updates a second at most."""
        self._reduce_motion = reduce_motion
        self._frames.stop()
        self._still()  # no frame brings what is held back
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._use(theme)
        self._flow, self._looks = _NOTHING, {}
        if self._start:
            self._start, self._start_to_come = (), self._start
        draft = self._draft
        if self._search is not None and self._next is not None:
            self._search = None  # it was for another size
            self._show_when_found(*self._next)
        else:
            self._show_when_found(draft.pieces if draft else (), self._lay_out_again)

    def say_final(self, text: str, last: bool) -> None:
        """A block is part of the answer for good: screen readers hear what they have not heard of it."""
        self._spoken.finish(text, last)

    def clear(self) -> None:
        """Show nothing and take no room."""
        self.set_start("")
        self.setFixedHeight(0)
        self._spoken.forget()
        self.setAccessibleDescription("")

    def settled_text(self) -> str:
        """The settled words; gaps are three dots."""
        return self._settled().strip()

    @property
    def shows_drafts(self) -> bool:
        """Whether anything of a draft is shown."""
        return self._drafts != "off"

    @property
    def draft(self) -> DraftUpdated | None:
        """The draft that is shown."""
        return self._draft

    @property
    def flow(self) -> Flow:
        """Where its words stand."""
        return self._flow

    # -- timers -----------------------------------------------------------------------------------------------------

    def on_slow_frame_due(self) -> None:
        """The pause is over: show the draft that waited."""
        draft, self._waiting = self._waiting, None
        if draft is not None:
            self._show_newest(draft, self._apply)

    def on_frame_due(self) -> None:
        """One more frame of a fade; what was held back is shown when its time has come."""
        now = time.monotonic()
        held = False
        for look in self._looks.values():
            if look.waiting is not None:
                if now - look.changed >= HOLD_SECONDS:
                    look.word, look.before, look.changed, look.waiting = look.waiting, look.word, now, None
                held = True
        if not held and now - self._applied_at > max(FADE_SECONDS, GLOW_SECONDS):
            self._frames.stop()
        self.update()

    def _stop_timers(self) -> None:
        self._frames.stop()
        self._slow.stop()
        self._search = None

    # -- letters ----------------------------------------------------------------------------------------------------

    def _show_newest(self, draft: DraftUpdated, show: Callable[[DraftUpdated], None]) -> None:
        """Show a draft, and none that came before it."""
        self._slow.stop()
        self._waiting = None
        self._show_when_found(draft.pieces, partial(show, draft))

    def _show_when_found(self, pieces: tuple[str, ...], show: Callable[[], None]) -> None:
        """Show pieces when their letters have been looked for: nearly always at once; the newest are shown alone."""
        self._next = (pieces, show)
        if self._search is not None:
            return
        self._search = self._painter.search((*self._start_to_come, *pieces))
        if self._search.done:
            self._show_next()
        else:
            turns().begin(self, self._go_on, "letters")

    def _go_on(self) -> float:
        """Look for a few letters; see `turns`."""
        if self._search is None or self._next is None:
            return 0.0
        if self._search.go_on():
            return 1.0
        self._search = self._painter.search((*self._start_to_come, *self._next[0]))  # they may be newer ones
        if not self._search.done:
            return 1.0
        self._show_next()
        return 0.0

    def _show_next(self) -> None:
        assert self._next is not None
        (_, show), self._search, self._next = self._next, None, None
        self._take_start()
        show()

    def _take_start(self) -> None:
        if self._start_to_come:
            self._start, self._start_to_come = self._start_to_come, ()

    # -- layout -----------------------------------------------------------------------------------------------------

    def _use(self, theme: Theme) -> None:
        self._painter = CanvasPainter(theme)
        gap = self._painter.gap / self._painter.line_height
        self._flow_maker = CanvasFlow(self._painter.measure, self._painter.em, self._painter.shape, gap)

    def _apply(self, draft: DraftUpdated) -> None:
        now = time.monotonic()
        self._applied_at = now
        if draft.block != self._block:
            self._block = draft.block
            self._flow_maker.reset()
            self._spoken.begin()
        self._draft = draft
        self._levels = levels_of(draft.pieces, draft.entropy)
        before = self._flow
        self._flow = self._laid_out()
        self._note_changes(before, now)
        self._grow()
        self._spoken.say(self._settled, now)
        self.shown.emit(draft)
        if not self._reduce_motion and self.isVisible():
            self._frames.start()
        self.update()

    def _settled(self) -> str:
        pieces = self._draft.pieces if self._draft else ()
        return settled_words(pieces, [level == Level.SETTLED for level in self._levels])

    def _laid_out(self) -> Flow:
        pieces, levels = (self._draft.pieces, self._levels) if self._draft is not None else ((), [])
        if self._drafts == "off":
            pieces, levels = (), []
        return self._flow_maker.lay_out(pieces, levels, max(self.width(), 80), self._start)

    def _note_changes(self, before: Flow, now: float) -> None:
        long_ago = now - 60.0
        newest = dict(_keyed(self._flow.words))
        looks: dict[_Key, Look] = {}
        gone = {
            key: None for key, look in self._looks.items() if look.word is None and now - look.changed < HOLD_SECONDS
        }
        for key in {**newest, **{key: None for key, _ in _keyed(before.words)}, **gone}:
            word, old = newest.get(key), self._looks.get(key)
            was = old.word if old else None
            if old is not None and was == word:
                old.word, old.waiting = word, None  # its neighbours may give it another form
                looks[key] = old
                continue
            if old is not None and word is not None and self._is_held(old, word, now):
                shown = None if was is None else dataclasses.replace(word, text=was.text, level=was.level, shaped=None)
                looks[key] = Look(shown, was, old.changed, old.settled, waiting=word)
                continue
            settles = word is not None and word.level == Level.SETTLED
            fresh = settles and (was is None or was.level != Level.SETTLED or word is None or was.text != word.text)
            since = now if fresh else (old.settled if old else long_ago)
            same = was is not None and word is not None and (was.text, was.level) == (word.text, word.level)
            changed = old.changed if old is not None and same else now
            looks[key] = Look(
                word, was, long_ago if self._reduce_motion else changed, long_ago if self._reduce_motion else since
            )
        self._looks = looks

    def _is_held(self, old: Look, word: Word, now: float) -> bool:
        """Whether a place shows for a moment longer what it shows: it has not settled, and changed just now."""
        was = old.word
        if self._reduce_motion or word.level == Level.SETTLED or now - old.changed >= HOLD_SECONDS:
            return False
        return was is None or (was.shaped is None and (was.text, was.level) != (word.text, word.level))

    def _grow(self) -> None:
        wanted = math.ceil(self._flow.height * self._painter.line_height) + (self._room if self._flow.words else 0)
        if wanted > self.height():
            self.setFixedHeight(wanted)
            self.grown.emit()

    def _lay_out_again(self) -> None:
        self._flow_maker.break_anew()
        if self._search is not None:
            return  # what comes when its letters have been looked for is laid out then
        self._flow = self._laid_out()
        self._still()
        self._grow()
        self.update()

    def _still(self) -> None:
        """Nothing fades or glows."""
        long_ago = time.monotonic() - 60.0
        self._looks = {key: Look(word, None, long_ago, long_ago) for key, word in _keyed(self._flow.words)}

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A new width breaks lines anew."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._lay_out_again()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell of the word under the pointer."""
        word = self.word_at(event.position())
        place = word.index if word is not None and word.index >= 0 else -1
        self.highlight(place)
        self.pointed.emit(place)
        if self._told is not None:
            told = self._told.told(self._told_frame, place) if place >= 0 else ""
            show_tip(event.globalPosition().toPoint(), told, self)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is pointed at."""
        super().leaveEvent(event)
        self.highlight(-1)
        self.pointed.emit(-1)

    def word_at(self, point: QPointF) -> Word | None:
        """The word at a point of the widget."""
        for word in self._flow.words:
            top = self.top_of(word)
            if (
                top <= point.y() < top + self._painter.line_height
                and word.x - 2 <= point.x() <= word.x + word.width + 2
            ):
                return word
        return None

    def sizeHint(self) -> QSize:
        """As high as it has become."""
        return QSize(200, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint every visible position."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        now = time.monotonic()
        self.frames_painted += 1
        for look in self._looks.values():
            word = look.word
            if word is None:
                continue
            top = self.top_of(word)
            if word.index == self._marked >= 0:
                self._painter.paint_mark(painter, word, top)
            if self._drafts == "calm" and not word.final:
                self._painter.paint_blank(painter, word, top, self._strength(word.line))
            elif self._drafts == "calm":
                self._painter.paint(painter, Look(word, None, look.settled, look.settled), top, now, 1.0)
            else:
                self._painter.paint(painter, look, top, now, self._strength(word.line))
        self._painter.paint_shaped(painter)
        painter.end()

    def top_of(self, word: Word) -> float:
        """Upper edge of a word's line in the widget, in pixels."""
        tops = self._flow.tops
        return self._room + tops[min(word.line, len(tops) - 1)] * self._painter.line_height

    def _strength(self, line: int) -> float:
        """Noise fades out line by line behind the last firm one."""
        behind = line - self._flow.firm_lines
        return 1.0 if behind < 0 else _TAIL_STRENGTH[min(behind, len(_TAIL_STRENGTH) - 1)]


def _keyed(words: tuple[Word, ...]) -> list[tuple[_Key, Word]]:
    """Words by position; a position whose piece spans lines has several."""
    keyed: list[tuple[_Key, Word]] = []
    seen: dict[int, int] = {}
    for word in words:
        number = seen.get(word.index, 0)
        seen[word.index] = number + 1
        keyed.append(((word.index, number), word))
    return keyed
