"""Rounding to E4M3 and E2M1 against `ml_dtypes`, and the order of packed codes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from tests.trt_engines.weights.support import E2M1 as E2M1_TABLE
from trt_engines.weights.minifloat import E2M1, E2M1_VALUES, E4M3, INT4_VALUES, MiniFloat, pack_columns, unpacked

KINDS = [(E4M3, ml_dtypes.float8_e4m3fn), (E2M1, ml_dtypes.float4_e2m1fn)]


def reference(values: np.ndarray, kind: MiniFloat, dtype: type) -> np.ndarray:
    """What `ml_dtypes` makes of it, saturated."""
    return np.clip(values, -kind.largest, kind.largest).astype(dtype).view(np.uint8)


@pytest.mark.parametrize(("kind", "dtype"), KINDS)
def test_all_halves_are_rounded_as_ml_dtypes_rounds(kind: MiniFloat, dtype: type) -> None:
    """Every finite float16: all ties, all subnormal numbers and both zeros of the small types are among them."""
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    every = every[np.isfinite(every)]
    np.testing.assert_array_equal(kind.encode(every.copy()), reference(every, kind, dtype))


@pytest.mark.parametrize(("kind", "dtype"), KINDS)
def test_neighbours_of_ties(kind: MiniFloat, dtype: type) -> None:
    numbers = np.unique(np.arange(128, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float32)[:-1])
    ties = (numbers[1:] + numbers[:-1]) / 2
    values = np.concatenate([numbers, ties, np.nextafter(ties, 0), np.nextafter(ties, np.float32(1e9))])
    values = np.concatenate([values, -values, [np.float32(3e38), np.float32(-3e38), np.float32(1e-45)]])
    np.testing.assert_array_equal(kind.encode(values.copy()), reference(values, kind, dtype))


def test_tables() -> None:
    assert E2M1_VALUES.tolist() == E2M1_TABLE
    assert INT4_VALUES.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1]


def test_the_first_code_is_in_the_low_half() -> None:
    out = np.zeros((2, 2), np.uint8)
    pack_columns(np.array([[0x1, 0x9], [0x2, 0xA], [0x3, 0xB], [0xF, 0xC]], np.uint8), out)
    assert out.tolist() == [[0x21, 0xF3], [0xA9, 0xCB]]
    np.testing.assert_array_equal(unpacked(out, np.arange(16, dtype=np.float32)), [[1, 2, 3, 15], [9, 10, 11, 12]])
