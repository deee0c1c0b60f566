"""Letters are looked for in the fonts before they are shown, over several turns of the event loop.

The first time a font meets a script, Qt looks through all fonts of the system for its letters: for a script that none
of them has, up to 38 ms with 290 fonts (Linux), for each font and each script. A draft of noise meets many at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from PySide6.QtCore import QTimer
from PySide6.QtGui import QFont, QFontMetricsF

LONGEST_RUN = 64  # letters that are looked for in one step: what is found costs little
_COLUMN = 16  # letters of one column of a block belong to one script, but for a few
_FIRST = 0x80  # ASCII is in every font that text is shown in
_UNKNOWN = "\ufffd"
_LABEL_SECONDS = 0.025  # for all labels of one turn of the event loop
_spent = [0.0]
_met: dict[str, tuple[QFont, set[str]]] = {}  # fonts are kept, since what Qt found goes with the last one of its kind


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
    QFontMetricsF(kept).horizontalAdvance(letters)
    known.update(letters)


def showable(text: str, font: QFont) -> str:
    """`text` as it can be shown at once: letters for which this turn of the event loop has no time are U+FFFD."""
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
    return "".join(_UNKNOWN if letter in unknown else letter for letter in text) if unknown else text


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
