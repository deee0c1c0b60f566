"""Inline Markdown to the safe subset of HTML that Qt's text documents show.

The result holds only `<b> <i> <s> <a> <br> <span>` and escaped text: an image becomes its alternative text, HTML in
the source stays literal, LaTeX stays as written, and links are http, https or mailto.

    1. What must stay as it is (code, maths, escapes, links, images) is taken out and replaced by numbered marks.
    2. The rest is escaped, then emphasis is found in it.
    3. The marks are replaced by what they stand for.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

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
    """HTML of one paragraph's text; `code_style` is the CSS of inline code."""
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
