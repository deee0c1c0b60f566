"""Answers are Markdown; this module reads them into a small tree of frozen blocks, with markdown-it's parser.

`app.ui.chat.slices` reads an answer piece by piece, and cuts it into what gets a widget of its own (code, tables,
formulas on lines of their own, text that is too much to be set) and the prose between. `app.ui.chat.markdown_html`
makes HTML of the prose. Every text is a valid document: what is not understood stays literal, and what would take too
long to read is shown as plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from app.base.graphemes import LONG_LINE

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

SAFE_LINK = re.compile(r"(?i)^(https?://|mailto:)")
_BREAK = re.compile(r"(?i)<br[ \t]*/?>")
_OPENERS = ("bold", "italic", "strike", "link")
_PRICE = re.compile(r"\d[\d.,]*\s[^\\^_=+{}<>]*")


@dataclass(frozen=True, slots=True)
class Inline:
    """A piece of a line.

    Attributes:
        kind: "text", "break", "code", "math", "note" (a footnote's number), or "bold", "italic", "strike" and "link",
            which begin something that the same word with a "/" before it ends.
        text: What is shown; the source of a formula without its marks.
        mark: The address of a link; the mark before a formula.
    """

    kind: str
    text: str = ""
    mark: str = ""


Line = tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A code block; `closed` is False while its end is missing."""

    text: str
    language: str = ""
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Heading:
    """`#` to `######`, or an underlined line."""

    level: int
    line: Line


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; line breaks are kept."""

    line: Line


@dataclass(frozen=True, slots=True)
class FormulaBlock:
    """A formula on lines of its own; `mark` stands before it in the source."""

    source: str
    mark: str = "$$"


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal line."""


@dataclass(frozen=True, slots=True)
class Quote:
    """`>` lines."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list.

    Attributes:
        blocks: What stands in it.
        task: Whether it is done, for a task; None for others.
        marked: False for what follows in an item behind something with a widget of its own.
    """

    blocks: tuple[Block, ...]
    task: bool | None = None
    marked: bool = True


@dataclass(frozen=True, slots=True)
class ListBlock:
    """A list; `start` is None for bullets; the items of a tight one stand close."""

    start: int | None
    items: tuple[Item, ...]
    tight: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `align` holds "left", "right" or "center" for each column."""

    align: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True, slots=True)
class Prose:
    """Blocks that flow as one text."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Plain:
    """Text that is shown as it was written, because setting it would take too long."""

    text: str


@dataclass(frozen=True, slots=True)
class Rest:
    """The end of a long answer, which is not read yet."""

    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """One widget of an answer.

    Attributes:
        content: What it shows.
        frames: What it stands in, from the outside in: "list" or "quote".
    """

    content: Prose | Code | Table | FormulaBlock | Plain | Rest
    frames: tuple[str, ...] = ()


Block = Heading | Paragraph | FormulaBlock | Rule | Quote | ListBlock | Table | Code | Plain


@lru_cache(maxsize=64)
def blocks_from_markdown(text: str) -> tuple[Block, ...]:
    """Parse a text into blocks."""
    # Imported here: an empty chat reads no Markdown, and the window is there sooner.
    from markdown_it.tree import SyntaxTreeNode

    from app.base.markdown_rules import make_parser

    root = SyntaxTreeNode(make_parser().parse(text))
    return _blocks(root.children)


# -- the tree ----------------------------------------------------------------------------------------------------------


def _blocks(nodes: Sequence[SyntaxTreeNode]) -> tuple[Block, ...]:
    blocks = (block for node in nodes if (block := _block(node)) is not None)
    return tuple(part for block in blocks for part in _without_formulas(block))


def _without_formulas(block: Block) -> Iterator[Block]:
    """A paragraph, cut where a formula stands on a line of its own inside of its dollars or brackets."""
    if not isinstance(block, Paragraph) or not any(_is_display(piece) for piece in block.line):
        yield block
        return
    waiting: list[Inline] = []
    for row in _rows(block.line):
        if len(row) == 1 and _is_display(row[0]):
            if waiting:
                yield Paragraph(tuple(waiting))
                waiting = []
            yield FormulaBlock(row[0].text, row[0].mark)
            continue
        waiting.extend([Inline("break"), *row] if waiting else row)
    if waiting:
        yield Paragraph(tuple(waiting))


def _is_display(piece: Inline) -> bool:
    return piece.kind == "math" and piece.mark in ("$$", "\\[")


def _rows(line: Line) -> Iterator[list[Inline]]:
    """Cut at the breaks that stand in no bold text, link or the like."""
    row: list[Inline] = []
    opened = 0
    for piece in line:
        if piece.kind == "break" and not opened:
            yield row
            row = []
            continue
        opened += 1 if piece.kind in _OPENERS else -1 if piece.kind.startswith("/") else 0
        row.append(piece)
    yield row


def _block(node: SyntaxTreeNode) -> Block | None:
    match node.type:
        case "heading" | "paragraph" if len(node.children[0].content) > LONG_LINE:
            return Plain(node.children[0].content)
        case "heading":
            return Heading(int(node.tag[1]), _line(node))
        case "paragraph":
            line = _line(node)
            return Paragraph(line) if line else None
        case "math_block":
            return FormulaBlock(node.content.strip(), node.markup or "$$")
        case "hr":
            return Rule()
        case "blockquote":
            return Quote(_blocks(node.children))
        case "bullet_list" | "ordered_list":
            return _list(node)
        case "table":
            return _table(node)
        case "fence":
            language = node.info.split()[0] if node.info.split() else ""
            return Code(node.content.removesuffix("\n"), language, bool(node.meta.get("closed", True)))
        case "code_block":
            return Code(node.content.removesuffix("\n"))
        case "footnote_block":
            items = tuple(Item(_blocks(note.children)) for note in node.children)
            return ListBlock(1, items)
    return None


def _list(node: SyntaxTreeNode) -> Block:
    start = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
    tight = not any(child.type == "paragraph" and not child.hidden for item in node.children for child in item.children)
    return ListBlock(start, tuple(_item(item) for item in node.children), tight)


def _item(node: SyntaxTreeNode) -> Item:
    blocks = _blocks(node.children)
    if "task-list-item" not in str(node.attrs.get("class", "")):
        return Item(blocks)
    first = blocks[0]
    assert isinstance(first, Paragraph)
    box, rest = first.line[0], first.line[1:]
    if rest and rest[0].kind == "text":
        rest = (replace(rest[0], text=rest[0].text.lstrip()), *rest[1:])
    return Item((Paragraph(rest), *blocks[1:]), task="checked" in box.text)


def _table(node: SyntaxTreeNode) -> Block:
    rows = [row for part in node.children for row in part.children]
    align = tuple(str(cell.attrs.get("style", "text-align:left")).partition(":")[2] for cell in rows[0].children)
    return Table(align, tuple(tuple(_cell(cell) for cell in row.children) for row in rows))


def _cell(node: SyntaxTreeNode) -> Line:
    """A cell's line; the only way to break it is HTML's, so that is understood."""
    pieces: list[Inline] = []
    for piece in _line(node):
        if piece.kind != "text":
            pieces.append(piece)
            continue
        for number, text in enumerate(_BREAK.split(piece.text)):
            pieces.extend([Inline("break")] if number else [])
            pieces.extend([Inline("text", text)] if text else [])
    return tuple(pieces)


def _line(node: SyntaxTreeNode) -> Line:
    pieces = [piece for child in node.children for piece in _inlines(child.children)]
    return tuple(_joined(_without_prices(pieces)))


_PAIRS = {"strong": "bold", "em": "italic", "s": "strike"}


def _inlines(nodes: Sequence[SyntaxTreeNode]) -> Iterator[Inline]:
    for node in nodes:
        if node.type in _PAIRS:
            yield Inline(_PAIRS[node.type])
            yield from _inlines(node.children)
            yield Inline("/" + _PAIRS[node.type])
        elif node.type == "link":
            yield from _link(node)
        elif node.type == "image":
            yield from _picture(node)
        elif node.type in ("softbreak", "hardbreak"):
            yield Inline("break")
        elif node.type == "code_inline":
            yield Inline("code", node.content)
        elif node.type.startswith("math_inline"):
            yield Inline("math", node.content, node.markup)
        elif node.type == "footnote_ref":
            yield Inline("note", str(int(node.meta["id"]) + 1))
        elif node.type == "html_inline":  # the box of a task, from the plugin: the parser itself makes no HTML
            yield Inline("box", node.content)
        elif node.type != "footnote_anchor":
            yield Inline("text", node.content)


def _link(node: SyntaxTreeNode) -> Iterator[Inline]:
    target = str(node.attrs.get("href", ""))
    if not SAFE_LINK.match(target):
        yield from (Inline("text", "["), *_inlines(node.children), Inline("text", f"]({target})"))
        return
    pictures: list[Inline] = []  # no link stands in another: those to pictures follow
    yield Inline("link", mark=target)
    for piece in _inlines(node.children):
        if piece.kind == "link":
            pictures.extend(
                (Inline("text", " ("), piece, Inline("text", piece.mark), Inline("/link"), Inline("text", ")"))
            )
        elif piece.kind != "/link":
            yield piece
    yield Inline("/link")
    yield from pictures


def _picture(node: SyntaxTreeNode) -> Iterator[Inline]:
    """No picture is ever loaded: a link to it, with its text, or its address where it has none."""
    target, text = str(node.attrs.get("src", "")), plain_from_line(tuple(_inlines(node.children))).strip()
    if SAFE_LINK.match(target):
        yield from (Inline("link", mark=target), Inline("text", text or target), Inline("/link"))
    elif target.startswith("data:") or not target:
        yield from (Inline("italic"), Inline("text", text or "image"), Inline("/italic"))
    else:
        yield Inline("text", f"![{text}]({target})")


def _without_prices(pieces: list[Inline]) -> Iterator[Inline]:
    """Dollars that are prices or names of variables stay dollars."""
    for number, piece in enumerate(pieces):
        before = pieces[number - 1].text[-1:] if number else ""
        after = pieces[number + 1].text[:1] if number + 1 < len(pieces) else ""
        inside = before.isalnum() or after.isalnum()
        if piece.kind == "math" and piece.mark == "$" and (inside or _PRICE.fullmatch(piece.text)):
            yield Inline("text", f"${piece.text}$")
        else:
            yield piece


def _joined(pieces: Iterator[Inline]) -> Iterator[Inline]:
    """Neighbouring texts as one."""
    text = ""
    for piece in pieces:
        if piece.kind == "text":
            text += piece.text
            continue
        if text:
            yield Inline("text", text)
            text = ""
        yield piece
    if text:
        yield Inline("text", text)


def plain_from_line(line: Line) -> str:
    """A line's text without its looks; formulas as they were written."""
    return "".join(
        source_of_formula(piece.text, piece.mark)
        if piece.kind == "math"
        else "\n"
        if piece.kind == "break"
        else piece.text
        for piece in line
    )


def source_of_formula(source: str, mark: str) -> str:
    """A formula with the marks around it."""
    return mark + source + {"\\(": "\\)", "\\[": "\\]"}.get(mark, mark)
