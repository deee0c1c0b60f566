"""Prose as HTML for Qt's text documents, in the colours of a theme.

It holds only the elements that are written here, and escaped text: nothing in it is ever loaded from anywhere. Pictures
are formulas; `app.ui.chat.formulas` paints them.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable

from PySide6.QtGui import QFontMetricsF

from app.ui.chat.direction import runs_leftward
from app.ui.chat.formulas import NAME, Formula, Wanted, size_for_baseline
from app.ui.chat.markdown import (
    Block,
    FormulaBlock,
    Heading,
    Item,
    Line,
    ListBlock,
    Paragraph,
    Prose,
    Quote,
    Rule,
    Table,
    plain_from_line,
    source_of_formula,
)
from app.ui.widgets.theme import Theme, paragraph_gap

HEADING_FACTORS = {1: 1.45, 2: 1.25, 3: 1.1, 4: 1.0, 5: 1.0, 6: 1.0}
CODE_FACTOR = 0.92
BOX_OPEN, BOX_DONE = "\u2610", "\u2611"
_TAGS = {"bold": "<b>", "italic": "<i>", "strike": "<s>", "/link": "</a>", "break": "<br/>"}
_ENDS = {"/" + name: tag.replace("<", "</") for name, tag in _TAGS.items() if tag in ("<b>", "<i>", "<s>")}


def list_inset(theme: Theme) -> int:
    """How far the items of a list are moved in, in pixels."""
    return round(theme.body_points * 1.9)


class MarkdownHtml:
    """Renders blocks with one theme.

    Args:
        theme: Colours and sizes.
        formula: What is there of a formula; None for one that is shown as it was written.

    Attributes:
        formulas: Those that the HTML made so far holds, by their numbers.
    """

    def __init__(self, theme: Theme, formula: Callable[[Wanted], Formula | None]) -> None:
        self._theme = theme
        self._formula = formula
        self.formulas: list[Formula] = []
        tokens = theme.tokens
        self._family = theme.body_font().family()
        family = html.escape(theme.mono_font().family())
        self._code_style = (
            f"font-family:'{family}'; font-size:{theme.body_points * CODE_FACTOR:.2f}pt;"
            f" background-color:{tokens.code_header};"
        )
        self._gap = paragraph_gap(theme)
        self._line = f"line-height:{theme.line_percent()}%;"

    def prose(self, prose: Prose) -> str:
        """All blocks of one text."""
        return self._blocks(prose.blocks)

    def table(self, table: Table) -> str:
        """A table alone."""
        tokens = self._theme.tokens
        leftward = runs_leftward("".join(plain_from_line(cell) for row in table.rows for cell in row))
        lines = []
        for number, row in enumerate(table.rows):
            tag = "th" if number == 0 else "td"
            shade = f"background-color:{tokens.code};" if number == 0 else ""
            cells = [
                f'<{tag} align="{side}" valign="middle" style="padding:5px 12px 5px 12px; {shade}">'
                f"{self.line(cell)}</{tag}>"
                for side, cell in zip(table.align, row, strict=True)
            ]
            lines.append(f"<tr>{''.join(reversed(cells) if leftward else cells)}</tr>")
        style = f"border-collapse:collapse; border-style:solid; border-color:{tokens.border_strong};"
        align = ' align="right"' if leftward else ""
        return f'<table border="1" cellspacing="0" cellpadding="0"{align} style="{style}">{"".join(lines)}</table>'

    def formula_alone(self, block: FormulaBlock) -> str:
        """A formula with a widget of its own."""
        return f'<p align="center" style="margin:0;">{self._math(block.source, block.mark, True)}</p>'

    def line(self, line: Line) -> str:
        """One line: `<b> <i> <s> <a> <br> <span> <sup>`, pictures of formulas, and escaped text."""
        return "".join(self._inline(piece.kind, piece.text, piece.mark) for piece in line)

    # -- blocks -----------------------------------------------------------------------------------------------------

    def _blocks(self, blocks: tuple[Block, ...], between: int | None = None, bottom: int = 0) -> str:
        """Blocks with so many pixels between them, and `bottom` under the last."""
        gap, last = self._gap if between is None else between, len(blocks) - 1
        return "".join(
            self._block(block, index == 0, bottom if index == last else gap) for index, block in enumerate(blocks)
        )

    def _block(self, block: Block, first: bool, bottom: int) -> str:
        match block:
            case Paragraph(line):
                return f'<p style="margin:0 0 {bottom}px 0; {self._line}">{self.line(line)}</p>'
            case Heading(level, line):
                return self._heading(level, line, first)
            case Rule():
                return self._rule()
            case Quote(blocks):
                return self._quote(blocks, max(bottom, self._gap // 2))
            case ListBlock(start, items, close):
                return self._list(start, items, close, bottom)
        return ""  # the others have widgets of their own

    def _heading(self, level: int, line: Line, first: bool) -> str:
        points = self._theme.body_points * HEADING_FACTORS[level]
        top = 0 if first else round(self._gap * 0.8)
        style = f"font-size:{points:.2f}pt; font-weight:600;"
        return (
            f'<p style="margin:{top}px 0 {round(self._gap * 0.7)}px 0; line-height:125%;">'
            f'<span style="{style}">{self.line(line)}</span></p>'
        )

    def _rule(self) -> str:
        """Qt's own <hr> is black in the light look."""
        color = self._theme.tokens.border_strong
        return (
            f'<table width="100%" cellspacing="0" cellpadding="0" style="margin:{self._gap}px 0 {self._gap * 2}px 0;">'
            f'<tr><td height="1" style="background-color:{color}; font-size:1px;"></td></tr></table>'
        )

    def _quote(self, blocks: tuple[Block, ...], bottom: int) -> str:
        tokens = self._theme.tokens
        leftward = _runs_leftward(blocks)
        bar = f'<td width="3" style="background-color:{tokens.accent};"></td>'
        side = "right" if leftward else "left"
        text = f'<td style="padding-{side}:12px; color:{tokens.muted};">{self._blocks(blocks)}</td>'
        cells, align = (text + bar, ' align="right"') if leftward else (bar + text, "")
        style = f"margin:{self._gap // 2}px 0 {bottom}px 0;"
        return f'<table cellspacing="0" cellpadding="0"{align} style="{style}"><tr>{cells}</tr></table>'

    def _list(self, start: int | None, items: tuple[Item, ...], close: bool, bottom: int) -> str:
        """Qt moves items in by the document's own step: from the right where the text runs to the left."""
        gap = 3 if close else self._gap // 2
        parts: list[str] = []
        number, opened = start, ""
        leftward = bool(items) and _runs_leftward(items[0].blocks)
        side = f"margin-{'right' if leftward else 'left'}:{self._room_for_numbers(start, items)}px;"
        for index, item in enumerate(items):
            tag = self._tag(item, start is None)
            if tag != opened:
                parts.append(f"</{opened[:2]}>" if opened else "")
                attribute = f' start="{number}"' if tag == "ol" else ""
                style = _UNMARKED if tag == "ul-" else _TURNED if leftward and tag == "ol" else ""
                parts.append(f'<{tag[:2]}{attribute} style="margin:0; {side} {style}">')
                opened = tag
            parts.append(self._item(item, gap, bottom if index == len(items) - 1 else gap))
            number = number + 1 if number is not None and item.marked else number
        return "".join(parts) + (f"</{opened[:2]}>" if opened else "")

    def _room_for_numbers(self, start: int | None, items: tuple[Item, ...]) -> int:
        """Pixels that a list is moved in further, because Qt's step has no room for its last number."""
        if start is None:
            return 0
        last = start + sum(item.marked for item in items) - 1
        wide = QFontMetricsF(self._theme.body_font()).horizontalAdvance(f"{last}. ")
        return max(0, math.ceil(wide) + 1 - list_inset(self._theme))

    def _tag(self, item: Item, bullets: bool) -> str:
        if item.task is not None or not item.marked:
            return "ul-"
        return "ul" if bullets else "ol"

    def _item(self, item: Item, gap: int, bottom: int) -> str:
        """An item's first paragraph stands beside the bullet, so it is no paragraph of its own."""
        text = "" if item.task is None else f"{BOX_DONE if item.task else BOX_OPEN} "
        rest = item.blocks
        if rest and isinstance(rest[0], Paragraph):
            text, rest = text + self.line(rest[0].line), rest[1:]
        style = f"{self._line} margin:0 0 {gap if rest else bottom}px 0;"
        return f'<li style="{style}">{text}{self._blocks(rest, gap, bottom)}</li>'

    # -- inside a line ----------------------------------------------------------------------------------------------

    def _inline(self, kind: str, text: str, mark: str) -> str:
        match kind:
            case "text":
                escaped = html.escape(text, quote=False).replace("\n", "<br/>")
                return f'<span style="{_KEPT}">{escaped}</span>' if _WIDE.search(text) else escaped
            case "code":
                return f'<span style="{self._code_style}{_KEPT}">{html.escape(text, quote=False)}</span>'
            case "math":
                return self._math(text, mark, mark in ("$$", "\\["))
            case "link":
                return f'<a href="{html.escape(mark)}">'
            case "note":
                return f"<sup>{html.escape(text)}</sup>"
        return _TAGS.get(kind, "") or _ENDS.get(kind, "")

    def _math(self, source: str, mark: str, display: bool) -> str:
        written = source_of_formula(source, mark)
        formula = self._formula(wanted_formula(source, display, self._theme))
        if formula is None:
            return html.escape(written, quote=False).replace("\n", "<br/>")
        self.formulas.append(formula)
        size = size_for_baseline(self._family, max(1, round(formula.ascent - formula.descent)))
        alt = html.escape(written).replace("\n", " ")
        style = f"vertical-align:middle; font-size:{size}px;"
        return f'<img src="{NAME}{len(self.formulas) - 1}" alt="{alt}" style="{style}" />'


def _runs_leftward(blocks: tuple[Block, ...]) -> bool:
    """Whether the first paragraph of some blocks runs from right to left."""
    for block in blocks:
        match block:
            case Paragraph(line) | Heading(_, line):
                return bool(runs_leftward(plain_from_line(line)))
            case Quote(inner):
                return _runs_leftward(inner)
            case ListBlock(_, items):
                return bool(items) and _runs_leftward(items[0].blocks)
    return False


_UNMARKED = "list-style-type:none;"
# Qt turns number and dot around twice where the text runs from right to left: the dot has to stand beside the text.
_TURNED = "-qt-list-number-prefix:'.'; -qt-list-number-suffix:'';"


def wanted_formula(source: str, display: bool, theme: Theme) -> Wanted:
    """A formula in the size and colour of a theme."""
    size = theme.body_points * 96 / 72 * (1.2 if display else 1.12)
    return Wanted(source, display, round(size, 1), theme.tokens.text)


_KEPT = "white-space:pre-wrap;"  # else Qt makes one ordinary space of all that are beside each other
_WIDE = re.compile("[\u1680\u2000-\u200a\u202f\u205f\u3000]")  # spaces that it makes ordinary ones, too
