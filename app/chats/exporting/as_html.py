"""A chat as a page of HTML that needs nothing else: no script, no picture, no font from anywhere.

Answers are rendered by the window's own parser, which reads no HTML; pictures become links. Formulas are drawn into the
page as SVG, and where they cannot be set their source stands there. For paper the same comes in the smaller HTML of
Qt's text documents, in which formulas are pictures (`app.bridge.pdf`).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from typing import Any

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from app import __version__
from app.base.formula_svg import formula_svg
from app.base.markdown_rules import new_parser
from app.chats.exporting import texts
from app.chats.exporting.page_style import PRINT_STYLE, SCREEN_STYLE, coloured_code
from app.chats.exporting.pages import ChatPage, PageMessage

FORMULA_PIXELS = 17.0
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_SAFE_LINK = re.compile(r"(?i)^(https?://|mailto:|#)")
_VIEW_BOX = re.compile(r'viewBox="([-\d.e]+) ([-\d.e]+) ([-\d.e]+) ([-\d.e]+)"')
_CHECKBOX = re.compile(r'<input class="task-list-item-checkbox"[^<>]*>')
_PRINTED_TABLE = (
    '<table border="1" cellspacing="0" cellpadding="0"'
    ' style="border-collapse:collapse; border-style:solid; border-color:#d9dde3">'
)
FormulaMaker = Callable[[str, bool], str | None]


def html_of(pages: Sequence[ChatPage]) -> str:
    """One document with all chats in it."""
    renderer = _Renderer(_formula_drawn, coloured=True)
    title = pages[0].title if len(pages) == 1 else texts.chats_in_page(len(pages))
    return (
        '<!DOCTYPE html>\n<html lang="und">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{SCREEN_STYLE}\n</style>\n</head>\n<body>\n"
        + "\n".join(_chat(page, renderer) for page in pages)
        + f"\n<footer>{html.escape(texts.made_by(__version__))}</footer>\n</body>\n</html>\n"
    )


def print_html_of(page: ChatPage, formula: FormulaMaker) -> str:
    """A chat for Qt's text documents; `formula` gives what stands in the place of a formula."""
    renderer = _Renderer(formula, coloured=False)
    body = _chat(page, renderer).replace("<table>", _PRINTED_TABLE)
    body = _CHECKBOX.sub(_ticked, body)
    return f"<html><head><style>{PRINT_STYLE}</style></head><body>{body}</body></html>"


def _ticked(box: re.Match[str]) -> str:
    return "\u2611" if "checked" in box[0] else "\u2610"


def _chat(page: ChatPage, renderer: _Renderer) -> str:
    head = f'<h1 dir="auto">{html.escape(page.title)}</h1>'
    if page.begun:
        head += f'\n<p class="about">{html.escape(page.begun)}</p>'
    return f"<article>\n{head}\n" + "\n".join(_message(each, renderer) for each in page.messages) + "\n</article>"


def _message(message: PageMessage, renderer: _Renderer) -> str:
    about = f' <span class="about">{html.escape(message.about)}</span>' if message.about else ""
    parts = [f'<p class="who"><b>{html.escape(message.who)}</b>{about}</p>']
    if message.thinking:
        thought = _plain(message.thinking)
        parts.append(f'<details class="thinking"><summary>{texts.THINKING}</summary>{thought}</details>')
    if message.body.strip():
        body = renderer.render(message.body) if message.role == "assistant" else _plain(message.body)
        parts.append(f'<div class="body" dir="auto">{body}</div>')
    if message.note:
        parts.append(f'<p class="note">{html.escape(message.note)}</p>')
    return f'<section class="{message.role}">' + "\n".join(parts) + "</section>"


def _plain(text: str) -> str:
    """Text as it was written: its lines, and the spaces in them."""
    paragraphs = re.split(r"\n[ \t]*\n", text.strip("\n"))
    return "".join(f'<p class="plain">{_lines(each)}</p>' for each in paragraphs)


def _lines(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


class _Renderer:
    """Markdown to HTML."""

    def __init__(self, formula: FormulaMaker, coloured: bool) -> None:
        self._formula, self._coloured = formula, coloured
        self._parser = new_parser()
        assert isinstance(self._parser.renderer, RendererHTML)
        self._html = self._parser.renderer
        rules: dict[str, Any] = self._html.rules
        rules.update(image=self._image, fence=self._fence, code_block=self._fence, link_open=self._link)
        rules.update(math_inline=self._math, math_inline_double=self._math_alone, math_block=self._math_alone)

    def render(self, text: str) -> str:
        """HTML of a text; what the parser cannot take is shown as it was written."""
        try:
            return str(self._parser.render(text))
        except (RecursionError, ValueError):
            return _plain(text)

    def _image(self, tokens: Sequence[Token], at: int, *others: Any) -> str:
        address, name = str(tokens[at].attrGet("src") or ""), tokens[at].content
        shown = html.escape(name or address)
        if not _SAFE_LINK.match(address):
            return shown
        return f'<a href="{html.escape(address)}">{shown}</a>'

    def _link(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        if not _SAFE_LINK.match(str(tokens[at].attrGet("href") or "")):
            tokens[at].attrs.pop("href", None)
        return self._html.renderToken(tokens, at, options, env)

    def _fence(self, tokens: Sequence[Token], at: int, *others: Any) -> str:
        token = tokens[at]
        language = token.info.split()[0] if token.info.split() else ""
        text = token.content.removesuffix("\n")
        code = coloured_code(text, language) if self._coloured else html.escape(text)
        label = f'<span class="language">{html.escape(language)}</span>' if language and self._coloured else ""
        return f"{label}<pre><code>{code}</code></pre>\n"

    def _math(self, tokens: Sequence[Token], at: int, *others: Any) -> str:
        return self._set(tokens[at].content, False)

    def _math_alone(self, tokens: Sequence[Token], at: int, *others: Any) -> str:
        return f'<p class="formula" align="center">{self._set(tokens[at].content, True)}</p>'

    def _set(self, source: str, display: bool) -> str:
        return self._formula(source, display) or f"<code>{html.escape(source)}</code>"


def _formula_drawn(source: str, display: bool) -> str | None:
    """A formula as an SVG in the page, on the baseline, in the colour of the text around it."""
    svg = formula_svg(source, display, FORMULA_PIXELS, "currentColor")
    box = _VIEW_BOX.search(svg) if svg is not None else None
    if svg is None or box is None:
        return None
    below = float(box[2]) + float(box[4])  # what hangs below the baseline, which is at 0
    label = html.escape(source.strip(), quote=True)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" style="vertical-align:{-below:.2f}px" ', 1)
