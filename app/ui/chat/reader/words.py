"""What only the reader says."""

from __future__ import annotations

from app.base.texts import name_of

PLACE = "Place in the file"
BACK = "The page before"
ON = "The next page"
SAVE_COPY = "Save a copy \u2026"
SAVE_COPY_TITLE = "Save a copy"
TEXT = "Text of the page"
LOADING = "Reading \u2026"
GONE = "The copy of this file is no longer beside the chats."


def at_line(place: str, line: int, column: int | None) -> str:
    """Where a passage was found, in a text file; of a very long line, at which character."""
    return f"Line {line:,} ({place})" if column is None else f"Line {line:,}, from character {column:,} on"


def at_page(place: str, number: int, count: int) -> str:
    """Which page is shown."""
    return f"{place[:1].upper()}{place[1:]} ({number:,} of {count:,})"


def not_found(place: str) -> str:
    """What the answer quotes stands nowhere in the file word for word."""
    where = f"; this is {place}" if place else ""
    return f"These words stand nowhere in the file as they were quoted{where}."


def saved(name: str) -> str:
    """A copy was written."""
    return f"Saved as {name_of(name)}."


def not_saved(reason: str) -> str:
    """A copy could not be written."""
    return f"The copy was not saved: {reason}."
