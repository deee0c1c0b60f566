"""One line of a draft, laid out by Qt: scripts from right to left, and letters that are formed by their neighbours.

The whole line is laid out once, so that words come to stand where finished text has them. A word is painted as the part
of the line that its place shows: it can have its own colour and still be joined to the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QTextCharFormat, QTextLayout, QTextOption

_HOLDER = "\u25e6"  # stands for what has not settled; it has no direction of its own


Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of a line.

    Attributes:
        text: What is shown; None for a place that is kept free.
        width: Of a free place, in pixels.
        spaces: How many stand before it.
    """

    text: str | None
    width: float
    spaces: int


class ShapedLine:
    """One line.

    Args:
        cells: Its parts in the order of reading.
        leftward: Whether its paragraph runs from right to left: it then ends at `width`.
        width: Room of the line in pixels.
        font: Of its text.
        ascent: Where other lines have their baseline, from their top.

    Attributes:
        spans: What each cell covers: left edge and width in pixels of one stretch or, where directions meet, several.
    """

    def __init__(self, cells: list[Cell], leftward: bool, width: float, font: QFont, ascent: float) -> None:
        text, places, ranges = "", [], []
        advance = QFontMetricsF(font).horizontalAdvance(_HOLDER)
        self._space = QFontMetricsF(font).horizontalAdvance(" ") + 1.0
        length = 0
        for cell in cells:
            text += " " * cell.spaces
            length += cell.spaces
            shown = _HOLDER if cell.text is None else cell.text
            end = length + len(shown.encode("utf-16-le", "surrogatepass")) // 2
            if cell.text is None:
                ranges.append(_free_place(length, cell.width - advance))
            places.append((length, end))
            text += shown
            length = end
        option = QTextOption()
        option.setTextDirection(Qt.LayoutDirection.RightToLeft if leftward else Qt.LayoutDirection.LeftToRight)
        option.setWrapMode(QTextOption.WrapMode.NoWrap)
        option.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute)
        self._layout = QTextLayout(text, font)
        self._layout.setTextOption(option)
        self._layout.setFormats(ranges)
        self._layout.beginLayout()
        self._line = self._layout.createLine()
        if self._line.isValid():
            self._line.setLineWidth(100_000)
        self._layout.endLayout()
        self._left = self._rise = 0.0
        self.spans: list[Spans] = [()] * len(cells)
        if self._line.isValid():
            if leftward:
                self._left = width - self._line.horizontalAdvance()
            self._rise = ascent - self._line.ascent()
            self._taken: set[tuple[int, float]] = set()
            free = [cell.width if cell.text is None else None for cell in cells]
            self.spans = [self._spans(*each, room) for each, room in zip(places, free, strict=True)]

    def _spans(self, start: int, end: int, free: float | None) -> Spans:
        """Where the glyphs of some characters stand; one that several cells share belongs to the first of them."""
        found: list[tuple[float, float]] = []
        for run in self._line.glyphRuns(start, end - start):
            glyphs = run.glyphIndexes()
            advances = run.rawFont().advancesForGlyphIndexes(glyphs)
            for glyph, at, advance in zip(glyphs, run.positions(), advances, strict=True):
                if (glyph, at.x()) not in self._taken:
                    self._taken.add((glyph, at.x()))
                    found.append((at.x(), advance.x() if free is None else free))
        joined: list[tuple[float, float]] = []
        for x, width in sorted(found):
            if joined and x <= sum(joined[-1]) + 0.5:
                before = joined.pop()
                joined.append((before[0], max(before[1], x + width - before[0])))
            else:
                joined.append((x, width))
        return tuple((self._left + x, width) for x, width in joined)

    def place(self, cell: int) -> tuple[float, float]:
        """Left edge and width of a cell in pixels: all that it covers."""
        spans = self.spans[cell]
        if not spans:
            return (0.0, 0.0)
        return (spans[0][0], sum(spans[-1]) - spans[0][0])

    def paint(self, painter: QPainter, cells: Iterable[int], top: float, height: float) -> None:
        """Paint cells in the painter's pen; neighbours in one go, since Qt draws the whole line for each."""
        for x, end in self._stretches(cells):
            painter.save()
            # Marks above and below letters may leave the line; nothing else of this line stands there.
            clip = QRectF(x, top - height / 2, end - x, 2 * height)
            painter.setClipRect(clip, Qt.ClipOperation.IntersectClip)
            self._layout.draw(painter, QPointF(self._left, top + self._rise))
            painter.restore()

    def _stretches(self, cells: Iterable[int]) -> list[tuple[float, float]]:
        """Left and right edges of what some cells cover; those with nothing but a space between them are one."""
        found: list[tuple[float, float]] = []
        last = -9
        for x, width, cell in sorted((*span, each) for each in cells for span in self.spans[each]):
            if found and abs(cell - last) <= 1 and x - found[-1][1] <= self._space:
                found[-1] = (found[-1][0], max(found[-1][1], x + width))
            else:
                found.append((x, x + width))
            last = cell
        return found


def _free_place(at: int, more: float) -> QTextLayout.FormatRange:
    place = QTextLayout.FormatRange()
    place.start, place.length = at, 1
    style = QTextCharFormat()
    style.setFontLetterSpacingType(QFont.SpacingType.AbsoluteSpacing)
    style.setFontLetterSpacing(more)
    place.format = style
    return place
