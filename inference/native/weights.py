"""The matrices and vectors of one model: what each is made from, and what it becomes in which precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from inference.model_config import ModelConfig
from inference.native.matrices import (
    TABLE_GROUP,
    Floats,
    Kind,
    PackedMatrix,
    float_kind,
    interleaved,
    pack,
    padded,
    stacked_rows,
    straight,
    table_columns,
)
from trt_engines.weights.index import DECODER, EMBEDDING, ENCODER
from trt_engines.weights.source import Part, WeightSource

# "float32": as stored, BF16 or float32, and float32 keys and values; the reference.
# "int8": a byte a weight. "int4": experts in four bits (groups of 32), all else a byte.
Precision = Literal["float32", "int8", "int4"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

# Numbers of the C side (forward.c).
QKV, OUT, GATE_UP, DOWN, ROUTER, EXPERT_GATE_UP, EXPERT_DOWN = range(7)
MIX_GATE_UP, MIX_DOWN, HEAD, TABLE = range(4)
WHOLE_MODEL = -1
VECTORS = (
    "input_layernorm", "self_attn.q_norm", "self_attn.k_norm", "post_attention_layernorm", "pre_feedforward_layernorm",
    "pre_feedforward_layernorm_2", "post_feedforward_layernorm_1", "post_feedforward_layernorm_2",
    "post_feedforward_layernorm",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a matrix belongs.

    Attributes:
        layer: Number, or `WHOLE_MODEL`.
        which: One of the numbers above.
        expert: Number; 0 where it is none.
    """

    layer: int
    which: int
    expert: int = 0


def packed_size(config: ModelConfig, place: Place) -> tuple[int, int]:
    """Outputs and inputs of a matrix, both padded."""
    hidden = padded(config.hidden_size)
    if place.layer == WHOLE_MODEL:
        inner, vocab = config.intermediate_size, config.vocab_size
        sizes = {
            MIX_GATE_UP: (2 * padded(inner), hidden), MIX_DOWN: (hidden, padded(inner)),
            HEAD: (padded(vocab), hidden), TABLE: (hidden, padded(vocab, TABLE_GROUP)),
        }  # fmt: skip
        return sizes[place.which]
    spec = config.layers[place.layer]
    keys = spec.kv_heads * (2 if spec.sliding else 1)
    inner, expert = padded(config.intermediate_size), padded(config.moe_intermediate_size)
    sizes = {
        QKV: (padded((config.heads + keys) * spec.head_dim), hidden),
        OUT: (hidden, padded(config.heads * spec.head_dim)),
        GATE_UP: (2 * inner, hidden), DOWN: (hidden, inner), ROUTER: (padded(config.experts), hidden),
        EXPERT_GATE_UP: (2 * expert, hidden), EXPERT_DOWN: (hidden, expert),
    }  # fmt: skip
    return sizes[place.which]


def part_matrices(
    source: WeightSource, config: ModelConfig, precision: Precision, layer: int, workers: int, check: Callable[[], None]
) -> Iterator[tuple[Place, PackedMatrix]]:
    """The matrices of one layer, or those outside of all layers (`WHOLE_MODEL`), one after the other.

    Args:
        source: The checkpoint.
        config: Its configuration.
        precision: What they become.
        layer: Number, or `WHOLE_MODEL`.
        workers: Threads.
        check: Called many times a second, by any of the threads; what it raises ends the work.

    Raises:
        ModelFolderError: A weight is not finite.
        WeightsError: Tensors are missing or damaged.
    """
    packer = _Packer(source, config, precision, workers, check)
    return packer.outside() if layer == WHOLE_MODEL else packer.layer(layer)


