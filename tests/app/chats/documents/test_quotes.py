"""What answers quote of documents, and where that stands in their files."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.chats.documents.pages import LONGEST_LINE, FoundPassage, column_of, find_passage, line_of, pages_of_text
from app.chats.documents.parts import text_document
from app.chats.documents.quotes import MOST_QUOTES, quotes_in
from app.chats.documents.values import DocumentPart
from app.chats.messages import FileSource, MessageFile

PDF = MessageFile("a report, final.pdf", "application/pdf", 10, "0" * 64)
NOTES = MessageFile("notes.txt", "text/plain", 10, "1" * 64)
BODY = """What do herons do?

[a report, final.pdf, page 1]
Herons wait in the water
until a fish comes by.

[a report, final.pdf, page 3]
\u201cOtters play,\u201d she said. It isn\u2019t known why they do \u2013 nobody asked.

notes.txt:

Nine swans were counted on Monday at the weir."""
SOURCES = (FileSource(BODY, (PDF, NOTES)),)


@pytest.mark.parametrize(
    ("answer", "shown", "file", "place"),
    [
        ('They "wait in the water until a fish comes by".', '"wait in the water until a fish comes by"', PDF, "page 1"),
        (
            "As it says: \u201cherons  WAIT in\nthe water\u201d!",
            "\u201cherons  WAIT in\nthe water\u201d",
            PDF,
            "page 1",
        ),
        ("\u201eIt isn't known why they do - nobody asked\u201c", None, PDF, "page 3"),
        ("Said \u00abNine swans were counted\u2026\u00bb then", "\u00abNine swans were counted\u2026\u00bb", NOTES, ""),
        ("See [a report, final.pdf, page 3] for it", "[a report, final.pdf, page 3]", PDF, "page 3"),
        ("notes.txt, lines 1,041 to 1,060 say so", "notes.txt, lines 1,041 to 1,060", NOTES, "lines 1,041 to 1,060"),
        ("So:\n  Herons wait in the water until a fish comes by.\nYes.", None, PDF, "page 1"),
    ],
)
def test_a_quote_leads_to_its_place(answer: str, shown: str | None, file: MessageFile, place: str) -> None:
    (quote,) = quotes_in(answer, SOURCES)
    assert (quote.place.file, quote.place.place) == (file, place)
    wanted = shown or answer.removeprefix("So:\n  ").removesuffix("\nYes.")
    assert answer[quote.start : quote.end] == wanted


@pytest.mark.parametrize(
    "answer",
    [
        'It says "nothing of the kind at all".',
        '"water"',
        "Herons wait in the water.",  # a part of a paragraph that is not marked as a quote
        "other.pdf, page 3",
        "See notes.txt, page 3",
        "[notes.txt, part 1]",
        "[a report, final.pdf, lines 1 to 3]",
        "",
    ],
)
def test_what_stands_in_no_file_is_no_quote(answer: str) -> None:
    assert quotes_in(answer, SOURCES) == () or len(answer) > 24
    assert quotes_in(answer, ()) == ()


def test_an_odd_quotation_mark_before_it_hides_no_quote() -> None:
    (quote,) = quotes_in('A board of 5" is said to "wait in the water until" it is dry', SOURCES)
    assert quote.place.passage == "wait in the water until"


def test_a_text_without_a_head_is_the_whole_message() -> None:
    (quote,) = quotes_in('"Nine swans were counted"', (FileSource("Nine swans were counted on Monday.", (NOTES,)),))
    assert (quote.place.file, quote.place.place) == (NOTES, "")


@given(st.text(), st.text(max_size=300))
def test_any_text_has_quotes_in_order(body: str, answer: str) -> None:
    found = quotes_in(answer, (FileSource(body, (PDF, NOTES)), *SOURCES))
    assert all(one.end <= two.start for one, two in itertools.pairwise(found))
    assert all(0 <= each.start < each.end <= len(answer) for each in found)


def test_hostile_answers_take_no_time() -> None:
    source = FileSource("[notes.txt, lines 1 to 2]\n" + "word " * 300_000, (NOTES,))
    quotes_in("warm", (source,))
    begun = time.thread_time()
    for answer in ('"' * 20_000, '"word ' * 4_000, "[notes.txt, " * 4_000, "word word word word word word\n" * 2_000):
        assert len(quotes_in(answer, (source,))) <= MOST_QUOTES
    assert time.thread_time() - begun < 2


PAGES = (
    DocumentPart("page 1", "Herons wait\nin the water."),
    DocumentPart("page 3", "It isn\u2019t \u201cknown\u201d why."),
)


@pytest.mark.parametrize(
    ("place", "passage", "found"),
    [
        ("page 1", "wait in the  WATER", FoundPassage(0, 7, 24)),
        ("", 'isn\'t "known"', FoundPassage(1, 3, 16)),
        ("page 1", "it isn't", FoundPassage(1, 0, 8)),
        ("page 3", "nothing like it", FoundPassage(1)),
        ("page 3", "", FoundPassage(1)),
        ("page 9", "nothing like it", None),
        ("", "...", None),
    ],
)
def test_a_passage_is_found(place: str, passage: str, found: FoundPassage | None) -> None:
    assert find_passage(PAGES, place, passage) == found


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("one\ntwo\n", ["lines 1 to 2"]),
        ("one\n", ["line 1"]),
        ("one", ["line 1"]),
        ("one\n\n", ["lines 1 to 2"]),
        ("line\n" * 300, ["lines 1 to 300"]),
        ("line\n" * 301, ["lines 1 to 300", "line 301"]),
    ],
)
def test_the_end_of_the_last_line_is_no_line(text: str, places: list[str]) -> None:
    assert [page.place for page in pages_of_text(text)] == places
    if len(places) == 1 and text.count("\n") < 10:
        assert [part.place for part in text_document([("a.txt", text)]).parts] == places


def test_lines_of_a_text_file() -> None:
    pages = pages_of_text("\n".join(f"line number {number} of all" for number in range(1, 1_001)))
    assert [page.place for page in pages] == [
        "lines 1 to 300",
        "lines 301 to 600",
        "lines 601 to 900",
        "lines 901 to 1,000",
    ]
    found = find_passage(pages, "lines 641 to 660", "number 650 of")
    assert found is not None
    assert (found.page, line_of(pages[found.page], found.start)) == (2, 650)
    assert find_passage(pages, "lines 641 to 660", "") == FoundPassage(2)
    assert line_of(PAGES[0], 3) is None


def test_a_very_long_line_has_pages_of_its_own_and_nothing_is_left_out() -> None:
    """Minified JSON of some megabytes in one line, between two others."""
    line = "[" + ", ".join(f'{{"name": "entry {number}"}}' for number in range(150_000)) + "]"
    text = f"first\n{line}\nlast of all"
    pages = pages_of_text(text)
    assert len(line) > 3_000_000
    assert "".join(page.text for page in pages[1:-1]) == line
    assert [page.place for page in (*pages[:2], pages[-1])] == ["line 1", "line 2, characters 1 to 20,000", "line 3"]
    assert max(len(page.text) for page in pages) == LONGEST_LINE
    for place in ("line 2", ""):  # however the answer names it
        found = find_passage(pages, place, '"entry 123456"')
        assert found is not None
        page = pages[found.page]
        assert page.text[found.start : found.end] == '"entry 123456"'
        assert line_of(page, found.start) == 2
        assert column_of(page, found.start) == line.index('"entry 123456"') + 1
    over = line[LONGEST_LINE - 40 : LONGEST_LINE + 40]
    found_at = line.index(over.strip(" .,;:!?"))
    assert find_passage(pages, "line 2", over) == FoundPassage(1, found_at, LONGEST_LINE), "begins there"
    assert find_passage(pages, "line 2", "") == FoundPassage(1)
    assert find_passage(pages, "line 3", "last of all") == FoundPassage(len(pages) - 1, 0, 11)
    assert column_of(pages[0], 2) is None


def test_pages_end_sooner_where_lines_are_long() -> None:
    pages = pages_of_text("\n".join(["x" * 15_000] * 30))
    assert [page.place for page in pages] == ["lines 1 to 13", "lines 14 to 26", "lines 27 to 30"]
    assert "\n".join(page.text for page in pages) == "\n".join(["x" * 15_000] * 30)
