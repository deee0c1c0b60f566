"""Breaks the parts of a draft into rows, so that what has settled stays where it is.

A *slot* is the place of a word that has not settled. Where a row had settled words behind its slots, the slots give and
take: they are stretched or squeezed until those words stand where they stood. Only where no slot is left between two
settled words does text close up, as it has to.

Source of the idea: table layout, where cells that are not known yet take what the known ones leave.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.ui.chat.canvas_words import Level

_MOST_SHARE = 2.2  # of its own width, to which a run of slots is stretched
_LEAST_EMS = 0.4  # for each slot of a run that is squeezed
_SPARE_ROW = 0.35  # of a row, that may stay empty behind stretched slots
_SPARE_ROWS = 2


@dataclass(slots=True)
class FlowPart:
    """What goes into one row without a break inside.

    Attributes:
        index: Position on the canvas.
        number: Which part of its position, from 0.
        text: What is shown.
        level: How settled it is.
        lead: Room before it, in pixels.
        width: Its own room.
        opens: Whether a row may break before it.
        slot: Whether it keeps a place for a word that is not known yet.
        breaks: Whether it begins a row.
    """

    index: int
    number: int
    text: str
    level: Level
    lead: float
    width: float
    opens: bool
    slot: bool = False
    breaks: bool = False


@dataclass(slots=True)
class FlowRow:
    """One line before its words have places: parts with the room before each."""

    top: float
    paragraph: int
    cells: list[tuple[FlowPart, float]] = field(default_factory=list)


Places = dict[tuple[int, int], tuple[int, float]]


class RowBreaker:
    """Breaks one draft.

    Args:
        width: Of a row, in pixels.
        em: Width of an "m".
        space: Width of a space.
        gap: Room between two paragraphs, in heights of a row.
        places: Where parts stood in the draft before: row and left edge.

    Attributes:
        rows: What came of it.
        now: Where parts stand now.
    """

    def __init__(self, width: float, em: float, space: float, gap: float, places: Places) -> None:
        self._width, self._em, self._space, self._gap, self._places = width, em, space, gap, places
        self.rows = [FlowRow(0.0, 0)]
        self.now: Places = {}
        self._x, self._blank = 0.0, True

    def take(self, groups: list[list[FlowPart]]) -> None:
        """Place groups of parts that stay on one row, in order."""
        slots: list[FlowPart] = []
        for group in groups:
            if group[0].slot:
                slots.append(group[0])
                continue
            at = self._fill(slots, group[0]) if slots else None
            slots = []
            self._set(group, at)
        for slot in slots:
            self._set([slot], None)

    # -- slots ------------------------------------------------------------------------------------------------------

    def _fill(self, slots: list[FlowPart], anchor: FlowPart) -> tuple[int, float] | None:
        """Place slots so that `anchor` can stand where it stood; where that is, or None if it has to move."""
        held = self._places.get((anchor.index, anchor.number))
        wanted = sum(slot.width + self._space for slot in slots)
        room = -1.0 if held is None else self._room(anchor, *held)
        least = _LEAST_EMS * self._em * len(slots)
        most = _MOST_SHARE * wanted + _SPARE_ROW * self._width + (_SPARE_ROWS * self._width if anchor.breaks else 0.0)
        if held is None or not least <= room <= most:
            for slot in slots:
                self._set([slot], None)
            return None
        share = room / wanted
        if anchor.breaks:
            share = min(1.0, share)
        last = held[0] - 1 if anchor.breaks else held[0]
        end = self._width if anchor.breaks else held[1] - anchor.lead
        for number, slot in enumerate(slots):
            self._squeeze(slot, share, last, end, number + 1 == len(slots) and not anchor.breaks)
        return held

    def _room(self, anchor: FlowPart, row: int, x: float) -> float:
        """Pixels for slots between here and a place, along the rows; -1 if it lies behind us."""
        if anchor.breaks:
            row, x = row - 1, self._width
        else:
            x -= anchor.lead if x > 0 else 0.0
        rows = row - self._row
        return -1.0 if rows < 0 else rows * self._width + x - self._x

    def _squeeze(self, slot: FlowPart, share: float, last: int, end: float, closes: bool) -> None:
        """Place one slot at a share of its width, on row `last` not beyond `end`."""
        room = (slot.width + self._space) * share
        if self._x + room > self._width and self._row < last and not self._blank:
            self._next_row()
        lead = 0.0 if self._blank else self._space
        stop = end if self._row >= last else self._width
        slot.width = max(0.0, min(room, stop - self._x) - lead)
        if closes and self._row >= last:
            slot.width = max(0.0, stop - self._x - lead)
        self._add(slot, lead)

    # -- rows -------------------------------------------------------------------------------------------------------

    @property
    def _row(self) -> int:
        return len(self.rows) - 1

    def _next_row(self) -> None:
        self.rows.append(FlowRow(self.rows[-1].top + 1.0, self.rows[-1].paragraph))
        self._x, self._blank = 0.0, True

    def _paragraph(self) -> None:
        top = self.rows[-1].top + (self._gap if self._blank else 1.0)
        self.rows.append(FlowRow(top, self.rows[-1].paragraph + 1))
        self._x, self._blank = 0.0, True

    def _add(self, part: FlowPart, gap: float) -> None:
        self._x += gap + part.width
        if part.text or gap + part.width:
            self.rows[-1].cells.append((part, gap))
        if part.text:
            self._blank = False

    def _set(self, group: list[FlowPart], held: tuple[int, float] | None) -> None:
        """Place a group: at the place that is held for it, or where it comes to stand."""
        first = group[0]
        if held is not None:
            while self._row < held[0] - (1 if first.breaks else 0):
                self._next_row()
                self._blank = first.breaks and self._blank
        if first.breaks:
            self._paragraph()
        lead = 0.0 if self._blank else first.lead
        total = lead + sum(part.width + (part.lead if at else 0.0) for at, part in enumerate(group))
        if held is not None and not first.breaks:
            lead = max(0.0, held[1] - self._x)
        elif not self._blank and self._x + total > self._width:
            self._next_row()
            lead = 0.0
        for at, part in enumerate(group):
            if not self._blank and total > self._width and self._x + part.width > self._width:
                self._next_row()  # one word alone is longer than a line
                lead = 0.0
            gap = part.lead if at and self._x else lead
            if not part.slot:
                self.now[part.index, part.number] = (self._row, 0.0 if part.breaks else self._x + gap)
            self._add(part, gap)
