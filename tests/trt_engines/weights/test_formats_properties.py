"""What holds for any finite weights, however large, small or equal they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trt_engines.weights.support import BF16, slow_values
from trt_engines.weights.blocks import QuantisationError
from trt_engines.weights.formats import quantise_fp8, quantise_int4, quantise_nvfp4

TYPES = st.sampled_from([BF16, np.dtype(np.float16), np.dtype(np.float32)])
EXTREMES = [0.0, -0.0, 1e-45, -1e-45, 1.5e-45, 6e-8, -6e-5, 1e-38, 1.2e-38, 65504.0, 3.3e38, -3.3e38, 1.0, 7.5, -8.0]


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    """[1, 3, 64]: random numbers times a power of ten for each row, some places extreme, zero or all the same."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    exponents = draw(st.lists(st.integers(-46, 37), min_size=3, max_size=3))
    values = np.clip(rng.standard_normal((1, 3, 64)), -4, 4) * np.array([10.0**n for n in exponents])[None, :, None]
    values = np.clip(values, -3.3e38, 3.3e38)
    for place in draw(st.lists(st.integers(0, 191), max_size=6)):
        values.reshape(-1)[place] = draw(st.sampled_from(EXTREMES))
    if draw(st.booleans()):
        start = draw(st.integers(0, 11)) * 16
        values.reshape(-1)[start : start + 32] = draw(st.sampled_from(EXTREMES))
    dtype = draw(TYPES)
    if dtype == np.float16:
        values = np.clip(values, -65504, 65504)
    return values.astype(np.float32).astype(dtype)


def half_steps(stack: np.ndarray, values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Errors [1, 3, 64] in units of half a step, in float64; float32's own least step is not counted."""
    error = np.abs(values.astype(np.float64) - stack.astype(np.float64))
    return np.maximum(error - 2.0**-149, 0) / (steps / 2)


@given(matrices(), TYPES)
def test_int4(stack: np.ndarray, dtype: Any) -> None:
    try:
        form = quantise_int4(stack, dtype)
    except QuantisationError:
        # Only scales in F16 can be too large, and only for weights that F16 could hardly hold themselves.
        assert dtype == np.float16
        assert np.abs(stack.astype(np.float64)).max() > 6 * 65504
        return
    values = form.dequantised()
    assert np.isfinite(values).all()
    steps = np.repeat(form.scales.astype(np.float64), 32, axis=-1)
    assert (steps > 0).all()
    error = half_steps(stack, values, steps)
    # Saturated places may err more: a smaller step was better for the block as a whole.
    saturated = np.isin(np.rint(values / steps), [-8, 7])
    assert (error[~saturated] <= 1 + 1e-5).all()
    blocks = (stack.astype(np.float64).reshape(-1, 32), (values.astype(np.float64) - stack).reshape(-1, 32))
    size, squares = np.linalg.norm(blocks[0], axis=1), np.linalg.norm(blocks[1], axis=1)
    largest = np.abs(blocks[0]).max(axis=1)
    bound = np.sqrt(32) * largest / 14
    # Rounding a scale to BF16 moves each value by up to 2**-8; a subnormal scale lies within one unit of its type.
    tiny = float(np.finfo(np.float16).smallest_subnormal) if dtype == np.float16 else 1e-40
    assert (squares <= bound + 2**-8 * size + 8 * np.sqrt(32) * tiny).all()


@given(matrices(), TYPES)
def test_fp8(stack: np.ndarray, dtype: Any) -> None:
    try:
        forms = [quantise_fp8(stack, dtype), quantise_fp8(stack[0], dtype)]
    except QuantisationError:
        assert dtype == np.float16
        assert np.abs(stack.astype(np.float64)).max() > 440 * 65504
        return
    for form in forms:
        values = form.dequantised().reshape(stack.shape)
        assert np.isfinite(values).all()
        scale = form.scale.astype(np.float64).reshape(1, -1, 1)
        units = np.abs(stack.astype(np.float64)) / scale
        assert units.max() < 465
        # Three bits of mantissa, and evenly spaced numbers below 2**-6.
        steps = np.maximum(2.0 ** np.floor(np.log2(np.maximum(units, 2**-6))) / 8, 2**-9) * scale
        assert (half_steps(stack, values, steps) <= 1 + 1e-5).all()


@given(matrices())
def test_nvfp4(stack: np.ndarray) -> None:
    form = quantise_nvfp4(stack)
    values = form.dequantised()
    assert np.isfinite(values).all()
    scales = np.repeat(form.block_scales.astype(np.float64), 16, axis=-1) * float(form.scale)
    assert (scales > 0).all()
    units = np.abs(stack.astype(np.float64)) / scales
    steps = np.select([units < 2, units < 4], [0.5, 1.0], 2.0) * scales
    assert (half_steps(stack, values, steps) <= 1 + 1e-5).all()
    tensors = {"w.weight": form.codes[0], "w.weight_scale": form.block_scales[0], "w.weight_scale_2": form.scale}
    np.testing.assert_allclose(values[0], slow_values(tensors, "w"), rtol=1e-6)


@pytest.mark.parametrize("value", EXTREMES)
def test_equal_weights_stay_equal(value: float) -> None:
    """A constant block is 7 (or 6, or 448) times its scale: right up to the rounding of the scale."""
    stack = np.full((1, 2, 32), value, np.float32)
    for values, rounding in (
        (quantise_int4(stack, np.float32).dequantised(), 1e-6),
        (quantise_fp8(stack, np.float32).dequantised(), 1e-6),
        (quantise_nvfp4(stack).dequantised(), 1e-6),
    ):
        assert len(np.unique(values)) == 1
        # Where the scale itself is subnormal it is one of few numbers.
        np.testing.assert_allclose(values, stack, rtol=rounding, atol=1e-33 if abs(value) < 1e-30 else 0)
