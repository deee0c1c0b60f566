"""An answer in slices that take no noticeable time each, and in segments of which each gets a widget of its own.

Code, tables, formulas on lines of their own, and text that is too much to be set are segments; so is the prose between
them, in pieces of a bounded size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from app.ui.chat.long_text import odd_letters
from app.ui.chat.markdown import (
    Block,
    Code,
    FormulaBlock,
    Heading,
    Item,
    Line,
    ListBlock,
    Paragraph,
    Plain,
    Prose,
    Quote,
    Rest,
    Segment,
    Table,
    blocks_from_markdown,
    plain_from_line,
)

SLICES = 5  # that are read without being asked for
MAX_CHARACTERS = 12_000  # of an answer that are read as Markdown in one go
MAX_LINES = 200
CODE_LINE = 0.25
EMPTY_LINE = 0.2
FORMULA_LINE = 8.0
FENCE_LINE = 20.0  # a code block is a widget of its own, and Qt takes its time with each when the look changes
TABLE_LINE = 8.0
FRAMED_LINE = 9.0  # a list's quote in a quote is one or two, too
LINE_LENGTH = 150
MOST_WEIGHT = 60.0  # of the prose in one widget, in lines
NESTED_QUOTES = 1  # of them in one text: Qt lays out a quote in a quote in twice the time, and breaks its words
MAX_CELL = 1_000
MOST_FORMULAS = 300  # in one paragraph or table: each takes half a millisecond, and Qt sets it in one go
FORMULA_WEIGHT = 0.3
MOST_ODD_IN_TABLE = 10_000  # letters that perhaps no font has: a table is set in one go
_NESTS = re.compile(r">|[-*+] ")
_FRAMED = re.compile(r">.*[-*+.)] *>")
_LOOKED_AT = 60  # characters of the marks before a line; the pattern takes the square of them
_TABLE = re.compile(r"\|? *:?-+:? *\|")
_FENCE = re.compile(r"(?:`{3,}[^`]*|~{3,}.*)$")


def slices_from_markdown(text: str, slices: int = SLICES) -> Iterator[tuple[Segment, ...]]:
    """What is shown of an answer, one widget after the other, read when it is asked for.

    Each piece takes no noticeable time.

    Args:
        text: The answer.
        slices: How many pieces of a long one are read; what is behind them is a `Rest`.
    """
    text, opener, start = text.replace("\r\n", "\n"), "", 0
    while start < len(text):
        end, fence = _slice_end(text, start, opener)
        if end == start:  # one line is too long by itself
            end = text.find("\n", start)
            end = len(text) if end < 0 else end
            yield (Segment(Plain(text[start:end])),)
            start = end + 1
            continue
        if slices == 0:
            break
        slices -= 1
        blocks = blocks_from_markdown(opener + text[start:end])
        yield tuple(_bounded(_split(_without_empty_code(blocks, bool(opener), bool(fence) and end < len(text)))))
        start, opener = end, fence
    rest = text[start:].strip("\n")
    if rest.strip():
        yield (Segment(Rest(rest)),)


def _slice_end(text: str, start: int, opener: str) -> tuple[int, str]:
    """Where a slice ends, and the line that begins the code which goes on behind it.

    A slice ends between two paragraphs if there are any, else at a line's beginning. Lines of code cost less.

    Args:
        text: The answer.
        start: Where the slice begins.
        opener: The line that began the code in which it begins; "" in none.
    """
    at, cost, between = start, 0.0, start
    while at < len(text):
        begin, at = at, (text.find("\n", at) + 1) or len(text)
        if at - start > MAX_CHARACTERS:
            return (between, "") if between - start > (begin - start) // 2 else (begin, opener)
        line = text[begin:at]
        bare = line.lstrip(" >")
        fence = _ends_code(bare, opener) if opener else _FENCE.match(bare) is not None
        cost += CODE_LINE + len(line) / LINE_LENGTH / 4 if opener else FENCE_LINE if fence else _cost(line)
        if cost > MAX_LINES and begin > start:
            return (between, "") if between - start > (begin - start) // 2 else (begin, opener)
        if fence:
            opener = "" if opener else bare.rstrip("\n") + "\n"
        elif not opener and not bare.strip():
            between = at
    return at, opener


def _without_empty_code(blocks: tuple[Block, ...], begun: bool, goes_on: bool) -> tuple[Block, ...]:
    """Code that was cut right behind its first line or before its last one leaves no empty box on that side.

    Args:
        blocks: Of one slice.
        begun: Whether the slice begins in code.
        goes_on: Whether code goes on behind it.
    """
    first, last = (blocks[0], blocks[-1]) if blocks else (None, None)
    if begun and isinstance(first, Code) and not first.text:
        blocks = blocks[1:]
    if goes_on and blocks and isinstance(last, Code) and not last.text and not last.closed:
        blocks = blocks[:-1]
    return blocks


def _cost(line: str) -> float:
    """In lines of ordinary text."""
    bare = line.lstrip(" >")
    if not bare.strip():
        return EMPTY_LINE
    if bare.startswith(("$$", "\\[")):
        return FORMULA_LINE
    if _TABLE.match(bare):
        return TABLE_LINE
    marks = len(line) - len(line.lstrip(" \t>-*+.0123456789"))
    depth = min(10, len(_NESTS.findall(line, 0, marks)))
    framed = FRAMED_LINE if _FRAMED.search(line, 0, min(marks, _LOOKED_AT)) else 0.0
    return 1.0 + framed + len(line) / LINE_LENGTH + 0.5 * depth + 0.1 * line.count("|") + 0.25 * _links(line)


def _links(text: str) -> int:
    return text.count("](") + 2 * text.count("://")  # an address is looked for first


def _ends_code(line: str, opener: str) -> bool:
    mark = opener[: len(opener) - len(opener.lstrip(opener[0]))]
    return line.startswith(mark) and not line.strip().strip(mark[0])


# -- what gets a widget of its own -------------------------------------------------------------------------------------


def _bounded(segments: Iterator[Segment]) -> Iterator[Segment]:
    """Prose in widgets of a bounded size."""
    for segment in segments:
        if isinstance(segment.content, Prose):
            for blocks in _in_weights(segment.content.blocks):
                yield replace(segment, content=Prose(blocks))
        else:
            yield segment


def _in_weights(blocks: tuple[Block, ...]) -> Iterator[tuple[Block, ...]]:
    waiting: list[Block] = []
    weight = 0.0
    for block in (part for whole in blocks for part in _short_lists(whole)):
        more = _weight(block)
        if waiting and weight + more > MOST_WEIGHT:
            yield tuple(waiting)
            waiting, weight = [], 0.0
        waiting.append(block)
        weight += more
    yield tuple(waiting)


def _short_lists(block: Block) -> Iterator[Block]:
    """A long list as several ones, whose numbers go on."""
    if not isinstance(block, ListBlock) or _weight(block) <= MOST_WEIGHT:
        yield block
        return
    items: list[Item] = []
    start, number, weight = block.start, block.start, 0.0
    for item in block.items:
        more = _weight(ListBlock(None, (item,)))
        if items and weight + more > MOST_WEIGHT:
            yield replace(block, start=start, items=tuple(items))
            items, start, weight = [], number, 0.0
        items.append(item)
        weight += more
        number = number + 1 if number is not None and item.marked else number
    yield replace(block, start=start, items=tuple(items))


def weight_of(blocks: tuple[Block, ...]) -> float:
    """About how much work blocks are, in lines of ordinary text."""
    return sum(map(_weight, blocks))


def _weight(block: Block) -> float:
    match block:
        case Paragraph(line) | Heading(_, line):
            return 0.5 + sum(0.1 + len(piece.text) / LINE_LENGTH for piece in line) + FORMULA_WEIGHT * _formulas(line)
        case Quote(blocks):
            return 2.0 + 2 * weight_of(blocks)
        case ListBlock(_, items):
            return sum(0.5 + weight_of(item.blocks) for item in items)
    return 1.0


def _split(blocks: Sequence[Block]) -> Iterator[Segment]:
    prose: list[Block] = []
    for block in blocks:
        pieces = list(_pieces(block))
        if len(pieces) == 1 and isinstance(pieces[0].content, Prose) and not pieces[0].frames:
            prose.extend(pieces[0].content.blocks)
            continue
        if prose:
            yield Segment(Prose(tuple(prose)))
            prose = []
        yield from pieces
    if prose:
        yield Segment(Prose(tuple(prose)))


def _pieces(block: Block) -> Iterator[Segment]:
    match block:
        case Code() | Plain() | FormulaBlock():
            yield Segment(block)
        case Paragraph(line) | Heading(_, line) if _formulas(line) > MOST_FORMULAS:
            yield Segment(Plain(plain_from_line(line)))
        case Table():
            yield Segment(block if _is_settable(block) else Plain(_table_source(block)))
        case Quote(blocks):
            for segment in _split(blocks) if blocks else ():
                if isinstance(segment.content, Prose) and not segment.frames:
                    yield from _quoted(segment.content.blocks)
                else:
                    yield replace(segment, frames=("quote", *segment.frames))
        case ListBlock():
            yield from _list_pieces(block)
        case _:
            yield Segment(Prose((block,)))


def _quoted(blocks: tuple[Block, ...]) -> Iterator[Segment]:
    """Prose in a quote; what is quoted too deep in it stands in a frame."""
    for deep, group in groupby(blocks, lambda block: _quotes((block,)) >= NESTED_QUOTES):
        inside = tuple(group)
        yield Segment(Prose(inside), ("quote",)) if deep else Segment(Prose((Quote(inside),)))


def _quotes(blocks: tuple[Block, ...]) -> int:
    """How many quotes stand in each other."""
    depths = [0]
    for block in blocks:
        if isinstance(block, Quote):
            depths.append(1 + _quotes(block.blocks))
        elif isinstance(block, ListBlock):
            depths.extend(_quotes(item.blocks) for item in block.items)
    return max(depths)


def _list_pieces(block: ListBlock) -> Iterator[Segment]:
    """A list, cut where an item holds something with a widget of its own; numbers go on behind the cut."""
    waiting: list[Item] = []
    start, number = block.start, block.start
    for item in block.items:
        parts = list(_split(item.blocks)) or [Segment(Prose(()))]
        if not (isinstance(parts[0].content, Prose) and not parts[0].frames):
            parts.insert(0, Segment(Prose(())))
        for index, part in enumerate(parts):
            if isinstance(part.content, Prose) and not part.frames:
                if not waiting:
                    start = number if number is None or index == 0 else number + 1
                waiting.append(replace(item, blocks=part.content.blocks, marked=index == 0))
                continue
            if waiting:
                yield Segment(Prose((ListBlock(start, tuple(waiting), block.tight),)))
                waiting = []
            yield replace(part, frames=("list", *part.frames))
        number = None if number is None else number + 1
    if waiting:
        yield Segment(Prose((ListBlock(start, tuple(waiting), block.tight),)))


def _is_settable(table: Table) -> bool:
    cells = [cell for row in table.rows for cell in row]
    return all(len(piece.text) <= MAX_CELL for cell in cells for piece in cell) and (
        sum(map(_formulas, cells)) <= MOST_FORMULAS
        and sum(odd_letters(piece.text) for cell in cells for piece in cell) <= MOST_ODD_IN_TABLE
    )


def _formulas(line: Line) -> int:
    return sum(piece.kind == "math" for piece in line)


def _table_source(table: Table) -> str:
    rows = ("| " + " | ".join(plain_from_line(cell) for cell in row) + " |" for row in table.rows)
    return "\n".join(rows)
