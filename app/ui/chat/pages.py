"""Which messages of a chat are made into widgets at a time, and which stays where it is meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QPushButton

from app.chats.messages import Message

PAGE, PAGE_CHARACTERS = 30, 60_000  # messages that are made into widgets unasked, or so much text of them


@dataclass(frozen=True, slots=True)
class Kept:
    """A message whose head stays where it is while another version of it is shown.

    Attributes:
        number: Its place in the chat.
        first: The first message that had a widget.
        top: Where its head is in the view, in pixels.
        focused: Which of its arrows had the focus (-1, +1), or 0.
    """

    number: int
    first: int
    top: int
    focused: int


def page_start(messages: tuple[Message, ...], end: int) -> int:
    """The first message of the page that ends before message `end`."""
    start, characters = end, 0
    while start > 0 and end - start < PAGE and (characters < PAGE_CHARACTERS or end - start < 2):
        start -= 1
        characters += len(messages[start].body)
    return start


def page_end(messages: tuple[Message, ...], start: int) -> int:
    """Behind the last message of the page that begins with message `start`."""
    end, characters = start, 0
    while end < len(messages) and end - start < PAGE and (characters < PAGE_CHARACTERS or end - start < 2):
        characters += len(messages[end].body)
        end += 1
    return end


def page_link(text: str, do: Callable[[], None]) -> QPushButton:
    """Above or below the messages: makes one more page of them."""
    link = QPushButton(text)
    link.setObjectName("link")
    link.setAccessibleName(text)
    link.clicked.connect(do)
    return link
