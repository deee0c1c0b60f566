"""Where each word of a draft stands: lines of running text that hold still while what has not settled changes.

Most lines are pure arithmetic over measured widths. A line of a script that runs from right to left, or whose letters
take their form from their neighbours, is laid out by Qt (`app.ui.chat.canvas_line`), as finished text is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from app.base.graphemes import ELLIPSIS
from app.chats.unfinished import SETTLED_NATS
from app.ui.chat.canvas_line import Cell, ShapedLine
from app.ui.chat.direction import runs_leftward

FIRM_NATS = 0.6
LOOSE_NATS = 1.8
TAIL_LINES = 2
FIRST_LINES = 3
FIRM_WORDS_A_LINE = 2
BLANK_LINE = 0.42
MOST_OF_A_PIECE = 120  # characters that a draft shows of one token: a vocabulary may hold whole books
MOST_JOINED = 2_000  # characters of one word that are measured with their neighbours
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
        shaped: The line and its cell that show it, where a word cannot be painted without its neighbours.
    """

    index: int
    text: str
    level: Level
    line: int
    x: float
    width: float
    shaped: tuple[ShapedLine, int] | None = field(default=None, compare=False, repr=False)


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


# Scripts from right to left, marks that stand on letters, letters that join, flags and families.
_COMPLEX = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0590-\u109f\u135d-\u135f\u1700-\u18af\u1900-\u1cff\u1dc0-\u1dff\u200c-\u200f"
    "\u202a-\u202e\u2066-\u2069\u20d0-\u20ff\u302a-\u302f\u3099\u309a\ua800-\uabff\ufb1d-\ufdff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\ufe70-\ufefe\U00010800-\U00011fff\U0001e800-\U0001efff\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)
Shaper = Callable[[list[Cell], bool, float], ShapedLine]


@dataclass(slots=True)
class _Row:
    """One line before its words have places: parts with the room before each."""

    top: float
    paragraph: int
    cells: list[tuple[_Part, float]] = field(default_factory=list)


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
        shape: Lays out one line of cells: from right to left or not, in so many pixels.
    """

    def __init__(self, measure: Callable[[str], float], em: float, shape: Shaper) -> None:
        self._measure = measure
        self._shape = shape
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
            piece = piece if len(piece) <= MOST_OF_A_PIECE else f"{piece[: MOST_OF_A_PIECE - 1]}{ELLIPSIS}"
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
        rows = [_Row(0.0, 0)]
        x, blank = 0.0, True
        for start, end in _groups(parts):
            group = parts[start:end]
            self._join(group)
            if parts[start].breaks:
                rows.append(_Row(rows[-1].top + (BLANK_LINE if blank else 1.0), rows[-1].paragraph + 1))
                x, blank = 0.0, True
            lead = 0.0 if blank else parts[start].lead
            total = lead + sum(part.width + (part.lead if at else 0.0) for at, part in enumerate(group))
            if not blank and x + total > width:
                rows.append(_Row(rows[-1].top + 1.0, rows[-1].paragraph))
                x, lead, blank = 0.0, 0.0, True
            for at, part in enumerate(group):
                if not blank and total > width and x + part.width > width:  # one word alone is longer than a line
                    rows.append(_Row(rows[-1].top + 1.0, rows[-1].paragraph))
                    x, lead = 0.0, 0.0
                gap = part.lead if at and x else lead
                x += gap + part.width
                if part.text:
                    rows[-1].cells.append((part, gap))
                    blank = False
                elif gap + part.width:
                    rows[-1].cells.append((part, gap))
        return _shorten(self._placed(rows, width), [row.top for row in rows])

    def _join(self, group: list[_Part]) -> None:
        """Letters that join take another room than each alone."""
        if len(group) < 2 or not any(is_complex(part.text) for part in group):
            return
        if sum(len(part.text) for part in group) > MOST_JOINED:
            return
        text, before = "", 0.0
        for part in group:
            text += part.text
            now = self._measure(text)
            part.width, before = max(0.0, now - before), now

    def _placed(self, rows: list[_Row], width: float) -> list[Word]:
        """A place for each word, line by line."""
        words: list[Word] = []
        directions = _directions(rows)
        for number, row in enumerate(rows):
            leftward = directions[row.paragraph]
            if leftward or any(part.level >= Level.FIRM and is_complex(part.text) for part, _ in row.cells):
                words.extend(self._shaped(number, row, leftward, width))
                continue
            x = 0.0
            for part, gap in row.cells:
                x += gap
                if part.text:
                    words.append(Word(part.index, part.text, part.level, number, x, min(part.width, width)))
                x += part.width
        return words

    def _shaped(self, number: int, row: _Row, leftward: bool, width: float) -> list[Word]:
        cells = [
            Cell(part.text if part.level >= Level.FIRM else None, part.width, round(gap / max(self._space, 0.01)))
            for part, gap in row.cells
        ]
        line = self._shape(cells, leftward, width)
        words: list[Word] = []
        for cell, (part, _) in enumerate(row.cells):
            if part.text:
                x, room = line.place(cell)
                shaped = (line, cell) if part.level >= Level.FIRM else None
                words.append(Word(part.index, part.text, part.level, number, max(0.0, x), min(room, width), shaped))
        return words


def _directions(rows: list[_Row]) -> dict[int, bool]:
    """Whether each paragraph runs from right to left: as its first settled letter does, or as the one before it."""
    known: dict[int, bool] = {}
    for row in rows:
        if row.paragraph in known:
            continue
        for part, _ in row.cells:
            strong = runs_leftward(part.text) if part.level >= Level.FIRM else None
            if strong is not None:
                known[row.paragraph] = strong
                break
    last = False
    for row in rows:
        last = known.setdefault(row.paragraph, last)
    return known


def _groups(parts: list[_Part]) -> list[tuple[int, int]]:
    """Runs of parts that stay on one line."""
    starts = [at for at, part in enumerate(parts) if at == 0 or part.opens or part.breaks]
    return list(zip(starts, [*starts[1:], len(parts)], strict=True)) if parts else []


def is_complex(text: str) -> bool:
    """Whether a text cannot be painted letter by letter from left to right."""
    return not text.isascii() and _COMPLEX.search(text) is not None


def _breaks_anywhere(text: str) -> bool:
    """Scripts without spaces between words."""
    return bool(text) and ord(text[0]) >= 0x2E80 and not _COMPLEX.match(text)


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
