"""The KV cache on the device: new positions append in place; sliding layers keep little more than their window.

What engines are shown of it comes in coarse numbers of rows, since each number is another shape, for which TensorRT
compiles kernels anew; the mask hides the rows that are too many. A full layer has room for the whole context. A
sliding layer has room for its window and one chunk: when the room is used up, the last window is moved to the front.
So a chat can be cut back by what is still there, and no further.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trt_engines.planning.shape import LayerShape
from trt_engines.runtime.device import Device, row_multiple

Mask = NDArray[np.bool_]
FULL_ROWS, SLIDING_ROWS = 256, 64  # rows are shown in multiples of these, as far as there is room
_ZEROS = 1 << 20  # bytes that are cleared at a time


@dataclass(frozen=True, slots=True)
class Past:
    """Where a layer's cached keys and values are read.

    Attributes:
        k: Address of the first row.
        v: The same of the values.
        rows: Rows that are shown; the mask hides those that are too far back, and those behind the last one.
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
        self,
        device: Device,
        layers: tuple[LayerShape, ...],
        context: int,
        window: int,
        chunk: int,
        item_bytes: int,
        stream: int,
    ) -> None:
        """Room on the device, cleared: what is hidden is multiplied with 0, and must not be NaN."""
        self._device = device
        self._layers = layers
        self._row_bytes = [layer.kv_heads * layer.head_dim * item_bytes for layer in layers]
        self._window = window
        self._sliding_room = min(context, window - 1 + chunk)
        self.context = context
        self.length = 0
        self._base = 0  # position of the first row that sliding layers hold
        # Room behind the last row for those that are only shown.
        self._sliding_there = min(context, self._sliding_room + SLIDING_ROWS)
        rows = [self._sliding_there if layer.sliding else context for layer in layers]
        self._addresses = [
            (device.allocate(count * size), device.allocate(count * size))
            for count, size in zip(rows, self._row_bytes, strict=True)
        ]
        self._clear(rows, stream)
        sliding = [size for layer, size in zip(layers, self._row_bytes, strict=True) if layer.sliding]
        self._chunk = chunk
        self._bounce = device.allocate(max(1, chunk * max(sliding, default=0)))
        self._multiple = max((row_multiple(size) for size in sliding), default=1)

    def _clear(self, rows: list[int], stream: int) -> None:
        zeros = np.zeros(_ZEROS, np.uint8)
        for count, size, addresses in zip(rows, self._row_bytes, self._addresses, strict=True):
            for address in addresses:
                for first in range(0, count * size, _ZEROS):
                    self._device.upload(address + first, zeros[: count * size - first], stream)

    @property
    def place(self) -> tuple[int, int]:
        """What masks and rows depend on: while it is the same, so are they."""
        return self.length, self._base

    def past(self, layer: int) -> Past:
        """What `layer` reads of the cache now."""
        k, v = self._addresses[layer]
        if not self._layers[layer].sliding:
            return Past(k, v, self._full_rows())
        skipped = (self._first_shown() - self._base) * self._row_bytes[layer]
        return Past(k + skipped, v + skipped, self._sliding_rows())

    def _full_rows(self) -> int:
        return min(-(-self.length // FULL_ROWS) * FULL_ROWS, self.context)

    def _sliding_rows(self) -> int:
        first = self._first_shown()
        rows = -(-(self.length - first) // SLIDING_ROWS) * SLIDING_ROWS
        most = min(self._window - 1 + SLIDING_ROWS, self._sliding_there - (first - self._base))
        return max(self.length - first, min(rows, most))

    def _first_shown(self) -> int:
        """Position of the first row that sliding layers are shown: the window's, or a little before it."""
        start = max(self._base, self.length - self._window + 1)
        return self._base + (start - self._base) // self._multiple * self._multiple

    def masks(self, count: int, denoising: bool) -> tuple[Mask, Mask, Mask]:
        """What `count` new tokens may see: of full layers' past, of sliding layers' past, and of each other.

        Returns:
            bool [count, rows of a full layer's past], [count, rows of a sliding layer's past], [count, count].
        """
        place = np.arange(count)[:, None]
        first = self._first_shown()
        rows = np.arange(first, first + self._sliding_rows())[None, :]
        full = np.broadcast_to(np.arange(self._full_rows()) < self.length, (count, self._full_rows()))
        there = rows < self.length
        if denoising:
            seen = np.broadcast_to(there & (rows > self.length - self._window), (count, rows.shape[1]))
            return np.ascontiguousarray(full), np.ascontiguousarray(seen), np.ones((count, count), np.bool_)
        near = there & (rows > self.length + place - self._window)
        return np.ascontiguousarray(full), near, place >= place.T

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
