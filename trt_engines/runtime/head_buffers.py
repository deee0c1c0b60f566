"""What the head reads and makes, at the same addresses in every step: a canvas at once, or pieces through one slot.

TensorRT for RTX keeps one CUDA graph a context, which holds shapes and addresses: whenever one of them is another, it
runs without a graph first and then captures anew (its library's own words: "single element caches", "cache key
changed", "Warmup execution required before capture"). So pieces are copied into one place and out of it, and each has
as many rows as all others; rows behind a canvas's end are computed in vain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trt_engines.graphs.compose import ROWS, TABLE
from trt_engines.runtime.device import ALIGNMENT, Device

if TYPE_CHECKING:
    from trt_engines.runtime.parts import ModelParts

Addresses = dict[str, int]
Shapes = dict[str, tuple[int, ...]]


class HeadBuffers:
    """The head's inputs and outputs.

    Attributes:
        rows: Positions that the head takes at a time.
        gathers: Whether it reads rows of the table (self-conditioning on kept candidates).
        soft: Where the soft embedding of a canvas lies when all of it is done, float32 [C, H].
        result_bytes: Of all else that it makes of a canvas.
    """

    def __init__(self, device: Device, parts: ModelParts, rows: int, table: int, stream: int) -> None:
        """`table`: address of the embedding table [V, H]."""
        self._device, self._stream, self._kept = device, stream, parts.kept
        shape, canvas = parts.shape, parts.limits.canvas
        self.rows, self._width, self._vocabulary = rows, shape.hidden_size, shape.vocab_size
        self._pieces, self._table = -(-canvas // rows), table
        self.gathers = ROWS in getattr(parts.head, "input_names", (ROWS,))
        self._places, self._piece_bytes = _places(rows, parts.kept)
        self.result_bytes = self._pieces * self._piece_bytes
        self.soft = device.allocate(canvas * self._width * 4)
        if self._pieces > 1:  # the one place of all pieces
            self._slot_hidden, self._slot_soft = (device.allocate(rows * self._width * 4) for _ in range(2))
            self._slot_uniforms, self._slot_results = device.allocate(rows * 4), device.allocate(self._piece_bytes)

    def passes(self, count: int) -> range:
        """First position of each piece of a canvas of `count` positions."""
        return range(0, count, self.rows)

    def shapes(self, count: int) -> Shapes:
        """Shapes of the head's inputs: of a canvas that is done at once, or of any piece."""
        rows = count if self._pieces == 1 else self.rows
        table = (self._vocabulary, self._width)
        shapes: Shapes = {"hidden": (rows, self._width), "temperature": (1,), "uniforms": (rows,), TABLE: table}
        return {**shapes, ROWS: table} if self.gathers else shapes

    def addresses(self, hidden: int, temperature: int, uniforms: int, results: int) -> Addresses:
        """Addresses of its inputs and outputs, the same for every piece.

        Args:
            hidden: The residual stream of the canvas.
            temperature: A number.
            uniforms: A number for each position.
            results: Where the results of the canvas go.
        """
        soft = self.soft
        if self._pieces > 1:
            hidden, uniforms, results, soft = (
                self._slot_hidden, self._slot_uniforms, self._slot_results, self._slot_soft,
            )  # fmt: skip
        made = {name: results + place for name, place in self._places.items()}
        addresses = {"hidden": hidden, "temperature": temperature, "uniforms": uniforms, "soft": soft, **made}
        return {**addresses, TABLE: self._table, **({ROWS: self._table} if self.gathers else {})}

    def bring(self, first: int, count: int, hidden: int, uniforms: int) -> None:
        """Copy what a piece reads into the slot; nothing to do for a canvas that is done at once."""
        if self._pieces == 1:
            return
        rows, row = min(self.rows, count - first), self._width * 4
        self._device.copy(self._slot_hidden, hidden + first * row, rows * row, self._stream)
        self._device.copy(self._slot_uniforms, uniforms + first * 4, rows * 4, self._stream)

    def take(self, first: int, count: int, results: int) -> None:
        """Copy what was made of a piece out of the slot."""
        if self._pieces == 1:
            return
        rows, row = min(self.rows, count - first), self._width * 4
        self._device.copy(self.soft + first * row, self._slot_soft, rows * row, self._stream)
        piece = results + first // self.rows * self._piece_bytes
        self._device.copy(piece, self._slot_results, self._piece_bytes, self._stream)

    def values(self, results: NDArray[np.uint8], count: int) -> tuple[NDArray[Any], ...]:
        """argmax, sampled, entropy, top_ids, top_probs of `count` positions, copied out of the results of a canvas."""
        pieces = results.reshape(self._pieces, self._piece_bytes)
        found = []
        for name, kind, columns in _fields(self._kept):
            size = self.rows * columns * np.dtype(kind).itemsize
            part = np.ascontiguousarray(pieces[:, self._places[name] : self._places[name] + size]).view(kind)
            values = part.reshape(-1, columns)[:count].copy()
            found.append(values if name.startswith("top_") else values[:, 0])
        return tuple(found)


def _fields(kept: int) -> tuple[tuple[str, type[np.generic], int], ...]:
    """What the head gives beside the soft embedding: name, type, numbers a position."""
    return (
        ("argmax", np.int64, 1), ("sampled", np.int64, 1), ("entropy", np.float32, 1), ("top_ids", np.int64, kept),
        ("top_probs", np.float32, kept),
    )  # fmt: skip


def _places(rows: int, kept: int) -> tuple[dict[str, int], int]:
    """Where each result of a piece begins, and the piece's bytes; every place is one that TensorRT takes."""
    places, size = dict[str, int](), 0
    for name, kind, columns in _fields(kept):
        places[name] = size
        size += -(-rows * columns * np.dtype(kind).itemsize // ALIGNMENT) * ALIGNMENT
    return places, size
