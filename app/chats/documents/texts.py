"""What is said of documents: why one cannot be read, and how much of it was taken."""

from __future__ import annotations

from collections.abc import Sequence

from app.base.texts import name_of

_SHOWN = 12  # places that are named


def damaged(name: str) -> str:
    """No reader takes it."""
    return f"\u201c{name_of(name)}\u201d is damaged, or is not what its name says."


def encrypted(name: str) -> str:
    """It asks for a password."""
    return f"\u201c{name_of(name)}\u201d is protected with a password: save it without one, and attach that."


def scanned(name: str, pages: int) -> str:
    """Pictures of pages."""
    count = "its page is a picture" if pages == 1 else f"its {pages:,} pages are pictures"
    return f"\u201c{name_of(name)}\u201d holds no text: {count}. Run text recognition on it first."


def empty(name: str) -> str:
    """Nothing in it."""
    return f"\u201c{name_of(name)}\u201d holds no text."


def too_large(name: str, megabytes: int) -> str:
    """It is not even read."""
    return f"\u201c{name_of(name)}\u201d is larger than {megabytes:,} MB."


def page(number: int) -> str:
    """A place in a PDF."""
    return f"page {number}"


def section(number: int) -> str:
    """A place in a document without pages."""
    return f"part {number}"


def line_numbers(first: int, last: int) -> str:
    """A place in a text file."""
    return f"line {first:,}" if first == last else f"lines {first:,} to {last:,}"


def part_of_line(number: int, first: int, last: int) -> str:
    """A place in a line that is too long for one page."""
    return f"line {number:,}, characters {first:,} to {last:,}"


def no_room(name: str) -> str:
    """What is typed fills the message already."""
    return f"Nothing of \u201c{name_of(name)}\u201d was put in: the message box holds as much as the model takes."


def head(name: str, place: str) -> str:
    """Above what stands at a place of a document."""
    return f"[{name}, {place}]"


def pictures_between(name: str, count: int, pages: int) -> str:
    """Some pages of a PDF hold no text."""
    return f"\u201c{name_of(name)}\u201d: {count:,} of {pages:,} pages hold no text, and were left out."


def whole(name: str, tokens: int) -> str:
    """All of it is in the message box."""
    return f"\u201c{name_of(name)}\u201d is in the message box, all of it: about {tokens:,} tokens."


def parts(name: str, tokens: int, room: int, places: Sequence[str], asked: bool) -> str:
    """Only some of it fits."""
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    shown = ", ".join(places[:_SHOWN]) + more
    taken = (
        f"what fits your question best is in the message box: {shown}."
        if asked
        else f"its beginning is in the message box: {shown}. Type your question first, and what fits it best is taken."
    )
    return (
        f"\u201c{name_of(name)}\u201d has about {tokens:,} tokens, and the model takes {room:,} with an answer; {taken}"
    )


def not_kept(name: str, reason: str) -> str:
    """Its text is in the box, and no copy of it beside the chats."""
    return f"No copy of \u201c{name_of(name)}\u201d could be kept beside the chats: {reason}."


def elsewhere(name: str, title: str) -> str:
    """It was read while another chat was shown; `title` is "" for the new one."""
    chat = f"the chat \u201c{name_of(title)}\u201d" if title else "the new chat"
    return f"\u201c{name_of(name)}\u201d is in the message box of {chat}, which it was given to."


def chat_gone(name: str) -> str:
    """The chat that it was given to was removed for good meanwhile."""
    return f"\u201c{name_of(name)}\u201d was not put in: the chat that it was given to is gone."


READING = "Reading \u2026"
