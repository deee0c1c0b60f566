"""Which letters of an answer are shown in which fonts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from PySide6.QtGui import QFont

from app.ui.chat.markdown import (
    Block,
    Code,
    FormulaBlock,
    Heading,
    Line,
    ListBlock,
    Paragraph,
    Plain,
    Prose,
    Quote,
    Segment,
    Table,
)
from app.ui.chat.markdown_html import BOX_DONE, BOX_OPEN, CODE_FACTOR, HEADING_FACTORS
from app.ui.chat.slices import MAX_CHARACTERS
from app.ui.widgets.theme import Theme


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is shown.

    Attributes:
        level: Of the heading that it stands in; 0 for none.
        bold: Whether it is bold.
        italic: Whether it is slanted.
        code: Whether it is code within a line.
        block: Whether it is a code block.
    """

    level: int = 0
    bold: bool = False
    italic: bool = False
    code: bool = False
    block: bool = False


_Piece: TypeAlias = tuple[Style, str]
_BODY = Style()


def fonts_of(segments: Iterable[Segment], theme: Theme) -> list[tuple[QFont, str]]:
    """Fonts, as `MarkdownHtml` and code blocks have them, and the letters that are shown in each.

    ASCII is left out, and of text that is not set at once all but the beginning.
    """
    letters: dict[Style, set[str]] = defaultdict(set)
    for segment in segments:
        for style, text in _pieces(segment):
            if not text.isascii():
                letters[style].update(text)
    return [(_font(style, theme), "".join(found)) for style, found in letters.items()]


def _font(style: Style, theme: Theme) -> QFont:
    font = theme.mono_font() if style.block else theme.body_font()
    if style.level:
        font.setPointSizeF(round(theme.body_points * HEADING_FACTORS[style.level], 2))
        font.setWeight(QFont.Weight.DemiBold)
    if style.bold:
        font.setWeight(QFont.Weight.Bold)
    if style.italic:
        font.setItalic(True)
    if style.code:
        font.setFamily(theme.mono_font().family())
        font.setPointSizeF(round(theme.body_points * CODE_FACTOR, 2))
    return font


def _pieces(segment: Segment) -> Iterator[_Piece]:
    match segment.content:
        case Prose(blocks):
            yield from _of_blocks(blocks)
        case Table(_, rows):
            for number, row in enumerate(rows):
                for cell in row:
                    yield from _of_line(cell, replace(_BODY, bold=number == 0))
        case Code(text):
            yield Style(block=True), text
            yield Style(block=True, italic=True), text  # a comment
        case FormulaBlock(source):
            yield _BODY, source
        case Plain(text):
            yield _BODY, text[:MAX_CHARACTERS]


def _of_blocks(blocks: Iterable[Block]) -> Iterator[_Piece]:
    for block in blocks:
        match block:
            case Paragraph(line):
                yield from _of_line(line, _BODY)
            case Heading(level, line):
                yield from _of_line(line, Style(level))
            case Quote(inner):
                yield from _of_blocks(inner)
            case ListBlock(_, items):
                for item in items:
                    if item.task is not None:
                        yield _BODY, BOX_DONE if item.task else BOX_OPEN
                    yield from _of_blocks(item.blocks)


def _of_line(line: Line, style: Style) -> Iterator[_Piece]:
    bold, italic = style.bold, style.italic
    for piece in line:
        match piece.kind:
            case "bold" | "/bold":
                bold = style.bold or piece.kind == "bold"
            case "italic" | "/italic":
                italic = piece.kind == "italic"
        yield replace(style, bold=bold, italic=italic, code=piece.kind == "code"), piece.text
