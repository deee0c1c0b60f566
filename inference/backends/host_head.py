"""The head on the processor, for what the graphs' heads do not give: logits of chosen tokens, mixtures of embeddings.

The graphs' heads give what a plain run needs and keep everything of the vocabulary's size to themselves. A form needs
the likelihood of each token that it allows, and holds a canvas to a distribution of its own. Both come from the
residual stream behind the last layer, which every backend gives, and the embedding table, which is mapped: so all
backends have them, and a plain run does not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.backends.base import Beliefs, Floats, Ids
from inference.model_config import ModelConfig
from inference.native.weights import embedding_scale
from trt_engines.weights.index import DECODER, EMBEDDING
from trt_engines.weights.source import WeightSource

_PIECE = 8192  # rows of the table that are float32 at a time
_KEPT_NUMBERS = 16 << 20  # of a table that stays float32


class HostHead:
    """Norm, embedding table and softcap of one model."""

    def __init__(self, table: NDArray[Any], norm: Floats, config: ModelConfig, scale: float) -> None:
        """Take what the checkpoint holds.

        Args:
            table: Embedding [V, hidden], as stored.
            norm: Weights of the last norm, float32 [hidden].
            config: The checkpoint's configuration.
            scale: What an embedding is multiplied with.
        """
        small = table.size <= _KEPT_NUMBERS
        self._table = np.asarray(table, np.float32) if small else table
        self._norm = norm
        self._eps, self._softcap = np.float32(config.rms_eps), np.float32(config.softcap)
        self._scale = np.float32(scale)

    @classmethod
    def of(cls, source: WeightSource, config: ModelConfig) -> HostHead:
        """The head of a checkpoint's files.

        Raises:
            WeightsError: Tensors are missing or damaged.
        """
        norm = source.floats(f"{DECODER}norm.weight").astype(np.float32)
        return cls(source.floats(EMBEDDING), norm, config, embedding_scale(config))

    def logits(self, hidden: Floats, ids: Ids | None = None) -> Floats:
        """Softcapped logits, as the head has them before the temperature.

        Args:
            hidden: float32 [N, hidden], the residual stream behind the last layer.
            ids: int64 [n], the tokens that are asked for; None for all.

        Returns:
            float32 [N, n].
        """
        normed = self._normed(hidden)
        count = len(self._table) if ids is None else len(ids)
        found = np.empty((len(hidden), count), np.float32)
        for first in range(0, count, _PIECE):
            found[:, first : first + _PIECE] = normed @ self._rows(ids, first).T
        return self._capped(found)

    def beliefs(self, hidden: Floats, ids: Ids, count: int) -> Beliefs:
        """What the head says of some places, piece by piece of the vocabulary.

        Of each piece the sum of exponentials, that of logit times exponential, and the likeliest are kept, all relative
        to the highest logit so far.

        Args:
            hidden: float32 [m, hidden], the residual stream of those places behind the last layer.
            ids: int64 [m], a token for each.
            count: How many of the likeliest.
        """
        normed, rows = self._normed(hidden), np.arange(len(hidden))
        asked = self._capped((normed * np.asarray(self._table[ids], np.float32)).sum(axis=1)).astype(np.float64)
        top = np.full(len(hidden), -np.inf)
        sums, weighted = np.zeros(len(hidden)), np.zeros(len(hidden))
        best_ids, best = np.zeros((len(hidden), 0), np.int64), np.zeros((len(hidden), 0))
        for first in range(0, len(self._table), _PIECE):
            logits = self._capped(normed @ self._rows(None, first).T).astype(np.float64)
            higher = np.maximum(top, logits.max(axis=1))
            shares, shrunk = np.exp(logits - higher[:, None]), np.exp(top - higher)
            sums, weighted = sums * shrunk + shares.sum(axis=1), weighted * shrunk + (logits * shares).sum(axis=1)
            top = higher
            few = np.argpartition(-logits, min(count, logits.shape[1]) - 1, axis=1)[:, :count]
            best = np.concatenate([best, logits[rows[:, None], few]], axis=1)
            best_ids = np.concatenate([best_ids, few + first], axis=1)
            order = np.argsort(-best, axis=1, kind="stable")[:, :count]
            best, best_ids = best[rows[:, None], order], best_ids[rows[:, None], order]
        whole = top + np.log(sums)
        return Beliefs(asked - whole, best_ids, best - whole[:, None], whole - weighted / sums)

    def _normed(self, hidden: Floats) -> Floats:
        made: Floats = hidden / np.sqrt(np.square(hidden).mean(-1, keepdims=True) + self._eps) * self._norm
        return made

    def _capped(self, logits: Floats) -> Floats:
        """The softcap, in place."""
        logits /= self._softcap
        np.tanh(logits, out=logits)
        logits *= self._softcap
        return logits

    def mixed(self, ids: Ids, shares: Floats) -> Floats:
        """Mixtures of embeddings: int64 [n], float32 [N, n] -> float32 [N, hidden]."""
        made = np.zeros((len(shares), self._table.shape[1]), np.float32)
        for first in range(0, len(ids), _PIECE):
            made += shares[:, first : first + _PIECE] @ self._rows(ids, first)
        made *= self._scale
        return made

    def _rows(self, ids: Ids | None, first: int) -> Floats:
        piece = slice(first, first + _PIECE)
        return np.asarray(self._table[piece if ids is None else ids[piece]], np.float32)


def with_rows(state: Floats | None, shape: tuple[int, int], places: Ids, rows: Floats) -> Floats:
    """A copy of a soft embedding [C, hidden] (None: zeros) with other rows in some places."""
    made = np.zeros(shape, np.float32) if state is None else np.array(state, np.float32)
    made[places] = rows
    return made
