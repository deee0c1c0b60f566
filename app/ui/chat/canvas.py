"""The block that is being denoised, shown live in the place of the answer.

`CanvasFlow` says where each word of a draft stands (pure arithmetic over measured widths), `CanvasPainter` how a word
looks at each level and how it gets from one look to the next, and `CanvasView` is the widget: it keeps its height
within a block (it grows, never shrinks), repaints only for a new draft or while a word fades, and tells screen readers
of settled text only.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent, QStaticText
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.chats.unfinished import SETTLED_NATS, settled_words
from app.ui.widgets.theme import Theme
from inference.events import DraftUpdated

# -- where each word stands --------------------------------------------------------------------------------------------

FIRM_NATS = 0.6
LOOSE_NATS = 1.8
TAIL_LINES = 2
FIRST_LINES = 3
FIRM_WORDS_A_LINE = 2
BLANK_LINE = 0.42
_PLACEHOLDER_EMS = (1.7, 2.8, 1.1, 2.1, 3.5, 1.4, 2.5, 0.9, 3.1, 1.9, 1.3)


class Level(IntEnum):
    """How settled a position is."""

    NOISE = 0
    LOOSE = 1
    FIRM = 2
    SETTLED = 3


@dataclass(frozen=True, slots=True)
class Word:
    """One piece at its place.

    Attributes:
        index: Position on the canvas.
        text: What is painted; without the spaces around it.
        level: How settled it is.
        line: Number of the line.
        x: Left edge in pixels.
        width: Room it takes, in pixels.
    """

    index: int
    text: str
    level: Level
    line: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Flow:
    """A laid-out canvas.

    Attributes:
        words: The visible pieces, in order.
        tops: Top of each line, in units of the line height.
        firm_lines: Lines that firm words fill.
        height: Height in units of the line height that the canvas needs now.
    """

    words: tuple[Word, ...]
    tops: tuple[float, ...]
    firm_lines: int
    height: float


def level_from_entropy(entropy: float) -> Level:
    """Level of one position; `entropy` in nats."""
    if entropy < SETTLED_NATS:
        return Level.SETTLED
    if entropy < FIRM_NATS:
        return Level.FIRM
    return Level.LOOSE if entropy < LOOSE_NATS else Level.NOISE


@dataclass(slots=True)
class _Part:
    """What goes into one line without a break inside."""

    index: int
    text: str
    level: Level
    lead: float
    width: float
    opens: bool
    breaks: int = 0


class CanvasFlow:
    """Lays out one block, step after step, as running text.

    What has settled takes the room it needs; what has not is a placeholder of a fixed width, so that noise which
    changes in every step moves nothing. A position that melts again keeps the width it had.

        1. Each position gets a level from its entropy.
        2. Noise is cut to the placeholder's width; a loose word may widen its place, a firm one gets what it needs.
        3. Words are broken into lines; only firm line breaks break.
        4. The noise behind the last firm words is cut off after some lines, and the height never falls.

    Args:
        measure: Width of a text in pixels.
        em: Width of an "m" in pixels.
    """

    def __init__(self, measure: Callable[[str], float], em: float) -> None:
        self._measure = measure
        self._em = em
        self._space = measure(" ")
        self._held: dict[int, float] = {}
        self._cuts: dict[tuple[str, int], str] = {}

    def reset(self) -> None:
        """A new block begins."""
        self._held.clear()

    def lay_out(self, pieces: tuple[str, ...], levels: list[Level], width: float) -> Flow:
        """Place all pieces in lines of `width` pixels."""
        parts: list[_Part] = []
        after_noise = True
        for index, (piece, level) in enumerate(zip(pieces, levels, strict=True)):
            if not piece:
                self._held.pop(index, None)
                continue
            firm = level >= Level.FIRM
            parts.extend(
                self._firm_parts(index, piece, level, after_noise) if firm else self._placeholder(index, piece, level)
            )
            after_noise = not firm
        return self._break_lines(parts, width)

    def _placeholder(self, index: int, piece: str, level: Level) -> list[_Part]:
        room = self._held.get(index) or _PLACEHOLDER_EMS[index * 7 % len(_PLACEHOLDER_EMS)] * self._em
        text = " ".join(piece.split())
        if level == Level.LOOSE:  # close to a word: all of it can be read, and the room that it took is kept
            room = self._held[index] = max(room, self._measure(text))
        return [_Part(index, self._cut(text, room), level, self._space, room, True)]

    def _cut(self, text: str, room: float) -> str:
        """As much of the text as fits; nobody misses the end of noise."""
        key = (text, round(room))
        if key not in self._cuts:
            if len(self._cuts) > 8000:
                self._cuts.clear()
            end = len(text)
            while end > 1 and self._measure(text[:end]) > room + 0.5:
                end -= 1
            self._cuts[key] = text[:end]
        return self._cuts[key]

    def _firm_parts(self, index: int, piece: str, level: Level, after_noise: bool) -> list[_Part]:
        parts = []
        for number, chunk in enumerate(piece.split("\n")):
            text = chunk.strip(" ")
            lead = self._measure(" " * (len(chunk) - len(chunk.lstrip(" ")))) if chunk else 0.0
            opens = after_noise or lead > 0 or _breaks_anywhere(text)
            room = self._measure(text) if text else 0.0
            lead = max(lead, self._space) if after_noise and number == 0 else lead
            parts.append(_Part(index, text, level, lead, room, opens or number > 0, breaks=int(number > 0)))
        self._held[index] = max(sum(part.width for part in parts), self._em * 0.5)
        return parts

    def _break_lines(self, parts: list[_Part], width: float) -> Flow:
        words: list[Word] = []
        tops = [0.0]
        x, blank = 0.0, True
        for start, end in _groups(parts):
            if parts[start].breaks:
                tops.append(tops[-1] + (BLANK_LINE if blank else 1.0))
                x, blank = 0.0, True
            lead = 0.0 if blank else parts[start].lead
            total = lead + sum(part.width + (part.lead if at else 0.0) for at, part in enumerate(parts[start:end]))
            if not blank and x + total > width:
                tops.append(tops[-1] + 1.0)
                x, lead, blank = 0.0, 0.0, True
            for at, part in enumerate(parts[start:end]):
                if not blank and total > width and x + part.width > width:  # one word alone is longer than a line
                    tops.append(tops[-1] + 1.0)
                    x, lead = 0.0, 0.0
                x += part.lead if at and x else lead
                if part.text:
                    words.append(Word(part.index, part.text, part.level, len(tops) - 1, x, min(part.width, width)))
                    blank = False
                x += part.width
        return _shorten(words, tops)


def _groups(parts: list[_Part]) -> list[tuple[int, int]]:
    """Runs of parts that stay on one line."""
    starts = [at for at, part in enumerate(parts) if at == 0 or part.opens or part.breaks]
    return list(zip(starts, [*starts[1:], len(parts)], strict=True)) if parts else []


def _breaks_anywhere(text: str) -> bool:
    """Scripts without spaces between words."""
    return bool(text) and ord(text[0]) >= 0x2E80


def _shorten(words: list[Word], tops: list[float]) -> Flow:
    firm: dict[int, int] = {}
    filled: dict[int, int] = {}
    for word in words:
        filled[word.line] = filled.get(word.line, 0) + 1
        if word.level >= Level.FIRM:
            firm[word.line] = firm.get(word.line, 0) + 1
    firm_lines = 0
    for line, count in firm.items():
        if count >= min(FIRM_WORDS_A_LINE, filled[line]):
            firm_lines = max(firm_lines, line + 1)
    # Words of an answer come from its beginning on: a few firm ones far down do not pull the noise between into view.
    shown = (
        min(len(tops), max(firm_lines + TAIL_LINES, FIRST_LINES))
        if _unsettled_behind(words, firm_lines)
        else firm_lines
    )
    visible = tuple(word for word in words if word.line < shown)
    last = max((word.line for word in visible), default=-1)
    return Flow(visible, tuple(tops), firm_lines, tops[last] + 1.0 if last >= 0 else 0.0)


def _unsettled_behind(words: list[Word], firm_lines: int) -> bool:
    return any(word.line >= firm_lines for word in words)


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
        font = self._fonts[word.level]
        painter.setFont(font)
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
