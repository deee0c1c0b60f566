"""One model in the kernels' hands: its weights, its threads, and passes over rows that can be stopped."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import ModelFolderError, OutOfMemoryError, PassStoppedError
from inference.model_config import LayerSpec, ModelConfig
from inference.native.kv_blocks import KvBlocks
from inference.native.library import ISAS, Threads, load, pointer
from inference.native.matrices import TYPE_NUMBERS, Floats, PackedMatrix, scale_bytes, weight_bytes
from inference.native.rotary import rotary_angles
from inference.native.weights import ROUTER, WHOLE_MODEL, Place, packed_size

Ids = NDArray[np.int64]
# How often a stop is looked for while the threads work.
LOOK_MILLISECONDS = 20
_STOPPED, _NO_MEMORY = 2, -1
# Beyond any model; so sizes and places fit the C side's 32-bit numbers.
_LARGEST_WIDTH, _LARGEST_VOCABULARY, _LARGEST_COUNT = 1 << 17, 1 << 22, 4096
_MOST_POSITIONS = 1 << 22
_NOTHING = (-1, -1, -1)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the head makes of C rows; the fields of `DenoiseStep`, `soft` is its state."""

    argmax: Ids
    sampled: Ids
    entropy: Floats
    top_ids: Ids
    top_probs: Floats
    soft: Floats


@dataclass(frozen=True, slots=True)
class Rows:
    """What goes into a pass.

    Attributes:
        ids: int64 [N], tokens of the vocabulary: whoever makes them checks that.
        soft: float32 [N, hidden], or None where there was no step before.
        denoising: Phase.
        start: Position of the first row.
        seen: Places of the canvas that its rows see. Those behind the last row have the keys and values that a pass
            before left in the cache.
    """

    ids: Ids
    soft: Floats | None
    denoising: bool
    start: int
    seen: int = 0


def check_sizes(config: ModelConfig) -> None:
    """Refuse sizes that the kernels' numbers cannot hold, and heads that they cannot share out.

    Raises:
        ModelFolderError: A size is beyond any model, or queries cannot be dealt out to keys.
    """
    for spec in config.layers:
        if spec.kv_heads < 1 or config.heads < 1 or config.heads % spec.kv_heads:
            raise ModelFolderError(
                f"config.json asks for {config.heads} attention heads over {spec.kv_heads} key heads: no equal shares.",
                "Choose another model, or download this one again.",
            )
    widths = [config.hidden_size, config.intermediate_size, config.moe_intermediate_size]
    widths += [(config.heads + 2 * spec.kv_heads) * spec.head_dim for spec in config.layers]
    counts = (config.experts, config.heads, len(config.layers))
    if max(widths) > _LARGEST_WIDTH or config.vocab_size > _LARGEST_VOCABULARY or max(counts) > _LARGEST_COUNT:
        raise ModelFolderError(
            "config.json asks for sizes that no model has.", "Choose another model, or download this one again."
        )


