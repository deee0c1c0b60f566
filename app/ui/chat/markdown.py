"""Answers are Markdown; this module cuts them into parts and turns these into what Qt's text documents show.

`segments_from_markdown` splits an answer into prose and fenced code (code becomes a widget of its own),
`blocks_from_markdown` parses prose into a small tree of frozen blocks, `html_from_inline` makes safe HTML of a line,
and `html_from_markdown` of all of it, in the colours of a theme. Nothing is ever loaded from anywhere, and every text
is a valid document: what is not understood stays literal.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

from app.ui.widgets.theme import PARAGRAPH_GAP, Theme

# -- blocks ------------------------------------------------------------------------------------------------------------

MAX_DEPTH = 6
_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})[ \t]*([^`\s]*)[^`]*$")
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_RULE = re.compile(r"^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$")
_QUOTE = re.compile(r"^ {0,3}> ?(.*)$")
_ITEM = re.compile(r"^( {0,9})([-*+]|\d{1,9}[.)])([ \t]+)(.*)$")
_TABLE_RULE = re.compile(r"^ {0,3}\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")


@dataclass(frozen=True, slots=True)
class Prose:
    """Markdown without fenced code."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """A fenced code block; `closed` is False while its end is missing."""

    text: str
    language: str = ""
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Heading:
    """`#` to `######`."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; line breaks are kept."""

    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal line."""


@dataclass(frozen=True, slots=True)
class Quote:
    """`>` lines."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class ListBlock:
    """A list; `start` is None for bullets."""

    start: int | None
    items: tuple[tuple[Block, ...], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `align` holds "left", "right" or "center" for each column."""

    align: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Paragraph | Rule | Quote | ListBlock | Table | Code


def segments_from_markdown(text: str) -> list[Prose | Code]:
    """Prose and fenced code blocks in their order."""
    segments: list[Prose | Code] = []
    lines = text.replace("\r\n", "\n").split("\n")
    prose: list[str] = []
    index = 0
    while index < len(lines):
        if _FENCE.match(lines[index]):
            _append_prose(segments, prose)
            code, index = _read_fence(lines, index)
            segments.append(code)
        else:
            prose.append(lines[index])
            index += 1
    _append_prose(segments, prose)
    return segments


def _append_prose(segments: list[Prose | Code], lines: list[str]) -> None:
    text = "\n".join(lines).strip("\n")
    if text.strip():
        segments.append(Prose(text))
    lines.clear()


def _read_fence(lines: list[str], index: int) -> tuple[Code, int]:
    opening = _FENCE.match(lines[index])
    assert opening is not None
    indent, fence, language = len(opening[1]), opening[2], opening[3]
    closing = re.compile(rf"^ {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*$")
    body: list[str] = []
    for at in range(index + 1, len(lines)):
        if closing.match(lines[at]):
            return Code("\n".join(body), language), at + 1
        line = lines[at]
        body.append(line[min(indent, len(line) - len(line.lstrip(" "))) :])
    return Code("\n".join(body), language, closed=False), len(lines)


def blocks_from_markdown(text: str, depth: int = 0) -> tuple[Block, ...]:
    """Parse prose into blocks."""
    lines = text.replace("\r\n", "\n").replace("\t", "    ").split("\n")
    if depth >= MAX_DEPTH:
        return (Paragraph(text.strip()),) if text.strip() else ()
    blocks: list[Block] = []
    index = 0
    while index < len(lines):
        if not lines[index].strip():
            index += 1
            continue
        block, index = _read_block(lines, index, depth)
        blocks.append(block)
    return tuple(blocks)


def _read_block(lines: list[str], index: int, depth: int) -> tuple[Block, int]:
    line = lines[index]
    if _FENCE.match(line):
        return _read_fence(lines, index)
    if heading := _HEADING.match(line):
        return Heading(len(heading[1]), heading[2]), index + 1
    if _RULE.match(line):
        return Rule(), index + 1
    if _QUOTE.match(line):
        return _read_quote(lines, index, depth)
    if _starts_table(lines, index):
        return _read_table(lines, index)
    if _ITEM.match(line):
        return _read_list(lines, index, depth)
    end = index + 1
    while end < len(lines) and not _ends_paragraph(lines, end):
        end += 1
    return Paragraph("\n".join(each.strip() for each in lines[index:end])), end


def _ends_paragraph(lines: list[str], index: int) -> bool:
    line = lines[index]
    if not line.strip() or _starts_table(lines, index):
        return True
    if item := _ITEM.match(line):
        return len(item[1]) < 4 and bool(item[4].strip())
    return any(pattern.match(line) for pattern in (_FENCE, _HEADING, _RULE, _QUOTE))


def _read_quote(lines: list[str], index: int, depth: int) -> tuple[Block, int]:
    inner: list[str] = []
    while index < len(lines) and lines[index].strip():
        match = _QUOTE.match(lines[index])
        if match is None and _ends_paragraph(lines, index):
            break
        inner.append(match[1] if match else lines[index])
        index += 1
    return Quote(blocks_from_markdown("\n".join(inner), depth + 1)), index


def _starts_table(lines: list[str], index: int) -> bool:
    if index + 1 >= len(lines) or "|" not in lines[index] or "|" not in lines[index + 1]:
        return False
    return bool(_TABLE_RULE.match(lines[index + 1])) and len(_cells(lines[index])) == len(_cells(lines[index + 1]))


def _cells(line: str) -> list[str]:
    body = line.strip().removeprefix("|")
    if body.endswith("|") and not body.endswith("\\|"):
        body = body[:-1]
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", body)]


def _read_table(lines: list[str], index: int) -> tuple[Block, int]:
    align = tuple(_alignment(cell) for cell in _cells(lines[index + 1]))
    rows = [tuple(_cells(lines[index]))]
    index += 2
    while index < len(lines) and lines[index].strip() and "|" in lines[index]:
        cells = _cells(lines[index])[: len(align)]
        rows.append(tuple(cells + [""] * (len(align) - len(cells))))
        index += 1
    return Table(align, tuple(rows)), index


def _alignment(rule: str) -> str:
    if rule.endswith(":"):
        return "center" if rule.startswith(":") else "right"
    return "left"


def _read_list(lines: list[str], index: int, depth: int) -> tuple[Block, int]:
    first = _ITEM.match(lines[index])
    assert first is not None
    ordered = first[2][-1] in ".)"
    items: list[tuple[Block, ...]] = []
    while index < len(lines):
        item = _ITEM.match(lines[index])
        if item is None or (item[2][-1] in ".)") != ordered or _RULE.match(lines[index]):
            break
        body, index = _read_item(lines, index, item)
        items.append(blocks_from_markdown(body, depth + 1))
    return ListBlock(int(first[2][:-1]) if ordered else None, tuple(items)), index


def _read_item(lines: list[str], index: int, item: re.Match[str]) -> tuple[str, int]:
    """The item's text without its indent, and the index of the first line after it (blank lines skipped)."""
    offset = len(item[1]) + len(item[2]) + min(len(item[3]), 4)
    least = len(item[1]) + 2
    body = [item[4]]
    index += 1
    blank = False
    while index < len(lines):
        line = lines[index]
        indent = len(line) - len(line.lstrip(" "))
        if not line.strip():
            blank = True
        elif indent >= least:
            body.extend([""] if blank else [])
            body.append(line[min(indent, offset) :])
            blank = False
        elif blank or _ends_paragraph(lines, index):
            break
        else:
            body.append(line.strip())
        index += 1
    return "\n".join(body), index


# -- inside a line -----------------------------------------------------------------------------------------------------

MARK = "\x00"
_MARKED = re.compile(f"{MARK}(\\d+){MARK}")
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_MATH = re.compile(r"\\\(.+?\\\)|\\\[.+?\\\]|\$\$.+?\$\$", re.DOTALL)
_ESCAPE = re.compile(r"\\([\\`*_{}#+\-.!|<>~])")
_IMAGE = re.compile(r"!\[([^\[\]]*)\](?:\([^()\s]*(?:\s+\"[^\"]*\")?\)|\[[^\[\]]*\])")
_LINK = re.compile(r"\[([^\[\]]+)\]\(<?((?:[^()\s<>]|\([^()\s<>]*\))+)>?(?:\s+\"[^\"]*\")?\)")
_BARE = re.compile(r"<?\b(https?://[^\s<>\x00\"]+[^\s<>\x00\".,;:!?'*_)\]])>?")
_SAFE = re.compile(r"(?i)^(https?://|mailto:)")
_EMPHASIS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\*\*\*(?=\S)(.+?)(?<=\S)\*\*\*", re.DOTALL), r"<b><i>\1</i></b>"),
    (re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*", re.DOTALL), r"<b>\1</b>"),
    (re.compile(r"(?<!\w)__(?=\S)(.+?)(?<=\S)__(?!\w)", re.DOTALL), r"<b>\1</b>"),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])(.+?)(?<=[^\s*])\*(?![\w*])", re.DOTALL), r"<i>\1</i>"),
    (re.compile(r"(?<!\w)_(?=[^\s_])(.+?)(?<=[^\s_])_(?!\w)", re.DOTALL), r"<i>\1</i>"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~", re.DOTALL), r"<s>\1</s>"),
)


