"""Text of a draft, position by position, fit to show.

A draft is noise in part: half characters, ids without text, control characters that would turn the line round. The
window gives each position its own colour, so each position needs its own text, and nothing in it may harm the
layout of its neighbours.
"""

from __future__ import annotations

import codecs
import functools
import unicodedata
from collections.abc import Sequence

NEUTRAL_GLYPH = "\N{MIDDLE DOT}"
# Zero-width joiners are format characters, but emoji and several scripts need them between two others.
_JOINERS = "\u200c\u200d"


def pieces_from_bytes(chunks: Sequence[bytes | None], carry: bytes = b"") -> list[str]:
    """Text of each position of a draft.

    1. A position without text (None or empty) breaks any character begun before it and shows the neutral glyph.
    2. Bytes join the unfinished character before them, if they continue it; a character that is split over
       neighbours is shown whole at its last position, the earlier ones show "".
    3. Bytes that are no UTF-8 show the glyph where they are, once a position.
    4. What is unfinished at the end is broken.
    5. Whole characters that must not be shown alone become the glyph (`showable`).

    Args:
        chunks: UTF-8 bytes of each position.
        carry: Bytes of an unfinished character before the first position (0 to 3).

    Returns:
        As many texts as chunks.
    """
    pieces = [""] * len(chunks)
    pending = carry
    waiting: Sequence[int] = ()  # positions that gave the pending bytes
    for position, chunk in enumerate(chunks):
        # 1.
        if not chunk:
            _break_off(pieces, waiting)
            pending, waiting, pieces[position] = b"", (), NEUTRAL_GLYPH
            continue
        # 2.
        if pending and not _continues(pending, chunk):
            _break_off(pieces, waiting)
            pending, waiting = b"", ()
        text, rest = decode_prefix(pending + chunk)
        pieces[position] = showable(text)  # 3. and 5.
        if not rest:
            waiting = ()
        else:
            # Where nothing was finished the character goes on over this position, too.
            waiting = (position,) if text else (*waiting, position)
        pending = rest
    # 4.
    _break_off(pieces, waiting)
    return pieces


def decode_prefix(data: bytes) -> tuple[str, bytes]:
    """Decode UTF-8 as far as it is finished.

    Returns:
        The text, with one replacement character (U+FFFD) for each run of bytes that is no UTF-8, and the bytes of an
        unfinished character at the end (0 to 3 bytes).
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data)
    return text, decoder.getstate()[0]


@functools.lru_cache(maxsize=65_536)
def showable(text: str) -> str:
    """The text with every character that harms a layout replaced by the neutral glyph.

    Replaced are control, format (text direction among them), private, unassigned and replacement characters, and
    combining marks that stand alone. Line breaks and tabs stay; a run of replaced characters gives one glyph.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    if all(_combines(char) for char in text):
        return NEUTRAL_GLYPH if text else ""
    shown = ""
    for index, char in enumerate(text):
        inside = 0 < index < len(text) - 1
        if _is_harmless(char) or (char in _JOINERS and inside):
            shown += char
        elif not shown.endswith(NEUTRAL_GLYPH):
            shown += NEUTRAL_GLYPH
    return shown


def is_placeholder(piece: str) -> bool:
    """Whether a position shows neutral glyphs alone.

    A middle dot that the model means, alone at its position, looks the same and counts as one, too; inside of a piece
    (as in Catalan) it is text.
    """
    return NEUTRAL_GLYPH in piece and not piece.replace(NEUTRAL_GLYPH, "").strip()


def is_readable(text: str) -> bool:
    """Whether a text holds a letter, number, sign or symbol: no white space, control or broken character alone."""
    return any(unicodedata.category(char)[0] in "LNPS" and char != "\N{REPLACEMENT CHARACTER}" for char in text)


def _is_harmless(char: str) -> bool:
    if char in "\n\t" or unicodedata.category(char) == "Zs":
        return True
    return char.isprintable() and char != "\N{REPLACEMENT CHARACTER}"


def _combines(char: str) -> bool:
    return unicodedata.category(char).startswith("M") or char in _JOINERS


def _continues(pending: bytes, chunk: bytes) -> bool:
    """True if the unfinished `pending` is still valid with the first bytes of `chunk` behind it."""
    return not decode_prefix(pending + chunk[:4])[0].startswith("\N{REPLACEMENT CHARACTER}")


def _break_off(pieces: list[str], waiting: Sequence[int]) -> None:
    for position in waiting:
        if not pieces[position].endswith(NEUTRAL_GLYPH):
            pieces[position] += NEUTRAL_GLYPH
