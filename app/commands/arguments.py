"""What the arguments of every command are read with: a number within bounds and a folder, or one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.base import texts
from app.base.errors import KnownAppError

MOST_GIB = 1_000_000
MOST_TOKENS = 1_000_000_000
_MOST_DIGITS = 1000  # Python reads no number of more than 4,300


def number(name: str, least: float, most: float) -> Callable[[str], float]:
    """Reads a number within `least` and `most`; `name` is what the sentence calls it: "--vram".

    Raises (the reader):
        KnownAppError: It is none, or outside of them.
    """

    def read(text: str) -> float:
        try:
            value = float(text) if len(text) <= _MOST_DIGITS else most + 1
        except ValueError:
            value = most + 1
        if not least <= value <= most:  # "nan" is not, either
            raise KnownAppError(texts.number_outside(name, f"{least:,.0f}", f"{most:,.0f}", text))
        return value

    return read


def whole(name: str, least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number in the same way."""

    def read(text: str) -> int:
        try:
            value = int(text) if len(text) <= _MOST_DIGITS else most + 1
        except ValueError:
            value = most + 1
        if not least <= value <= most:
            raise KnownAppError(texts.whole_number_outside(name, f"{least:,}", f"{most:,}", text))
        return value

    return read


def folder(text: str) -> Path:
    """Reads a folder's name; an empty one would mean the current folder, which nobody named.

    Raises:
        KnownAppError: It is empty.
    """
    if not text:
        raise KnownAppError(texts.NO_NAME)
    return Path(text)
