"""How likely committed tokens are, given the whole canvas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.backends.base import Backend, Ids
from inference.events import TokenLikelihood
from inference.text.tokenizer import TextTokenizer

_ROWS = 32  # whose logits are looked at at once, in double precision


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
    logits = backend.logits(canvas, None)
    found = []
    for begin in range(0, len(places), _ROWS):
        part = list(places[begin : begin + _ROWS])
        logs = logits[part].astype(np.float64)
        logs -= logs.max(axis=1, keepdims=True)
        logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
        best = np.argsort(-logs, axis=1, kind="stable")[:, :count]
        for row, place in enumerate(part):
            token = int(canvas[place])
            likeliest = tuple((_bytes(tokenizer, each), float(logs[row, each])) for each in best[row].tolist())
            found.append(TokenLikelihood(_bytes(tokenizer, token), float(logs[row, token]), likeliest))
    return tuple(found)


def _bytes(tokenizer: TextTokenizer, token: int) -> bytes:
    return tokenizer.token_bytes(token) or b""