class _Packer:
    def __init__(
        self, source: WeightSource, config: ModelConfig, precision: Precision, workers: int, check: Callable[[], None]
    ) -> None:
        self._source = source
        self._config = config
        self._precision = precision
        self._workers = workers
        self._check = check

    def _kind(self, arrays: list[NDArray[Any]], expert: bool = False) -> Kind:
        if self._precision == "float32":
            return float_kind(arrays)
        return "int4" if expert and self._precision == "int4" else "int8"

    def _packed(
        self, arrays: list[NDArray[Any]], order: NDArray[np.int32], name: str, expert: bool = False
    ) -> PackedMatrix:
        kind = self._kind(arrays, expert)
        k, take = arrays[0].shape[1], stacked_rows(arrays)
        return pack(kind, k, order, take, name, workers=self._workers, check=self._check)

    def _dense(self, names: list[str], gated: bool = False) -> PackedMatrix:
        arrays = [self._source.floats(name) for name in names]
        rows = sum(len(array) for array in arrays)
        return self._packed(arrays, interleaved(rows // 2) if gated else straight(rows), names[0])

    def layer(self, number: int) -> Iterator[tuple[Place, PackedMatrix]]:
        """Dense matrices, router, then expert after expert."""
        prefix, config = f"{DECODER}layers.{number}.", self._config
        attention = ["q", "k", "v"] if config.layers[number].sliding else ["q", "k"]
        yield Place(number, QKV), self._dense([f"{prefix}self_attn.{each}_proj.weight" for each in attention])
        yield Place(number, OUT), self._dense([f"{prefix}self_attn.o_proj.weight"])
        yield (
            Place(number, GATE_UP),
            self._dense([f"{prefix}mlp.gate_proj.weight", f"{prefix}mlp.up_proj.weight"], gated=True),
        )
        yield Place(number, DOWN), self._dense([f"{prefix}mlp.down_proj.weight"])
        yield Place(number, ROUTER), self._router(prefix)
        parts: tuple[tuple[Part, int, NDArray[np.int32]], ...] = (
            ("gate_up", EXPERT_GATE_UP, interleaved(config.moe_intermediate_size)),
            ("down", EXPERT_DOWN, straight(config.hidden_size)),
        )
        for part, which, order in parts:
            for expert, matrix in enumerate(self._source.each_expert(number, part)):
                name = f"{prefix}experts.{part}_proj"
                yield Place(number, which, expert), self._packed([matrix], order, name, expert=True)

    def _router(self, prefix: str) -> PackedMatrix:
        """Always in float32, with the scale of its input and 1/sqrt(hidden) in it: it decides which experts run."""
        own = self._source.floats(f"{prefix}router.proj.weight").astype(np.float32)
        own = own * self._source.floats(f"{prefix}router.scale").astype(np.float32) * self._config.hidden_size**-0.5
        return pack("float32", own.shape[1], straight(len(own)), stacked_rows([own]), f"{prefix}router")

    def outside(self) -> Iterator[tuple[Place, PackedMatrix]]:
        """Self-conditioning, head, and the table of the soft embedding."""
        mixer = f"{DECODER}self_conditioning."
        gated = [f"{mixer}gate_proj.weight", f"{mixer}up_proj.weight"]
        yield Place(WHOLE_MODEL, MIX_GATE_UP), self._dense(gated, gated=True)
        yield Place(WHOLE_MODEL, MIX_DOWN), self._dense([f"{mixer}down_proj.weight"])
        yield Place(WHOLE_MODEL, HEAD), self._dense([EMBEDDING])
        table = self._source.floats(EMBEDDING)
        kind, vocab = self._kind([table]), len(table)
        made = pack(
            kind, vocab, straight(table.shape[1]), table_columns(table), EMBEDDING, k_padded=padded(vocab, TABLE_GROUP),
            table=True, workers=self._workers, check=self._check,
        )  # fmt: skip
        yield Place(WHOLE_MODEL, TABLE), made


def layer_vectors(source: WeightSource, config: ModelConfig, number: int) -> list[Floats]:
    """Norms and scales of experts of one layer, float32, in the order of the C side; the hidden width is padded."""
    prefix = f"{DECODER}layers.{number}."
    norms = [source.floats(f"{prefix}{name}.weight").astype(np.float32) for name in VECTORS]
    scales = source.floats(f"{prefix}router.per_expert_scale").astype(np.float32)
    return [_padded(norm) if len(norm) == config.hidden_size else norm for norm in norms] + [scales]


def layer_scalars(source: WeightSource, number: int) -> tuple[float, float]:
    """What the residual stream is multiplied with after a layer: while denoising, while encoding."""
    names = (f"{DECODER}layers.{number}.layer_scalar", f"{ENCODER}layers.{number}.layer_scalar")
    denoising, encoding = (float(source.floats(name).astype(np.float32).reshape(-1)[0]) for name in names)
    return denoising, encoding


def outer_vectors(source: WeightSource) -> list[Floats]:
    """Norm of the self-conditioning's input, and the last norm."""
    names = (f"{DECODER}self_conditioning.pre_norm.weight", f"{DECODER}norm.weight")
    return [_padded(source.floats(name).astype(np.float32)) for name in names]


def embedding_scale(config: ModelConfig) -> float:
    """sqrt(hidden), rounded to the checkpoint's type as transformers does (sqrt(2816) is 53.0 in bfloat16)."""
    types: dict[str, Any] = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
    return float(np.float32(math.sqrt(config.hidden_size)).astype(types.get(config.dtype, np.float32)))


def _padded(vector: Floats) -> Floats:
    out = np.zeros(padded(len(vector)), np.float32)
    out[: len(vector)] = vector
    return out
