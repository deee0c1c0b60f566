"""Where each word of a draft stands: lines of running text that hold still while what has not settled changes.

Most lines are pure arithmetic over measured widths (`app.ui.chat.canvas_rows`). A line of a script that runs from right
to left, or whose letters take their form from their neighbours, is laid out by Qt (`app.ui.chat.canvas_line`), as
finished text is.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from app.base.graphemes import ELLIPSIS
from app.ui.chat.canvas_line import Cell, ShapedLine
from app.ui.chat.canvas_rows import FlowPart, FlowRow, Places, RowBreaker
from app.ui.chat.canvas_words import Level, breaks_anywhere, is_complex
from app.ui.chat.direction import runs_leftward
from inference.text.draft_text import NEUTRAL_GLYPH

TAIL_LINES = 2
FIRST_LINES = 3
FIRM_WORDS_A_LINE = 2
BLANK_LINE = 0.42
MOST_OF_A_PIECE = 120  # characters that a draft shows of one token: a vocabulary may hold whole books
MOST_JOINED = 2_000  # characters of one word that are measured with their neighbours
_ALL_SETTLED = 1 << 40
_PLACEHOLDER_EMS = (1.7, 2.8, 1.1, 2.1, 3.5, 1.4, 2.5, 0.9, 3.1, 1.9, 1.3)
_TAIL_PIECE = re.compile(r" *[^ \n]+|\n| +")
Shaper = Callable[[list[Cell], bool, float], ShapedLine]
_Found: TypeAlias = tuple[FlowPart, float, float, tuple[ShapedLine, int] | None]


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
        slot: Whether it only keeps a place.
        placed: Whether its place is final, as far as one can know: all before it has settled.
    """

    index: int
    text: str
    level: Level
    line: int
    x: float
    width: float
    shaped: tuple[ShapedLine, int] | None = field(default=None, compare=False, repr=False)
    slot: bool = False
    placed: bool = True

    @property
    def final(self) -> bool:
        """Whether it has settled and stays where it is."""
        return self.level == Level.SETTLED and self.placed


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


def pieces_of(text: str) -> tuple[str, ...]:
    """Settled text as pieces, like those of a draft."""
    return tuple(_TAIL_PIECE.findall(text))


