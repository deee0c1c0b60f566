"""Which way a text runs, by the rule that Qt follows: as its first letter with a direction does."""

from __future__ import annotations

import unicodedata


def runs_leftward(text: str) -> bool | None:
    """Whether the first letter with a direction runs from right to left; None if there is none."""
    if text.isascii():
        return False if any(char.isalpha() for char in text) else None
    kinds = (unicodedata.bidirectional(char) for char in text)
    strong = next((kind for kind in kinds if kind in ("L", "R", "AL")), None)
    return None if strong is None else strong != "L"
