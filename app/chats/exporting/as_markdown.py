"""A chat as Markdown: answers are Markdown already and stand as they are."""

from __future__ import annotations

import re

from app.base.graphemes import one_line
from app.chats.exporting import texts
from app.chats.exporting.pages import ChatPage, PageMessage

_MARKS = re.compile(r"([\\`*_\[\]<>#])")


def markdown_of(page: ChatPage) -> str:
    """The page, with a line break at its end."""
    parts = [f"# {_literal(page.title)}", *(_message(each) for each in page.messages)]
    if page.begun:
        parts.insert(1, f"*{page.begun}*")
    return "\n\n".join(parts) + "\n"


def _message(message: PageMessage) -> str:
    parts = [f"## {_literal(message.who)}"]
    if message.about:
        parts.append(f"*{message.about}*")
    if message.thinking:
        quoted = "\n".join(f"> {line}".rstrip() for line in message.thinking.strip("\n").split("\n"))
        parts.append(f"> **{texts.THINKING}**\n>\n{quoted}")
    if message.body.strip():
        parts.append(message.body.strip("\n"))
    if message.note:
        parts.append(f"*{_literal(message.note)}*")
    return "\n\n".join(parts)


def _literal(text: str) -> str:
    """A name in one line, of which nothing is a mark."""
    return _MARKS.sub(r"\\\1", one_line(text))
