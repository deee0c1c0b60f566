"""The KV cache on the host: one growing array a layer, position-major, so that new positions append in place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.errors import OutOfMemoryError
from inference.model_config import ModelConfig

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
KvPairs = list[tuple[Floats, Floats]]


class KvCache:
    """Keys and values of every layer, float32 [positions, kv_heads, head_dim].

    All positions are kept, also of sliding layers, so that a chat can be cut back to any length; a sliding layer is
    just never shown more than its window.
    """

    def __init__(self, config: ModelConfig, reserve: int = 1024) -> None:
        self._config = config
        self._arrays: KvPairs = []
        self.length = 0
        self._reserve(reserve)

    def _reserve(self, positions: int) -> None:
        try:
            grown = [
                (np.empty((positions, s.kv_heads, s.head_dim), np.float32),
                 np.empty((positions, s.kv_heads, s.head_dim), np.float32))
                for s in self._config.layers
            ]  # fmt: skip
        except MemoryError as exc:
            raise OutOfMemoryError(
                f"There is not enough memory for a context of {positions:,} tokens.",
                "Close other programs, or start a new chat.",
            ) from exc
        for new, old in zip(grown, self._arrays, strict=False):
            for part in (0, 1):
                new[part][: self.length] = old[part][: self.length]
        self._arrays = grown

    def past(self) -> KvPairs:
        """What each layer may see: (k, v) views, [length, ...] or the last window - 1 positions."""
        start = self.length - self.sliding_length()
        return [
            (k[start : self.length], v[start : self.length]) if spec.sliding else (k[: self.length], v[: self.length])
            for spec, (k, v) in zip(self._config.layers, self._arrays, strict=True)
        ]

    def sliding_length(self) -> int:
        """Cached positions that a sliding layer sees: the window counts the query itself."""
        return min(self.length, self._config.sliding_window - 1)

    def append(self, new: KvPairs) -> None:
        """Add n positions, (k, v) of each layer, [n, kv_heads, head_dim]."""
        count = new[0][0].shape[0]
        capacity = self._arrays[0][0].shape[0]
        if self.length + count > capacity:
            self._reserve(max(self.length + count, capacity * 2))
        for (k, v), (new_k, new_v) in zip(self._arrays, new, strict=True):
            k[self.length : self.length + count] = new_k
            v[self.length : self.length + count] = new_v
        self.length += count

    @property
    def nbytes(self) -> int:
        """Memory of all arrays."""
        return sum(k.nbytes + v.nbytes for k, v in self._arrays)

    def copy(self, length: int) -> KvCache:
        """The first `length` positions once more."""
        other = KvCache(self._config, reserve=max(1024, length))
        for (k, v), (new_k, new_v) in zip(self._arrays, other._arrays, strict=True):
            new_k[:length], new_v[:length] = k[:length], v[:length]
        other.length = length
        return other

    def truncate(self, length: int) -> int:
        """Keep the first `length` positions; always possible here."""
        self.length = min(self.length, max(0, length))
        return self.length


def encode_masks(count: int, cached: int, sliding_cached: int, window: int) -> tuple[Mask, Mask, Mask]:
    """What n new tokens may see in the encode phase.

    Returns:
        bool [n, cached] for full layers, [n, sliding_cached] for sliding layers, [n, n] for the new tokens (causal).

    Raises:
        ValueError: More new tokens than the window: a causal [n, n] mask alone would then be wrong for sliding layers.
    """
    if count > window:
        raise ValueError(f"count must be at most the sliding window ({window}), not {count}")
    place = np.arange(count)
    # A sliding query at place i sees keys after place i - window; cached key j lies at j - sliding_cached.
    key = np.arange(sliding_cached) - sliding_cached
    sliding = key[None, :] > place[:, None] - window
    return np.ones((count, cached), np.bool_), sliding, place[None, :] <= place[:, None]
