"""Single kernels, called with arrays: products and attention by instruction set."""

from __future__ import annotations

from typing import Any

import numpy as np

from inference.native.kv_blocks import block_numbers
from inference.native.library import ISAS, aligned, load, pointer
from inference.native.matrices import TYPE_NUMBERS, PackedMatrix


def own(array: Any, dtype: Any) -> np.ndarray:
    """An aligned copy."""
    made = aligned(np.shape(array), dtype)
    made[...] = array
    return made


def layout(codes: np.ndarray, bits: int) -> np.ndarray:
    """Codes [K, N] in the kernels' order, uint8 flat."""
    k, n = codes.shape
    if bits == 8:
        return codes.reshape(k // 4, 4, n // 32, 32).transpose(2, 0, 3, 1).astype(np.uint8).reshape(-1)
    halves = codes.reshape(k // 8, 2, 4, n // 32, 32).transpose(3, 0, 4, 1, 2)
    return (halves[:, :, :, 0] | halves[:, :, :, 1] << 4).astype(np.uint8).reshape(-1)


def multiply(
    isa: str, matrix: PackedMatrix, rows: np.ndarray, *, by_group: bool = False, gated: bool = False,
    index: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The product, float32 [rows, n], and the rows' bytes."""
    count, k = rows.shape
    chosen = count if index is None else len(index)
    groups = -(-k // matrix.group) if matrix.kind in ("int8", "int4") else 1
    out = aligned((chosen, matrix.n // 2 if gated else matrix.n), np.float32)
    quantised, sums = aligned((count, k), np.int8), aligned((count, groups), np.int32)
    data = own(rows, np.float32)
    places = None if index is None else own(index, np.int32)
    weights, scales = own(matrix.weights, np.uint8), own(matrix.scales, np.uint8)
    done = load().dp_product(
        ISAS.index(isa), TYPE_NUMBERS[matrix.kind], k, matrix.n, matrix.group, pointer(weights), pointer(scales),
        pointer(data), count, int(by_group), int(gated), pointer(places), chosen, pointer(out), pointer(quantised),
        pointer(sums),
    )  # fmt: skip
    assert done
    return out, quantised


def words(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers of 16 bits and the scale of each row, as the kernels' `to_words` makes them."""
    length = np.sqrt((rows.astype(np.float64) ** 2).sum(-1))
    largest = np.abs(rows).max(-1)
    scale = np.maximum(length / 46000, largest / 32767)
    return np.rint(rows / np.maximum(scale, 1e-30)[..., None]).astype(np.int16), scale.astype(np.float32)


def put_words(block: np.ndarray, lane: int, row: np.ndarray, *, as_key: bool) -> None:
    """One position of one head into its block, int16 [numbers of a block]."""
    own, scale = words(row)
    width = (len(block) - 64) // 32
    block[32 * width :].view(np.float32)[lane] = scale
    if as_key:
        block[: 32 * width].reshape(width // 2, 32, 2)[:, lane] = own.reshape(-1, 2)
    else:
        block[: 32 * width].reshape(16, width, 2)[lane // 2, : len(own), lane % 2] = own


def attend(
    isa: str,
    queries: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    *,
    start: int,
    canvas: bool,
    window: int,
    short: bool,  # 16 bits
    ring: int = 1 << 20,
) -> np.ndarray:
    """queries [N, heads, d], keys and values [start + N, kv_heads, d] -> float32 [N, heads, d]."""
    count, heads, dim = queries.shape
    positions, kv_heads, _ = keys.shape
    blocks, wide, kind = -(-min(positions, ring) // 32), -(-dim // 32) * 32, np.int16 if short else np.float32
    k = aligned((blocks, kv_heads, block_numbers(dim, kind)), kind)
    v = aligned((blocks, kv_heads, block_numbers(wide, kind)), kind)
    for place in range(positions):
        block, lane = divmod(place % ring, 32)
        if not short:
            k[block].reshape(kv_heads, dim, 32)[:, :, lane] = keys[place]
            v[block].reshape(kv_heads, 32, wide)[:, lane, :dim] = values[place]
            continue
        for head in range(kv_heads):
            put_words(k[block, head], lane, keys[place, head], as_key=True)
            put_words(v[block, head], lane, values[place, head], as_key=False)
    out, q = aligned((count, heads, dim), np.float32), own(queries, np.float32)
    numbers = (ISAS.index(isa), count, heads, kv_heads, dim, int(short), start, count if canvas else 0, window, ring)
    assert load().dp_attend(*numbers, pointer(q), pointer(k), pointer(v), pointer(out))
    return out