class NativeModel:
    """See the module; used by one thread.

    Attributes:
        config: The checkpoint's configuration.
    """

    def __init__(self, config: ModelConfig, isa: str, threads: Threads, embedding_scale: float) -> None:
        """Prepare an empty model; weights are set before the first pass.

        Raises:
            ModelFolderError: A size is beyond any model.
            OutOfMemoryError: There is not enough memory.
        """
        check_sizes(config)
        self.config = config
        self._library = load()
        self._threads = threads
        self._kept: list[Any] = []  # everything that the C side points to
        self._tables: dict[LayerSpec, tuple[Floats, Floats]] = {}
        self._shown = _NOTHING  # where, how many rows and which arrays the C side's layers are set to
        shape = [
            len(config.layers), config.hidden_size, config.heads, config.intermediate_size, config.experts,
            config.top_k, config.moe_intermediate_size, config.vocab_size, config.sliding_window,
        ]  # fmt: skip
        for spec in config.layers:
            shape += [int(spec.sliding), spec.kv_heads, spec.head_dim]
        constants = (ctypes.c_float * 3)(config.softcap, config.rms_eps, embedding_scale)
        numbers = (ctypes.c_int32 * len(shape))(*shape)
        self._handle: int | None = self._library.dp_model_new(numbers, constants, ISAS.index(isa), threads.handle)
        if not self._handle:
            raise _no_memory()

    def set_matrix(self, place: Place, matrix: PackedMatrix) -> None:
        """Give the model one of its matrices.

        Raises:
            ValueError: It has another size than the configuration asks for, or is of a kind that the kernels do not
                read there.
        """
        wanted = packed_size(self.config, place)
        if (matrix.n, matrix.k) != wanted:
            raise ValueError(f"{place}: {matrix.n} x {matrix.k}, wanted {wanted[0]} x {wanted[1]}")
        if place.layer != WHOLE_MODEL and place.which == ROUTER and matrix.kind != "float32":
            raise ValueError(f"{place}: {matrix.kind}; the router is read as float32")
        sizes = (weight_bytes(matrix.kind, *wanted), scale_bytes(matrix.kind, matrix.k, matrix.n, matrix.group))
        if (matrix.weights.nbytes, matrix.scales.nbytes) != sizes:
            raise ValueError(f"{place}: {matrix.weights.nbytes} and {matrix.scales.nbytes} bytes, wanted {sizes}")
        self._kept += [matrix.weights, matrix.scales]
        number = TYPE_NUMBERS[matrix.kind]
        self._library.dp_model_matrix(
            self._handle, place.layer, place.which, place.expert, number, matrix.k, matrix.n, matrix.group,
            pointer(matrix.weights), pointer(matrix.scales),
        )  # fmt: skip

    def set_vectors(self, layer: int, vectors: list[Floats]) -> None:
        """Norms of one layer, or of none (`WHOLE_MODEL`), in the C side's order."""
        for which, vector in enumerate(vectors):
            own = np.ascontiguousarray(vector, np.float32)
            self._kept.append(own)
            self._library.dp_model_vector(self._handle, layer, which, pointer(own))

    def set_scalars(self, layer: int, denoising: float, encoding: float) -> None:
        """What the stream is multiplied with after a layer."""
        self._library.dp_model_scalars(self._handle, layer, denoising, encoding)

    def set_table(self, table: NDArray[Any]) -> None:
        """The embedding as stored, [vocabulary, hidden] in BF16, F16 or F32."""
        own = np.ascontiguousarray(table)
        self._kept.append(own)
        self._library.dp_model_table(self._handle, pointer(own), TYPE_NUMBERS[own.dtype.name])

    def encode(self, rows: Rows, cache: KvBlocks, cancelled: Callable[[], bool], hidden: Floats | None = None) -> None:
        """Rows through all layers; their keys and values lie behind the cache's length, which stays.

        Args:
            rows: What goes in.
            cache: Has room for them.
            cancelled: Asked while the threads work.
            hidden: float32 [N, hidden], takes the residual stream behind the last layer.

        Raises:
            PassStoppedError: `cancelled` said so.
            OutOfMemoryError: There is not enough memory.
        """
        self._start(rows, cache, 0.0, None, hidden, None)
        self._wait(cancelled)

    def denoise(
        self,
        rows: Rows,
        cache: KvBlocks,
        temperature: float,
        uniforms: Floats,
        kept: int,
        cancelled: Callable[[], bool],
    ) -> Outputs:
        """Rows through all layers and the head.

        Raises:
            PassStoppedError: `cancelled` said so.
            OutOfMemoryError: There is not enough memory.
        """
        count, hidden = len(rows.ids), self.config.hidden_size
        made = Outputs(
            np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.float32),
            np.empty((count, kept), np.int64), np.empty((count, kept), np.float32),
            np.empty((count, hidden), np.float32),
        )  # fmt: skip
        uniforms = np.ascontiguousarray(uniforms, np.float32)
        if uniforms.shape != (count,):
            raise ValueError(f"{len(uniforms)} uniforms for {count} rows")
        self._start(rows, cache, temperature, uniforms, None, made)
        self._wait(cancelled)
        return made

    def _start(
        self, rows: Rows, cache: KvBlocks, temperature: float, uniforms: Floats | None, hidden: Floats | None,
        made: Outputs | None,
    ) -> None:  # fmt: skip
        count = len(rows.ids)
        shape = (count, self.config.hidden_size)
        if rows.ids.dtype != np.int64 or rows.ids.ndim != 1:
            raise ValueError(f"ids {rows.ids.dtype} {rows.ids.shape}, wanted int64 [N]")
        for array in (rows.soft, hidden):
            if array is not None and (array.shape != shape or array.dtype != np.float32):
                raise ValueError(f"rows {array.dtype} {array.shape}, wanted float32 {shape}")
        if not 0 <= rows.start <= _MOST_POSITIONS - max(rows.seen, count):
            raise OutOfMemoryError("The context is longer than any model's.", "Start a new chat.")
        seen = max(rows.seen, count)
        cache.make_room(rows.start, seen)
        self._set_layers(rows.start, count, cache)
        kept = 0 if made is None else made.top_ids.shape[1]
        numbers = (ctypes.c_int32 * 5)(
            count, rows.start, seen if rows.denoising else 0, cache.dtype == np.int16, kept
        )  # fmt: skip
        outputs = [None] * 6
        if made is not None:
            fields = (made.argmax, made.sampled, made.entropy, made.top_ids, made.top_probs, made.soft)
            outputs = [pointer(field) for field in fields]  # type: ignore[misc]
        ids, soft = np.ascontiguousarray(rows.ids), None if rows.soft is None else np.ascontiguousarray(rows.soft)
        self._running: Any = (ids, soft, uniforms, hidden, made, cache.layers)  # alive until the threads are done
        state = self._library.dp_run_start(
            self._handle,
            numbers,
            temperature,
            pointer(ids),
            pointer(soft),
            pointer(uniforms),
            pointer(hidden),
            *outputs,
        )
        if state == _NO_MEMORY:
            raise _no_memory()

    def _set_layers(self, start: int, count: int, cache: KvBlocks) -> None:
        if self._shown == (start, count, cache.arrays):
            return
        known, self._shown = self._shown[:2], _NOTHING  # until all of them are set: Ctrl+C may come between two
        if known != (start, count):
            self._tables = {spec: rotary_angles(spec, start, count) for spec in set(self.config.layers)}
        for number, (spec, blocks) in enumerate(zip(self.config.layers, cache.layers, strict=True)):
            tables = (pointer(table) for table in self._tables[spec])
            kept = (pointer(blocks.keys), pointer(blocks.values), cache.ring(spec))
            self._library.dp_run_layer(self._handle, number, *kept, *tables)
        self._shown = (start, count, cache.arrays)

    def _wait(self, cancelled: Callable[[], bool]) -> None:
        """Until the threads are done, whatever happens meanwhile: they write into arrays of ours."""
        state, interrupt = 0, None
        while state == 0:
            try:
                state = self._library.dp_run_wait(self._handle, LOOK_MILLISECONDS)
                if state == 0 and cancelled():
                    self._library.dp_run_stop(self._handle)
            except BaseException as exc:  # Ctrl+C, or a flag that fails
                interrupt = exc
                self._library.dp_run_stop(self._handle)
        self._running = None
        if interrupt is not None:
            raise interrupt
        if state == _STOPPED:
            raise PassStoppedError

    def close(self) -> None:
        """Free everything but the threads."""
        if self._handle:
            self._library.dp_model_free(self._handle)
            self._handle = None
        self._kept = []


def _no_memory() -> OutOfMemoryError:
    return OutOfMemoryError(
        "The machine ran out of memory while running the model.", "Close other programs, or choose a smaller model."
    )
