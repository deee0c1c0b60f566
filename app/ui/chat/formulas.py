"""Formulas: LaTeX is set by ziamath as a drawing of outlines, which stands on the baseline of the text around it.

What cannot be set, or would take long (`app.base.formula_svg`), is None, and stays as it was written. `FormulaSetter`
sets a few formulas at once and the others in later turns of the event loop, each hard one in a turn of its own: a long
answer never stops the window.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QByteArray, QObject, QRect, QRectF, QSizeF, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPyTextObject, QTextBlock, QTextDocument, QTextFormat
from PySide6.QtSvg import QSvgRenderer

from app.base.formula_svg import laid_out, svg_of
from app.bridge.garbage import collect_young
from app.ui.chat.turns import FRESH_SECONDS, TURN_UNITS, turns

MOST_EASY, MOST_EASY_PARTS = 40, 5  # characters, and braces, of a formula that takes some milliseconds
MOST_WORK = 1_100  # see `formula_svg`: a matrix of 48 cells took up to 106 ms; exports have more time
TOLD_SECONDS = 0.4
CACHED = 600
LEAST_PART = 0.75  # of its size that a formula within a line is made smaller to: less cannot be read
NAME = "formula:"


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that is set; lengths in pixels.

    Attributes:
        drawing: Its outlines.
        width: From left to right.
        ascent: What stands above the baseline.
        descent: What hangs below it.
    """

    drawing: QSvgRenderer
    width: float
    ascent: float
    descent: float

    @property
    def height(self) -> float:
        """All of it."""
        return self.ascent + self.descent


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be set: the source without marks, on lines of its own or not, size in pixels, colour."""

    source: str
    display: bool
    size: float
    color: str


def set_formula(wanted: Wanted) -> Formula | None:
    """Set one formula; None if that cannot be done, or not in time."""
    return _drawn(_laid_out(wanted), wanted.color)


def _laid_out(wanted: Wanted) -> Any:
    return laid_out(wanted.source, wanted.display, wanted.size, MOST_WORK)


def _drawn(found: Any, color: str) -> Formula | None:
    svg = None if found is None else svg_of(found, color)
    if svg is None:
        return None
    drawing = QSvgRenderer(QByteArray(svg.encode()))
    if not drawing.isValid():
        return None
    box = drawing.viewBoxF()  # the baseline is at 0
    return Formula(drawing, box.width(), -box.top(), box.bottom())


def is_hard(wanted: Wanted) -> bool:
    """Whether it may take tens of milliseconds to set a formula."""
    source = wanted.source
    return len(source) > MOST_EASY or source.count("{") > MOST_EASY_PARTS or "\\begin" in source


class FormulaSetter(QObject):
    """Sets formulas over several turns, and keeps what it has set.

    Signals:
        progressed: Formulas that were waited for are there.
    """

    progressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._done: OrderedDict[Wanted, Formula | None] = OrderedDict()
        self._waiting: OrderedDict[Wanted, None] = OrderedDict()
        self._told = 0.0
        self._half: dict[Wanted, Any] = {}  # a hard one, laid out and not drawn yet

    def is_done(self, wanted: Wanted) -> bool:
        """Whether it is known what becomes of a formula; if not, it is set soon."""
        if wanted in self._done:
            return True
        if not is_hard(wanted) and turns().has_room:
            self._set(wanted)
            return True
        if not self._waiting:
            turns().add(self, self._go_on)
        self._waiting[wanted] = None
        return False

    def knows(self, wanted: Wanted) -> bool:
        """The same, and nothing is begun."""
        return wanted in self._done

    @property
    def waiting(self) -> int:
        """How many are not set yet."""
        return len(self._waiting)

    def formula(self, wanted: Wanted) -> Formula | None:
        """The formula; None while it is waited for, or if it cannot be set."""
        return self._done.get(wanted)

    def _go_on(self) -> float:
        """Set one formula that waits; see `turns`."""
        if not self._waiting:
            return 0.0
        wanted = next(iter(self._waiting))
        hard = is_hard(wanted)
        if hard and turns().spent > FRESH_SECONDS:
            return TURN_UNITS  # the next turn is its own
        if hard and wanted not in self._half:
            with turns().timed():
                self._half = {wanted: _laid_out(wanted)}
            return TURN_UNITS
        del self._waiting[wanted]
        self._set(wanted)
        if not self._waiting or time.monotonic() - self._told > TOLD_SECONDS:
            self._told = time.monotonic()  # each time the texts are laid out anew
            self.progressed.emit()
        return TURN_UNITS if hard else 4.0

    def _set(self, wanted: Wanted) -> None:
        with turns().timed():
            half = wanted in self._half
            self._done[wanted] = _drawn(self._half.pop(wanted), wanted.color) if half else set_formula(wanted)
            collect_young()
        while len(self._done) > CACHED:
            self._done.popitem(last=False)


@lru_cache(maxsize=1)
def formula_setter() -> FormulaSetter:
    """The one of this program."""
    return FormulaSetter()


# -- in a text ---------------------------------------------------------------------------------------------------------


class FormulaObject(QPyTextObject):
    """Paints the pictures of a text document. Formulas are the only ones: any other takes no room and is not loaded.

    Qt gives an object room below the baseline only if it is aligned to the middle, and then as much as it has above the
    middle of its font's small letters. The font of a formula is therefore given the size at which that fits; and it is
    painted on the baseline of its line, not in the middle.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.formulas: list[Formula] = []
        self.shrinks = True

    def attach(self, document: QTextDocument) -> None:
        """Paint the pictures of this document."""
        document.documentLayout().registerHandler(QTextFormat.ObjectTypes.ImageObject.value, self)

    def intrinsicSize(self, doc: QTextDocument, posInDocument: int, format: QTextFormat) -> QSizeF:
        """The room of a formula: one that is a little too wide is made smaller, unless it can be scrolled."""
        formula = self._formula(format)
        if formula is None:
            return QSizeF(0, 0)
        part = self._part(formula, doc, doc.findBlock(posInDocument))
        return QSizeF(formula.width * part + 2, formula.height * part)

    def drawObject(
        self, painter: QPainter, rect: QRectF | QRect, doc: QTextDocument, posInDocument: int, format: QTextFormat
    ) -> None:
        """Paint a formula."""
        formula = self._formula(format)
        if formula is not None:
            block = doc.findBlock(posInDocument)
            part = self._part(formula, doc, block)
            line = block.layout().lineForTextPosition(posInDocument - block.position())
            top = rect.top() - (line.height() - rect.height()) / 2  # of the line
            top += line.ascent() - formula.ascent * part
            box = QRectF(rect.left() + 1, top, formula.width * part, formula.height * part)
            formula.drawing.render(painter, box)

    def _part(self, formula: Formula, document: QTextDocument, block: QTextBlock) -> float:
        if not self.shrinks or document.textWidth() <= 0:
            return 1.0
        items = block.textList()
        inset = items.format().indent() * document.indentWidth() + 8 if items is not None else 0.0
        inset += block.blockFormat().leftMargin() + block.blockFormat().rightMargin()
        room = min(room_for_formula(document.textWidth()), document.textWidth() - inset)
        return min(1.0, max(LEAST_PART * 0.8, room / formula.width))  # in deep lists it is a little smaller still

    def _formula(self, picture: QTextFormat) -> Formula | None:
        name = picture.toImageFormat().name()
        number = name.removeprefix(NAME)
        if name == number or not number.isdigit() or int(number) >= len(self.formulas):
            return None
        return self.formulas[int(number)]


def room_for_formula(width: float) -> float:
    """Pixels that a formula may take within a text of a width: lists and quotes need some."""
    return width - 60


@lru_cache(maxsize=400)
def size_for_baseline(family: str, rise: int) -> int:
    """Pixels of the font at which an object rises by `rise` more than it hangs: half of its small letters' height."""
    font = QFont(family)
    low, high = 1, max(4 * rise, 8)
    while low < high:
        middle = (low + high) // 2
        font.setPixelSize(middle)
        if QFontMetrics(font).xHeight() < rise * 2:
            low = middle + 1
        else:
            high = middle
    return low
