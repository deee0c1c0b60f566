"""The KV cache on the device: new positions append in place; sliding layers keep little more than their window.

A full layer has room for the whole context. A sliding layer has room for its window and one chunk: when the room is
used up, the last window is moved to the front. So a chat can be cut back by what is still there, and no further.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trt_engines.planning.shape import LayerShape
from trt_engines.runtime.device import Device, row_multiple

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Past:
    """Where a layer's cached keys and values are read.

    Attributes:
        k: Address of the first row.
        v: The same of the values.
        rows: Rows that are shown; the mask hides those that are too far back.
    """

    k: int
    v: int
    rows: int


class DeviceKvCache:
    """Keys and values of every layer, position-major: [rows, kv_heads, head_dim].

    Attributes:
        length: Tokens in the cache.
        context: Most tokens that it can hold.
    """

    def __init__(
        self, device: Device, layers: tuple[LayerShape, ...], context: int, window: int, chunk: int, item_bytes: int
    ) -> None:
        self._device = device
        self._layers = layers
        self._row_bytes = [layer.kv_heads * layer.head_dim * item_bytes for layer in layers]
        self._window = window
        self._sliding_room = min(context, window - 1 + chunk)
        self.context = context
        self.length = 0
        self._base = 0  # position of the first row that sliding layers hold
        rows = [self._sliding_room if layer.sliding else context for layer in layers]
        self._addresses = [
            (device.allocate(count * size), device.allocate(count * size))
            for count, size in zip(rows, self._row_bytes, strict=True)
        ]
        sliding = [size for layer, size in zip(layers, self._row_bytes, strict=True) if layer.sliding]
        self._chunk = chunk
        self._bounce = device.allocate(max(1, chunk * max(sliding, default=0)))
        self._multiple = max((row_multiple(size) for size in sliding), default=1)

    def past(self, layer: int) -> Past:
        """What `layer` reads of the cache now."""
        k, v = self._addresses[layer]
        if not self._layers[layer].sliding:
            return Past(k, v, self.length)
        skipped = (self._first_shown() - self._base) * self._row_bytes[layer]
        return Past(k + skipped, v + skipped, self.length - self._first_shown())

    def _first_shown(self) -> int:
        """Position of the first row that sliding layers are shown: the window's, or a little before it."""
        start = max(self._base, self.length - self._window + 1)
        return self._base + (start - self._base) // self._multiple * self._multiple

    def masks(self, count: int, denoising: bool) -> tuple[Mask, Mask, Mask]:
        """What `count` new tokens may see: of full layers' past, of sliding layers' past, and of each other.

        Returns:
            bool [count, length], [count, rows of a sliding layer's past], [count, count].
        """
        place = np.arange(count)[:, None]
        rows = np.arange(self._first_shown(), self.length)[None, :]
        full = np.ones((count, self.length), np.bool_)
        if denoising:
            seen = np.broadcast_to(rows > self.length - self._window, (count, rows.shape[1]))
            return full, np.ascontiguousarray(seen), np.ones((count, count), np.bool_)
        return full, rows > self.length + place - self._window, place >= place.T

    def make_room(self, count: int, stream: int) -> None:
        """Before `count` tokens are appended: move the sliding layers' last window to the front if need be."""
        if self.length - self._base + count <= self._sliding_room:
            return
        kept = min(self._window - 1, self.length - self._base)
        moved = self.length - kept - self._base
        for layer, size, addresses in zip(self._layers, self._row_bytes, self._addresses, strict=True):
            for address in addresses if layer.sliding else ():
                for first in range(0, kept, self._chunk):  # from the front, so that nothing is overwritten unread
                    rows, source = min(self._chunk, kept - first), address + (moved + first) * size
                    self._device.copy(self._bounce, source, rows * size, stream)
                    self._device.copy(address + first * size, self._bounce, rows * size, stream)
        self._base += moved

    def write(self, layer: int, k: int, v: int, count: int, stream: int) -> None:
        """Copy a layer's `count` new rows behind the cached ones; they count after `advance`."""
        first = self.length - (self._base if self._layers[layer].sliding else 0)
        size = self._row_bytes[layer]
        for target, source in zip(self._addresses[layer], (k, v), strict=True):
            self._device.copy(target + first * size, source, count * size, stream)

    def advance(self, count: int) -> None:
        """The `count` rows that were written to every layer count from now on."""
        self.length += count

    def truncate(self, length: int) -> int:
        """Keep the first `length` tokens, or none where sliding layers no longer hold their window.

        Returns:
            Tokens that are kept: `length`, or 0.
        """
        if length >= self.length:
            return self.length
        if self._base and length - self._window + 1 < self._base:
            length = 0
        self.length = length
        if length == 0:
            self._base = 0
        return length
