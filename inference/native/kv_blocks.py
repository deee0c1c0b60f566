"""The KV cache of the native backend: per layer blocks of 32 positions, as the kernels read them (source/native.h).

A key is a column of its block and a value a line, so that scores and sums are both plain products. What lies behind
`length` is scratch: the canvas's own keys and values go there and are never kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import OutOfMemoryError
from inference.model_config import LayerSpec, ModelConfig
from inference.native.library import aligned
from inference.native.matrices import Floats, padded

BLOCK = 32


@dataclass(slots=True)
class _LayerBlocks:
    """[blocks, kv_heads, dim, 32] and [blocks, kv_heads, 32, padded dim]."""

    keys: NDArray[Any]
    values: NDArray[Any]


class KvBlocks:
    """Keys and values of every layer.

    Attributes:
        length: Positions that count.
        dtype: float32, or float16 for models whose weights are rounded anyway.
        layers: Arrays of each layer.
    """

    def __init__(self, config: ModelConfig, dtype: Any) -> None:
        self.length = 0
        self.dtype = np.dtype(dtype)
        self.layers: list[_LayerBlocks] = []
        self._specs = config.layers
        self._blocks = 0

    def make_room(self, positions: int) -> None:
        """Hold at least so many positions.

        Raises:
            OutOfMemoryError: There is not enough memory.
        """
        blocks = -(-positions // BLOCK)
        if blocks <= self._blocks:
            return
        blocks = max(blocks, min(2 * self._blocks, self._blocks + 128))
        kept = -(-self.length // BLOCK)
        try:
            grown = [self._empty(spec, blocks) for spec in self._specs]
        except (MemoryError, ValueError) as exc:  # ValueError: more than an address can name
            raise OutOfMemoryError(
                f"There is not enough memory for a context of {positions:,} tokens.",
                "Close other programs, or start a new chat.",
            ) from exc
        for new, old in zip(grown, self.layers, strict=False):
            new.keys[:kept], new.values[:kept] = old.keys[:kept], old.values[:kept]
        self.layers, self._blocks = grown, blocks

    def _empty(self, spec: LayerSpec, blocks: int) -> _LayerBlocks:
        keys = aligned((blocks, spec.kv_heads, spec.head_dim, BLOCK), self.dtype)
        return _LayerBlocks(keys, aligned((blocks, spec.kv_heads, BLOCK, padded(spec.head_dim)), self.dtype))

    def truncate(self, length: int) -> int:
        """Keep the first `length` positions; always possible: sliding layers keep theirs, too."""
        self.length = min(self.length, max(0, length))
        return self.length

    def visible(self, window: int) -> list[tuple[Floats, Floats]]:
        """(k, v) of each layer, float32 [positions, kv_heads, head_dim]: all, or the last window - 1; for tests."""
        found = []
        for spec, blocks in zip(self._specs, self.layers, strict=True):
            first = self.length - min(self.length, window - 1) if spec.sliding else 0
            keys = blocks.keys.transpose(0, 3, 1, 2).reshape(-1, spec.kv_heads, spec.head_dim)
            values = blocks.values.transpose(0, 2, 1, 3).reshape(-1, spec.kv_heads, padded(spec.head_dim))
            own = slice(first, self.length)
            found.append((keys[own].astype(np.float32), values[own, :, : spec.head_dim].astype(np.float32)))
        return found
