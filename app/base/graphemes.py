"""Characters as a reader counts them (grapheme clusters), and texts that are cut between them.

A flag, a family, a letter with its marks or a syllable of an Indic script are several code points that belong together.
The rules are those of Unicode's annex 29, where in doubt more is kept together: no character is ever split.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

ELLIPSIS = "\u2026"
LONG_LINE = 8_000  # a paragraph of more is shown as a large text
LONGEST = 64  # code points; what goes beyond is no character but a pile of marks
MANY = 12  # code points of a character, on average, where a text is cut: families of four have up to 11
_JOINER, _NON_JOINER = "\u200d", "\u200c"
_TAGS = range(0xE0020, 0xE0080)  # the letters of the flags of regions
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
# Half-width marks of kana, and the vowels of Thai and Lao that stand behind their letter: marks in all but name.
_MARKS_BY_NAME = frozenset("\uff9e\uff9f\u0e33\u0eb3")
# Signs that stand before what they belong to (an Arabic number sign, a Syriac abbreviation mark).
_BEFORE = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
# Format characters that a text needs: joiners, direction marks, and those above.
_FORMATS_THAT_STAY = frozenset("\u200c\u200d\u200e\u200f\u061c") | _BEFORE
_VIRAMA = 9  # the combining class of the sign that joins two consonants


def graphemes(text: str) -> Iterator[str]:
    """The characters of `text`; joined they are `text` again."""
    start = 0
    for at in range(1, len(text)):
        if at - start >= LONGEST or not _together(text, start, at):
            yield text[start:at]
            start = at
    if text:
        yield text[start:]


def shortened(text: str, limit: int) -> str:
    """`text`, or its first characters and an ellipsis: `limit` characters in all, or fewer piles of marks."""
    if len(text) <= limit:
        return text
    found, points = list[str](), 0
    for character in graphemes(text):  # a book is not read to its end for this
        points += len(character)
        if len(found) == limit or points > limit * MANY:
            return "".join(found[: max(0, limit - 1)]) + ELLIPSIS
        found.append(character)
    return text


def one_line(text: str) -> str:
    """`text` without line breaks and controls, and with single spaces; "" if nothing of it can be seen.

    What only tells how to break or to embed a text goes; joiners, half-spaces and direction marks stay.
    """
    line = " ".join("".join(map(_cleaned, text)).split())
    return line if any(unicodedata.category(char) not in ("Cf", "Mn", "Zs") for char in line) else ""


def _cleaned(char: str) -> str:
    if char.isprintable():
        return char
    match unicodedata.category(char):
        case "Cf":
            return char if char in _FORMATS_THAT_STAY or ord(char) in _TAGS else ""
        case "Cn" | "Co":  # newer than this Python's tables, or a font's own
            return "" if ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF else char
    return " "


def _together(text: str, start: int, at: int) -> bool:
    """Whether the code points before and at `at` are of one character, which begins at `start`."""
    before, here = text[at - 1], text[at]
    if before == "\r" and here == "\n":
        return True
    if unicodedata.category(before) in ("Cc", "Zl", "Zp") or unicodedata.category(here) in ("Cc", "Zl", "Zp"):
        return False
    if _extends(here) or before in _BEFORE:
        return True
    if before == _JOINER:
        return not here.isspace()
    if unicodedata.combining(before) == _VIRAMA:
        return unicodedata.category(here) == "Lo"
    if ord(before) in _FLAG_LETTERS and ord(here) in _FLAG_LETTERS:
        return _flag_letters(text, start, at) % 2 == 1
    return _one_syllable(ord(before), ord(here))


def _flag_letters(text: str, start: int, at: int) -> int:
    """How many letters of flags stand right before `at`: two are a flag, whatever joins them to what is before."""
    first = at
    while first > start and ord(text[first - 1]) in _FLAG_LETTERS:
        first -= 1
    return at - first


def _extends(char: str) -> bool:
    code = ord(char)
    if char in (_JOINER, _NON_JOINER) or char in _MARKS_BY_NAME or unicodedata.category(char) in ("Mn", "Me", "Mc"):
        return True
    return code in _SKIN_TONES or code in _TAGS


def _one_syllable(before: int, here: int) -> bool:
    """Whether two parts of Hangul are of one syllable."""
    leading, vowel, trailing = range(0x1100, 0x1160), range(0x1160, 0x11A8), range(0x11A8, 0x1200)
    whole = range(0xAC00, 0xD7A4)
    if before in leading or 0xA960 <= before < 0xA980:
        return here in leading or here in vowel or here in whole
    if before in whole:
        return here in trailing or (here in vowel and (before - 0xAC00) % 28 == 0)
    return (before in vowel and (here in vowel or here in trailing)) or (before in trailing and here in trailing)
