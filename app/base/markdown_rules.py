"""Which Markdown is understood: markdown-it's parser with its plugins, and four rules of our own that bound its work.

HTML is not read at all. A text that is nested too deep, or a paragraph with too many marks, stays as it was written:
the parser would drop the one and take seconds for the other.
"""

from __future__ import annotations

import re
from functools import lru_cache

from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin

from app.base.graphemes import LONG_LINE

MAX_LEVEL = 14  # a list and its item are one each
MAX_MARKS = 1_500
MAX_BRACKETS = 300
MAX_ADDRESSES = 150
MAX_CELLS = 300
_CLOSERS = {"\\(": "\\)", "\\[": "\\]"}


@lru_cache(maxsize=1)
def make_parser() -> MarkdownIt:
    """The one parser of answers, whose tokens the window reads."""
    return new_parser()


def new_parser() -> MarkdownIt:
    """A parser of answers: CommonMark with tables, strikethrough, tasks, footnotes, formulas and bare addresses."""
    parser = MarkdownIt("commonmark", {"html": False, "linkify": True})
    parser.enable(["table", "strikethrough", "linkify"])
    assert isinstance(parser.linkify, LinkifyIt)
    # "README.md" is no address of Moldova.
    parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    parser.linkify.add("ftp:", None)
    parser.linkify.add("//", None)
    parser.use(footnote_plugin).use(tasklists_plugin)
    parser.use(dollarmath_plugin, allow_labels=False, allow_space=False, allow_digits=False, double_inline=True)
    parser.block.ruler.before(
        "fence", "bracket_block", bracket_block, {"alt": ["paragraph", "reference", "blockquote"]}
    )
    parser.inline.ruler.before("escape", "bracket_math", bracket_math)
    parser.block.ruler.before("table", "too_deep", too_deep)
    parser.block.ruler.before("table", "too_many_cells", too_many_cells)
    parser.core.ruler.at("inline", bounded_inline)
    parser.core.ruler.before("inline", "open_fence", open_fence)
    return parser


def too_deep(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """What is nested too deep is shown as it was written."""
    if state.level < MAX_LEVEL or silent:
        return False
    token = state.push("code_block", "code", 0)
    token.content = state.getLines(start, end, state.blkIndent, False)
    state.line = end
    return True


def too_many_cells(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A table that is too large to be set is shown as it was written."""
    if silent or start + 2 > end:
        return False
    columns = state.src.count("|", state.bMarks[start], state.eMarks[start])
    rule = state.src[state.bMarks[start + 1] + state.tShift[start + 1] : state.eMarks[start + 1]]
    if columns < 1 or "|" not in rule or "-" not in rule or set(rule) - set("|-: \t"):
        return False
    last = start
    while last < end and not state.isEmpty(last) and state.sCount[last] >= state.blkIndent:
        last += 1
    if columns * (last - start) <= MAX_CELLS:
        return False
    token = state.push("code_block", "code", 0)
    token.content = state.getLines(start, last, state.blkIndent, False)
    token.map = [start, last]
    state.line = last
    return True


def bracket_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    r"""A formula between ``\[`` at the beginning of a line and ``\]`` at the end of this or a later one."""
    begin = state.bMarks[start] + state.tShift[start]
    if state.is_code_block(start) or not state.src.startswith("\\[", begin):
        return False
    lines: list[str] = []
    for line in range(start, end):
        if line > start and (state.isEmpty(line) or state.sCount[line] < state.blkIndent):
            return False
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
        lines.append(text[2:] if line == start else text)
        at = lines[-1].find("\\]")
        if at < 0:
            continue
        if lines[-1][at + 2 :].strip():
            return False
        if not silent:
            lines[-1] = lines[-1][:at]
            token = state.push("math_block", "math", 0)
            token.block, token.markup, token.content = True, "\\[", "\n".join(lines)
            token.map = [start, line + 1]
        state.line = line + 1
        return True
    return False


def bracket_math(state: StateInline, silent: bool) -> bool:
    r"""A formula between ``\(`` and ``\)``, or ``\[`` and ``\]``, inside a paragraph."""
    mark = state.src[state.pos : state.pos + 2]
    closer = _CLOSERS.get(mark)
    if closer is None or state.env.get("unclosed", {}).get(mark) == state.src:
        return False
    end = state.src.find(closer, state.pos + 2, state.posMax)
    if end < 0:
        state.env.setdefault("unclosed", {})[mark] = state.src
        return False
    if not state.src[state.pos + 2 : end].strip():
        return False
    if not silent:
        token = state.push("math_inline", "math", 0)
        token.content, token.markup = state.src[state.pos + 2 : end], mark
    state.pos = end + 2
    return True


def bounded_inline(state: StateCore) -> None:
    """The parser's own rule for lines, but for those that would take long."""
    for token in state.tokens:
        if token.type == "inline":
            token.children = token.children or []
            if is_readable(token.content):
                state.md.inline.parse(token.content, state.md, state.env, token.children)
            else:
                token.children.extend(_plain(token.content))


def is_readable(text: str) -> bool:
    """Whether a paragraph can be read in time."""
    marks = sum(text.count(mark) for mark in "[]*_`$\\<~&")
    return (
        len(text) <= LONG_LINE
        and marks <= MAX_MARKS
        and text.count("[") <= MAX_BRACKETS
        and text.count(":") <= MAX_ADDRESSES
    )


def _plain(text: str) -> list[Token]:
    tokens: list[Token] = []
    for number, line in enumerate(text.split("\n")):
        if number:
            tokens.append(Token("softbreak", "br", 0))
        tokens.append(Token("text", "", 0, content=line))
    return tokens


def open_fence(state: StateCore) -> None:
    """Say of each fence whether its end is there: an answer that is being written may stop inside of one."""
    lines = state.src.split("\n")
    for token in state.tokens:
        if token.type == "fence" and token.map:
            last = lines[min(token.map[1], len(lines)) - 1].lstrip("> \t").rstrip()
            closed = token.map[1] - token.map[0] > 1 and re.fullmatch(
                rf"{re.escape(token.markup[0])}{{{len(token.markup)},}}", last
            )
            token.meta["closed"] = bool(closed)
