"""Answers are Markdown; this module cuts them into parts a window can show.

`segments_from_markdown` splits an answer into prose and fenced code (code becomes a widget of its own), and
`blocks_from_markdown` parses prose into a small tree of frozen blocks. Nothing is ever loaded from anywhere, and
every text is a valid document: what is not understood stays literal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
