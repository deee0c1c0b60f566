"""How settled a position of a draft is, and what is shown of it."""

from __future__ import annotations

import re
from enum import IntEnum

from app.chats.unfinished import SETTLED_NATS
from inference.text.draft_text import is_placeholder

FIRM_NATS = 0.6
LOOSE_NATS = 1.8

# Scripts from right to left, marks that stand on letters, letters that join, flags and families.
_COMPLEX = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0590-\u109f\u135d-\u135f\u1700-\u18af\u1900-\u1cff\u1dc0-\u1dff\u200c-\u200f"
    "\u202a-\u202e\u2066-\u2069\u20d0-\u20ff\u302a-\u302f\u3099\u309a\ua800-\uabff\ufb1d-\ufdff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\ufe70-\ufefe\U00010800-\U00011fff\U0001e800-\U0001efff\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)


class Level(IntEnum):
    """How settled a position is."""

    NOISE = 0
    LOOSE = 1
    FIRM = 2
    SETTLED = 3


def level_from_entropy(entropy: float) -> Level:
    """Level of one position; `entropy` in nats."""
    if entropy < SETTLED_NATS:
        return Level.SETTLED
    if entropy < FIRM_NATS:
        return Level.FIRM
    return Level.LOOSE if entropy < LOOSE_NATS else Level.NOISE


def levels_of(pieces: tuple[str, ...], entropy: tuple[float, ...]) -> list[Level]:
    """Level of every position; one that has no text is noise, however sure the model is of it."""
    shown = zip(pieces, entropy, strict=True)
    return [Level.NOISE if is_placeholder(piece) else level_from_entropy(nats) for piece, nats in shown]


def is_complex(text: str) -> bool:
    """Whether a text cannot be painted letter by letter from left to right."""
    return not text.isascii() and _COMPLEX.search(text) is not None


def breaks_anywhere(text: str) -> bool:
    """Scripts without spaces between words."""
    return bool(text) and ord(text[0]) >= 0x2E80 and not _COMPLEX.match(text)
