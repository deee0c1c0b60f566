"""What an answer quotes of the documents that were put before it, and where that stands in their files.

Nothing is read again for this: a document stands in the message with its places (`[report.pdf, page 3]`), so what an
answer quotes is looked for there. A quote is what stands between quotation marks, a place that is named, or a whole
paragraph (also of a block quote) that stands in a document word for word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from app.chats.messages import FileSource, MessageFile

LEAST_QUOTE, LEAST_PARAGRAPH = 10, 24  # characters that say something
MOST_QUOTE = 1_000
MOST_QUOTES = 40  # in one text
MOST_SOURCES = 2_000_000  # characters in which paragraphs are looked for
_LINES = r"lines? [\d,]+(?: to [\d,]+)?"
_PLACES = {".pdf": r"page [\d,]+", ".docx": r"part [\d,]+"}  # by a file's name; others have lines
_PLACE = "|".join((*_PLACES.values(), _LINES))
_MARK = '"\u201c\u201d\u201e\u00ab\u00bb'
_QUOTED = re.compile(f"[{_MARK}]([^{_MARK}]{{{LEAST_QUOTE},{MOST_QUOTE}}})[{_MARK}]")
_PARAGRAPH = re.compile(r"[^\n\ufffc]+")
_SAME = str.maketrans("\u2018\u2019\u201c\u201d\u201e\u2010\u2013\u2014", '\'\'"""---', "\u00ad")


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A place in a file.

    Attributes:
        file: Which.
        place: "page 3", "lines 41 to 60", "part 2"; "" where it has to be looked for.
        passage: What stands there; "" for the place as a whole.
    """

    file: MessageFile
    place: str
    passage: str = ""

    @property
    def label(self) -> str:
        """Name and place, to be shown."""
        return f"{self.file.name}, {self.place}" if self.place else self.file.name


@dataclass(frozen=True, slots=True)
class FileQuote:
    """A part of a text that leads to a place in a file."""

    start: int
    end: int
    place: FilePlace


@dataclass(frozen=True, slots=True)
class _Section:
    file: MessageFile
    place: str
    text: str  # as `plain` has it


def plain(text: str) -> str:
    """A text in which only words and signs count: spaces are one, quotation marks and dashes of a kind."""
    return " ".join(text.translate(_SAME).casefold().split())


def quotes_in(text: str, sources: Sequence[FileSource]) -> tuple[FileQuote, ...]:
    """The quotes in a shown text, in order; none lies in another."""
    sections = [each for source in sources for each in _sections(source)]
    if not sections:
        return ()
    found: list[FileQuote] = []
    for quote in (*_quoted(text, sections), *_named(text, sources), *_paragraphs(text, sections)):
        if len(found) < MOST_QUOTES and not any(quote.start < each.end and each.start < quote.end for each in found):
            found.append(quote)
    return tuple(sorted(found, key=lambda each: each.start))


def _quoted(text: str, sections: Sequence[_Section]) -> Iterator[FileQuote]:
    at = 0
    while (match := _QUOTED.search(text, at)) is not None:
        section = _holding(match[1], sections)
        if section is not None:
            yield FileQuote(match.start(), match.end(), FilePlace(section.file, section.place, match[1].strip()))
        at = match.end() if section is not None else match.start() + 1  # an odd mark before it begins nothing


def _named(text: str, sources: Sequence[FileSource]) -> Iterator[FileQuote]:
    files = {file.name: file for source in sources for file in source.files}
    for name, file in files.items():
        places = _PLACES.get(Path(name).suffix.lower(), _LINES)
        for match in re.finditer(rf"\[?{re.escape(name)}, ({places})\b\]?", text):
            yield FileQuote(match.start(), match.end(), FilePlace(file, match[1]))


def _paragraphs(text: str, sections: Sequence[_Section]) -> Iterator[FileQuote]:
    if sum(len(each.text) for each in sections) > MOST_SOURCES:
        return
    for match in _PARAGRAPH.finditer(text):
        words = match[0].strip()
        if LEAST_PARAGRAPH <= len(words) <= MOST_QUOTE and (section := _holding(words, sections)) is not None:
            start = match.start() + match[0].index(words)
            yield FileQuote(start, start + len(words), FilePlace(section.file, section.place, words))


def _holding(words: str, sections: Iterable[_Section]) -> _Section | None:
    wanted = plain(words).strip(" .,;:!?\u2026")
    if len(wanted) < LEAST_QUOTE:
        return None
    return next((each for each in sections if wanted in each.text), None)


@lru_cache(maxsize=64)
def _sections(source: FileSource) -> tuple[_Section, ...]:
    """The parts of a message that come from files, with their places."""
    heads: list[tuple[int, int, MessageFile, str]] = []
    for file in source.files:
        name = re.escape(file.name)
        for match in re.finditer(rf"^(?:\[{name}, ({_PLACE})\]|{name}:)$", source.body, re.MULTILINE):
            heads.append((match.start(), match.end(), file, match[1] or ""))
    heads.sort(key=lambda each: each[0])
    ends = [start for start, *_ in heads][1:] + [len(source.body)] * bool(heads)
    found = [
        _Section(file, place, plain(source.body[begin:end]))
        for (_, begin, file, place), end in zip(heads, ends, strict=True)
    ]
    named = {each.file for each in found}
    return (*found, *(_Section(file, "", plain(source.body)) for file in source.files if file not in named))
