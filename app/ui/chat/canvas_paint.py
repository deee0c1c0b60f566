"""How a word of a draft looks at each level, and how it gets from one look to the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QStaticText

from app.ui.chat.canvas_flow import Word
from app.ui.chat.canvas_line import Cell, ShapedLine
from app.ui.chat.canvas_words import Level, is_complex
from app.ui.widgets.font_search import FontSearch
from app.ui.widgets.theme import Theme, paragraph_gap

FADE_SECONDS = 0.12
FADE_FROM = 0.35  # new text is never quite away, so that a block that changes everywhere does not blink
GLOW_SECONDS = 0.45
_UNPLACED = 0.86  # of a settled word whose place is not final
_ALPHA = {Level.NOISE: 0.34, Level.LOOSE: 0.55, Level.FIRM: 0.82, Level.SETTLED: 1.0}
_CACHE_LIMIT = 4000
_LINES_LIMIT = 200


@dataclass(slots=True)
class Look:
    """What one position shows, and what it showed before.

    Attributes:
        word: The word that is shown; None if the position is empty.
        before: The word it replaced; None if there was none.
        changed: When that was (seconds of a monotonic clock).
        settled: When the position settled last.
        waiting: A newer word that is not shown yet, so that nothing flickers.
    """

    word: Word | None
    before: Word | None
    changed: float
    settled: float
    waiting: Word | None = None


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
        self._widths: dict[str, float] = {}
        self._lines: dict[tuple[tuple[Cell, ...], bool, float], ShapedLine] = {}
        self._later: list[tuple[ShapedLine, int, float, QColor]] = []
        self._text = theme.color("text")
        self._accent = theme.color("accent")
        self._dot_step, self._dot_rows = max(4.0, self.em * 0.42), dict[int, list[QRectF]]()
        self.line_height = theme.line_pitch()
        self.gap = paragraph_gap(theme)  # as between finished paragraphs
        self._ascent = self._metrics.ascent()  # Qt puts the room between lines below the text

    @property
    def em(self) -> float:
        """Width of an "m"."""
        return self._metrics.horizontalAdvance("m")

    def search(self, pieces: Iterable[str]) -> FontSearch:
        """What has to be looked for in the fonts before pieces of a draft are laid out and painted."""
        text = "".join({letter for piece in pieces if not piece.isascii() for letter in piece})
        slanted = "".join(letter for letter in text if not is_complex(letter))
        return FontSearch([(self._fonts[Level.SETTLED], text), (self._fonts[Level.LOOSE], slanted)])

    def measure(self, text: str) -> float:
        """Width of settled text."""
        width = self._widths.get(text)
        if width is None:
            if len(self._widths) > _CACHE_LIMIT:
                self._widths.clear()
            width = self._widths[text] = self._metrics.horizontalAdvance(text)
        return width

    def shape(self, cells: list[Cell], leftward: bool, width: float) -> ShapedLine:
        """Lay out one line as Qt does; most lines of a draft are those of the draft before."""
        key = (tuple(cells), leftward, width)
        line = self._lines.get(key)
        if line is None:
            if len(self._lines) > _LINES_LIMIT:
                self._lines.clear()
            line = self._lines[key] = ShapedLine(cells, leftward, width, self._fonts[Level.SETTLED], self._ascent)
        return line

    def paint(self, painter: QPainter, look: Look, top: float, now: float, strength: float) -> None:
        """Paint one position; `strength` fades out the noise at the end.

        A new text fades in where the old one is gone: nothing is ever printed over anything.
        """
        part = min(1.0, (now - look.changed) / FADE_SECONDS)
        word, before = look.word, look.before
        if word is None:
            return
        alpha = _alpha(word)
        if before is not None and before.text == word.text:
            alpha = _alpha(before) + (alpha - _alpha(before)) * part
        elif part < 1.0:
            alpha *= FADE_FROM + (1.0 - FADE_FROM) * part
        strength = strength if word.level < Level.FIRM else 1.0
        self._draw(painter, word, top, alpha * strength, self._color(look, now))

    def paint_shaped(self, painter: QPainter) -> None:
        """Paint the words that were put off, because words of a line that look the same are painted in one go."""
        groups = groupby(self._later, lambda each: (id(each[0]), each[2], each[3].rgba64().toArgb32()))
        for _, group in groups:
            words = list(group)
            line, _, top, pen = words[0]
            painter.setPen(pen)
            line.paint(painter, [cell for _, cell, _, _ in words], top, self.line_height)
        self._later.clear()

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

    def _draw(self, painter: QPainter, word: Word, top: float, alpha: float, color: QColor) -> None:
        if alpha <= 0.01:
            return
        pen = QColor(color)
        pen.setAlphaF(min(1.0, alpha))
        if word.shaped is not None:
            self._later.append((*word.shaped, top, pen))
            return
        # Slanted and light letters are missing in most fonts of scripts whose letters join.
        font = self._fonts[Level.FIRM if is_complex(word.text) else word.level]
        painter.setPen(pen)
        painter.setFont(font)
        static = self._static(word.text, font)
        too_wide = word.level < Level.SETTLED and static.size().width() > word.width + 1.0
        if too_wide:  # over no neighbour
            painter.setClipRect(QRectF(word.x, top, word.width, self.line_height))
        painter.drawStaticText(QPointF(word.x, top), static)
        if too_wide:
            painter.setClipping(False)
        if word.level < Level.FIRM:
            self._dots(painter, word.x, top, word.width, pen)

    def _dots(self, painter: QPainter, x: float, top: float, width: float, color: QColor) -> None:
        number = max(1, int(width / self._dot_step))
        row = self._dot_rows.get(number)
        if row is None:
            row = self._dot_rows[number] = [QRectF(at * self._dot_step, 0.0, 1.4, 1.4) for at in range(number)]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        y = top + self._ascent + self._metrics.descent() * 0.75
        painter.translate(x, y)
        painter.drawRects(row)
        painter.translate(-x, -y)

    def paint_mark(self, painter: QPainter, word: Word, top: float) -> None:
        """The ground of a word that is pointed at."""
        color = QColor(self._accent)
        color.setAlphaF(0.22)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(QRectF(word.x - 2, top, word.width + 4, self._metrics.height() + 2), 3, 3)

    def paint_blank(self, painter: QPainter, word: Word, top: float, strength: float) -> None:
        """A quiet blank in the place of a word that is not final, for calm mode."""
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


def _alpha(word: Word) -> float:
    return _UNPLACED if word.level == Level.SETTLED and not word.final else _ALPHA[word.level]
