"""Parsed Markdown to the HTML that Qt's text documents show, in the colours of a theme."""

from __future__ import annotations

import html

from app.ui.chat.markdown import Block, Code, Heading, ListBlock, Paragraph, Quote, Rule, Table, blocks_from_markdown
from app.ui.chat.markdown_inline import html_from_inline
from app.ui.widgets.theme import PARAGRAPH_GAP, Theme

_HEADING_FACTORS = {1: 1.45, 2: 1.25, 3: 1.1, 4: 1.0, 5: 1.0, 6: 1.0}
_TASKS = {"[ ] ": "\u2610 ", "[x] ": "\u2611 ", "[X] ": "\u2611 "}


def html_from_markdown(text: str, theme: Theme) -> str:
    """HTML of prose; see `app.ui.chat.markdown_inline` for what it may hold."""
    return _Renderer(theme).document(text)


class _Renderer:
    """Renders blocks with one theme."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        tokens = theme.tokens
        family = html.escape(theme.mono_font().family())
        self._code_style = (
            f"font-family:'{family}'; font-size:{theme.body_points * 0.92:.2f}pt;"
            f" background-color:{tokens.code_header};"
        )
        self._gap = round(theme.body_points * 96 / 72 * PARAGRAPH_GAP)
        self._line = f"line-height:{theme.line_percent()}%;"

    def document(self, text: str) -> str:
        """All blocks of one text."""
        return self._blocks(blocks_from_markdown(text))

    def _blocks(self, blocks: tuple[Block, ...], tight: bool = False) -> str:
        last = len(blocks) - 1
        return "".join(self._block(block, index == 0, index == last, tight) for index, block in enumerate(blocks))

    def _block(self, block: Block, first: bool, last: bool, tight: bool) -> str:
        bottom = 0 if last or tight else self._gap
        match block:
            case Paragraph(text):
                return f'<p style="margin:0 0 {bottom}px 0; {self._line}">{self._inline(text)}</p>'
            case Heading(level, text):
                return self._heading(level, text, first)
            case Rule():
                return self._rule()
            case Quote(blocks):
                return self._quote(blocks)
            case ListBlock(start, items):
                return self._list(start, items, bottom)
            case Table(align, rows):
                return self._table(align, rows)
            case Code(text):
                return self._nested_code(text, bottom)

    def _inline(self, text: str) -> str:
        return html_from_inline(text, self._code_style)

    def _heading(self, level: int, text: str, first: bool) -> str:
        points = self._theme.body_points * _HEADING_FACTORS[level]
        top = 0 if first else round(self._gap * 0.8)
        style = f"font-size:{points:.2f}pt; font-weight:600;"
        return (
            f'<p style="margin:{top}px 0 {round(self._gap * 0.7)}px 0; line-height:125%;">'
            f'<span style="{style}">{self._inline(text)}</span></p>'
        )

    def _rule(self) -> str:
        """Qt's own <hr> is black in the light look."""
        color = self._theme.tokens.border_strong
        return (
            f'<table width="100%" cellspacing="0" cellpadding="0" style="margin:{self._gap}px 0 {self._gap * 2}px 0;">'
            f'<tr><td height="1" style="background-color:{color}; font-size:1px;"></td></tr></table>'
        )

    def _quote(self, blocks: tuple[Block, ...]) -> str:
        tokens = self._theme.tokens
        inner = self._blocks(blocks)
        return (
            f'<table cellspacing="0" cellpadding="0" style="margin:{self._gap // 2}px 0 {self._gap}px 0;"><tr>'
            f'<td width="3" style="background-color:{tokens.accent};"></td>'
            f'<td style="padding-left:12px; color:{tokens.muted};">{inner}</td></tr></table>'
        )

    def _list(self, start: int | None, items: tuple[tuple[Block, ...], ...], bottom: int) -> str:
        tag = "ul" if start is None else "ol"
        attribute = "" if start is None else f' start="{start}"'
        inset = round(self._theme.body_points * 1.9)
        last = len(items) - 1
        body = "".join(
            f'<li style="{self._line} margin:0 0 {bottom if number == last else 3}px 0;">{self._item(item)}</li>'
            for number, item in enumerate(items)
        )
        style = f"margin:0 0 0 {inset}px; -qt-list-indent:0;"
        return f'<{tag}{attribute} style="{style}">{body}</{tag}>'

    def _item(self, blocks: tuple[Block, ...]) -> str:
        """An item's first paragraph stands beside the bullet, so it is no paragraph of its own."""
        if not blocks or not isinstance(blocks[0], Paragraph):
            return self._blocks(blocks, tight=True)
        text = blocks[0].text
        sign = _TASKS.get(text[:4], "")
        return sign + self._inline(text[4:] if sign else text) + self._blocks(blocks[1:], tight=True)

    def _table(self, align: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
        tokens = self._theme.tokens
        lines = []
        for number, row in enumerate(rows):
            tag = "th" if number == 0 else "td"
            shade = f"background-color:{tokens.code};" if number == 0 else ""
            cells = "".join(
                f'<{tag} align="{side}" valign="middle" style="padding:5px 12px 5px 12px; {shade}">'
                f"{self._inline(cell)}</{tag}>"
                for side, cell in zip(align, row, strict=True)
            )
            lines.append(f"<tr>{cells}</tr>")
        style = f"border-collapse:collapse; border-style:solid; border-color:{tokens.border_strong};"
        return (
            f'<table border="1" cellspacing="0" cellpadding="0" style="{style} margin:4px 0 {self._gap}px 0;">'
            f"{''.join(lines)}</table>"
        )

    def _nested_code(self, text: str, bottom: int) -> str:
        body = html.escape(text, quote=False)
        return f'<pre style="margin:2px 0 {bottom}px 0; {self._code_style}">{body}</pre>'
