"""How a word of the canvas looks at each level, and how it gets from one look to the next.

Not by colour alone: what is unsettled is light, slanted and stands on dots; settled text is upright and plain.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QStaticText

from app.ui.chat.canvas_flow import Level, Word
from app.ui.widgets.theme import Theme

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
    """Fonts, metrics and painting of canvas words for one theme."""

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