def html_from_inline(text: str, code_style: str = "") -> str:
    """HTML of one paragraph's text; `code_style` is the CSS of inline code.

    It holds only `<b> <i> <s> <a> <br> <span>` and escaped text: an image becomes its alternative text, HTML in the
    source stays literal, LaTeX stays as written, and links are http, https or mailto.

        1. What must stay as it is (code, maths, escapes, links, images) is taken out and replaced by numbered marks.
        2. The rest is escaped, then emphasis is found in it.
        3. The marks are replaced by what they stand for.
    """
    kept: list[str] = []
    text = text.replace(MARK, "")
    for pattern, render in _takers(code_style):
        text = pattern.sub(_taker(kept, render), text)
    text = html.escape(text, quote=False)
    for pattern, replacement in _EMPHASIS:
        text = pattern.sub(replacement, text)
    return _restore(text.replace("\n", "<br/>"), kept)


def _takers(code_style: str) -> list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]:
    def code(match: re.Match[str]) -> str:
        body = match[2].replace("\n", " ")
        if body.startswith(" ") and body.endswith(" ") and body.strip():
            body = body[1:-1]
        return f'<span style="{code_style}">{_spaces(html.escape(body, quote=False))}</span>'

    return [
        (_CODE, code),
        (_MATH, _escaped_whole),
        (_ESCAPE, _escaped_char),
        (_IMAGE, _image),
        (_LINK, _link),
        (_BARE, _bare_link),
    ]


