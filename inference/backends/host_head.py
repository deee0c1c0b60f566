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

from inference.backends.base import Floats, Ids
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
        normed = hidden / np.sqrt(np.square(hidden).mean(-1, keepdims=True) + self._eps) * self._norm
        count = len(self._table) if ids is None else len(ids)
        found = np.empty((len(hidden), count), np.float32)
        for first in range(0, count, _PIECE):
            found[:, first : first + _PIECE] = normed @ self._rows(ids, first).T
        found /= self._softcap
        np.tanh(found, out=found)
        found *= self._softcap
        return found

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
