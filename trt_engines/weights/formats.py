"""Weight matrices in the forms that engines compute with: INT4, FP8, NVFP4; to them and back to float32.

The last axis, K, is the one that products sum over. Everything is symmetric: a value is code times scale. Scales are
positive because TensorRT's ONNX parser accepts no others. Scales of the sign of the block's largest weight (so that -8
serves it) would lower the INT4 error by another 4 %, where a negative scale is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from trt_engines.weights import block_scales
from trt_engines.weights.block_scales import E4M3_TYPE, INT4_SHARES, NVFP4_PEAKS
from trt_engines.weights.blocks import (
    QuantisationError,
    check_weights,
    columns,
    each_piece,
    largest_magnitude,
    rounded_scales,
)
from trt_engines.weights.minifloat import E2M1, E2M1_VALUES, E4M3, INT4_VALUES, pack_columns, unpacked

INT4_BLOCK, NVFP4_BLOCK = 32, 16
# An activation block of 16 gets the scale E4M3(absmax / (6 * input_scale)): up to absmax 6 * 448 * 0.25 = 672 nothing
# saturates, and scales of blocks above 6 * 2**-6 * 0.25 = 0.023 are normal numbers. After a norm no element exceeds
# sqrt(2816) = 53 times its gain, so 672 leaves room for gains up to 12. Below, vectors keep their precision down to an
# RMS of 0.01 (measured: error 0.096 there, 0.095 at 1, 0.12 at 0.003). An outlier cut off costs an answer, small
# blocks lost among large ones cost nothing: hence more room above than below. A power of two, so that it is exact.
DEFAULT_INPUT_SCALE = 0.25
_SMALLEST_NVFP4_SCALE = 2.0**-100


@dataclass(frozen=True, slots=True)
class Int4:
    """Blocks of 32 along K.

    Attributes:
        codes: uint8 [..., N, K/2], two's complement -8 to 7, first number in the low half.
        scales: [..., N, K/32] in the compute type.
    """

    codes: NDArray[np.uint8]
    scales: NDArray[Any]

    def dequantised(self) -> NDArray[np.float32]:
        """float32 [..., N, K]."""
        return _scaled(unpacked(self.codes, INT4_VALUES), self.scales, INT4_BLOCK)


@dataclass(frozen=True, slots=True)
class Fp8:
    """One scale an expert, or one a row.

    Attributes:
        codes: float8_e4m3fn [E, N, K] or [N, K].
        scale: [E] or [N] in the compute type.
    """

    codes: NDArray[Any]
    scale: NDArray[Any]

    def dequantised(self) -> NDArray[np.float32]:
        """float32 in the shape of the codes."""
        values = self.codes.astype(np.float32)
        values *= self.scale.astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
        return values


@dataclass(frozen=True, slots=True)
class Nvfp4:
    """Blocks of 16 along K with 8-bit scales, and one scale for all of a stack, the only kind TensorRT fuses.

    Attributes:
        codes: uint8 [E, N, K/2], E2M1, first number in the low half.
        block_scales: float8_e4m3fn [E, N, K/16].
        scale: float32, of the whole stack.
        ratios: float32 [E, 1, N]; the products of an expert are multiplied with it afterwards. 1 when quantised here,
            else what the checkpoint's own scales of experts and halves are in terms of `scale`.
        input_scale: float32; an activation block's scale is E4M3 of absmax / (6 * input_scale).
    """

    codes: NDArray[np.uint8]
    block_scales: NDArray[Any]
    scale: np.float32
    ratios: NDArray[np.float32]
    input_scale: np.float32

    def dequantised(self) -> NDArray[np.float32]:
        """float32 [E, N, K], `ratios` included."""
        values = _scaled(unpacked(self.codes, E2M1_VALUES), self.block_scales, NVFP4_BLOCK)
        values *= np.swapaxes(self.ratios * self.scale, 1, 2)
        return values


def _scaled(values: NDArray[np.float32], scales: NDArray[Any], block: int) -> NDArray[np.float32]:
    blocks = values.reshape(*scales.shape, block)
    blocks *= scales.astype(np.float32)[..., None]
    return values


def quantise_int4(
    weights: NDArray[Any],
    dtype: DTypeLike,
    name: str = "weights",
    shares: tuple[float, ...] = INT4_SHARES,
    workers: int | None = None,
) -> Int4:
    """[..., N, K] in blocks of 32.

    Args:
        weights: BF16, F16 or F32; may be mapped from a file, it is read piece by piece.
        dtype: Type of the scales; codes are chosen for the rounded scale.
        name: The tensor's, for messages.
        shares: Steps to try, as shares of absmax/7; none: absmax/7 as it is.
        workers: Threads; None: up to eight.

    Raises:
        QuantisationError: Wrong type or shape, NaN, infinite, or a scale does not fit `dtype`.
    """

    def kernel(numbers: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        return block_scales.int4_blocks(numbers, dtype, shares, name)

    return Int4(*_by_blocks(weights, INT4_BLOCK, dtype, kernel, name, workers))


def _by_blocks(
    weights: NDArray[Any],
    block: int,
    scale_type: DTypeLike,
    kernel: Callable[[NDArray[np.float32]], tuple[NDArray[np.uint8], NDArray[Any]]],
    name: str,
    workers: int | None,
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Packed codes [..., N, K/2] and scales [..., N, K/block]; `kernel` gets some blocks as columns [block, n]."""
    check_weights(weights, block, name)
    blocks = weights.reshape(-1, block)
    codes = np.empty((len(blocks), block // 2), np.uint8)
    scales = np.empty(len(blocks), scale_type)

    def work(piece: slice) -> None:
        piece_codes, scales[piece] = kernel(columns(blocks[piece]))
        pack_columns(piece_codes, codes[piece])

    each_piece(len(blocks), block, work, workers)
    shape = weights.shape[:-1]
    return codes.reshape(*shape, weights.shape[-1] // 2), scales.reshape(*shape, weights.shape[-1] // block)


def quantise_fp8(weights: NDArray[Any], dtype: DTypeLike, name: str = "weights", workers: int | None = None) -> Fp8:
    """[E, N, K] with one scale an expert or [N, K] with one a row; arguments and errors as in `quantise_int4`."""
    check_weights(weights, 1, name)
    per_row = largest_magnitude(weights, name, workers)
    largest = per_row.max(axis=1) if weights.ndim == 3 else per_row
    wanted = np.where(largest == 0, 1, largest.astype(np.float64) / E4M3.largest)
    scale = rounded_scales(wanted, dtype, 448 / 464, name)
    divisors = np.repeat(scale.astype(np.float32), weights.shape[1] if weights.ndim == 3 else 1)[:, None]
    rows = weights.reshape(-1, weights.shape[-1])
    codes = np.empty(rows.shape, np.uint8)

    def work(piece: slice) -> None:
        numbers = rows[piece].astype(np.float32)
        numbers /= divisors[piece]
        codes[piece] = E4M3.encode(numbers)

    each_piece(len(rows), rows.shape[1], work, workers)
    return Fp8(codes.view(E4M3_TYPE).reshape(weights.shape), scale)


def nvfp4_scale(largest: float) -> np.float32:
    """The scale of a stack whose largest magnitude is `largest`."""
    return np.float32(max(largest / (E2M1.largest * block_scales.LARGEST_BLOCK_SCALE), _SMALLEST_NVFP4_SCALE))


def quantise_nvfp4(
    weights: NDArray[Any],
    name: str = "weights",
    scale: np.float32 | None = None,
    peaks: tuple[float, ...] = NVFP4_PEAKS,
    workers: int | None = None,
) -> Nvfp4:
    """[E, N, K] in blocks of 16.

    Args:
        weights: BF16, F16 or F32; may be mapped from a file.
        name: The tensor's, for messages.
        scale: Scale of the whole stack, if `weights` are only some of its experts; None: theirs is computed.
        peaks: What a block's largest magnitude may become.
        workers: Threads; None: up to eight.

    Raises:
        QuantisationError: Wrong type or shape, NaN or infinite.
    """
    if scale is None:
        check_weights(weights, NVFP4_BLOCK, name)
        scale = nvfp4_scale(float(largest_magnitude(weights, name, workers).max(initial=0)))
    used = float(scale)

    def kernel(numbers: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        return block_scales.nvfp4_blocks(numbers, used, peaks, name)

    codes, scales = _by_blocks(weights, NVFP4_BLOCK, E4M3_TYPE, kernel, name, workers)
    ratios = np.ones((weights.shape[0], 1, weights.shape[1]), np.float32)
    return Nvfp4(codes, scales, scale, ratios, np.float32(DEFAULT_INPUT_SCALE))


Stack = TypeVar("Stack", Int4, Fp8, Nvfp4)


def stacked(parts: Iterable[Stack], count: int) -> Stack:
    """Experts one by one (each a stack of one) as one stack; only one part is held at a time beside the result.

    Raises:
        QuantisationError: There are no parts.
    """
    whole: dict[str, Any] = {}
    made: type[Stack] | None = None
    for number, part in enumerate(parts):
        made = type(part)
        for field in fields(part):
            value: Any = getattr(part, field.name)
            if value.ndim == 0:
                whole[field.name] = value
                continue
            if number == 0:
                whole[field.name] = np.empty((count, *value.shape[1:]), value.dtype)
            whole[field.name][number] = value[0]
    if made is None:
        raise QuantisationError("There are no experts to stack.")
    return made(**whole)