def _taker(kept: list[str], render: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
    def take(match: re.Match[str]) -> str:
        kept.append(render(match))
        return f"{MARK}{len(kept) - 1}{MARK}"

    return take


def _restore(text: str, kept: list[str]) -> str:
    while MARK in text:
        text = _MARKED.sub(lambda match: kept[int(match[1])], text)
    return text


def _escaped_whole(match: re.Match[str]) -> str:
    return html.escape(match[0], quote=False).replace("\n", "<br/>")


def _escaped_char(match: re.Match[str]) -> str:
    return html.escape(match[1], quote=False)


def _image(match: re.Match[str]) -> str:
    return f"<i>{html.escape(match[1].strip() or 'image', quote=False)}</i>"


def _link(match: re.Match[str]) -> str:
    label = html.escape(match[1], quote=False)
    for pattern, replacement in _EMPHASIS:
        label = pattern.sub(replacement, label)
    if not _SAFE.match(match[2]) or MARK in match[2]:
        return html.escape(match[0], quote=False)
    return f'<a href="{html.escape(match[2])}">{label}</a>'


def _bare_link(match: re.Match[str]) -> str:
    return f'<a href="{html.escape(match[1])}">{html.escape(match[1], quote=False)}</a>'


def _spaces(text: str) -> str:
    """Keep runs of spaces in inline code."""
    return re.sub(r"  +", lambda match: "&nbsp;" * len(match[0]), text)


# -- to HTML -----------------------------------------------------------------------------------------------------------

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
