"""Weight matrices in the layout of the kernels (source/native.h), made from rows of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from inference.errors import ModelFolderError
from inference.native.library import ISAS, aligned, best_isa, load, pointer

Floats = NDArray[np.float32]
Kind = Literal["float32", "bfloat16", "int8", "int4"]
# Source rows by number, float32 [len(numbers), K]; -1 never comes.
TakeRows = Callable[[NDArray[np.int32]], Floats]

TYPE_NUMBERS: dict[str, int] = {"float32": 0, "bfloat16": 1, "float16": 2, "int8": 3, "int4": 4}
PANEL = 32
INT4_GROUP = 32
# One scale a column: no product sums over more than so many numbers, so that 32 bits hold 255 * 127 of each.
INT8_GROUP = 32_768
# The table of the self-conditioning is summed over the vocabulary, whose shares differ by orders of magnitude.
TABLE_GROUP = 128
_BYTES_AT_ONCE = 64 << 20


def padded(size: int, to: int = PANEL) -> int:
    """The next multiple."""
    return -(-size // to) * to


@dataclass(frozen=True, slots=True)
class PackedMatrix:
    """One matrix of `k` inputs and `n` outputs, both padded, as it lies in memory or in a file.

    Attributes:
        kind: Type of the weights.
        k: Inputs.
        n: Outputs.
        group: Inputs that share a scale.
        weights: uint8, flat.
        scales: uint8, flat; empty for floating-point types.
    """

    kind: Kind
    k: int
    n: int
    group: int
    weights: NDArray[np.uint8]
    scales: NDArray[np.uint8]


def weight_bytes(kind: Kind, k: int, n: int) -> int:
    """Bytes of the weights."""
    return k * n * {"float32": 8, "bfloat16": 4, "int8": 2, "int4": 1}[kind] // 2


def scale_bytes(kind: Kind, k: int, n: int, group: int) -> int:
    """Bytes of the scales."""
    return -(-k // group) * n * {"float32": 0, "bfloat16": 0, "int8": 4, "int4": 2}[kind]


def group_of(kind: Kind, k: int, table: bool = False) -> int:
    """Inputs that share a scale."""
    if table and kind == "int8":
        return TABLE_GROUP
    return INT4_GROUP if kind == "int4" else min(k, INT8_GROUP)


def interleaved(inner: int) -> NDArray[np.int32]:
    """Order of the columns of gate and up (gate rows first): 16 of one, 16 of the other; -1 is padding."""
    place = np.arange(padded(inner)).reshape(-1, PANEL // 2)
    gate = np.where(place < inner, place, -1)
    up = np.where(place < inner, place + inner, -1)
    return np.stack([gate, up], axis=1).reshape(-1).astype(np.int32)


def straight(rows: int) -> NDArray[np.int32]:
    """Order of the columns of a matrix that lies as it is."""
    place = np.arange(padded(rows))
    return np.where(place < rows, place, -1).astype(np.int32)


def pack(
    kind: Kind, k: int, order: NDArray[np.int32], take: TakeRows, name: str, *, k_padded: int = 0, table: bool = False,
    workers: int = 1, check: Callable[[], None] | None = None,
) -> PackedMatrix:  # fmt: skip
    """Pack one matrix, some columns at a time, so that no more than some tens of megabytes are float32 at once.

    Args:
        kind: What it becomes. "bfloat16" must be exact: the rows hold nothing else.
        k: Inputs.
        order: Which source row each column takes, whole panels; -1: none.
        take: The rows.
        name: For the error.
        k_padded: Inputs with padding; 0: the next multiple of 32.
        table: Whether it is the table of the self-conditioning.
        workers: Threads.
        check: Called before each piece, by any of the threads; what it raises ends the work.

    Raises:
        ModelFolderError: A weight is not finite.
    """
    k_padded = k_padded or padded(k)
    group, n = group_of(kind, k_padded, table), len(order)
    weights = aligned((weight_bytes(kind, k_padded, n),), np.uint8)
    scales = aligned((scale_bytes(kind, k_padded, n, group),), np.uint8)
    isa, number, library = ISAS.index(best_isa()), TYPE_NUMBERS[kind], load()
    step = max(PANEL, _BYTES_AT_ONCE // workers // (4 * k) // PANEL * PANEL)

    def work(first: int) -> None:
        if check is not None:
            check()
        wanted = order[first : first + step]
        there = wanted >= 0
        rows = np.ascontiguousarray(take(wanted[there]), np.float32)
        if rows.shape != (int(there.sum()), k):
            raise ValueError(f"{name}: rows {rows.shape}, wanted {(int(there.sum()), k)}")
        own = np.where(there, np.cumsum(there) - 1, -1).astype(np.int32)
        good = library.dp_pack(
            isa, number, k, k_padded, group, pointer(rows), pointer(own), first, first + len(own), pointer(weights),
            pointer(scales),
        )  # fmt: skip
        if not good or (kind in ("float32", "bfloat16") and not np.isfinite(rows).all()):
            raise ModelFolderError(
                f"{name} is damaged: it holds values that are NaN, infinite or too large.", "Download this model again."
            )

    starts = range(0, n, step)
    if workers == 1 or len(starts) == 1:
        for start in starts:
            work(start)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, starts))
    return PackedMatrix(kind, k_padded, n, group, weights, scales)


def stacked_rows(arrays: Sequence[NDArray[Any]]) -> TakeRows:
    """Rows of matrices that lie below each other, of any floating-point type; nothing is joined or copied before."""
    ends = np.cumsum([len(array) for array in arrays])

    def take(numbers: NDArray[np.int32]) -> Floats:
        out = np.empty((len(numbers), arrays[0].shape[1]), np.float32)
        for array, end in zip(arrays, ends, strict=True):
            own = (numbers >= end - len(array)) & (numbers < end)
            if own.any():
                out[own] = array[numbers[own] - (end - len(array))]
        return out

    return take


def table_columns(table: NDArray[Any]) -> TakeRows:
    """Columns of a table [vocabulary, hidden] as rows."""

    def take(numbers: NDArray[np.int32]) -> Floats:
        first, last = int(numbers[0]), int(numbers[-1]) + 1
        return np.ascontiguousarray(table[:, first:last].astype(np.float32).T)

    return take


def float_kind(arrays: Sequence[NDArray[Any]]) -> Kind:
    """The floating-point type that holds all of them exactly."""
    return "bfloat16" if all(array.dtype == ml_dtypes.bfloat16 for array in arrays) else "float32"
