"""A file as pages that can be read one at a time, and where on them a passage stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.chats.documents import texts
from app.chats.documents.values import DocumentPart

LINES_A_PAGE = 300
MOST_CHARACTERS = 200_000  # of a page that is shown
_MARKS = {"'": "['\u2018\u2019]", '"': '["\u201c\u201d\u201e]', "-": "[-\u2010-\u2014]"}
_NUMBERS = re.compile(r"[\d,]+")


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """Where a passage stands.

    Attributes:
        page: Number of its page, from 0.
        start, end: Its place in the page's text; both 0 if only the page is known.
    """

    page: int
    start: int = 0
    end: int = 0


def pages_of_text(text: str) -> tuple[DocumentPart, ...]:
    """A text file in pages of some hundred lines; the end of the last line begins no other."""
    lines = text.removesuffix("\n").split("\n")
    return tuple(
        DocumentPart(
            texts.line_numbers(first + 1, min(first + LINES_A_PAGE, len(lines))),
            "\n".join(lines[first : first + LINES_A_PAGE])[:MOST_CHARACTERS],
        )
        for first in range(0, len(lines), LINES_A_PAGE)
    )


def find_passage(pages: Sequence[DocumentPart], place: str, passage: str) -> FoundPassage | None:
    """Where a passage stands, on its page first; with "" the page of `place`; None if neither is there."""
    page = _page_of(pages, place)
    pattern = _pattern(passage)
    if pattern is not None:
        numbers = range(len(pages)) if page is None else [page, *range(len(pages))]
        for number in numbers:
            if (match := pattern.search(pages[number].text)) is not None:
                return FoundPassage(number, match.start(), match.end())
    return None if page is None else FoundPassage(page)


def line_of(page: DocumentPart, start: int) -> int | None:
    """Which line of a text file a place on a page is; None in other files."""
    if not page.place.startswith("line"):
        return None
    return _number(page.place) + page.text.count("\n", 0, start)


def _page_of(pages: Sequence[DocumentPart], place: str) -> int | None:
    for number, page in enumerate(pages):
        if page.place == place:
            return number
    if place.startswith("line"):
        wanted = _number(place)
        firsts = [number for number, page in enumerate(pages) if _number(page.place) <= wanted]
        return firsts[-1] if firsts else None
    return None


def _number(place: str) -> int:
    found = _NUMBERS.search(place)
    return int(found[0].replace(",", "") or 0) if found else 0


def _pattern(passage: str) -> re.Pattern[str] | None:
    """The words of a passage, whatever stands between them and whatever kind of marks they have."""
    words = passage.strip(" .,;:!?\u2026\n").split()
    if not words:
        return None
    return re.compile(r"\s+".join("".join(_sign(sign) for sign in word) for word in words), re.IGNORECASE)


def _sign(sign: str) -> str:
    same = next((marks for marks in _MARKS.values() if re.fullmatch(marks, sign)), None)
    return f"\u00ad?{same or re.escape(sign)}"
