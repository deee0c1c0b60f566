"""What else a place of a committed block could hold, and what the block becomes with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from inference.events import Alternative
from inference.params import CanvasStart, GenerationRequest, HeldPlace

if TYPE_CHECKING:
    from inference.session import Session

MOST = 64
_NEAR = 0.3  # of noise in a block that is denoised around another word


def alternatives(
    session: Session, request: GenerationRequest, canvas: Sequence[int], place: int, count: int = 8
) -> tuple[Alternative, ...]:
    """The likeliest tokens of one place of a committed canvas, by one pass over it.

    Args:
        session: The model.
        request: What the canvas answers; its `answer_start` holds the blocks before it.
        canvas: Its ids, whole.
        place: From 0.
        count: How many, 1 to 64.

    Raises:
        ValueError: There is no such place, or too many are asked for.
    """
    if not 0 <= place < len(canvas) or not 1 <= count <= MOST:
        raise ValueError(f"place {place} of {len(canvas)}, {count} alternatives: out of range")
    session.read(request)
    logits = session.logits(np.array(canvas, dtype=np.int64))[place].astype(np.float64)
    logs = logits - logits.max()
    logs -= np.log(np.exp(logs).sum())
    best = np.argsort(-logs, kind="stable")[:count].tolist()
    return tuple(Alternative(token, session.tokenizer.pieces([token])[0], float(logs[token])) for token in best)


def with_alternative(request: GenerationRequest, canvas: Sequence[int], place: int, token: int) -> GenerationRequest:
    """The request whose first block is the canvas again, with another token in one place and what fits around it."""
    start = CanvasStart(tuple(canvas), _NEAR)
    return dataclasses.replace(request, start=start, held=(HeldPlace(place, token),))
