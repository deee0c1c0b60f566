"""The block that is being denoised, shown live in the place of the answer.

`CanvasFlow` says where each word of a draft stands (`app.ui.chat.canvas_flow`), `CanvasPainter` how a word
looks at each level and how it gets from one look to the next, and `CanvasView` is the widget: it keeps its height
within a block (it grows, never shrinks), repaints only for a new draft or while a word fades, and tells screen readers
of settled text only.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent, QStaticText
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.chats.unfinished import settled_words
from app.ui.chat.canvas_flow import CanvasFlow, Flow, Level, Word, is_complex, level_from_entropy
from app.ui.chat.canvas_line import Cell, ShapedLine
from app.ui.widgets.theme import Theme
from inference.events import DraftUpdated
from inference.text.draft_text import is_placeholder

# -- how it looks ------------------------------------------------------------------------------------------------------

FADE_SECONDS = 0.12
FADE_FROM = 0.35  # new text is never quite away, so that a block that changes everywhere does not blink
GLOW_SECONDS = 0.45
_ALPHA = {Level.NOISE: 0.34, Level.LOOSE: 0.55, Level.FIRM: 0.82, Level.SETTLED: 1.0}
_CACHE_LIMIT = 4000


@dataclass(slots=True)
class Look:
    """What one position shows, and what it showed before.

    Attributes:
        word: The newest word; None if the position is empty.
        before: The word it replaces; None if there was none.
        changed: When that was (seconds of a monotonic clock).
        settled: When the position settled last.
    """

    word: Word | None
    before: Word | None
    changed: float
    settled: float


class CanvasPainter:
    """Fonts, metrics and painting of canvas words for one theme.

    Not by colour alone: what is unsettled is light, slanted and stands on dots; settled text is upright and plain.
    """

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        upright = theme.body_font()
        loose = QFont(upright)
        loose.setItalic(True)
        loose.setWeight(QFont.Weight.Light)
        self._fonts = {Level.NOISE: loose, Level.LOOSE: loose, Level.FIRM: upright, Level.SETTLED: upright}
        self._metrics = QFontMetricsF(upright)
        self._cache: dict[tuple[str, bool], QStaticText] = {}
        self._text = theme.color("text")
        self._accent = theme.color("accent")
        self.line_height = theme.line_height()
        self._ascent = self._metrics.ascent()  # Qt puts the room between lines below the text

    @property
    def em(self) -> float:
        """Width of an "m"."""
        return self._metrics.horizontalAdvance("m")

    def measure(self, text: str) -> float:
        """Width of settled text."""
        return self._metrics.horizontalAdvance(text)

    def shape(self, cells: list[Cell], leftward: bool, width: float) -> ShapedLine:
        """Lay out one line as Qt does."""
        return ShapedLine(cells, leftward, width, self._fonts[Level.SETTLED], self._ascent)

    def paint(self, painter: QPainter, look: Look, top: float, top_before: float, now: float, strength: float) -> None:
        """Paint one position; `strength` fades out the noise at the end."""
        part = min(1.0, (now - look.changed) / FADE_SECONDS)
        word, before = look.word, look.before
        if word is None:
            return
        alpha = _ALPHA[word.level]
        if before is not None and before.text == word.text:
            alpha = _ALPHA[before.level] + (alpha - _ALPHA[before.level]) * part
        elif part < 1.0:
            alpha *= FADE_FROM + (1.0 - FADE_FROM) * part
            # The old text fades out only where the new one stands: a word that moved leaves no ghost between the lines.
            if before is not None and abs(before.x - word.x) < self.em and abs(top_before - top) < 1.0:
                painter.setClipRect(QRectF(word.x, top, word.width, self.line_height))  # over no neighbour
                self._draw(painter, before, word.x, top, (1.0 - part) * _ALPHA[before.level] * strength, self._text)
                painter.setClipping(False)
        strength = strength if word.level < Level.FIRM else 1.0
        self._draw(painter, word, word.x, top, alpha * strength, self._color(look, now))

    def _color(self, look: Look, now: float) -> QColor:
        """A word that has just settled glows in the dew colour for a moment."""
        glow = 1.0 - (now - look.settled) / GLOW_SECONDS
        if glow <= 0 or look.word is None or look.word.level != Level.SETTLED:
            return self._text
        mix = min(1.0, glow)
        return QColor.fromRgbF(
            self._text.redF() + (self._accent.redF() - self._text.redF()) * mix,
            self._text.greenF() + (self._accent.greenF() - self._text.greenF()) * mix,
            self._text.blueF() + (self._accent.blueF() - self._text.blueF()) * mix,
        )

    def _draw(self, painter: QPainter, word: Word, x: float, top: float, alpha: float, color: QColor) -> None:
        if alpha <= 0.01:
            return
        pen = QColor(color)
        pen.setAlphaF(min(1.0, alpha))
        painter.setPen(pen)
        # Slanted and light letters are missing in most fonts of scripts whose letters join.
        font = self._fonts[Level.FIRM if is_complex(word.text) else word.level]
        painter.setFont(font)
        if word.shaped is not None:
            line, cell = word.shaped
            line.paint(painter, cell, x - word.x, top, self.line_height)
            return
        painter.drawStaticText(QPointF(x, top), self._static(word.text, font))
        if word.level < Level.FIRM:
            self._dots(painter, x, top, word.width, pen)

    def _dots(self, painter: QPainter, x: float, top: float, width: float, color: QColor) -> None:
        y = top + self._ascent + self._metrics.descent() * 0.75
        step = max(4.0, self.em * 0.42)
        painter.setPen(Qt.PenStyle.NoPen)
        for number in range(max(1, int(width / step))):
            painter.fillRect(QRectF(x + number * step, y, 1.4, 1.4), color)

    def paint_blank(self, painter: QPainter, word: Word, top: float, strength: float) -> None:
        """A quiet blank in the place of an unsettled word, for calm mode."""
        color = QColor(self._text)
        color.setAlphaF(0.075 * strength)
        height = self._metrics.xHeight() * 0.9
        box = QRectF(word.x, top + self._ascent - height, max(word.width - 1, 4.0), height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(box, height / 2, height / 2)

    def _static(self, text: str, font: QFont) -> QStaticText:
        key = (text, font.italic())
        static = self._cache.get(key)
        if static is None:
            if len(self._cache) > _CACHE_LIMIT:
                self._cache.clear()
            static = QStaticText(text)
            static.setTextFormat(Qt.TextFormat.PlainText)
            static.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
            static.prepare(font=font)
            self._cache[key] = static
        return static


# -- the widget --------------------------------------------------------------------------------------------------------

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
        self._flow_maker = CanvasFlow(self._painter.measure, self._painter.em, self._painter.shape)
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
        self._flow_maker = CanvasFlow(self._painter.measure, self._painter.em, self._painter.shape)
        self._lay_out_again()

    def clear(self) -> None:
        """Show nothing and take no room."""
        self._stop_timers()
        self._waiting, self._draft, self._block = None, None, -1
        self._levels = []
        self._looks.clear()
        self._flow = Flow((), (0.0,), 0, 0.0)
        self.setFixedHeight(0)
        self.setAccessibleDescription("")

    def settled_text(self) -> str:
        """The settled words; gaps are three dots."""
        pieces = self._draft.pieces if self._draft else ()
        return settled_words(pieces, [level == Level.SETTLED for level in self._levels]).strip()

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
        shown = zip(draft.pieces, draft.entropy, strict=True)
        self._levels = [Level.NOISE if is_placeholder(piece) else level_from_entropy(nats) for piece, nats in shown]
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
                old.word = word  # its neighbours may give it another form
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
