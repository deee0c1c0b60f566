"""An answer in segments, all of them at once."""

from __future__ import annotations

from app.ui.chat.markdown import Segment
from app.ui.chat.slices import SLICES, slices_from_markdown


def segments_from_markdown(text: str, slices: int = SLICES) -> tuple[Segment, ...]:
    """What is shown of an answer, one widget after the other."""
    return tuple(segment for piece in slices_from_markdown(text, slices) for segment in piece)
