"""How likely committed tokens are, given the whole canvas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.backends.base import Backend, Ids
from inference.events import TokenLikelihood
from inference.text.tokenizer import TextTokenizer


def likelihoods(
    backend: Backend, tokenizer: TextTokenizer, canvas: Ids, places: Sequence[int], count: int
) -> tuple[TokenLikelihood, ...]:
    """Log-probabilities at temperature 1 of a committed canvas's tokens, by one pass over it.

    Args:
        backend: The model; its KV cache holds what stands before the canvas.
        tokenizer: Ids to bytes.
        canvas: int64 [C].
        places: Those that are asked about.
        count: How many likeliest tokens of each place are named.
    """
    if not places:
        return ()
    seen = backend.beliefs(canvas, None, np.array(places, dtype=np.int64), canvas[list(places)], count)
    found = []
    for row, place in enumerate(places):
        likely = zip(seen.top_ids[row].tolist(), seen.top_logs[row].tolist(), strict=True)
        named = tuple((_bytes(tokenizer, token), log) for token, log in likely)
        found.append(TokenLikelihood(_bytes(tokenizer, int(canvas[place])), float(seen.logs[row]), named))
    return tuple(found)


def _bytes(tokenizer: TextTokenizer, token: int) -> bytes:
    return tokenizer.token_bytes(token) or b""
