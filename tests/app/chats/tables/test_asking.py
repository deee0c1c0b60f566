"""What of a document is asked, what becomes of the answer, and which files of a folder are taken."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.base.errors import StoppedError
from app.chats.documents.values import DocumentPart, ReadDocument
from app.chats.tables import texts
from app.chats.tables.asking import MOST_SEARCHED, decided_cell, request_for, text_for, words_cell
from app.chats.tables.folders import MOST_ROWS, files_in
from app.chats.tables.values import TableCell, TableQuestion, cells_from, cells_json, questions_from, questions_json
from inference.events import Decided
from inference.operations.requests import DecideRequest
from inference.params import GenerationRequest
from tests.app.chats.support import block, finished

OTTERS = ReadDocument(
    "a.pdf", (DocumentPart("page 1", "Herons wait."), DocumentPart("page 2", "Otters\nplay all day."))
)
WORDS = TableQuestion("w", "Who", "Who plays all day?", "words")
YES_NO = TableQuestion("y", "Otters", "Is it about otters?")


def test_all_of_a_short_document_is_asked() -> None:
    asked = text_for(OTTERS, YES_NO, 1_000)
    assert asked is not None
    assert (asked.in_parts, asked.place) == (False, "")
    assert "[a.pdf, page 2]\nOtters" in asked.text
    words = text_for(OTTERS, WORDS, 1_000)
    assert words is not None
    assert words.text == "Herons wait.\n\nOtters\nplay all day.", (
        "words are found in the document, not in our heads of places"
    )


def test_of_a_long_document_what_fits_the_question_best() -> None:
    pages = [DocumentPart(f"page {number}", f"Number {number}. " + "Nothing of note. " * 60) for number in range(1, 40)]
    pages[22] = DocumentPart("page 23", "The otters were counted at the weir. " + "They play. " * 60)
    asked = text_for(ReadDocument("long.pdf", tuple(pages)), YES_NO, 4_000)
    assert asked is not None
    assert (asked.in_parts, asked.place) == (True, "page 23")
    assert len(asked.text) <= 4_000
    assert "counted at the weir" in asked.text


@settings(deadline=None, max_examples=20)
@given(
    texts_=st.lists(st.text(min_size=1, max_size=300).filter(str.strip), min_size=1, max_size=5),
    times=st.integers(1, 40),
    characters=st.integers(-5, 6_000),
)
def test_words_are_looked_for_in_no_more_than_a_form_holds(texts_: list[str], times: int, characters: int) -> None:
    parts = tuple(DocumentPart(f"page {at}", text * times) for at, text in enumerate(texts_))
    asked = text_for(ReadDocument("x.txt", parts), WORDS, characters)
    if asked is not None:
        assert asked.text.strip()
        assert len(asked.text) <= characters
        assert len(asked.text.encode("utf-8", "surrogatepass")) <= MOST_SEARCHED
        whole = "".join("".join(part.text.split()) for part in parts)
        assert all("".join(piece.split()) in whole for piece in asked.text.split("\n\n"))


def test_each_kind_is_asked_in_its_way() -> None:
    assert isinstance(request_for(WORDS, "text"), GenerationRequest)
    yes_no = request_for(YES_NO, "text")
    score = request_for(TableQuestion("s", "S", "How?", "score", most=4), "text")
    label = request_for(TableQuestion("l", "L", "Which?", "label", ("a", "b")), "text")
    assert isinstance(yes_no, DecideRequest)
    assert isinstance(score, DecideRequest)
    assert isinstance(label, DecideRequest)
    assert (yes_no.labels, score.labels, score.score, label.labels) == (
        ("yes", "no"),
        ("1", "2", "3", "4"),
        True,
        ("a", "b"),
    )


def test_a_decision_becomes_a_cell() -> None:
    asked = text_for(OTTERS, YES_NO, 1_000)
    assert asked is not None
    cell = decided_cell(Decided("?", ("1", "2", "3"), (0.1, 0.2, 0.7), "3", 0.8, 4, 2.6), asked, "Starter")
    assert cell == TableCell("3", 0.7, (("2", 0.2), ("1", 0.1)), 2.6, model="Starter")


def test_found_words_say_where_they_stand_and_how_settled_they_are() -> None:
    asked = text_for(OTTERS, WORDS, 1_000)
    assert asked is not None
    blocks = [block(answer="Otters\nplay", entropy=(0.2, 0.4, 9.0, 9.0), tokens=2)]
    cell = words_cell(finished("Otters\nplay"), blocks, OTTERS, asked, "Starter")
    assert (cell.value, cell.place) == ("Otters play", "page 2")
    assert math.isclose(cell.share, math.exp(-0.3)), "padding behind the words does not count"
    assert words_cell(finished(" "), [], OTTERS, asked, "Starter").problem == texts.NOTHING_FOUND


LABEL = TableQuestion("l", "Kind", "Which kind?", "label", ("a", "b\u00e9"))


def test_what_is_stored_comes_back() -> None:
    questions = (YES_NO, LABEL, TableQuestion("s", "Score", "How?", "score", most=7), WORDS)
    assert questions_from(questions_json(questions)) == questions
    cells = {
        "y": TableCell("yes", 0.98, (("no", 0.02),), None, "page 3", True, "Starter"),
        "w": TableCell(problem="No."),
    }
    assert cells_from(cells_json(cells)) == cells


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "null", "7", "[]", "{}", '[{"id": 1}]', '{"a": 1}', '{"a": {"share": "x"}}', "[" * 5_000,
     '[{"id":"a","name":"b","text":"c","kind":"exec","labels":[],"most":5}]',
     '[{"id":"a","name":"b","text":"c","kind":"label","labels":["x","x"],"most":5}]',
     '[{"id":"a","name":"b","text":"c","kind":"score","labels":[],"most":99}]',
     '[{"id":"a","name":"b","text":"c","kind":"yes_no","labels":7,"most":5}]',
     '{"a": {"value": "v", "share": 1, "others": [1], "mean": null, "place": "", "in_parts": 0, "model": "", '
     '"problem": ""}}'],
)  # fmt: skip
def test_what_is_damaged_is_left_out(text: str) -> None:
    assert questions_from(text) == ()
    assert cells_from(text) == {}


def test_a_folder_gives_what_can_be_asked(tmp_path: Path) -> None:
    for name in ("b.txt", "a.PDF", "in/c.docx", "in/.hidden.txt", ".git/d.txt", "e.exe", "in/~$c.docx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "in" / "again").symlink_to(tmp_path)
    (tmp_path / "empty").mkdir()
    named = tmp_path / "e.exe"
    found = files_in([tmp_path, named, tmp_path / "empty"], lambda: False)
    assert [path.relative_to(tmp_path).as_posix() for path in found.files] == ["a.PDF", "b.txt", "in/c.docx", "e.exe"]
    assert (found.others, found.more) == (1, False)
    assert found.refused == (texts.nothing_in("empty"),)
    with pytest.raises(StoppedError):
        files_in([tmp_path], lambda: True)


def test_a_folder_without_an_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        (tmp_path / f"{number}.txt").write_bytes(b"")
    monkeypatch.setattr("app.chats.tables.folders.MOST_ROWS", 5)
    found = files_in([tmp_path], lambda: False)
    assert (len(found.files), found.more) == (5, True)
    monkeypatch.setattr("app.chats.tables.folders.MOST_ROWS", MOST_ROWS)
    monkeypatch.setattr("app.chats.tables.folders.MOST_LOOKED_AT", 7)
    assert files_in([tmp_path], lambda: False).more
