"""Where a word stands in a text, whatever case and accents."""

from __future__ import annotations

import random

import pytest

from app.chats.search.query import folded
from app.ui.chat.marks import MOST_MARKS, places

LETTERS = [*"aAx ", "\u00e9", "e\u0301", "\u00df", "\u0301", "\u0130", "\ufb01", "\u6f22", "\U0001f600", "\uac00"]


def slow_places(text: str, wanted: str) -> list[tuple[int, int]]:
    """The same, letter by letter."""
    plain, starts, at = "", [], 0
    for sign in text:
        plain += folded(sign)
        starts += [at] * len(folded(sign))
        at += len(sign.encode("utf-16-le")) // 2
    found, place = [], plain.find(folded(wanted)) if folded(wanted) else -1
    while place >= 0 and len(found) < MOST_MARKS:
        end = place + len(folded(wanted))
        ends = end  # a letter is marked whole
        while ends < len(plain) and starts[ends] == starts[ends - 1]:
            ends += 1
        found.append((starts[place], [*starts, at][ends]))
        place = plain.find(folded(wanted), end)
    return found


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        ("Caf\u00e9 cafe", "CAFE", [(0, 4), (5, 9)]),
        ("\U0001f600a\U0001f600", "a", [(2, 3)]),
        ("Stra\u00dfe", "ss", [(4, 5)]),
        ("\ufb01ne", "f", [(0, 1)]),
        ("a\u00df!", "as", [(0, 2)]),
        ("\u00bd", "1", [(0, 1)]),
        ("abc", "", []),
        ("abc", "d", []),
        ("a" * 2_000, "a", [(at, at + 1) for at in range(MOST_MARKS)]),
    ],
)
def test_places(text: str, wanted: str, found: list[tuple[int, int]]) -> None:
    assert places(text, wanted) == found


@pytest.mark.parametrize("seed", range(20))
def test_places_are_those_that_are_found_letter_by_letter(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        text = "".join(chance.choices(LETTERS, k=chance.randint(0, 25)))
        wanted = "".join(chance.choices(LETTERS, k=chance.randint(1, 3)))
        assert places(text, wanted) == slow_places(text, wanted), (text, wanted)
