"""Our own kernels on the processor: packed weights of four or eight bits, all of a step in one call."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.backends.base import Beliefs, CancelFlag, DenoiseStep, Floats, Ids, Progress, stop_loading
from inference.backends.host_head import HostHead, with_rows
from inference.backends.packed_memory import native_precision
from inference.backends.settled_end import SettledEnd, rows_are_kept
from inference.checkpoint.tensors import check_tensors, weights_errors
from inference.config import model_config_from_folder
from inference.engines.planning import int8_work
from inference.errors import KnownError
from inference.events import Int8Work
from inference.graphs.manifest import KEPT_CANDIDATES
from inference.model_config import ModelConfig
from inference.native.build import SOURCE
from inference.native.cores import Cores, best_cores
from inference.native.kv_blocks import KvBlocks
from inference.native.library import NativeError, Threads, best_isa, load
from inference.native.model import NativeModel, Rows, check_sizes
from inference.native.packed import mapped_matrices, model_parts, pack_model
from inference.native.weights import (
    WHOLE_MODEL,
    Precision,
    embedding_scale,
    layer_scalars,
    layer_vectors,
    outer_vectors,
    part_matrices,
)
from trt_engines.weights.index import EMBEDDING
from trt_engines.weights.source import WeightSource

PREFILL_CHUNK = 512
_NAMES = {"float32": "float", "int8": "INT8", "int4": "INT4"}


class NativeBackend:
    """One checkpoint run by our kernels; see `inference.backends.base.Backend` for the contract.

    Attributes:
        config: The checkpoint's configuration.
        precision: What the weights are kept in.
        why: Why the processor is used and not a graphics card; "" where nobody asked.
        prefilled: Tokens that went through `encode` since the start.
        end: What need not be computed of a canvas; None where all of it is.
    """

    name = "native"

    def __init__(self, config: ModelConfig, table: NDArray[Any], precision: Precision, isa: str, cores: Cores) -> None:
        """An empty model; `open` fills it.

        Raises:
            KnownError: The sizes are beyond any model, there is not enough memory, or the system refuses threads.
        """
        self.config = config
        self.precision = precision
        self.why = ""
        self.prefilled = 0
        self.end = SettledEnd(config.pad_id, config.eos_ids) if rows_are_kept() else None
        self._table = table
        self._scale = np.float32(embedding_scale(config))
        self._kept = min(KEPT_CANDIDATES, config.vocab_size)
        self._cancelled: Callable[[], bool] = _never
        self._norm = np.ones(config.hidden_size, np.float32)
        self._head: HostHead | None = None
        self._cache = KvBlocks(config, np.float32 if precision == "float32" else np.int16)
        with _known_errors("Close other programs, then try again. Or choose the backend onnx."):
            self._threads = Threads(cores)
        try:
            self.model = NativeModel(config, isa, self._threads, float(self._scale))
        except BaseException:
            self._threads.close()
            raise

    @classmethod
    def open(
        cls,
        folder: Path,
        progress: Progress,
        precision: Precision = "int8",
        isa: str | None = None,
        cores: Cores | None = None,
        on_disk: bool | None = None,
        cancel: CancelFlag | None = None,
        config: ModelConfig | None = None,
    ) -> NativeBackend:
        """Load the checkpoint in `folder`: a small one is packed in memory, a large one into its folder, once.

        Args:
            folder: The checkpoint.
            progress: Called with a short phrase and a fraction in 0..1.
            precision: What the weights become.
            isa: Which kernels; None: the fastest.
            cores: None: what suits this machine.
            on_disk: Whether the packed weights lie in the checkpoint's folder, and are mapped; None: those of large
                models.
            cancel: Ends the loading soon after it is set; the next one packs on where this one was.
            config: Its configuration, where it was read already.

        Raises:
            LoadStoppedError: `cancel` was set.
            KnownError: The library is not there, the checkpoint is missing, damaged or of another architecture, or
                there is not enough memory.
        """
        config = config or model_config_from_folder(folder)
        check_sizes(config)
        build = "Build them with: python -m inference.native. Or choose" if SOURCE.is_dir() else "Choose"
        with _known_errors(f"{build} the backend onnx."):
            load()
        with weights_errors():
            source = WeightSource.open(folder)
            check_tensors(config, source.records)
            backend = cls(config, source.floats(EMBEDDING), precision, isa or best_isa(), cores or best_cores())
            try:
                disk = native_precision(config) == "int4" if on_disk is None else on_disk
                backend._fill(source, progress, disk and precision != "float32", lambda: stop_loading(cancel))
            except BaseException:
                backend.close()
                raise
        return backend

    def _fill(self, source: WeightSource, progress: Progress, on_disk: bool, check: Callable[[], None]) -> None:
        if on_disk:
            label = "Packing the weights for the processor, once"
            pack_model(source, self.config, self.precision, _workers(), lambda share: progress(label, share), check)
            for place, matrix in mapped_matrices(source, self.config, self.precision):
                self.model.set_matrix(place, matrix)
        else:
            parts = model_parts(self.config)
            for done, part in enumerate(parts):
                progress("Loading the model", done / len(parts))
                for place, matrix in part_matrices(source, self.config, self.precision, part, _workers(), check):
                    self.model.set_matrix(place, matrix)
        for layer in range(len(self.config.layers)):
            self.model.set_vectors(layer, layer_vectors(source, self.config, layer))
            self.model.set_scalars(layer, *layer_scalars(source, layer))
        self.model.set_vectors(WHOLE_MODEL, outer_vectors(source))
        self.model.set_table(self._table)
        self._norm = outer_vectors(source)[1][: self.config.hidden_size]
        progress("Loading the model", 1.0)

    @property
    def device(self) -> str:
        """Where it runs, and in what."""
        count = self._threads.count
        kept = ", rows behind an end kept" if self.end else ""
        return f"processor, {count} thread{'s' if count > 1 else ''}, {_NAMES[self.precision]}{kept}"

    @property
    def work(self) -> Int8Work | None:
        """What a step computes in int8; None where in something else."""
        return None if self.precision == "float32" else int8_work(self.config)

    @property
    def length(self) -> int:
        """Tokens in the KV cache."""
        return self._cache.length

    def reset(self) -> None:
        """Empty the KV cache."""
        self._cache.truncate(0)

    def truncate(self, length: int) -> int:
        """Keep the first `length` tokens; always possible here."""
        return self._cache.truncate(length)

    def stop_when(self, cancel: CancelFlag) -> None:
        """Give up passes while `cancel` is set; see `Interruptible`."""
        self._cancelled = cancel.is_set

    def lay_aside(self, length: int) -> KvBlocks:
        """Give away the cache; what stays is a copy of its first `length` tokens."""
        kept, self._cache = self._cache, self._cache.copy(length)
        return kept

    def take_back(self, kept: KvBlocks) -> None:
        """Hold again what was laid aside."""
        self._cache = kept

    def encode(self, token_ids: Ids) -> None:
        """Append int64 [n] known tokens to the KV cache, in chunks.

        Raises:
            PassStoppedError: The flag of `stop_when` is set; the chunks before are kept.
        """
        ids = self._checked(token_ids)
        for start in range(0, len(ids), PREFILL_CHUNK):
            chunk = ids[start : start + PREFILL_CHUNK]
            self.model.encode(self._rows(chunk, None, denoising=False), self._cache, self._cancelled)
            self._cache.length += len(chunk)
            self.prefilled += len(chunk)

    def denoise(self, canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> DenoiseStep:
        """One denoising step over int64 [C]; see the contract. Self-conditioning is always exact.

        Raises:
            PassStoppedError: The flag of `stop_when` is set.
        """
        ids = self._checked(canvas)
        count = len(ids) if self.end is None else self.end.rows(ids, state, self.length)
        rows = self._rows(ids[:count], None if state is None else state[:count], denoising=True, seen=len(ids))
        made = self.model.denoise(rows, self._cache, temperature, uniforms[:count], self._kept, self._cancelled)
        step = DenoiseStep(made.argmax, made.sampled, made.entropy, made.top_ids, made.top_probs, made.soft)
        return step if self.end is None else self.end.joined(ids, step, self.length)

    def hidden_states(self, ids: Ids, state: Any, denoising: bool) -> Floats:
        """Residual stream after the last layer, float32 [N, hidden], nothing appended; for tests and self-checks."""
        hidden = np.empty((len(ids), self.config.hidden_size), np.float32)
        self.model.encode(self._rows(self._checked(ids), state, denoising), self._cache, self._cancelled, hidden)
        return hidden

    def logits(self, canvas: Ids, state: Any, ids: Ids | None = None) -> Floats:
        """Logits of a denoising pass; see the contract.

        Raises:
            PassStoppedError: The flag of `stop_when` is set.
        """
        return self._host_head().logits(self.hidden_states(canvas, state, denoising=True), ids)

    def beliefs(self, canvas: Ids, state: Any, places: Ids, ids: Ids, count: int) -> Beliefs:
        """What a pass says of some places; see the contract."""
        hidden = self.hidden_states(canvas, state, denoising=True)
        return self._host_head().beliefs(hidden[places], ids, count)

    def conditioned(self, state: Any, count: int, places: Ids, ids: Ids, shares: Floats) -> Any:
        """The state with other rows; see the contract."""
        return with_rows(state, (count, self.config.hidden_size), places, self._host_head().mixed(ids, shares))

    def kv(self) -> list[tuple[Floats, Floats]]:
        """What each layer sees of the KV cache: copies (k, v), [positions, kv_heads, head_dim]; for tests."""
        return self._cache.visible(self.config.sliding_window)

    def close(self) -> None:
        """Free everything; the backend cannot be used afterwards."""
        self.model.close()
        self._threads.close()
        self._cache = KvBlocks(self.config, self._cache.dtype)

    def _host_head(self) -> HostHead:
        if self._head is None:
            self._head = HostHead(self._table, self._norm, self.config, float(self._scale))
        return self._head

    def _checked(self, ids: Ids) -> Ids:
        own = np.ascontiguousarray(ids, dtype=np.int64)
        if own.size and not (int(own.min()) >= 0 and int(own.max()) < self.config.vocab_size):
            raise ValueError(f"token ids must be in 0..{self.config.vocab_size - 1}")
        return own

    def _rows(self, ids: Ids, state: Any, denoising: bool, seen: int = 0) -> Rows:
        return Rows(ids, state, denoising, self._cache.length, seen)


@contextlib.contextmanager
def _known_errors(hint: str) -> Iterator[None]:
    try:
        yield
    except NativeError as exc:
        raise KnownError(f"The kernels for the processor cannot be used: {exc}.", hint) from exc


def _workers() -> int:
    return max(1, min(8, os.cpu_count() or 1))


def _never() -> bool:
    return False
