"""How fast large models would be on this processor: one layer of the published shape, measured for some seconds.

Random weights, since times do not depend on them. They take 0.7 GB and lie nowhere on the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from inference.engines.planning import model_shape
from inference.model_config import LayerSpec, ModelConfig, SamplerDefaults
from inference.native.cores import Cores, best_cores
from inference.native.kv_blocks import KvBlocks
from inference.native.library import Threads, aligned, best_isa
from inference.native.matrices import PackedMatrix, group_of, scale_bytes, weight_bytes
from inference.native.model import NativeModel, Rows
from inference.native.packed import kind_of, model_parts, part_places
from inference.native.weights import TABLE, WHOLE_MODEL, Place, packed_size
from trt_engines.planning.processor import ProcessorSpeed, measured_speed
from trt_engines.planning.shape import PUBLISHED

SECONDS = 6.0  # of measuring, at the most; making the weights comes before it
ROUNDS = 5
PAST = 256
# Of the vocabulary: large enough that its tables lie in no cache.
_VOCABULARY = 32_768


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

    def __init__(self, cores: Cores, past: int = PAST, vocabulary: int = _VOCABULARY, lower: bool = True) -> None:
        """Make its weights.

        Args:
            cores: What its threads get.
            past: Positions in its KV cache.
            vocabulary: How many tokens it knows.
            lower: With a lower priority, as models run.
        """
        self.config = config = layer_config(vocabulary)
        rng = np.random.default_rng(1)
        self._threads = Threads(cores, lower)
        self._model = NativeModel(config, best_isa(), self._threads, 53.0)
        for part in model_parts(config):
            for place in part_places(config, part):
                self._model.set_matrix(place, random_matrix(config, place, rng))
        hidden, dim = config.hidden_size, config.layers[0].head_dim
        norms = [np.ones(dim if number in (1, 2) else hidden, np.float32) for number in range(9)]
        self._model.set_vectors(0, [*norms, np.ones(config.experts, np.float32)])
        self._model.set_vectors(WHOLE_MODEL, [np.ones(hidden, np.float32)] * 2)
        self._model.set_scalars(0, 1.0, 1.0)
        self._model.set_table(np.zeros((vocabulary, hidden), np.float16))
        self._cache = KvBlocks(config, np.float16)
        self._cache.make_room(past + config.canvas_length)
        self._cache.length = past
        shape = (config.canvas_length, hidden)
        embedded = rng.standard_normal(shape, np.float32)
        self._rows = Rows(embedded, None, True, past)
        self._mixed = Rows(embedded, rng.standard_normal(shape, np.float32), True, past)
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


def measure_processor(clock: Callable[[], float] = time.monotonic) -> ProcessorSpeed:
    """Measure for some seconds; the best of some rounds counts, since other programs only make it slower.

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
        steps: list[float] = []
        while not layers or (len(layers) < ROUNDS and clock() < end):
            for work, times in ((run.layer, layers), (run.step, steps)):
                began = clock()
                work()
                times.append(clock() - began)
        layer = min(layers)
        head = max(min(steps) - layer, 1e-3 * layer)
        return measured_speed(best_isa(), cores.threads, model_shape(run.config), PAST, (layer, head))
    finally:
        run.close()


def _never() -> bool:
    return False
