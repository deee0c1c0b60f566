"""One model on one device: the encode pass and the denoise pass over its engines.

Buffers are allocated once. A pass puts everything on one stream and looks at the results when it is done; if an expert
got more tokens than the capacity, the pass runs again with a larger one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from trt_engines.errors import EngineError
from trt_engines.graphs.compose import ROWS, TABLE
from trt_engines.runtime.asked import AskedParts, PlaceBeliefs
from trt_engines.runtime.buffers import Buffers
from trt_engines.runtime.capacity import Capacity
from trt_engines.runtime.device import Device, DeviceMemoryError
from trt_engines.runtime.kv import DeviceKvCache
from trt_engines.runtime.parts import ModelParts
from trt_engines.runtime.step_watch import StepWatch
from trt_engines.runtime.streaming import WeightStream

_Found = TypeVar("_Found")
_LOG = logging.getLogger(__name__)
Ids = NDArray[np.int64]
HEAD_ROWS = 64  # the head's pieces are a multiple of this, so that each begins at an address that TensorRT takes


@dataclass(frozen=True, slots=True)
class SoftState:
    """Self-conditioning state: it lies on the device, and is that of the last step or of none."""

    step: int


@dataclass(frozen=True, slots=True)
class HeadOutput:
    """What comes back of a denoising step; see `inference.backends.base.DenoiseStep` for the fields."""

    argmax: Ids
    sampled: Ids
    entropy: NDArray[np.float32]
    top_ids: Ids
    top_probs: NDArray[np.float32]
    state: SoftState


class ModelRunner:
    """The passes; see `inference.backends.base.Backend` for what the calls mean.

    Attributes:
        streams: The weights; `streams.resident` segments stay on the device.
        capacity_reruns: How often a pass ran again because an expert got more tokens than the capacity.
        given_back: How often memory was given back because steps became slow.
    """

    def __init__(
        self,
        device: Device,
        parts: ModelParts,
        table: NDArray[Any],
        resident: int,
        head_rows: int | None = None,
        spare: int = 0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Allocate everything, upload the embedding table [V, H], and bring in the weights.

        Args:
            device: The device.
            parts: The engines.
            table: Embedding table.
            resident: Segments whose weights should stay on the device, if there is room.
            head_rows: Positions that the head takes at a time.
            spare: Bytes of free memory that are left alone.
            clock: Seconds, where the system gives no error for want of memory and slow steps must tell; else None.

        Raises:
            DeviceMemoryError: There is not enough memory, whatever is streamed.
        """
        self._device, self._parts = device, parts
        self._stream = device.new_stream()
        shape, limits = parts.shape, parts.limits
        items = np.dtype(parts.dtype).itemsize
        chunk = max(limits.chunk, limits.canvas)
        self._kv = DeviceKvCache(device, shape.layers, limits.context, shape.sliding_window, chunk, items, self._stream)
        self._buffers = Buffers(device, parts, self._stream)
        self._buffers.upload_table(table)
        self._capacities = [Capacity(shape.experts, shape.top_k) for _ in parts.cuts]
        self.capacity_reruns = 0
        rows = head_rows or limits.canvas
        self._head_rows = min(limits.canvas, -(-rows // HEAD_ROWS) * HEAD_ROWS)
        self._asked = AskedParts(device, parts, self._buffers, self._stream, self._head_rows)
        self._step = 0
        self._clock, self._watch, self.given_back = clock, StepWatch(), 0
        for engine in (parts.embed, parts.head):
            engine.load_weights(self._stream)
        self.streams = WeightStream(device, parts.stacks, self._stream, spare)
        self.streams.settle(resident)

    @property
    def segments(self) -> int:
        """Segments of the stack."""
        return len(self._parts.stacks)

    @property
    def streamed(self) -> int:
        """Segments whose weights are copied in while it runs."""
        return self.segments - self.streams.resident

    @property
    def weights_read(self) -> int:
        """Bytes of weights and of the embedding table that a denoising step reads, streamed ones included.

        Each piece of the head reads the table for its logits, and for exact self-conditioning once more.
        """
        engines = (self._parts.embed, self._parts.head, *self._parts.stacks)
        rows, width = self._buffers.table_shape
        table = rows * width * np.dtype(self._parts.dtype).itemsize
        pieces = -(-self.canvas // self._head_rows)
        return sum(engine.weight_bytes for engine in engines) + table * pieces * (1 if self._buffers.gathers else 2)

    @property
    def length(self) -> int:
        """Tokens in the KV cache."""
        return self._kv.length

    @property
    def canvas(self) -> int:
        """Positions of a canvas."""
        return self._parts.limits.canvas

    @property
    def context(self) -> int:
        """Tokens that the KV cache can hold."""
        return self._kv.context

    def truncate(self, length: int) -> int:
        """Keep the first `length` tokens, or none; returns how many were kept."""
        return self._kv.truncate(length)

    def encode(self, ids: Ids) -> None:
        """Append int64 [n] tokens, n at most the limits' chunk or canvas.

        Raises:
            EngineError: The cache is full, or the device failed.
        """
        if self.length + len(ids) > self.context:
            raise EngineError(f"The engines were built for {self.context:,} tokens.", "Start a new chat.")
        if self.streamed and self.streams.grow():
            self._watch.forget()
        self._kv.make_room(len(ids), self._stream)
        self._pass(ids, None, denoising=False)
        self._kv.advance(len(ids))

    def denoise(self, canvas: Ids, state: SoftState | None, temperature: float, uniforms: NDArray[Any]) -> HeadOutput:
        """One denoising step over int64 [C]."""
        if state is not None and state.step != self._step:
            raise ValueError(f"state is of step {state.step}, the last one is {self._step}")
        start = self._clock() if self._clock is not None else 0.0
        self._buffers.upload_head(temperature, uniforms)
        block, _ = self._pass(canvas, state, denoising=True, head=True)
        self._step += 1
        argmax, sampled, entropy, top_ids, top_probs = self._buffers.head_values(block, len(canvas))
        made = HeadOutput(argmax, sampled, entropy, top_ids, top_probs, SoftState(self._step))
        if self._clock is not None and self._watch.note(self._clock() - start) and self.streams.shrink(for_good=True):
            self.given_back += 1
            _LOG.info("steps became much slower: one more segment is streamed, %d in all", self.streamed)
        return made

    def logits(self, canvas: Ids, state: SoftState | None, ids: Ids) -> NDArray[np.float32]:
        """Capped logits of int64 [n] tokens in a denoising pass, float32 [C, n]; nothing is sampled."""
        _, hidden = self._pass(canvas, state, denoising=True)
        return self._with_room(lambda: self._asked.logits(hidden, len(canvas), ids))

    def beliefs(self, canvas: Ids, state: SoftState | None, places: Ids, ids: Ids, count: int) -> PlaceBeliefs:
        """What a denoising pass says of int64 [m] places, of a token for each and of the `count` likeliest."""
        _, hidden = self._pass(canvas, state, denoising=True)
        return self._with_room(lambda: self._asked.beliefs(hidden, len(canvas), places, ids, count))

    def conditioned(
        self, state: SoftState | None, count: int, places: Ids, ids: Ids, shares: NDArray[np.float32]
    ) -> SoftState:
        """The self-conditioning state of `count` positions that holds tokens in these shares [m, n] in some places.

        It takes the place of the last step's, from which it keeps the rest; nothing of it where there is none.
        """
        if state is not None and state.step != self._step:
            raise ValueError(f"state is of step {state.step}, the last one is {self._step}")
        soft = self._buffers.soft_values(None if state is None else state.step, count)
        soft[places] = self._with_room(lambda: self._asked.mixed(ids, shares))
        self._step += 1
        self._buffers.upload_soft(self._step, soft)
        return SoftState(self._step)

    def hidden_states(self, ids: Ids, state: SoftState | None, denoising: bool) -> NDArray[np.float32]:
        """Residual stream after the last layer, float32 [N, H]; nothing is appended."""
        _, hidden = self._pass(ids, state, denoising)
        return self._buffers.hidden_values(hidden, len(ids))

    def close(self) -> None:
        """Free the engines and the device."""
        self._asked.close()
        for engine in (self._parts.embed, self._parts.head, *self._parts.stacks):
            engine.close()
        self._device.close()

    def _with_room(self, work: Callable[[], _Found]) -> _Found:
        """Do something that may need more memory: one segment fewer stays on the device, as long as any does."""
        while True:
            try:
                return work()
            except DeviceMemoryError:
                if not self.streams.shrink():
                    raise

    def _pass(
        self, ids: Ids, state: SoftState | None, denoising: bool, head: bool = False
    ) -> tuple[NDArray[np.uint8], int]:
        """Embed (with the last step's soft embedding, or without), all segments, and the head if wanted.

        All of it is put on the stream before anything is waited for. It runs again until no expert's load exceeds the
        capacity; the head writes the next soft embedding beside the one that was read, which is so there again.
        An out-of-memory while running makes one segment fewer stay on the device, as long as any does.

        Returns:
            The block of results, and the number of the buffer that holds the residual stream.
        """
        self._buffers.upload_pass(ids, denoising, self._kv)
        while True:
            slots = [capacity.for_tokens(len(ids), denoising) for capacity in self._capacities]
            try:
                hidden = self._run(len(ids), None if state is None else state.step, denoising, slots)
                if head:
                    self._predict(len(ids))
                block = self._buffers.results()
            except DeviceMemoryError:
                if not self.streams.shrink():
                    raise
                continue
            each = zip(self._capacities, self._buffers.loads_in(block), slots, strict=True)
            if all([capacity.sufficed(load, size, len(ids), denoising) for capacity, load, size in each]):
                return block, hidden
            self.capacity_reruns += 1

    def _run(self, count: int, soft: int | None, denoising: bool, slots: list[int]) -> int:
        buffers, parts = self._buffers, self._parts
        profile = 0 if count <= parts.limits.canvas else 1
        width = parts.shape.hidden_size
        embed = {"ids": (count,), "soft": (count, width), "denoising": (1,), ROWS: buffers.table_shape}
        where = {"ids": buffers.ids, "soft": buffers.soft(soft), "denoising": buffers.denoising, ROWS: buffers.table}
        buffers.enqueue(parts.embed, profile, embed, {**where, "hidden": buffers.hidden[0]})
        hidden = 0
        for number, ((first, last), engine) in enumerate(zip(parts.cuts, parts.stacks, strict=True)):
            shapes, addresses = buffers.segment(first, last, count, slots[number], self._kv)
            addresses |= {"hidden": buffers.hidden[hidden], "hidden_out": buffers.hidden[1 - hidden]}
            addresses["max_load"] = buffers.load_of(number)
            self.streams.before(number)
            buffers.enqueue(engine, profile, shapes, addresses)
            if not denoising:
                for layer in range(first, last):
                    self._kv.write(layer, *buffers.new_kv(layer - first), count, self._stream)
            self.streams.after(number)
            hidden = 1 - hidden
        return hidden

    def _predict(self, count: int) -> None:
        """The head, piece by piece; it makes the soft embedding of the step that is under way."""
        buffers, parts = self._buffers, self._parts
        hidden, width = len(parts.stacks) % 2, parts.shape.hidden_size
        for first in range(0, count, self._head_rows):
            rows = min(self._head_rows, count - first)
            shapes = {"hidden": (rows, width), "temperature": (1,), "uniforms": (rows,), TABLE: buffers.table_shape}
            if buffers.gathers:
                shapes[ROWS] = buffers.table_shape
            buffers.enqueue(parts.head, 0, shapes, buffers.head(hidden, first, self._step + 1))
