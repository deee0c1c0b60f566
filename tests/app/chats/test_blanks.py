"""Blanks of a message: which they are, what is asked, and what of an answer was filled."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chats import texts
from app.chats.blanks import blanks_of, unknown_blanks, with_backslashes
from inference.forms.bytes_dfa import compile_bytes
from inference.forms.errors import FormError
from inference.forms.template import template


@pytest.mark.parametrize(
    ("message", "asked"),
    [
        ("Dear [[word]], ___ [[...]]!", "Dear {word}, {/___/} {text}!"),
        ("[[1-3 words]] [[2\u20134 characters]] [[ yes | no ]]", "{1-3 words} {2-4 characters} {yes|no}"),
        ("{a} [[Date]]", "{{a}} {date}"),
        ("A \\[[date]] and [[date]]", "A [[date]] and {date}"),
    ],
)
def test_which_they_are(message: str, asked: str) -> None:
    found = blanks_of(message)
    assert found is not None
    assert found.template == asked
    template(found.template)


@pytest.mark.parametrize(
    "message",
    [
        "if [[ -f x ]]; then", "[[1, 2], [3, 4]]", "`[[date]]`", "```\n[[date]]\n```", "\\[[date]]", "[[Page]]", "none",
        "[[3-1 words]]", "[[a|]]", "[[{|}]]",
    ],
)  # fmt: skip
def test_what_is_none(message: str) -> None:
    assert blanks_of(message) is None


def test_what_looks_like_one_is_named_and_can_be_kept() -> None:
    assert unknown_blanks("[[dates]] and [[ -f x ]]") == ("[[dates]]",)
    kept = with_backslashes("A [[date]] [[x]] [[a|b]]")
    assert kept == "A \\[[date]] [[x]] \\[[a|b]]"
    assert blanks_of(kept) is None


def test_a_wish_stands_above_a_line() -> None:
    found = blanks_of("About a picnic.\n---\nDear [[word]],\nbye")
    assert found is not None
    turn, request = found.request_parts()
    assert turn.text == "Fill in the blanks of this text:\n\nDear ___,\nbye\n\nAbout a picnic."
    assert request.answer_start == "Dear"
    assert request.form is not None
    assert request.form.text == " {word},\nbye"
    text = blanks_of("[[word]]\n---\nbye")  # a line of the text itself
    assert text is not None
    assert text.wish == ""
    assert "---" in text.template


@given(st.lists(st.sampled_from(["", " and ", ", ", " to "]), min_size=2, max_size=6), st.data())
@settings(max_examples=60)
def test_what_was_filled(between: list[str], data: st.DataObject) -> None:
    words = [data.draw(st.text("ant o,", min_size=1, max_size=6)) for _ in between[1:]]
    message = between[0] + "".join(f"[[...]]{text}" for text in between[1:])
    found = blanks_of(message)
    assert found is not None
    answer = between[0] + "".join(word + text for word, text in zip(words, between[1:], strict=True))
    spans = found.filled(answer)
    if message.strip("\n") == message and spans:
        assert spans[0][0] == len(between[0])
        assert all(first < last for first, last in spans)
        rest = (
            answer[: spans[0][0]]
            + "".join(answer[last:first] for (_, last), (first, _) in pairwise(spans))
            + answer[spans[-1][1] :]
        )
        assert rest == "".join(between)
    else:
        pytest.fail(f"not found: {message!r} in {answer!r}")


def test_another_text_was_not_filled() -> None:
    found = blanks_of("Dear [[word]], bye")
    assert found is not None
    assert found.filled("Dear Ann, bye") == ((5, 8),)
    assert found.filled("Hello Ann, bye") == ()
    assert found.filled("Dear , bye") == ()


@pytest.mark.parametrize(
    ("message", "trouble"),
    [
        ("A [[9999 words]]", (texts.BLANKS_TOO_LARGE, texts.blanks_fit(250, 510))),
        ("A [[1-260 words]]", (texts.BLANKS_TOO_LARGE, texts.blanks_fit(250, 510))),
        ("A [[300 characters]] and [[150 words]]" + "!" * 96, (texts.BLANKS_TOO_LARGE, texts.blanks_fit(240, 490))),
        ("A [[word]]" + "\u00e4" * 3_000, (texts.TEXT_TOO_LONG, texts.text_fits(2_040, 3_000))),
        ("A [[word]]" + "a" * 4_097, (texts.TEXT_TOO_LONG, texts.text_fits(4_090, 4_097))),
    ],
)
def test_what_no_model_can_be_kept_to_is_known_before(message: str, trouble: tuple[str, str]) -> None:
    found = blanks_of(message)
    assert found is not None
    assert found.trouble == trouble
    if "260" in message:  # what is closest to the limit stands for all: each takes a while
        with pytest.raises(FormError):
            compile_bytes(template(found.template))


@pytest.mark.parametrize(
    "message", ["[[250 words]]", "[[500 characters]]", "a" * 9_000 + "[[word]]", "[[lines]] [[word]]"]
)
def test_what_can_be_kept_is_not_refused(message: str) -> None:
    found = blanks_of(message)
    assert found is not None
    assert found.trouble is None
