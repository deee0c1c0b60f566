"""Experts as NVIDIA's ModelOpt writes them in NVFP4: four tensors for each projection of each expert.

`weight` U8 [N, K/2] (E2M1, first number in the low half), `weight_scale` F8_E4M3 [N, K/16], `weight_scale_2` F32
scalar and, where activations were measured (NVFP4, not W4A16_NVFP4), `input_scale` F32 scalar. A value is
E2M1 * weight_scale * weight_scale_2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_engines.errors import WeightsError
from trt_engines.weights.block_scales import E4M3_TYPE
from trt_engines.weights.blocks import each_piece
from trt_engines.weights.formats import DEFAULT_INPUT_SCALE, NVFP4_BLOCK, Nvfp4
from trt_engines.weights.minifloat import E2M1_VALUES, unpacked

_AGAIN = "Download this model again, or choose another copy of it."


@dataclass(frozen=True, slots=True)
class Projection:
    """One matrix [N, K] as stored.

    Attributes:
        codes: uint8 [N, K/2].
        block_scales: float8_e4m3fn [N, K/16].
        scale: `weight_scale_2`.
        input_scale: `input_scale`, for the activations that it is multiplied with; None if nobody measured them.
    """

    codes: NDArray[np.uint8]
    block_scales: NDArray[Any]
    scale: np.float32
    input_scale: np.float32 | None

    @property
    def shape(self) -> tuple[int, int]:
        """N, K."""
        return self.codes.shape[0], 2 * self.codes.shape[1]

    def dequantise_into(self, out: NDArray[np.float32], workers: int | None = None) -> None:
        """Fill float32 [N, K], some rows at a time."""

        def work(rows: slice) -> None:
            values = unpacked(self.codes[rows], E2M1_VALUES)
            blocks = values.reshape(*self.block_scales[rows].shape, NVFP4_BLOCK)
            blocks *= self.block_scales[rows].astype(np.float32)[..., None]
            np.multiply(values, self.scale, out=out[rows])

        each_piece(*self.shape, work, workers)


def read_projection(array: Callable[[str], NDArray[Any]], there: Callable[[str], bool], prefix: str) -> Projection:
    """The matrix whose tensors begin with `prefix`; `array` gives a tensor by its name, `there` says if there is one.

    Raises:
        WeightsError: A tensor is missing or has another type or shape than it must, or a scale is not finite.
    """
    codes, block_scales = array(f"{prefix}.weight"), array(f"{prefix}.weight_scale")
    check_blocks(f"{prefix}.weight", codes, f"{prefix}.weight_scale", block_scales)
    measured = f"{prefix}.input_scale"
    input_scale = positive_scalar(array, measured) if there(measured) else None
    return Projection(codes, block_scales, positive_scalar(array, f"{prefix}.weight_scale_2"), input_scale)


def check_blocks(name: str, codes: NDArray[Any], scales_name: str, block_scales: NDArray[Any]) -> None:
    """Types and shapes of packed codes and of their blocks' scales.

    Raises:
        WeightsError: They are not what they must be, or a scale is NaN.
    """
    _check(name, codes, np.dtype(np.uint8), 2)
    _check(scales_name, block_scales, E4M3_TYPE, 2)
    wanted = (codes.shape[0], codes.shape[1] * 2 // NVFP4_BLOCK)
    if block_scales.shape != wanted or codes.shape[1] * 2 % NVFP4_BLOCK:
        text = f"{scales_name} has the shape {block_scales.shape}, but {codes.shape} codes need {wanted}."
        raise WeightsError(f"This checkpoint is damaged: {text}", _AGAIN)
    # E4M3 has no infinity, and NaN in the codes 0x7f and 0xff alone.
    if (block_scales.view(np.uint8) & np.uint8(0x7F) == 0x7F).any():
        raise WeightsError(f"This checkpoint is damaged: {scales_name} holds NaN.", _AGAIN)


def _check(name: str, tensor: NDArray[Any], dtype: np.dtype[Any], axes: int) -> None:
    if tensor.dtype != dtype or tensor.ndim != axes:
        text = f"{name} is {tensor.dtype} {tensor.shape}, not {dtype} with {axes} axes."
        raise WeightsError(f"This checkpoint is damaged: {text}", _AGAIN)


def positive_scalar(array: Callable[[str], NDArray[Any]], name: str) -> np.float32:
    """One positive number, float32.

    Raises:
        WeightsError: It is none.
    """
    tensor = array(name)
    if tensor.dtype != np.float32 or tensor.size != 1:
        text = f"{name} is {tensor.dtype} {tensor.shape}, not one float32."
        raise WeightsError(f"This checkpoint is damaged: {text}", _AGAIN)
    value = np.float32(tensor.reshape(()))
    if not (np.isfinite(value) and value > 0):
        raise WeightsError(f"This checkpoint is damaged: {name} is {value}, not a positive number.", _AGAIN)
    return value


def joined(experts: list[list[Projection]]) -> Nvfp4:
    """Experts, each of one projection or of gate and up, as one stack; codes and block scales bit for bit.

    Raises:
        WeightsError: The experts differ in shape.
    """
    shapes = {tuple(half.codes.shape for half in halves) for halves in experts}
    if len(shapes) != 1:
        raise WeightsError(f"This checkpoint is damaged: the experts differ in shape: {sorted(shapes)}.", _AGAIN)
    rows = [half.codes.shape[0] for half in experts[0]]
    half_bytes, blocks = experts[0][0].codes.shape[1], experts[0][0].block_scales.shape[1]
    scale = max(half.scale for halves in experts for half in halves)
    codes = np.empty((len(experts), sum(rows), half_bytes), np.uint8)
    block_scales = np.empty((len(experts), sum(rows), blocks), E4M3_TYPE)
    ratios = np.empty((len(experts), 1, sum(rows)), np.float32)
    for number, halves in enumerate(experts):
        np.concatenate([half.codes for half in halves], out=codes[number])
        np.concatenate([half.block_scales for half in halves], out=block_scales[number])
        ratios[number, 0] = np.repeat([half.scale / scale for half in halves], rows)
    measured = [half.input_scale for halves in experts for half in halves if half.input_scale is not None]
    return Nvfp4(codes, block_scales, scale, ratios, max(measured, default=np.float32(DEFAULT_INPUT_SCALE)))
