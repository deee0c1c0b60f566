"""From selected words to the part of the source that they stand in, and how two parts differ."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.ui.chat.steering.diff import changes
from app.ui.chat.steering.places import paragraph_of, shown_part, source_part

SOURCE = "See **the big** lake, [a link](http://x.org/lake) and `lake code` at the lake.\n\n"
SOURCE += "* one lake\n* two \U0001f600 ducks"
SHOWN = "See the big lake, a link and lake code at the lake.\none lake\ntwo \U0001f600 ducks"


@pytest.mark.parametrize(
    ("selected", "number", "part"),
    [
        ("lake", 0, "lake"),
        ("lake.", 0, "lake."),
        ("ak", 0, "lake"),
        ("lake", 3, "lake"),
        ("the big", 0, "the big"),
        ("big lake,", 0, "**the big** lake,"),
        ("See the", 0, "See **the big**"),
        ("link and", 0, "[a link](http://x.org/lake) and"),
        ("code at", 0, "`lake code` at"),
        ("two \U0001f600 ducks", 0, "two \U0001f600 ducks"),
    ],
)
def test_selected_words_are_found_in_the_source(selected: str, number: int, part: str) -> None:
    at = -1
    for _ in range(number + 1):
        at = SHOWN.index(selected, at + 1)
    found = source_part(SOURCE, SHOWN, at, at + len(selected))
    assert found is not None
    assert SOURCE[slice(*found)] == part


def test_what_cannot_be_told_is_not_guessed() -> None:
    assert source_part("other words", "these words here", 0, 5) is None
    assert source_part("a b", "a b", 1, 2) is None  # no word at all


@given(
    st.lists(st.sampled_from(["lake", "pond", "\u6e56\u6c34", "caf\u00e9", "\U0001f600"]), min_size=1, max_size=12),
    st.data(),
)
@settings(max_examples=40)
def test_plain_text_is_its_own_source(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    first = data.draw(st.integers(0, len(text) - 1))
    last = data.draw(st.integers(first + 1, len(text)))
    found = source_part(text, text, first, last)
    if found is None:
        assert not text[first:last].strip()
    else:
        assert found[0] <= first + 1
        assert text[slice(*found)].split()[0] in text


def test_a_paragraph_and_code_that_is_not_cut() -> None:
    text = "One.\n\nTwo two.\n\nThree."
    assert text[slice(*paragraph_of(text, 7, 9))] == "Two two."
    code = "```\na\n\nb\n```"
    assert paragraph_of(code, code.index("b"), code.index("b") + 1) == (0, len(code))


@given(st.text("ab \n.", max_size=30), st.text("ab \n.", max_size=30))
@example(". a", ".a ")
@settings(max_examples=200)
def test_changes_lead_from_one_text_to_the_other(before: str, after: str) -> None:
    found = changes(before, after)
    assert "".join(each.text for each in found if each.kind != "in") == before
    assert "".join(each.text for each in found if each.kind != "out") == after


def test_words_that_changed_together_are_shown_together() -> None:
    kinds = [(each.kind, each.text) for each in changes("the old cat sat", "the young dog sat")]
    assert kinds == [("same", "the "), ("out", "old cat"), ("in", "young dog"), ("same", " sat")]


@pytest.mark.parametrize(
    ("source", "part", "shown"),
    [
        ("[[dayate]] *b*", "ya", "[[dayate]] b"),
        ("un**do** it", "it", "undo it"),
        ("a pre-xyz-post b", "xy", "a pre-xyz-post b"),
    ],
)
def test_a_part_of_a_word_is_shown_to_the_sign(source: str, part: str, shown: str) -> None:
    at = source.index(part)
    found = shown_part(shown, source, at, at + len(part))
    assert found is not None
    assert shown[slice(*found)] == part
