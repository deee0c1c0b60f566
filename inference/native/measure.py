"""How fast large models would be on this processor: one layer of the published shape, measured for some seconds.

Random weights, since times do not depend on them. They take 0.7 GB and lie nowhere on the disk. Many short pieces, and
of each what its threads worked, not what they waited for other programs: those may be gone when the model runs.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from inference.engines.planning import model_shape
from inference.model_config import LayerSpec, ModelConfig, SamplerDefaults
from inference.native.cores import Cores, best_cores
from inference.native.kv_blocks import KvBlocks
from inference.native.library import ISAS, Threads, aligned, best_isa, load, pointer
from inference.native.matrices import TYPE_NUMBERS, PackedMatrix, group_of, scale_bytes, weight_bytes
from inference.native.model import NativeModel, Rows
from inference.native.packed import kind_of, model_parts, part_places
from inference.native.weights import TABLE, WHOLE_MODEL, Place, packed_size
from trt_engines.planning.processor import ProcessorSpeed, measured_speed
from trt_engines.planning.shape import PUBLISHED

SECONDS = 6.0  # of measuring, at the most; making the weights comes before it
ROUNDS = 12
PAST = 256
# Of the vocabulary: large enough that its tables lie in no cache.
_VOCABULARY = 32_768
# Threads that nobody disturbs take so much longer than their work: they wait for each other at each stage's end.
_WAITING = 1.1
PEAK_SECONDS = 0.5
PEAK_SIZE, PEAK_ROWS, PEAK_PRODUCTS = 512, 256, 4  # a matrix of 256 kB; products of one round


def layer_config(vocabulary: int = _VOCABULARY) -> ModelConfig:
    """One sliding layer of the published shape."""
    shape = PUBLISHED
    spec = LayerSpec("sliding_attention", shape.layers[0].kv_heads, shape.layers[0].head_dim, 10_000.0, 1.0)
    return ModelConfig(
        vocabulary, shape.hidden_size, shape.intermediate_size, shape.heads, shape.experts, shape.top_k,
        shape.moe_intermediate_size, shape.sliding_window, (spec,), shape.canvas_length, 8192, 30.0, 1e-6, 0, 2, (1,),
        (), "bfloat16", SamplerDefaults(),
    )  # fmt: skip


def random_matrix(config: ModelConfig, place: Place, rng: np.random.Generator) -> PackedMatrix:
    """Random codes and one scale for all, as large models are packed."""
    n, k = packed_size(config, place)
    kind = kind_of("int4", place)
    group = group_of(kind, k, place.layer == WHOLE_MODEL and place.which == TABLE)
    weights = aligned((weight_bytes(kind, k, n),), np.uint8)
    scales = aligned((scale_bytes(kind, k, n, group),), np.uint8)
    if kind == "float32":
        weights.view(np.float32)[:] = rng.standard_normal(n * k, np.float32) / k**0.5
    else:
        weights[:] = np.frombuffer(rng.bytes(len(weights)), np.uint8)
        own = scales.view(np.float16 if kind == "int4" else np.float32)
        own[:] = 1 / (k**0.5 * (4.6 if kind == "int4" else 74))
    return PackedMatrix(kind, k, n, group, weights, scales)


class LayerRun:
    """A model of one layer with random weights, and passes over one canvas."""

    def __init__(
        self, cores: Cores, past: int = PAST, vocabulary: int = _VOCABULARY, lower: bool = True,
        isa: str | None = None,
    ) -> None:  # fmt: skip
        """Make its weights.

        Args:
            cores: What its threads get.
            past: Positions in its KV cache.
            vocabulary: How many tokens it knows.
            lower: With a lower priority, as models run.
            isa: Which kernels; None: the fastest.
        """
        self.config = config = layer_config(vocabulary)
        rng = np.random.default_rng(1)
        self._threads = Threads(cores, lower)
        self._model = NativeModel(config, isa or best_isa(), self._threads, 53.0)
        for part in model_parts(config):
            for place in part_places(config, part):
                self._model.set_matrix(place, random_matrix(config, place, rng))
        hidden, dim = config.hidden_size, config.layers[0].head_dim
        norms = [np.ones(dim if number in (1, 2) else hidden, np.float32) for number in range(9)]
        self._model.set_vectors(0, [*norms, np.ones(config.experts, np.float32)])
        self._model.set_vectors(WHOLE_MODEL, [np.ones(hidden, np.float32)] * 2)
        self._model.set_scalars(0, 1.0, 1.0)
        table = np.zeros((vocabulary, hidden), np.float16)
        table[: config.canvas_length] = rng.standard_normal((config.canvas_length, hidden), np.float32)
        self._model.set_table(table)
        self._cache = KvBlocks(config, np.int16)
        self._cache.make_room(past, config.canvas_length)
        self._cache.length = past
        shape = (config.canvas_length, hidden)
        ids = np.arange(config.canvas_length)
        self._rows = Rows(ids, None, True, past)
        self._mixed = Rows(ids, rng.standard_normal(shape, np.float32), True, past)
        self._uniforms = rng.random(config.canvas_length, np.float32)

    def layer(self) -> None:
        """The canvas through the layer."""
        self._model.encode(self._rows, self._cache, _never)

    def step(self) -> None:
        """The same with self-conditioning before it and the head behind it."""
        self._model.denoise(self._mixed, self._cache, 0.6, self._uniforms, 1, _never)

    def close(self) -> None:
        """Free everything."""
        self._model.close()
        self._threads.close()


def undisturbed(wall: float, worked: float, threads: int) -> float:
    """Seconds that a piece takes where no other program runs.

    Args:
        wall: How long it took.
        worked: Processor time of all threads; 0 where the system's clock is too coarse for it.
        threads: How many share the work.
    """
    return min(wall, _WAITING * worked / threads) if worked > 0 else wall


def measure_processor(
    clock: Callable[[], float] = time.monotonic, worked: Callable[[], float] = time.process_time
) -> ProcessorSpeed:
    """Measure for some seconds; the middle of all pieces counts.

    Args:
        clock: Seconds.
        worked: Seconds that the threads of this process worked, all together.

    Raises:
        NativeError: The kernels are not there.
        OutOfMemoryError: There is not enough memory even for one layer.
    """
    cores = best_cores()
    run = LayerRun(cores)
    try:
        end = clock() + SECONDS
        run.step()  # warms up
        layers: list[float] = []
        heads: list[float] = []
        while not layers or (len(layers) < ROUNDS and clock() < end):
            pair = []
            for work in (run.layer, run.step):
                began, before = clock(), worked()
                work()
                pair.append(undisturbed(clock() - began, worked() - before, cores.threads))
            layers.append(pair[0])
            heads.append(pair[1] - pair[0])  # of one moment
        layer = statistics.median(layers)
        head = max(statistics.median(heads), 1e-3 * layer)
        peak = int8_peak(cores.threads)
        return measured_speed(best_isa(), cores.threads, model_shape(run.config), PAST, (layer, head), peak)
    finally:
        run.close()


def int8_peak(threads: int, seconds: float = PEAK_SECONDS) -> float:
    """Operations a second of int8 products whose matrices lie in the caches, of each thread's quickest round, together.

    No model is as quick: it reads its weights from memory, and does other things between its products.

    Raises:
        NativeError: The kernels are not there.
    """
    start = threading.Barrier(threads)

    def rate(product: PeakProduct) -> float:
        product.run()  # warms up
        start.wait()
        end, best = time.perf_counter() + seconds, 0.0
        while not best or time.perf_counter() < end:
            began = time.perf_counter()
            for _ in range(PEAK_PRODUCTS):
                product.run()
            best = max(best, PEAK_PRODUCTS * product.operations / (time.perf_counter() - began))
        return best

    products = [PeakProduct() for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(rate, products))


class PeakProduct:
    """An int8 product of our kernels that a core's cache holds: a canvas of rows by a square matrix.

    Attributes:
        operations: Of one run; a product and its sum are two.
    """

    def __init__(self) -> None:
        size, rng = PEAK_SIZE, np.random.default_rng(2)
        self.operations = 2.0 * size * size * PEAK_ROWS
        weights = aligned((weight_bytes("int8", size, size),), np.uint8)
        weights[:] = np.frombuffer(rng.bytes(len(weights)), np.uint8)
        scales = aligned((scale_bytes("int8", size, size, size),), np.uint8)
        scales.view(np.float32)[:] = 0.002
        data, out = aligned((PEAK_ROWS, size), np.float32), aligned((PEAK_ROWS, size), np.float32)
        data[:] = rng.standard_normal(data.shape, np.float32)
        quantised, sums = aligned((PEAK_ROWS, size), np.int8), aligned((PEAK_ROWS, 1), np.int32)
        self._arrays = (weights, scales, data, out, quantised, sums)  # the kernel holds their places alone
        self._product, self._isa = load().dp_product, ISAS.index(best_isa())

    def run(self) -> None:
        """Compute it once."""
        weights, scales, data, out, quantised, sums = map(pointer, self._arrays)
        size, kind = PEAK_SIZE, TYPE_NUMBERS["int8"]
        self._product(
            self._isa, kind, size, size, size, weights, scales, data, PEAK_ROWS, 0, 0, None, PEAK_ROWS, out, quantised,
            sums,
        )  # fmt: skip


def _never() -> bool:
    return False
