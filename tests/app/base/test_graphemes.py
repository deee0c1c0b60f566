"""No character is ever split: compared with Qt's own boundaries, in every script that has something to split."""

from __future__ import annotations

import io
import os
import re
import shutil

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PySide6.QtCore import QTextBoundaryFinder

from app.base import graphemes as module
from app.base.graphemes import ELLIPSIS, LONGEST, MANY, graphemes, one_line, shortened
from app.commands.console import TextReporter
from app.library import texts

SAMPLES = {
    "families": "\U0001f468\u200d\U0001f469\u200d\U0001f467 and \U0001f469\U0001f3fd\u200d\U0001f4bb",
    "flags": "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7",
    "the flag of Scotland": "a \U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "rainbow flag, key caps": "\U0001f3f3\ufe0f\u200d\U0001f308 1\ufe0f\u20e3",
    "Persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "Hindi": "\u0915\u094d\u0937\u0947\u0924\u094d\u0930\u0940\u092f \u0939\u093f\u0928\u094d\u0926\u0940",
    "Tamil": "\u0ba8\u0bbf\u0bb2\u0bbe \u0b95\u0bcd\u0bb7",
    "Thai": "\u0e01\u0e33\u0e25\u0e31\u0e07\u0e17\u0e35\u0e48",
    "Korean": "\u1112\u1161\u11ab\u1100\u1173\u11af \ud55c\uae00 \uac00\u11a8",
    "Hebrew": "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
    "Vietnamese": "Tie\u0302\u0301ng Vie\u0323\u0302t",
    "half-width kana": "\uff76\uff9e\uff8a\uff9f",
    "Arabic number sign": "\u0600\u0661\u0662",
    "a line break": "one\r\ntwo",
}
MARKS = "\u0301\u200d\u200c\ufe0f\U0001f3fd\U000e0067\U000e007f\u094d\u0e31\u20e3"
ANY = st.text(
    st.sampled_from([*"ab 1", *MARKS, *"\U0001f468\U0001f1e9\U0001f1ea\U0001f3f4\u0915\ud55c\u1100\u1161\u11a8"])
)
# Behind a picture, Qt pairs the letters of flags from the second one on; Unicode's rules (GB12, GB13) from the first.
PAIRED_BY_QT = re.compile("[\U0001f468\U0001f3f4][\U0001f1e9\U0001f1ea]{3}")


def boundaries(text: str) -> set[int]:
    """Where Qt ends characters, in code points."""
    finder = QTextBoundaryFinder(QTextBoundaryFinder.BoundaryType.Grapheme, text)
    units, at = [0], 0
    for char in text:
        at += 2 if ord(char) > 0xFFFF else 1
        units.append(at)
    found = {0}
    while (where := finder.toNextBoundary()) != -1:
        if where in units:  # at times Qt stops within a surrogate pair
            found.add(units.index(where))
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_no_character_is_split(name: str) -> None:
    text = SAMPLES[name]
    found = list(graphemes(text))
    assert "".join(found) == text
    ends = {sum(map(len, found[:count])) for count in range(len(found) + 1)}
    assert ends <= boundaries(text)
    assert len(found) > 1


@given(ANY)
def test_any_mixture(text: str) -> None:
    assume(not PAIRED_BY_QT.search(text))
    found = list(graphemes(text))
    assert "".join(found) == text
    if all(len(each) < LONGEST for each in found):
        assert {sum(map(len, found[:count])) for count in range(len(found) + 1)} <= boundaries(text)


@pytest.mark.parametrize("before", ["", "\u200d", "a\u200d", "\U0001f468", "\U0001f3f4", "\U0001f468\u200d"])
def test_a_flag_is_whole_whatever_stands_before_it(before: str) -> None:
    flags = "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7"
    found = list(graphemes(before + flags))
    assert [each[-2:] for each in found[-2:]] == [flags[:2], flags[2:]]
    assert len(list(graphemes(before + flags + "\U0001f1e9"))) == len(found) + 1


@given(st.text(), st.integers(1, 20))
def test_what_is_shortened_is_short(text: str, limit: int) -> None:
    short = shortened(text, limit)
    assert text.startswith(short.removesuffix("\u2026"))
    assert len(list(graphemes(short))) <= limit


def test_a_book_is_not_read_to_its_end_to_be_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    together = module._together
    monkeypatch.setattr(module, "_together", lambda text, start, at: bool(seen.append(at)) or together(text, start, at))
    assert len(shortened("x/" * 60_000, 80)) == 80
    assert len(seen) < 200


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text)
    assert one_line(line) == line
    assert len(line.splitlines()) <= 1


def test_a_pile_of_marks_has_an_end() -> None:
    assert max(map(len, graphemes("a" + "\u0301" * 100_000))) == LONGEST


def test_a_progress_line_and_a_name_keep_their_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_, **__: os.terminal_size((6, 24)))
    TextReporter().progress("x", {}, family * 10, "")
    assert out.getvalue() == "\r" + family * 4 + "\u2026"
    assert texts.not_a_repo(family * 100).count(family) == 79


def test_piles_of_marks_make_no_long_text_of_a_short_one() -> None:
    """40 characters of 64 code points each took a label 0.2 s."""
    pile = ("a" + "\u1dff" * 62) * 40
    assert shortened("a" + "\u0301" * 30, 40) == "a" + "\u0301" * 30
    cut = shortened(pile, 40)
    assert cut.endswith(ELLIPSIS)
    assert len(cut) <= 40 * MANY + 1
    assert pile.startswith(cut[:-1])
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
    assert shortened(family * 40, 40) == family * 40
