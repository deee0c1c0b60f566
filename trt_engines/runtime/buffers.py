"""Every buffer that a model's passes use, allocated once, and the addresses and shapes that engines get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trt_engines.graphs.compose import ROWS, TABLE
from trt_engines.runtime.device import ALIGNMENT, Device, Engine
from trt_engines.runtime.kv import DeviceKvCache

if TYPE_CHECKING:
    from trt_engines.runtime.parts import ModelParts

Addresses = dict[str, int]
Shapes = dict[str, tuple[int, ...]]
_UPLOAD_BYTES = 64 << 20  # of the embedding table at a time


class Buffers:
    """All buffers of one model.

    Attributes:
        table: Embedding table [V, H].
        table_shape: Its shape.
        hidden: Two buffers [N, H] that segments read and write in turn.
        ids: Token ids [N].
        denoising: The phase, bool [1].
        gathers: Whether the head reads rows of the table (self-conditioning on kept candidates).
    """

    def __init__(self, device: Device, parts: ModelParts, stream: int) -> None:
        self._device, self._parts, self._stream = device, parts, stream
        shape, limits = parts.shape, parts.limits
        most, canvas, width = max(limits.chunk, limits.canvas), limits.canvas, shape.hidden_size
        items = np.dtype(parts.dtype).itemsize
        new = device.allocate
        self.table_shape = (shape.vocab_size, width)
        self.table = new(shape.vocab_size * width * items)
        self.hidden = (new(most * width * 4), new(most * width * 4))
        self.ids, self.denoising = new(most * 8), new(ALIGNMENT)
        self._positions, self._slots = new(most * 8), new(most * 8)
        self._full_past, self._sliding_past = new(most * limits.context), new(most * max(1, limits.window))
        self._new_mask = new(most * most)
        self._no_soft = new(most * width * 4)
        self._soft = (new(canvas * width * 4), new(canvas * width * 4))  # read and written in turn
        self._temperature, self._uniforms = new(ALIGNMENT), new(canvas * 4)
        # One block for all that comes back of a step, so that one copy brings it.
        self._places, size = _places(canvas, parts.kept, len(parts.cuts))
        self._results, self._result_bytes = new(size), size
        self._uploaded: tuple[int, int, int, bool] | None = None
        longest = max(last - first for first, last in parts.cuts)
        row = max(layer.kv_heads * layer.head_dim for layer in shape.layers) * items
        self._new_kv = [(new(most * row), new(most * row)) for _ in range(longest)]
        self._workspace, self._workspace_size = 0, 0
        self.gathers = ROWS in getattr(parts.head, "input_names", (ROWS,))
        device.upload(self._no_soft, np.zeros((most, width), np.float32), stream)
        device.upload(self._slots, np.arange(most, dtype=np.int64), stream)

    def upload_table(self, table: NDArray[Any]) -> None:
        """Copy the embedding table [V, H] to the device, piece by piece."""
        if table.shape != self.table_shape:
            raise ValueError(f"table must be {self.table_shape}, got {table.shape}")
        row = table.shape[1] * np.dtype(self._parts.dtype).itemsize
        step = max(1, _UPLOAD_BYTES // row)
        for first in range(0, table.shape[0], step):
            piece = np.ascontiguousarray(table[first : first + step]).astype(self._parts.dtype, copy=False)
            self._device.upload(self.table + first * row, piece, self._stream)

    def upload_pass(self, ids: NDArray[np.int64], denoising: bool, kv: DeviceKvCache) -> None:
        """What all segments of a pass read: ids; and positions, phase and masks, which change with the block alone."""
        count = len(ids)
        self._device.upload(self.ids, np.ascontiguousarray(ids, np.int64), self._stream)
        if self._uploaded == (*kv.place, count, denoising):
            return
        self._uploaded = (*kv.place, count, denoising)
        full, sliding, new = kv.masks(count, denoising)
        positions = np.arange(kv.length, kv.length + count, dtype=np.int64)
        for address, array in (
            (self._positions, positions), (self.denoising, np.array([denoising])), (self._full_past, full),
            (self._sliding_past, sliding), (self._new_mask, new),
        ):  # fmt: skip
            self._device.upload(address, array, self._stream)

    def segment(self, first: int, last: int, count: int, capacity: int, kv: DeviceKvCache) -> tuple[Shapes, Addresses]:
        """Shapes of a segment's inputs, and addresses of its inputs and outputs but the residual stream."""
        shape = self._parts.shape
        shapes: Shapes = {
            "hidden": (count, shape.hidden_size), "positions": (count,), "denoising": (1,),
            "new_mask": (count, count), "slots": (capacity,),
        }  # fmt: skip
        addresses: Addresses = {
            "positions": self._positions, "denoising": self.denoising, "new_mask": self._new_mask, "slots": self._slots,
        }  # fmt: skip
        for number in range(first, last):
            layer, past = shape.layers[number], kv.past(number)
            mask, address = ("sliding_past", self._sliding_past) if layer.sliding else ("full_past", self._full_past)
            shapes[mask], addresses[mask] = (count, past.rows), address
            shapes[f"past_k{number}"] = shapes[f"past_v{number}"] = (past.rows, layer.kv_heads, layer.head_dim)
            addresses[f"past_k{number}"], addresses[f"past_v{number}"] = past.k, past.v
            addresses[f"new_k{number}"], addresses[f"new_v{number}"] = self._new_kv[number - first]
        return shapes, addresses

    def new_kv(self, place: int) -> tuple[int, int]:
        """Where the layer at `place` of a segment writes its new keys and values."""
        return self._new_kv[place]

    def soft(self, step: int | None) -> int:
        """Address of the soft embedding that step `step` made, or of zeros; the next step's lies elsewhere."""
        return self._no_soft if step is None else self._soft[step % 2]

    def soft_values(self, step: int | None, count: int) -> NDArray[np.float32]:
        """Rows of a step's soft embedding, float32 [count, H]; zeros of none."""
        values = np.zeros((count, self._parts.shape.hidden_size), np.float32)
        if step is not None:
            self._device.download(values, self.soft(step), self._stream)
            self._device.synchronise(self._stream)
        return values

    def upload_soft(self, step: int, values: NDArray[np.float32]) -> None:
        """Let `values` [count, H] be the soft embedding that step `step` made."""
        self._device.upload(self.soft(step), np.ascontiguousarray(values, np.float32), self._stream)

    def load_of(self, segment: int) -> int:
        """Where a segment writes its largest expert load."""
        return self._results + self._places["loads"] + segment * ALIGNMENT

    def results(self) -> NDArray[np.uint8]:
        """All that a pass gives back, as bytes; waits for it."""
        block = np.empty(self._result_bytes, np.uint8)
        self._device.download(block, self._results, self._stream)
        self._device.synchronise(self._stream)
        return block

    def loads_in(self, block: NDArray[np.uint8]) -> list[int]:
        """The largest expert load of each segment."""
        first = self._places["loads"]
        values = block[first : first + len(self._parts.cuts) * ALIGNMENT].view(np.int64)
        return [int(load) for load in values[:: ALIGNMENT // 8]]

    def enqueue(self, engine: Engine, profile: int, shapes: Shapes, addresses: Addresses) -> None:
        """Run an engine on the stream; the workspace grows to what it needs."""
        needed = engine.prepare(profile, shapes)
        if needed > self._workspace_size:
            self._device.synchronise(self._stream)
            if self._workspace:
                self._device.release(self._workspace)
            self._workspace, self._workspace_size = 0, 0
            self._workspace, self._workspace_size = self._device.allocate(needed), needed
        engine.enqueue(profile, addresses, self._workspace, self._workspace_size, self._stream)

    def upload_head(self, temperature: float, uniforms: NDArray[Any]) -> None:
        """What the head reads beside the residual stream."""
        self._device.upload(self._temperature, np.array([temperature], np.float32), self._stream)
        self._device.upload(self._uniforms, np.ascontiguousarray(uniforms, np.float32), self._stream)

    def head(self, hidden: int, first: int, step: int) -> Addresses:
        """Addresses of the head's inputs and outputs from position `first` on, in step `step`."""
        width, kept = self._parts.shape.hidden_size, self._parts.kept
        out = {name: self._results + place for name, place in self._places.items()}
        addresses = {
            "hidden": self.hidden[hidden] + first * width * 4, "temperature": self._temperature,
            "uniforms": self._uniforms + first * 4, "argmax": out["argmax"] + first * 8,
            "sampled": out["sampled"] + first * 8, "entropy": out["entropy"] + first * 4,
            "top_ids": out["top_ids"] + first * kept * 8, "top_probs": out["top_probs"] + first * kept * 4,
            "soft": self._soft[step % 2] + first * width * 4, TABLE: self.table,
        }  # fmt: skip
        return {**addresses, ROWS: self.table} if self.gathers else addresses

    def head_values(self, block: NDArray[np.uint8], count: int) -> tuple[NDArray[Any], ...]:
        """argmax, sampled, entropy, top_ids, top_probs of `count` positions in a block of results."""
        found = []
        for name, kind, columns in _fields(self._parts.kept):
            size = count * columns * np.dtype(kind).itemsize
            values = block[self._places[name] : self._places[name] + size].view(kind)
            found.append(values.reshape(count, columns) if columns > 1 or name.startswith("top_") else values)
        return tuple(found)

    def hidden_values(self, number: int, count: int) -> NDArray[np.float32]:
        """Rows of a residual-stream buffer, float32 [count, H]."""
        values = np.empty((count, self._parts.shape.hidden_size), np.float32)
        self._device.download(values, self.hidden[number], self._stream)
        self._device.synchronise(self._stream)
        return values


def _fields(kept: int) -> tuple[tuple[str, type[np.generic], int], ...]:
    """What the head gives: name, type, numbers a position."""
    return (
        ("argmax", np.int64, 1), ("sampled", np.int64, 1), ("entropy", np.float32, 1), ("top_ids", np.int64, kept),
        ("top_probs", np.float32, kept),
    )  # fmt: skip


def _places(canvas: int, kept: int, segments: int) -> tuple[dict[str, int], int]:
    """Where each result begins in their block, and the block's size; every place is one that TensorRT takes."""
    places, size = {"loads": 0}, segments * ALIGNMENT
    for name, kind, columns in _fields(kept):
        places[name] = size
        size += -(-canvas * columns * np.dtype(kind).itemsize // ALIGNMENT) * ALIGNMENT
    return places, size
