"""A file as pages that can be read one at a time, and where on them a passage stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.chats.documents import texts
from app.chats.documents.values import DocumentPart

LINES_A_PAGE = 300
MOST_CHARACTERS = 200_000  # of a page that is shown
LONGEST_LINE = 20_000  # characters of one line on a page: Qt lays out a line at once
_MOST_PASSAGE = 2_000  # characters of a passage that begins on one page of a line and ends on the next
_MARKS = {"'": "['\u2018\u2019]", '"': '["\u201c\u201d\u201e]', "-": "[-\u2010-\u2014]"}
_NUMBERS = re.compile(r"[\d,]+")
_OF_LINE = re.compile(r"line [\d,]+, characters ([\d,]+) to ")


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
    """A text file in pages of some hundred lines; the end of the last line begins no other.

    A page ends sooner where its lines are long, and a line that is longer than a page may be has pages of its own, so
    that each character of the file stands on one.
    """
    return tuple(_pages(text.removesuffix("\n").split("\n")))


def _pages(lines: Sequence[str]) -> Iterator[DocumentPart]:
    first, length = 0, 0
    for number, line in enumerate(lines):
        too_long = len(line) > LONGEST_LINE
        if first < number and (too_long or number - first == LINES_A_PAGE or length + len(line) > MOST_CHARACTERS):
            yield _page(lines, first, number)
            first, length = number, 0
        if too_long:
            yield from _line_pages(line, number + 1)
            first = number + 1
        else:
            length += len(line) + 1
    if first < len(lines):
        yield _page(lines, first, len(lines))


def _page(lines: Sequence[str], first: int, end: int) -> DocumentPart:
    return DocumentPart(texts.line_numbers(first + 1, end), "\n".join(lines[first:end]))


def _line_pages(line: str, number: int) -> Iterator[DocumentPart]:
    for start in range(0, len(line), LONGEST_LINE):
        end = min(start + LONGEST_LINE, len(line))
        yield DocumentPart(texts.part_of_line(number, start + 1, end), line[start:end])


def find_passage(pages: Sequence[DocumentPart], place: str, passage: str) -> FoundPassage | None:
    """Where a passage stands, on its page first; with "" the page of `place`; None if neither is there."""
    page = _page_of(pages, place)
    pattern = _pattern(passage)
    if pattern is not None:
        numbers = range(len(pages)) if page is None else [page, *range(len(pages))]
        for number in numbers:
            text = pages[number].text
            if (match := pattern.search(text + _going_on(pages, number))) is not None and match.start() < len(text):
                return FoundPassage(number, match.start(), min(match.end(), len(text)))
    return None if page is None else FoundPassage(page)


def line_of(page: DocumentPart, start: int) -> int | None:
    """Which line of a text file a place on a page is; None in other files."""
    if not page.place.startswith("line"):
        return None
    return _number(page.place) + page.text.count("\n", 0, start)


def column_of(page: DocumentPart, start: int) -> int | None:
    """Which character of a line that has pages of its own stands at a place on one of them; None on other pages."""
    found = _OF_LINE.match(page.place)
    return int(found[1].replace(",", "")) + start if found is not None else None


def _going_on(pages: Sequence[DocumentPart], number: int) -> str:
    """How the line goes on behind a page that ends within it."""
    following = pages[number + 1] if number + 1 < len(pages) else None
    goes_on = following is not None and column_of(pages[number], 0) and (column_of(following, 0) or 1) > 1
    return following.text[:_MOST_PASSAGE] if following is not None and goes_on else ""


def _page_of(pages: Sequence[DocumentPart], place: str) -> int | None:
    for number, page in enumerate(pages):
        if page.place == place:
            return number
    if place.startswith("line"):
        wanted = _number(place)
        last = max((first for page in pages if (first := _number(page.place)) <= wanted), default=None)
        return next((number for number, page in enumerate(pages) if _number(page.place) == last), None)
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
