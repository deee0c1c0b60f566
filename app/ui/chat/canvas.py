"""The block that is being denoised, shown live in the place of the answer.

The widget keeps its height within a block (it grows, never shrinks), repaints only for a new draft or while a word
fades, and tells screen readers of settled text only.
"""

from __future__ import annotations

import math
import time

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.chat.canvas_flow import CanvasFlow, Flow, Level, Word, level_from_entropy
from app.ui.chat.canvas_paint import FADE_SECONDS, GLOW_SECONDS, CanvasPainter, Look
from app.ui.widgets.theme import Theme
from inference.events import DraftUpdated

FRAME_MS = 16
SLOW_FRAME_MS = 500
SPOKEN_SECONDS = 1.0
_TAIL_STRENGTH = (0.85, 0.45, 0.25)


class CanvasView(QWidget):
    """A live canvas.

    Signals:
        grown: The widget has become higher.
    """

    grown = Signal()

    def __init__(self, theme: Theme, calm: bool = False, reduce_motion: bool = False) -> None:
        super().__init__()
        self._painter = CanvasPainter(theme)
        self._flow_maker = CanvasFlow(self._painter.measure, self._painter.em)
        self._calm, self._reduce_motion = calm, reduce_motion
        self._flow = Flow((), (0.0,), 0, 0.0)
        self._tops_before: tuple[float, ...] = (0.0,)
        self._looks: dict[tuple[int, int], Look] = {}
        self._draft: DraftUpdated | None = None
        self._levels: list[Level] = []
        self._waiting: DraftUpdated | None = None
        self._block, self._applied_at, self._spoken_at = -1, -math.inf, -math.inf
        self._frames = QTimer(self)
        self._frames.setInterval(FRAME_MS)
        self._frames.timeout.connect(self.on_frame_due)
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.timeout.connect(self.on_slow_frame_due)
        self.frames_painted = 0
        self.setAccessibleName("Answer being written")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(0)

    # -- what it is told --------------------------------------------------------------------------------------------

    def set_draft(self, draft: DraftUpdated) -> None:
        """Show a draft; with reduced motion at most two in a second."""
        wait = self._applied_at + SLOW_FRAME_MS / 1000 - time.monotonic()
        if self._reduce_motion and draft.block == self._block and wait > 0:
            self._waiting = draft
            if not self._slow.isActive():
                self._slow.start(math.ceil(wait * 1000))
            return
        self._apply(draft)

    def set_calm(self, calm: bool) -> None:
        """Show settled words alone, or all."""
        self._calm = calm
        self.update()

    def set_reduce_motion(self, reduce_motion: bool) -> None:
        """No fades, and two updates a second at most."""
        self._reduce_motion = reduce_motion
        self._frames.stop()
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._painter = CanvasPainter(theme)
        self._flow_maker = CanvasFlow(self._painter.measure, self._painter.em)
        self._lay_out_again()

    def clear(self) -> None:
        """Show nothing and take no room."""
        self._stop_timers()
        self._waiting, self._draft, self._block = None, None, -1
        self._looks.clear()
        self._flow = Flow((), (0.0,), 0, 0.0)
        self.setFixedHeight(0)
        self.setAccessibleDescription("")

    def settled_text(self) -> str:
        """The settled words; gaps are three dots."""
        words: list[str] = []
        pieces = self._draft.pieces if self._draft else ()
        for piece, level in zip(pieces, self._levels, strict=True):
            if level == Level.SETTLED:
                words.append(piece)
            elif piece and (not words or words[-1] != " \u2026 "):
                words.append(" \u2026 ")
        return "".join(words).strip()

    @property
    def draft(self) -> DraftUpdated | None:
        """The draft that is shown."""
        return self._draft

    # -- timers -----------------------------------------------------------------------------------------------------

    def on_slow_frame_due(self) -> None:
        """Half a second is over: show the draft that waited."""
        draft, self._waiting = self._waiting, None
        if draft is not None:
            self._apply(draft)

    def on_frame_due(self) -> None:
        """One more frame of a fade."""
        if time.monotonic() - self._applied_at > max(FADE_SECONDS, GLOW_SECONDS):
            self._frames.stop()
        self.update()

    def _stop_timers(self) -> None:
        self._frames.stop()
        self._slow.stop()

    # -- layout -----------------------------------------------------------------------------------------------------

    def _apply(self, draft: DraftUpdated) -> None:
        now = time.monotonic()
        self._applied_at = now
        if draft.block != self._block:
            self.clear()
            self._block = draft.block
            self._flow_maker.reset()
        self._draft = draft
        self._levels = [level_from_entropy(entropy) for entropy in draft.entropy]
        before, self._tops_before = self._flow, self._flow.tops
        self._flow = self._flow_maker.lay_out(draft.pieces, self._levels, max(self.width(), 80))
        self._note_changes(before, now)
        self._grow()
        self._speak(now)
        if not self._reduce_motion and self.isVisible():
            self._frames.start()
        self.update()

    def _note_changes(self, before: Flow, now: float) -> None:
        long_ago = now - 60.0
        newest = {key: word for key, word in _keyed(self._flow.words)}
        looks: dict[tuple[int, int], Look] = {}
        for key in {**newest, **{key: None for key, _ in _keyed(before.words)}}:
            word, old = newest.get(key), self._looks.get(key)
            if old is not None and old.word == word:
                looks[key] = old
                continue
            settles = word is not None and word.level == Level.SETTLED
            was = old.word if old else None
            fresh = settles and (was is None or was.level != Level.SETTLED or word is None or was.text != word.text)
            since = now if fresh else (old.settled if old else long_ago)
            looks[key] = Look(
                word, was, long_ago if self._reduce_motion else now, long_ago if self._reduce_motion else since
            )
        self._looks = looks

    def _grow(self) -> None:
        wanted = math.ceil(self._flow.height * self._painter.line_height)
        if wanted > self.height():
            self.setFixedHeight(wanted)
            self.grown.emit()

    def _speak(self, now: float) -> None:
        if now - self._spoken_at >= SPOKEN_SECONDS:
            self._spoken_at = now
            self.setAccessibleDescription(self.settled_text())

    def _lay_out_again(self) -> None:
        if self._draft is None:
            return
        self._flow = self._flow_maker.lay_out(self._draft.pieces, self._levels, max(self.width(), 80))
        long_ago = time.monotonic() - 60.0
        self._looks = {key: Look(word, None, long_ago, long_ago) for key, word in _keyed(self._flow.words)}
        self._tops_before = self._flow.tops
        self._grow()
        self.update()

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A new width breaks lines anew."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._lay_out_again()

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
            line = look.word.line if look.word else 0
            if self._calm:
                self._paint_calm(painter, look, now)
                continue
            top_before = self._top(self._tops_before, look.before.line) if look.before else 0.0
            self._painter.paint(painter, look, self._top(self._flow.tops, line), top_before, now, self._strength(line))
        painter.end()

    def _paint_calm(self, painter: QPainter, look: Look, now: float) -> None:
        word = look.word
        if word is None:
            return
        top = self._top(self._flow.tops, word.line)
        if word.level == Level.SETTLED:
            self._painter.paint(painter, Look(word, None, look.settled, look.settled), top, top, now, 1.0)
        else:
            self._painter.paint_blank(painter, word, top, self._strength(word.line))

    def _top(self, tops: tuple[float, ...], line: int) -> float:
        return tops[min(line, len(tops) - 1)] * self._painter.line_height

    def _strength(self, line: int) -> float:
        """Noise fades out line by line behind the last firm one."""
        behind = line - self._flow.firm_lines
        return 1.0 if behind < 0 else _TAIL_STRENGTH[min(behind, len(_TAIL_STRENGTH) - 1)]


def _keyed(words: tuple[Word, ...]) -> list[tuple[tuple[int, int], Word]]:
    """Words by position; a position whose piece spans lines has several."""
    keyed: list[tuple[tuple[int, int], Word]] = []
    seen: dict[int, int] = {}
    for word in words:
        number = seen.get(word.index, 0)
        seen[word.index] = number + 1
        keyed.append(((word.index, number), word))
    return keyed
