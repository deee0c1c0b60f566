"""Letters are looked for in the fonts before they are shown, over several turns of the event loop.

The first time a font meets a script, Qt looks through all fonts of the system for its letters: for a script that none
of them has, up to 38 ms with 290 fonts (Linux), for each font and each script. A draft of noise meets many at once.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterator, Sequence

from PySide6.QtCore import QTimer
from PySide6.QtGui import QFont, QFontMetricsF

LONGEST_RUN = 64  # letters that are looked for in one step: what is found costs little
MOST_LACKING = 8  # letters that no font has, in a label, that are left to Qt
_COLUMN = 16  # letters of one column of a block belong to one script, but for a few
_FIRST = 0x80  # ASCII is in every font that text is shown in
_UNKNOWN = "\ufffd"
_LABEL_SECONDS = 0.025  # for all labels of one turn of the event loop
_JOINED = ("M", "Z", "Cc", "Cf", "Cs")  # categories of what belongs to the letter before it, or shows nothing
_spent = [0.0]
_met: dict[str, tuple[QFont, set[str]]] = {}  # fonts are kept, since what Qt found goes with the last one of its kind
_lacking: set[str] = set()  # letters that no font of the system has


def letters_to_find(font: QFont, text: str) -> list[str]:
    """What of a text has not been looked for in a font, letters of one script beside each other.

    Args:
        font: That the text will be shown in.
        text: Any text.
    """
    if text.isascii():
        return []
    _, known = _known(font)
    new = sorted(letter for letter in set(text) - known if ord(letter) >= _FIRST)
    runs: list[str] = []
    for letter in new:
        near = runs and ord(letter) // _COLUMN == ord(runs[-1][0]) // _COLUMN and len(runs[-1]) < LONGEST_RUN
        if near:
            runs[-1] += letter
        else:
            runs.append(letter)
    return runs


def find(font: QFont, letters: str) -> None:
    """Look for some letters in a font, and in all others where it lacks them."""
    kept, known = _known(font)
    metrics = QFontMetricsF(kept)
    metrics.horizontalAdvance(letters)
    known.update(letters)
    alone = (each for each in letters if each not in _lacking and not unicodedata.category(each).startswith(_JOINED))
    _lacking.update(letter for letter in alone if not metrics.inFontUcs4(ord(letter)))


def lacking_runs(text: str) -> list[tuple[int, int]]:
    """Where letters stand that have been looked for, and that no font has, with their marks and the ASCII between them.

    Returns:
        Beginnings and ends, in the UTF-16 units that Qt counts.
    """
    if text.isascii() or _lacking.isdisjoint(text):
        return []
    runs: list[tuple[int, int]] = []
    at, goes_on, lacks = 0, False, False
    for letter in text:
        end = at + (2 if letter > "\uffff" else 1)
        if letter in _lacking:
            if goes_on:
                runs[-1] = runs[-1][0], end
            else:
                runs.append((at, end))
            goes_on = lacks = True
        elif ord(letter) < _FIRST:
            lacks = False
        else:
            goes_on = lacks = lacks and unicodedata.category(letter).startswith(_JOINED)
            if lacks:  # a mark stands on the letter before it, in one font with it
                runs[-1] = runs[-1][0], end
        at = end
    return runs


def showable(text: str, font: QFont) -> tuple[str, bool]:
    """What a label can show of a text at once.

    Letters for which this turn of the event loop has no time are U+FFFD, and so are, in a text that has many of them,
    those that no font has: Qt would ask all fonts for each of them again and again.

    Args:
        text: Of a few lines.
        font: That it is shown in.

    Returns:
        The text, as long in UTF-16 units, and whether more of it can be shown in a later turn.
    """
    unknown: set[str] = set()
    for run in letters_to_find(font, text):
        if _spent[0] >= _LABEL_SECONDS:
            unknown.update(run)
            continue
        if not _spent[0]:
            QTimer.singleShot(0, _next_turn)
        began = time.thread_time()
        find(font, run)
        _spent[0] += max(1e-6, time.thread_time() - began)
    hidden = unknown | _lacking if _has_many_lacking(text) else unknown
    if not hidden:
        return text, False
    return "".join(_unknown(letter) if letter in hidden else letter for letter in text), bool(unknown)


def _has_many_lacking(text: str) -> bool:
    return not text.isascii() and not _lacking.isdisjoint(text) and sum(map(_lacking.__contains__, text)) > MOST_LACKING


def _unknown(letter: str) -> str:
    return _UNKNOWN * (2 if letter > "\uffff" else 1)


def _next_turn() -> None:
    _spent[0] = 0.0


def _known(font: QFont) -> tuple[QFont, set[str]]:
    return _met.setdefault(font.key(), (QFont(font), set()))


class FontSearch:
    """What has still to be looked for before a text is shown.

    Args:
        wanted: Fonts, and the text that is shown in each.
    """

    def __init__(self, wanted: Sequence[tuple[QFont, str]]) -> None:
        self._left: Iterator[tuple[QFont, str]] = iter(
            [(font, run) for font, text in wanted for run in letters_to_find(font, text)]
        )
        self._next = next(self._left, None)

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self._next is None

    def go_on(self) -> bool:
        """Look for the next few letters; whether there were any."""
        if self._next is None:
            return False
        find(*self._next)
        self._next = next(self._left, None)
        return True