class CanvasFlow:
    """Lays out one block, step after step, as running text.

    What has settled takes the room it needs; what has not is a slot, so that noise which changes in every step moves
    nothing, and slots give way before settled words do. A position that melts again keeps the width it had.

        1. Each position gets a level from its entropy.
        2. Noise is cut to the slot's width; a loose word may widen its slot, a firm one gets what it needs, and so
           does a loose one that the model has proposed twice; a firm one that it has just exchanged waits as long.
        3. Words are broken into rows; only line breaks of such words break.
        4. The noise behind the last firm words is cut off after some lines, and the height never falls.

    Args:
        measure: Width of a text in pixels.
        em: Width of an "m" in pixels.
        shape: Lays out one line of cells: from right to left or not, in so many pixels.
        gap: Room between two paragraphs, in heights of a line.
    """

    def __init__(self, measure: Callable[[str], float], em: float, shape: Shaper, gap: float = BLANK_LINE) -> None:
        self._measure = measure
        self._shape = shape
        self._em, self._gap = em, gap
        self._space = measure(" ")
        self._held: dict[int, float] = {}
        self._places: Places = {}
        self._before: dict[int, str] = {}
        self._cuts: dict[tuple[str, int], str] = {}
        self._pairs: dict[str, float] = {}
        self._shown = 0

    def reset(self) -> None:
        """A new block begins."""
        self._held.clear()
        self._before.clear()
        self.break_anew()

    def break_anew(self) -> None:
        """Nothing needs to stay where it was: the width is another one."""
        self._places = {}
        self._shown = 0

    def lay_out(self, pieces: tuple[str, ...], levels: list[Level], width: float, start: tuple[str, ...] = ()) -> Flow:
        """Place all pieces in lines of `width` pixels.

        Args:
            pieces: Text of each position.
            levels: How settled each is.
            width: Of a line.
            start: Text before the block, in the same paragraph, as pieces; they get indexes below 0.
        """
        parts: list[FlowPart] = []
        after_noise = True
        whole = zip((*start, *pieces), [*[Level.SETTLED] * len(start), *levels], strict=True)
        for index, (piece, level) in enumerate(whole, -len(start)):
            if not piece:
                self._held.pop(index, None)
                continue
            piece = piece if len(piece) <= MOST_OF_A_PIECE else f"{piece[: MOST_OF_A_PIECE - 1]}{ELLIPSIS}"
            firm = level == Level.SETTLED or self._stays(index, piece, level)
            if level > Level.NOISE:
                self._before[index] = piece
            else:
                self._before.pop(index, None)  # what was noise was not proposed
            parts.extend(
                self._firm_parts(index, piece, level, after_noise) if firm else self._placeholder(index, piece, level)
            )
            after_noise = not firm
        rows = self._break_lines(parts, width)
        flow = _shorten(self._placed(rows, width), [row.top for row in rows], self._shown)
        self._shown = max((word.line + 1 for word in flow.words), default=0)
        return flow

    def _stays(self, index: int, piece: str, level: Level) -> bool:
        """Whether a piece that has not settled is likely to stay: it was proposed before, or is firm at first sight."""
        before = self._before.get(index)
        return level == Level.FIRM if before is None else level >= Level.LOOSE and before == piece

    def _placeholder(self, index: int, piece: str, level: Level) -> list[FlowPart]:
        room = self._held.get(index) or _PLACEHOLDER_EMS[index * 7 % len(_PLACEHOLDER_EMS)] * self._em
        text = " ".join(piece.split()) or NEUTRAL_GLYPH  # a line break that comes and goes would blink
        if level >= Level.LOOSE:  # close to a word: all of it can be read, and the room that it took is kept
            room = self._held[index] = max(room, self._measure(text))
        return [FlowPart(index, 0, text, level, self._space, room, True, slot=True)]

    def cut(self, text: str, room: float) -> str:
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

    def _firm_parts(self, index: int, piece: str, level: Level, after_noise: bool) -> list[FlowPart]:
        parts = []
        for number, chunk in enumerate(piece.split("\n")):
            text = chunk.strip(" ")
            lead = self._measure(" " * (len(chunk) - len(chunk.lstrip(" ")))) if chunk else 0.0
            opens = after_noise or lead > 0 or breaks_anywhere(text)
            room = self._measure(text) if text else 0.0
            lead = max(lead, self._space) if after_noise and number == 0 else lead
            parts.append(FlowPart(index, number, text, level, lead, room, opens or number > 0, breaks=number > 0))
        self._held[index] = max(sum(part.width for part in parts), self._em * 0.5)
        return parts

    def _break_lines(self, parts: list[FlowPart], width: float) -> list[FlowRow]:
        groups = [parts[start:end] for start, end in _groups(parts)]
        for before, part in itertools.pairwise(parts):
            self._kern(before, part)
        for group in groups:
            self._join(group)
        breaker = RowBreaker(width, self._em, self._space, self._gap, self._places)
        breaker.take(groups)
        self._places = breaker.now
        for row in breaker.rows:
            for part, _ in row.cells:
                if part.slot:
                    part.text = self.cut(part.text, part.width)
        return breaker.rows

    def _kern(self, before: FlowPart, part: FlowPart) -> None:
        """Letters come closer to some of their neighbours, also across pieces."""
        if before.slot or part.slot or part.breaks or not before.text or not part.text:
            return
        ends = before.text[-1] + " " * (part.lead > 0) + part.text[0]
        if ends not in self._pairs:
            alone = sum(self._measure(each) for each in ends)
            self._pairs[ends] = 0.0 if is_complex(ends) else self._measure(ends) - alone
        part.lead += self._pairs[ends]

    def _join(self, group: list[FlowPart]) -> None:
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

    def _placed(self, rows: list[FlowRow], width: float) -> list[Word]:
        """A place for each word, line by line."""
        words: list[Word] = []
        directions = _directions(rows)
        parts = (part for row in rows for part, _ in row.cells)
        front = min((each.index for each in parts if each.slot or each.level < Level.SETTLED), default=_ALL_SETTLED)
        for number, row in enumerate(rows):
            leftward = directions[row.paragraph]
            if leftward or any(not part.slot and is_complex(part.text) for part, _ in row.cells):
                found = self._shaped(row, leftward, width)
            else:
                found = self._plain(row)
            for part, x, room, shaped in found:
                text, level, room = part.text, part.level, min(room, width)
                placed = part.index < front
                words.append(Word(part.index, text, level, number, x, room, shaped, part.slot, placed))
        return words

    def _plain(self, row: FlowRow) -> Iterator[_Found]:
        x = 0.0
        for part, gap in row.cells:
            x += gap
            if part.text:
                yield part, x, part.width, None
            x += part.width

    def _shaped(self, row: FlowRow, leftward: bool, width: float) -> Iterator[_Found]:
        cells = [
            Cell(None if part.slot else part.text, part.width, round(gap / max(self._space, 0.01)))
            for part, gap in row.cells
        ]
        line = self._shape(cells, leftward, width)
        for cell, (part, _) in enumerate(row.cells):
            if part.text:
                x, room = line.place(cell)
                yield part, max(0.0, x), room, None if part.slot else (line, cell)


def _directions(rows: list[FlowRow]) -> dict[int, bool]:
    """Whether each paragraph runs from right to left: as its first settled letter does, or as the one before it."""
    known: dict[int, bool] = {}
    for row in rows:
        if row.paragraph in known:
            continue
        for part, _ in row.cells:
            strong = None if part.slot else runs_leftward(part.text)
            if strong is not None:
                known[row.paragraph] = strong
                break
    last = False
    for row in rows:
        last = known.setdefault(row.paragraph, last)
    return known


def _groups(parts: list[FlowPart]) -> list[tuple[int, int]]:
    """Runs of parts that stay on one line."""
    starts = [at for at, part in enumerate(parts) if at == 0 or part.opens or part.breaks]
    return list(zip(starts, [*starts[1:], len(parts)], strict=True)) if parts else []


def _shorten(words: list[Word], tops: list[float], least: int) -> Flow:
    """Without the noise far behind the text; `least` lines that could be seen before are not hidden again."""
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
        min(len(tops), max(firm_lines + TAIL_LINES, FIRST_LINES, least))
        if _unsettled_behind(words, firm_lines)
        else firm_lines
    )
    visible = tuple(word for word in words if word.line < shown)
    last = max((word.line for word in visible), default=-1)
    return Flow(visible, tuple(tops), firm_lines, tops[last] + 1.0 if last >= 0 else 0.0)


def _unsettled_behind(words: list[Word], firm_lines: int) -> bool:
    return any(word.line >= firm_lines for word in words)
