"""Every buffer that a model's passes use, allocated once, and the addresses and shapes that engines get."""

from __future__ import annotations

from mmap import mmap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trt_engines.runtime.device import ALIGNMENT, Device, Engine
from trt_engines.runtime.head_buffers import Addresses, HeadBuffers, Shapes
from trt_engines.runtime.kv import DeviceKvCache

if TYPE_CHECKING:
    from trt_engines.runtime.parts import ModelParts

_UPLOAD_BYTES = 64 << 20  # of the embedding table at a time


class Buffers:
    """All buffers of one model.

    What a pass reads and makes lies at the same addresses in every step of a block, so that what TensorRT captured of
    one step serves the next (`trt_engines.runtime.head_buffers`). The little that is new in a step goes in one copy
    from page-locked memory, and all results come back in another.

    Attributes:
        table: Embedding table [V, H].
        table_shape: Its shape.
        hidden: Two buffers [N, H] that segments read and write in turn.
        ids: Token ids [N].
        denoising: The phase, bool [1].
        soft: What the embedding reads beside ids, [N, H]: the last step's soft embedding, or zeros.
        head: Of the head.
    """

    def __init__(self, device: Device, parts: ModelParts, stream: int, head_rows: int) -> None:
        """`head_rows`: positions of the canvas that the head takes at a time."""
        self._device, self._parts, self._stream = device, parts, stream
        shape, limits = parts.shape, parts.limits
        most, canvas, width = max(limits.chunk, limits.canvas), limits.canvas, shape.hidden_size
        items = np.dtype(parts.dtype).itemsize
        new = device.allocate
        self.table_shape = (shape.vocab_size, width)
        self.table = new(shape.vocab_size * width * items)
        self.hidden = (new(most * width * 4), new(most * width * 4))
        self.denoising = new(ALIGNMENT)
        self._positions, self._slots = new(most * 8), new(most * 8)
        self._full_past, self._sliding_past = new(most * limits.context), new(most * max(1, limits.window))
        self._new_mask = new(most * most)
        self.soft, self._no_soft, self._soft_bytes = new(most * width * 4), new(canvas * width * 4), canvas * width * 4
        self._conditioned = False
        self.head = HeadBuffers(device, parts, head_rows, self.table, stream)
        self._loads_bytes = len(parts.cuts) * ALIGNMENT
        self._result_bytes = self._loads_bytes + self.head.result_bytes
        self._results = new(self._result_bytes)
        # Temperature, uniforms and ids, in this order, so that a pass without the head sends the end alone.
        self._ids_place = ALIGNMENT + -(-canvas * 4 // ALIGNMENT) * ALIGNMENT
        self._sent = new(self._ids_place + most * 8)
        self.ids = self._sent + self._ids_place
        self._host = np.frombuffer(mmap(-1, self._ids_place + most * 8 + self._result_bytes), np.uint8)
        device.pin(self._host)  # where the system refuses, copies are made all the same
        self._uploaded: tuple[int, int, int, bool] | None = None
        longest = max(last - first for first, last in parts.cuts)
        row = max(layer.kv_heads * layer.head_dim for layer in shape.layers) * items
        self._new_kv = [(new(most * row), new(most * row)) for _ in range(longest)]
        self._workspace, self._workspace_size = 0, 0
        device.upload(self.soft, np.zeros((most, width), np.float32), stream)
        device.upload(self._no_soft, np.zeros((canvas, width), np.float32), stream)
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

    def upload_pass(
        self, ids: NDArray[np.int64], denoising: bool, kv: DeviceKvCache, drawn: tuple[float, NDArray[Any]] | None
    ) -> None:
        """What all segments of a pass read: ids; and positions, phase and masks, which change with the block alone.

        `drawn`: temperature and uniforms, for the head. No pass may be on its way: what is sent is read late.
        """
        count = len(ids)
        first, last = self._ids_place, self._ids_place + count * 8
        self._host[first:last] = np.ascontiguousarray(ids, np.int64).view(np.uint8)
        if drawn is not None:
            first = 0
            self._host[:4] = np.array([drawn[0]], np.float32).view(np.uint8)
            self._host[ALIGNMENT : ALIGNMENT + count * 4] = np.ascontiguousarray(drawn[1], np.float32).view(np.uint8)
        self._device.upload(self._sent + first, self._host[first:last], self._stream)
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

    def bring_soft(self, conditioned: bool, count: int) -> None:
        """Let the embedding read the soft embedding of `count` positions that was made last, or zeros."""
        if conditioned:
            self._device.copy(self.soft, self.head.soft, count * self._parts.shape.hidden_size * 4, self._stream)
        elif self._conditioned:
            self._device.copy(self.soft, self._no_soft, self._soft_bytes, self._stream)
        self._conditioned = conditioned

    def soft_values(self, count: int) -> NDArray[np.float32]:
        """The soft embedding of `count` positions that was made last, float32 [count, H]."""
        values = np.empty((count, self._parts.shape.hidden_size), np.float32)
        self._device.download(values, self.head.soft, self._stream)
        self._device.synchronise(self._stream)
        return values

    def upload_soft(self, values: NDArray[np.float32]) -> None:
        """Let `values` [count, H] be the soft embedding that was made last."""
        self._device.upload(self.head.soft, np.ascontiguousarray(values, np.float32), self._stream)

    def load_of(self, segment: int) -> int:
        """Where a segment writes its largest expert load."""
        return self._results + segment * ALIGNMENT

    def results(self) -> NDArray[np.uint8]:
        """All that a pass gives back, as bytes that hold until the next one; waits for it."""
        block = self._host[-self._result_bytes :]
        self._device.download(block, self._results, self._stream)
        self._device.synchronise(self._stream)
        return block

    def loads_in(self, block: NDArray[np.uint8]) -> list[int]:
        """The largest expert load of each segment."""
        values = block[: self._loads_bytes].view(np.int64)
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

    def enqueue_head(self, hidden: int, count: int) -> None:
        """Run the head over `count` positions of a residual-stream buffer, piece by piece."""
        stream, uniforms, results = self.hidden[hidden], self._sent + ALIGNMENT, self._results + self._loads_bytes
        shapes, addresses = self.head.shapes(count), self.head.addresses(stream, self._sent, uniforms, results)
        for first in self.head.passes(count):
            self.head.bring(first, count, stream, uniforms)
            self.enqueue(self._parts.head, 0, shapes, addresses)
            self.head.take(first, count, results)

    def head_values(self, block: NDArray[np.uint8], count: int) -> tuple[NDArray[Any], ...]:
        """argmax, sampled, entropy, top_ids, top_probs of `count` positions in a block of results."""
        return self.head.values(block[self._loads_bytes :], count)

    def hidden_values(self, number: int, count: int) -> NDArray[np.float32]:
        """Rows of a residual-stream buffer, float32 [count, H]."""
        values = np.empty((count, self._parts.shape.hidden_size), np.float32)
        self._device.download(values, self.hidden[number], self._stream)
        self._device.synchronise(self._stream)
        return values
