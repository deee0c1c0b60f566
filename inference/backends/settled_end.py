"""A switch, off by default: rows behind a settled end of text keep what the step before computed for them.

All places of a canvas see each other, so those rows do count: their keys and values stay in the cache as they were, and
are seen; only what the other rows changed in them since is missing. Answers are nearly always the same, and not always
(`python benchmarks/fewer_rows.py`; docs/decisions.md has the figures).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from inference.backends.base import DenoiseStep, Ids

ROWS_BEHIND_END_VARIABLE, KEPT = "DEWPOINT_ROWS_BEHIND_END", "kept"


def rows_are_kept() -> bool:
    """Whether the switch is on."""
    return os.environ.get(ROWS_BEHIND_END_VARIABLE) == KEPT


class SettledEnd:
    """Remembers the step before.

    Attributes:
        computed: Rows computed so far, for measurements.
        asked: Rows of all canvases so far.
    """

    def __init__(self, pad_id: int, eos_ids: Sequence[int]) -> None:
        self.computed = 0
        self.asked = 0
        self._pad_id = pad_id
        self._eos_ids = eos_ids
        self._last: tuple[Ids, DenoiseStep, int] | None = None

    def rows(self, canvas: Ids, state: object, cached: int) -> int:
        """How many rows of int64 [C] to compute, the first ones.

        1. All, unless this step follows the one before: with its state, over a KV cache of the same length.
        2. Behind an end of text that step found nothing but padding. Leave out, from the last row on, those that hold
           padding now and then.
        """
        # 1.
        self.asked += len(canvas)
        if self._last is None or self._last[1].state is not state or self._last[2] != cached:
            return len(canvas)
        # 2.
        before, found, _ = self._last
        settled = (canvas == self._pad_id) & (before == canvas) & (found.argmax == canvas)
        changing = np.flatnonzero(~settled)
        first = int(changing[-1]) + 1 if changing.size else 0
        return first if np.isin(found.argmax[:first], self._eos_ids).any() else len(canvas)

    def joined(self, canvas: Ids, step: DenoiseStep, cached: int) -> DenoiseStep:
        """The computed rows, and behind them those of the step before."""
        count = len(step.argmax)
        self.computed += count
        if count < len(canvas) and self._last is not None:
            kept = self._last[1]
            step = DenoiseStep(
                np.concatenate([step.argmax, kept.argmax[count:]]),
                np.concatenate([step.sampled, kept.sampled[count:]]),
                np.concatenate([step.entropy, kept.entropy[count:]]),
                np.concatenate([step.top_ids, kept.top_ids[count:]]),
                np.concatenate([step.top_probs, kept.top_probs[count:]]),
                np.concatenate([step.state, kept.state[count:]]),
            )
        self._last = (canvas.copy(), step, cached)
        return step
