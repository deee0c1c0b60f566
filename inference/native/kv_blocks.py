"""The KV cache of the native backend: per layer blocks of 32 positions, as the kernels read them (source/native.h).

A key is a column of its block and a value a line, so that scores and sums are both plain products. In 16 bits they are
whole numbers, with a scale of each position and head behind each block. What lies behind
`length` is scratch: the canvas's own keys and values go there and are never kept. Sliding layers see the newest window
alone: their blocks begin again after some thousand positions, so that a long context costs what its full layers take,
and a chat can still be cut back by an answer or two.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import OutOfMemoryError
from inference.model_config import LayerSpec, ModelConfig
from inference.native.library import aligned
from inference.native.matrices import Floats, padded

BLOCK = 32
_RING_UNIT = 256  # the kernels read so many positions at once (KEY_BLOCK of source/native.h)
_ENDLESS = 1 << 24  # positions; beyond any context
# All sliding layers together keep this much, and in any case what a pass of `LONGEST_PASS` rows sees.
SLIDING_BYTES = 768 << 20
LONGEST_PASS = 512
_NUMBERS = itertools.count()


@dataclass(slots=True)
class _LayerBlocks:
    """[blocks, kv_heads, numbers of a block]."""

    keys: NDArray[Any]
    values: NDArray[Any]


def block_numbers(width: int, dtype: Any) -> int:
    """How many numbers of `dtype` a head's block of keys or values takes, its scales included."""
    return BLOCK * width + (BLOCK * 4 // 2 if np.dtype(dtype) == np.int16 else 0)


def _empty(spec: LayerSpec, blocks: int, dtype: Any) -> _LayerBlocks:
    keys, values = (block_numbers(width, dtype) for width in (spec.head_dim, padded(spec.head_dim)))
    return _LayerBlocks(aligned((blocks, spec.kv_heads, keys), dtype), aligned((blocks, spec.kv_heads, values), dtype))


def block_floats(blocks: NDArray[Any], *, as_keys: bool) -> Floats:
    """float32 [positions, kv_heads, width] of blocks of keys or values."""
    count, heads, size = blocks.shape
    if blocks.dtype == np.float32:
        width = size // BLOCK
        if as_keys:
            return blocks.reshape(count, heads, width, BLOCK).transpose(0, 3, 1, 2).reshape(-1, heads, width)
        return blocks.reshape(count, heads, BLOCK, width).transpose(0, 2, 1, 3).reshape(-1, heads, width)
    width = (size - block_numbers(0, np.int16)) // BLOCK
    words = blocks[:, :, : BLOCK * width]
    if as_keys:
        words = words.reshape(count, heads, width // 2, BLOCK, 2).transpose(0, 3, 1, 2, 4)
    else:
        words = words.reshape(count, heads, BLOCK // 2, width, 2).transpose(0, 2, 4, 1, 3)
    scales = np.ascontiguousarray(blocks[:, :, BLOCK * width :]).view(np.float32).transpose(0, 2, 1)
    floats: Floats = words.reshape(-1, heads, width) * scales.reshape(-1, heads, 1)
    return floats


def position_bytes(config: ModelConfig, dtype: Any, *, sliding: bool) -> int:
    """What a position takes in all sliding, or all full, layers."""
    size = np.dtype(dtype).itemsize
    own = [spec for spec in config.layers if spec.sliding == sliding]
    widths = ((spec.kv_heads, width) for spec in own for width in (spec.head_dim, padded(spec.head_dim)))
    return sum(heads * block_numbers(width, dtype) * size // BLOCK for heads, width in widths)


def sliding_positions(config: ModelConfig, dtype: Any) -> int:
    """After how many positions the blocks of sliding layers begin again."""
    longest = max(LONGEST_PASS, config.canvas_length)
    least = -(-(config.sliding_window + longest) // _RING_UNIT)
    each = position_bytes(config, dtype, sliding=True)
    return min(_ENDLESS, _RING_UNIT * max(least, SLIDING_BYTES // max(each, 1) // _RING_UNIT))


class KvBlocks:
    """Keys and values of every layer.

    Attributes:
        length: Positions that count.
        dtype: float32, or int16 for models whose weights are rounded anyway.
        layers: Arrays of each layer.
        arrays: A number that no other arrays of this process ever had.
    """

    def __init__(self, config: ModelConfig, dtype: Any) -> None:
        self.length = 0
        self.dtype = np.dtype(dtype)
        self.layers = [_empty(spec, 0, self.dtype) for spec in config.layers]
        self._config, self._specs = config, config.layers
        self._window = config.sliding_window
        self._ring = sliding_positions(config, dtype)
        self._blocks = 0
        self.arrays = next(_NUMBERS)
        self._written = 0  # no place of a ring was overwritten by a position from here on

    def ring(self, spec: LayerSpec) -> int:
        """After how many positions a layer's blocks begin again."""
        return self._ring if spec.sliding else _ENDLESS

    def make_room(self, start: int, count: int) -> None:
        """Hold `count` positions from `start` on, and what they see; they count as written from now on.

        Raises:
            OutOfMemoryError: There is not enough memory.
            ValueError: They are more than sliding layers hold beside a window.
        """
        if count > self._ring - self._window:
            raise ValueError(f"{count} rows are too many for one pass")
        blocks = -(-(start + count) // BLOCK)
        if blocks > self._blocks:
            self._grow(max(blocks, min(2 * self._blocks, self._blocks + 128)))
        self._written = max(self._written, start + count)

    def _grow(self, blocks: int) -> None:
        """Layer by layer, so that no more than one lies there twice; what fails leaves layers that are large enough."""
        try:
            for number, spec in enumerate(self._specs):
                self._grow_layer(number, spec, min(blocks, self.ring(spec) // BLOCK))
        except (MemoryError, ValueError) as exc:  # ValueError: more than an address can name
            raise OutOfMemoryError(
                f"There is not enough memory for a context of {blocks * BLOCK:,} tokens.",
                "Close other programs, or start a new chat.",
            ) from exc
        self._blocks = blocks

    def _grow_layer(self, number: int, spec: LayerSpec, blocks: int) -> None:
        old = self.layers[number]
        if len(old.keys) >= blocks:
            return
        new = _empty(spec, blocks, self.dtype)
        kept = -(-self.length // BLOCK)
        new.keys[:kept], new.values[:kept] = old.keys[:kept], old.values[:kept]
        self.layers[number], self.arrays = new, next(_NUMBERS)

    @property
    def nbytes(self) -> int:
        """Memory of all arrays."""
        return sum(blocks.keys.nbytes + blocks.values.nbytes for blocks in self.layers)

    def copy(self, length: int) -> KvBlocks:
        """The first `length` positions once more; nothing where a ring has gone over them, or memory is short."""
        other = KvBlocks(self._config, self.dtype)
        if length == 0:
            return other
        blocks = -(-length // BLOCK)
        try:
            for number, (spec, old) in enumerate(zip(self._specs, self.layers, strict=True)):
                begun_again = spec.sliding and self._written > self._ring
                kept = len(old.keys) if begun_again else min(len(old.keys), blocks)
                new = other.layers[number] = _empty(spec, kept, self.dtype)
                new.keys[:], new.values[:] = old.keys[:kept], old.values[:kept]
        except (MemoryError, ValueError):
            return KvBlocks(self._config, self.dtype)
        other._blocks, other.length, other._written = blocks, self.length, self._written
        other.truncate(length)
        return other

    def truncate(self, length: int) -> int:
        """Keep the first `length` positions, or none where sliding layers no longer hold what the next one sees."""
        length = min(self.length, max(0, length))
        first = max(0, length - self._window + 1)
        if length == 0 or first < self._written - self._ring:
            self.length = self._written = 0
        else:
            self.length = length
        return self.length

    def visible(self, window: int) -> list[tuple[Floats, Floats]]:
        """(k, v) of each layer, float32 [positions, kv_heads, head_dim]: all, or the last window - 1; for tests."""
        found = []
        for spec, blocks in zip(self._specs, self.layers, strict=True):
            first = self.length - min(self.length, window - 1) if spec.sliding else 0
            own = np.arange(first, self.length) % self.ring(spec)
            keys, values = block_floats(blocks.keys, as_keys=True), block_floats(blocks.values, as_keys=False)
            found.append((keys[own], values[own, :, : spec.head_dim]))
        return found
