"""The scale of each block, chosen for a small squared error, and the codes for it. Blocks are columns [block, n].

Both choices were measured on Gaussian and heavier-tailed weights of the real shape (benchmarks/quantise.py).
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike, NDArray

from trt_engines.weights.blocks import check_finite, rounded_scales
from trt_engines.weights.minifloat import E2M1, E4M3

# Shares of absmax/7 that are tried as the step of an INT4 block. On Gaussian weights the relative error is 0.0970
# without a search, 0.0944 with one share, 0.0866 with these three, 0.0861 with five and 0.0859 with sixteen; every
# share costs a fifth of the time.
INT4_SHARES = (1.0, 0.92, 0.84)
# The largest magnitude of an NVFP4 block becomes 6 or 4, whichever errs less: between 4 and 6 there is no number, and
# a block with weights there is better off with the finer numbers below 4. So the largest block scale is 256, which
# leaves room for one and a half times that. The choice lowers the error on Gaussian weights from 0.095 to 0.087.
NVFP4_PEAKS = (6.0, 4.0)
LARGEST_BLOCK_SCALE = 256.0
E4M3_TYPE = np.dtype(ml_dtypes.float8_e4m3fn)


def int4_blocks(
    numbers: NDArray[np.float32], dtype: DTypeLike, shares: tuple[float, ...], name: str
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Codes [32, n] with two's complement in the low four bits, and scales [n]; `numbers` is overwritten.

    Raises:
        QuantisationError: NaN, infinite, or a scale does not fit `dtype`.
    """
    largest = _largest(numbers, name)
    largest[largest == 0] = 1
    numbers /= largest  # no square of what follows can overflow or vanish
    scales = rounded_scales(_int4_steps(numbers, shares) * largest, dtype, 7 / 7.5, name)
    numbers *= (largest / scales.astype(np.float64)).astype(np.float32)
    _to_int4(numbers)
    codes = numbers.astype(np.int8).view(np.uint8)
    codes &= np.uint8(15)
    return codes, scales


def _largest(numbers: NDArray[np.float32], name: str) -> NDArray[np.float64]:
    largest = np.maximum(numbers.max(axis=0), -numbers.min(axis=0))
    check_finite(largest, name)
    wide: NDArray[np.float64] = largest.astype(np.float64)
    return wide


def _to_int4(numbers: NDArray[np.float32]) -> None:
    np.rint(numbers, out=numbers)
    np.clip(numbers, -8, 7, out=numbers)


def _int4_steps(numbers: NDArray[np.float32], shares: tuple[float, ...]) -> NDArray[np.float64]:
    """Step of each block [n] for numbers [32, n] whose largest magnitude is 1.

    1. A share of absmax/7 gives codes q: a smaller step saturates the few largest numbers and serves all others better.
    2. The best step for these codes is <x,q> / <q,q>, which leaves the error <x,x> - <x,q>**2 / <q,q>.
    3. The share with the least error gives the step.
    """
    best = np.zeros(numbers.shape[1], np.float32)
    steps = np.full(numbers.shape[1], 1 / 7)
    for share in shares:
        codes = numbers * np.float32(7 / share)  # 1
        _to_int4(codes)
        along = np.einsum("kn,kn->n", numbers, codes)  # 2
        length = np.einsum("kn,kn->n", codes, codes)
        np.maximum(length, 1, out=length)
        gain = along * along / length
        better = gain > best  # 3
        np.copyto(best, gain, where=better)
        np.copyto(steps, along / length, where=better)
    return steps


def nvfp4_blocks(
    numbers: NDArray[np.float32], scale: float, peaks: tuple[float, ...], name: str
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Codes [16, n] and block scales [n] in E4M3, for the scale of the whole stack.

    Raises:
        QuantisationError: NaN or infinite.
    """
    largest = _largest(numbers, name)
    best = _nvfp4_scales(largest, scale, peaks[0], name)
    if len(peaks) > 1:
        error = _nvfp4_error(numbers, best, scale)
    for peak in peaks[1:]:
        scales = _nvfp4_scales(largest, scale, peak, name)
        other = _nvfp4_error(numbers, scales, scale)
        better = other < error
        np.copyto(best, scales, where=better)
        np.copyto(error, other, where=better)
    numbers /= _steps(best, scale)
    return E2M1.encode(numbers), best


def _nvfp4_scales(largest: NDArray[np.float64], scale: float, peak: float, name: str) -> NDArray[Any]:
    wanted = np.where(largest == 0, 1, np.minimum(largest / (peak * scale), E4M3.largest))
    # Above 6 the next number would be 8, so that 7/6 still rounds to it.
    return rounded_scales(wanted, E4M3_TYPE, 6 / 7, name)


def _steps(scales: NDArray[Any], scale: float) -> NDArray[np.float32]:
    return (scales.astype(np.float64) * scale).astype(np.float32)


def _nvfp4_error(numbers: NDArray[np.float32], scales: NDArray[Any], scale: float) -> NDArray[np.float64]:
    """Squared error of each block, in units of `scale`; rounds as `E2M1.encode` does, without making codes."""
    units = numbers / _steps(scales, scale)
    np.clip(units, -E2M1.largest, E2M1.largest, out=units)
    # The power of two below a number, but at least 1, is twice the distance of E2M1's numbers there; 3 * 2**21 of it is
    # so large that a float32 sum has just this distance.
    large = (units.view(np.uint32) & np.uint32(0x7F800000)).view(np.float32)
    np.maximum(large, 1, out=large)
    large *= np.float32(3 * 2**21)
    rounded = units + large
    rounded -= large
    units -= rounded
    squares: NDArray[np.float64] = np.einsum("kn,kn->n", units, units).astype(np.float64)
    squares *= scales.astype(np.float64) ** 2
    return squares
