"""Weights as blocks: cut in pieces that suit a processor's caches, worked on by some threads, NaN found on the way.

Blocks are columns while they are worked on: sums and maxima over a short last axis are several times slower in numpy.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike, NDArray

from trt_engines.errors import EngineError

# 1 MB in float32. Measured: one thread is as fast with 64 K to 512 K numbers and half as fast beyond (caches). Two
# threads gain nothing at 64 K, where they mostly wait for the interpreter between operations of a few microseconds,
# and a third to a half at 256 K.
PIECE = 1 << 18
_MOST_WORKERS = 8
FLOATS = tuple(np.dtype(kind) for kind in (ml_dtypes.bfloat16, np.float16, np.float32))
_AGAIN = "Download this model again, or choose another copy of it."


class QuantisationError(EngineError):
    """Weights cannot be brought into the form that was asked for."""


def check_weights(weights: NDArray[Any], block: int, name: str) -> None:
    """Type and shape.

    Raises:
        QuantisationError: Not a floating-point matrix (or stack of them), or K is no multiple of `block`.
    """
    if weights.dtype not in FLOATS or weights.ndim < 2:
        raise QuantisationError(f"{name} ({weights.dtype}, {weights.shape}) is no matrix of BF16, F16 or F32.", _AGAIN)
    if weights.shape[-1] % block:
        text = f"{name} cannot be quantised: its inner size {weights.shape[-1]} is no multiple of the block of {block}."
        raise QuantisationError(text, "Choose another precision for this model.")


def check_finite(largest: NDArray[Any], name: str) -> None:
    """`largest` are maxima of magnitudes, which are NaN or infinite if one of the weights is.

    Raises:
        QuantisationError: They are.
    """
    if not np.isfinite(largest).all():
        raise QuantisationError(f"{name} is damaged: it holds values that are NaN or infinite.", _AGAIN)


def each_piece(count: int, size: int, work: Callable[[slice], None], workers: int | None) -> None:
    """Call `work` for pieces of `count` rows of `size` numbers, in up to `workers` threads (None: up to eight)."""
    step = max(1, PIECE // size)
    pieces = [slice(start, min(start + step, count)) for start in range(0, count, step)]
    threads = min(workers or min(os.cpu_count() or 1, _MOST_WORKERS), len(pieces))
    if threads <= 1:
        for piece in pieces:
            work(piece)
        return

    def share(number: int) -> None:
        for piece in pieces[number::threads]:
            work(piece)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, range(threads)))


def columns(blocks: NDArray[Any]) -> NDArray[np.float32]:
    """[n, block] of a stored type as float32 [block, n]."""
    return np.ascontiguousarray(blocks.astype(np.float32).T)


def largest_magnitude(weights: NDArray[Any], name: str, workers: int | None = None) -> NDArray[np.float32]:
    """Largest magnitude of every row: [..., K] to [...].

    Raises:
        QuantisationError: A weight is NaN or infinite.
    """
    rows = weights.reshape(-1, weights.shape[-1])
    largest = np.empty(len(rows), np.float32)

    def work(piece: slice) -> None:
        numbers = rows[piece].astype(np.float32)
        np.abs(numbers, out=numbers)
        numbers.max(axis=1, out=largest[piece])

    each_piece(len(rows), rows.shape[1], work, workers)
    check_finite(largest, name)
    return largest.reshape(weights.shape[:-1])


def rounded_scales(scales: NDArray[np.float64], dtype: DTypeLike, least: float, name: str) -> NDArray[Any]:
    """Positive scales in the type they are stored in, none of them zero.

    TensorRT's parser refuses scales that are not positive. Subnormal numbers lie far apart, and a scale that was
    rounded down much would saturate the largest weights: where rounding leaves less than `least` of a scale, the next
    number above is taken.

    Raises:
        QuantisationError: A scale is too large for the type.
    """
    with np.errstate(over="ignore"):
        rounded = scales.astype(dtype)
    if not np.isfinite(rounded.astype(np.float32)).all():
        text = f"{name} cannot be quantised: its values are too large for scales in {np.dtype(dtype).name}."
        raise QuantisationError(text, "Choose another precision for this model.")
    bits = rounded.view(np.dtype(f"u{rounded.itemsize}"))
    bits += (rounded.astype(np.float64) < scales * least).astype(bits.dtype)
    return rounded
