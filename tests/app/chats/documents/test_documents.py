"""Documents: their text by place, a sentence for what has none, and the parts that fit a question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chats.apart import ApartError
from app.chats.documents import texts
from app.chats.documents.parts import best_parts, parts_text, whole_text
from app.chats.documents.reading import read_apart
from app.chats.documents.values import DocumentPart, ReadDocument
from tests.app.chats.documents.samples import pdf_bytes, write_docx, write_pdf


def read(path: Path) -> list[dict[str, Any]]:
    return list(read_apart({"path": str(path)}))


def test_pdf(tmp_path: Path) -> None:
    found = read(write_pdf(tmp_path / "a.pdf", ["First page", "", "Third page"]))
    assert found == [
        {"place": "page 1", "text": "First page"},
        {"place": "page 3", "text": "Third page"},
        {"without": 1, "count": 3},
    ]


def test_docx(tmp_path: Path) -> None:
    found = read(write_docx(tmp_path / "a.docx", ["One", "Two"]))
    assert found[0]["text"] == "# The heading\n\nOne\n\nTwo\n\n| a | b |\n| 1 | 2 |"
    long = read(write_docx(tmp_path / "b.docx", ["word " * 300] * 5))
    assert [each.get("place") for each in long] == ["part 1", "part 2", "part 3", None]


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.pdf", pdf_bytes(["", ""]), texts.scanned("a.pdf", 2)),
        ("a.pdf", pdf_bytes(["text"], encrypted=True), texts.encrypted("a.pdf")),
        ("a.pdf", b"%PDF-1.4 and nothing more", texts.damaged("a.pdf")),
        ("a.pdf", b"", texts.damaged("a.pdf")),
        ("a.docx", b"no zip", texts.damaged("a.docx")),
        ("a.docx", b"PK\x05\x06" + bytes(18), texts.damaged("a.docx")),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), texts.encrypted("a.docx")),
    ],
)
def test_what_holds_no_text_gets_a_sentence(name: str, data: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ApartError) as caught:
        read(tmp_path / name)
    assert caught.value.user_text == sentence


@settings(max_examples=40)
@given(st.integers(0, 700), st.binary(min_size=1, max_size=40), st.sampled_from([".pdf", ".docx"]))
def test_damage_is_a_text_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, at: int, junk: bytes, kind: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = pdf_bytes(["Some text", "More"])
    if kind == ".docx":
        sample = folder / "sample.docx"
        whole = (sample if sample.exists() else write_docx(sample, ["Some text"])).read_bytes()
    path = folder / f"damaged{kind}"
    path.write_bytes(whole[:at] + junk + whole[at + len(junk) :])
    try:
        read(path)
    except ApartError as exc:
        if not exc.user_text:
            raise AssertionError("an error must have a sentence") from exc


def document(count: int = 40) -> ReadDocument:
    parts = [DocumentPart(f"page {number}", f"Filler of page {number}. " * 60) for number in range(1, count + 1)]
    parts[30] = DocumentPart("page 31", "The h\u00e9ron stands in the water, and waits. " * 5)
    parts[11] = DocumentPart("page 12", "\u4eca\u65e5\u306f\u5929\u6c17\u304c\u3044\u3044\u3067\u3059\u3002" * 5)
    return ReadDocument("book.pdf", tuple(parts))


def test_the_parts_that_fit_a_question() -> None:
    found = best_parts(document(), "Where does the heron wait?", 3_000)
    assert "page 31" in [part.place for part in found]
    assert len(parts_text("book.pdf", found)) <= 3_000
    assert "page 12" in [part.place for part in best_parts(document(), "\u5929\u6c17\u306f?", 3_000)]
    beginning = best_parts(document(), "", 3_000)
    assert beginning[0].place == "page 1"
    assert best_parts(document(), '"); DROP', 10) == ()
    assert whole_text(document()).startswith("[book.pdf, page 1]\nFiller")


@given(st.text(max_size=60), st.integers(0, 5_000))
def test_any_question_finds_parts_that_stand_in_the_document(question: str, room: int) -> None:
    book = document(32)
    text = "\n".join(part.text for part in book.parts)
    found = best_parts(book, question, room)
    assert all(part.text in text for part in found)
    assert len(parts_text(book.name, found)) <= room
