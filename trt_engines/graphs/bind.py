"""Finds the array of every weight that a graph asks for, in the checkpoint's files; checks name, shape and type.

Large weights that lie on the disk in the type the graph asks for are mapped, not copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto

from trt_engines.errors import BindingError
from trt_engines.graphs.precision import EXPERT_PARTS, NUMPY_TYPES, WeightFormat, takes_form
from trt_engines.weights.formats import Fp8, Int4, Nvfp4
from trt_engines.weights.source import Part, WeightSource

Weights = dict[str, NDArray[Any]]
Progress = Callable[[float], None]
_FLOATS = (np.dtype(np.float32), np.dtype(np.float16), NUMPY_TYPES[TensorProto.BFLOAT16])
_PACKED = (TensorProto.INT4, TensorProto.FLOAT4E2M1)
_SUFFIXES = (".codes", ".scales", ".scale", ".block_scales", ".ratios", ".input_scale")


def placeholders(graph: ModelProto) -> Iterator[TensorProto]:
    """The initialisers of `graph` that have no data."""
    return (item for item in graph.graph.initializer if item.data_location == TensorProto.EXTERNAL)


def bound_weights(graph: ModelProto, source: WeightSource, form: WeightFormat, progress: Progress) -> Weights:
    """An array for each placeholder of `graph`; 4-bit numbers are packed, two a byte.

    Args:
        graph: Its large weights are in `form` (see `precision.quantised`).
        source: The checkpoint.
        form: Form of the large weights.
        progress: Told the share that is done.

    Raises:
        BindingError: A tensor has another shape or a type that cannot be converted.
        WeightsError: A tensor is missing, or its file is damaged.
    """
    wanted = {item.name: item for item in placeholders(graph)}
    names = dict.fromkeys(_base(name) for name in wanted)
    found: Weights = {}
    for number, name in enumerate(names):
        progress(number / len(names))
        if name in wanted:
            found[name] = _plain(wanted[name], source)
        else:
            compute = next(wanted[name + s].data_type for s in (".scales", ".scale") if name + s in wanted)
            dtype = NUMPY_TYPES[compute]
            found.update(_parts(name, _made(name, source, form, dtype), dtype))
    for name, array in found.items():
        _check(wanted[name], array)
    progress(1.0)
    return found


def reference_weights(graph: ModelProto, source: WeightSource, form: WeightFormat, compute: int) -> Weights:
    """The same weights as float32 arrays, for a graph that computes in float32: what the engine's numbers stand for.

    Args:
        graph: Computes in float32, weights in no special form.
        source: The checkpoint.
        form: Form of the large weights in the engine.
        compute: ONNX type that the engine computes in.
    """
    dtype = NUMPY_TYPES[compute]
    found: Weights = {}
    for item in placeholders(graph):
        if takes_form(item.name, form):
            found[item.name] = _made(item.name, source, form, dtype).dequantised()
        else:
            stored = _plain(item, source)
            # What the engine rounds to its compute type is rounded here, too.
            found[item.name] = stored.astype(dtype).astype(np.float32) if stored.ndim > 1 else stored
        _check(item, found[item.name])
    return found


def _base(name: str) -> str:
    suffix = next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), "")
    base = name.removesuffix(suffix)
    return base if base.endswith((*EXPERT_PARTS, ".weight")) else name


def _expert_part(name: str) -> tuple[int, Part]:
    layer = int(name.split(".layers.")[1].split(".")[0])
    return layer, "gate_up" if name.endswith(EXPERT_PARTS[0]) else "down"


def _plain(item: TensorProto, source: WeightSource) -> NDArray[Any]:
    dtype = NUMPY_TYPES[item.data_type]
    if item.name.endswith(EXPERT_PARTS):
        return source.experts_unquantised(*_expert_part(item.name), dtype)
    stored = source.floats(item.name)
    if stored.dtype not in _FLOATS:
        raise BindingError(
            f"{item.name} is stored as {stored.dtype}, expected a floating-point type.", "Choose another variant."
        )
    return stored if stored.dtype == dtype else stored.astype(dtype)


def _made(name: str, source: WeightSource, form: WeightFormat, dtype: np.dtype[Any]) -> Int4 | Fp8 | Nvfp4:
    if form == "plain":
        raise ValueError(f"{name} is in no special form")
    if name.endswith(EXPERT_PARTS):
        return source.experts(*_expert_part(name), form, dtype)
    return source.dense(name, "fp8", dtype)


def _parts(name: str, made: Int4 | Fp8 | Nvfp4, dtype: np.dtype[Any]) -> Weights:
    if isinstance(made, Int4):
        return {f"{name}.codes": made.codes, f"{name}.scales": made.scales}
    if isinstance(made, Fp8):
        return {f"{name}.codes": made.codes, f"{name}.scale": made.scale}
    scale = np.array(made.scale, dtype)
    # What rounding the one scale loses is given to the ratios.
    ratios = (made.ratios * (made.scale / np.float32(scale))).astype(dtype)
    return {
        f"{name}.codes": made.codes,
        f"{name}.block_scales": made.block_scales,
        f"{name}.scale": scale,
        f"{name}.ratios": ratios,
        f"{name}.input_scale": np.array(made.input_scale, dtype),
    }


def _check(item: TensorProto, array: NDArray[Any]) -> None:
    dims = tuple(item.dims)
    if item.data_type in _PACKED:
        dims = (*dims[:-1], dims[-1] // 2)
    if array.shape != dims:
        raise BindingError(
            f"{item.name} has shape {array.shape}, the graph asks for {dims}.",
            "Weights and config.json belong to different models; download the model again.",
        )
    if array.nbytes != math.prod(dims) * array.itemsize or not array.flags.c_contiguous:
        raise BindingError(f"{item.name} does not lie in one piece.")
