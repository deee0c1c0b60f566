"""Matrices as compressed-tensors writes them: FP8 with one scale a row, and NVFP4.

"float-quantized": `weight` F8_E4M3 [N, K] and `weight_scale` [N, 1] (or one for all) in BF16, F16 or F32; a value is
weight * weight_scale. "nvfp4-pack-quantized": `weight_packed` U8 [N, K/2] (E2M1, first number in the low half),
`weight_scale` F8_E4M3 [N, K/16], `weight_global_scale` F32 [1] and, where activations were measured,
`input_global_scale` F32 [1]; a value is E2M1 * weight_scale / weight_global_scale. ModelOpt's scales are the
reciprocals of these global ones. Read in the source of compressed-tensors 0.20 (compressors/nvfp4, naive_quantized).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_engines.errors import WeightsError
from trt_engines.weights import modelopt
from trt_engines.weights.block_scales import E4M3_TYPE
from trt_engines.weights.blocks import FLOATS, each_piece
from trt_engines.weights.modelopt import Projection

_AGAIN = "Download this model again, or choose another copy of it."
Getter = Callable[[str], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ScaledMatrix:
    """One matrix [N, K] as stored, each row with a scale.

    Attributes:
        codes: [N, K], float8_e4m3fn; or the values themselves in a floating-point type.
        scale: float32 [N].
    """

    codes: NDArray[Any]
    scale: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """N, K."""
        return self.codes.shape[0], self.codes.shape[1]

    def dequantise_into(self, out: NDArray[np.float32], workers: int | None = None) -> None:
        """Fill float32 [N, K], some rows at a time."""

        def work(rows: slice) -> None:
            np.multiply(self.codes[rows].astype(np.float32), self.scale[rows, None], out=out[rows])

        each_piece(*self.shape, work, workers)


Matrix = Projection | ScaledMatrix


def read_matrix(array: Getter, there: Callable[[str], bool], prefix: str) -> Matrix:
    """The matrix whose tensors begin with `prefix`, in whichever form it is stored.

    Args:
        array: Gives a tensor by its name.
        there: Whether there is a tensor of a name.
        prefix: Its name without ".weight".

    Raises:
        WeightsError: A tensor is missing or has another type or shape than it must, or a scale is not positive.
    """
    if there(f"{prefix}.weight_packed"):
        return _packed(array, there, prefix)
    codes = array(f"{prefix}.weight")
    if codes.dtype == np.uint8 or there(f"{prefix}.weight_scale_2"):
        return modelopt.read_projection(array, there, prefix)
    if codes.ndim != 2 or codes.dtype not in (E4M3_TYPE, *FLOATS):
        text = f"{prefix}.weight is {codes.dtype} {codes.shape}, not a matrix in a type that is read."
        raise WeightsError(f"This checkpoint is damaged: {text}", _AGAIN)
    if codes.dtype != E4M3_TYPE and not there(f"{prefix}.weight_scale"):
        return ScaledMatrix(codes, np.ones(codes.shape[0], np.float32))
    return ScaledMatrix(codes, _row_scales(array(f"{prefix}.weight_scale"), codes.shape, f"{prefix}.weight_scale"))


def _packed(array: Getter, there: Callable[[str], bool], prefix: str) -> Projection:
    codes, block_scales = array(f"{prefix}.weight_packed"), array(f"{prefix}.weight_scale")
    modelopt.check_blocks(f"{prefix}.weight_packed", codes, f"{prefix}.weight_scale", block_scales)
    scale = _reciprocal(array, f"{prefix}.weight_global_scale")
    named = f"{prefix}.input_global_scale"
    return Projection(codes, block_scales, scale, _reciprocal(array, named) if there(named) else None)


def _reciprocal(array: Getter, name: str) -> np.float32:
    with np.errstate(over="ignore"):
        value = np.float32(1) / modelopt.positive_scalar(array, name)
    if not np.isfinite(value):
        raise WeightsError(f"This checkpoint is damaged: {name} is too small.", _AGAIN)
    return np.float32(value)


def _row_scales(scales: NDArray[Any], shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
    """float32 [N]."""
    if scales.dtype not in FLOATS or (scales.size != 1 and scales.shape not in ((shape[0], 1), (shape[0],))):
        text = f"{name} is {scales.dtype} {scales.shape}, not one number for each of {shape[0]} rows."
        raise WeightsError(f"This checkpoint is damaged, or quantised in blocks: {text}", _AGAIN)
    rows = np.empty(shape[0], np.float32)
    rows[...] = scales.reshape(-1).astype(np.float32)
    if not (np.isfinite(rows) & (rows > 0)).all():
        raise WeightsError(f"This checkpoint is damaged: {name} holds values that are not positive numbers.", _AGAIN)
    return rows
