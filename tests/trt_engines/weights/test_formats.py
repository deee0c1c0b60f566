"""The forms of weights: bits by hand, what is refused, and that pieces and threads change nothing."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from tests.trt_engines.weights.support import BF16, E4M3
from trt_engines.weights import blocks
from trt_engines.weights.blocks import QuantisationError
from trt_engines.weights.formats import Fp8, Int4, Nvfp4, quantise_fp8, quantise_int4, quantise_nvfp4, stacked


def test_int4_by_hand() -> None:
    """Multiples of a quarter up to 7/4: step 1/4, no error."""
    row = np.zeros((1, 64), np.float32)
    row[0, :8] = np.array([7, -7, 1, -1, 0, 2, 3, -4]) / 4
    row[0, 32] = -1.0
    form = quantise_int4(row, BF16)
    assert form.codes.shape == (1, 32)
    assert form.codes[0, :4].tolist() == [0x97, 0xF1, 0x20, 0xC3]
    assert not form.codes[0, 4:16].any()
    assert form.scales.dtype == BF16
    assert float(form.scales[0, 0]) == 0.25
    np.testing.assert_array_equal(form.dequantised()[0, :32], row[0, :32])
    assert form.dequantised()[0, 32] == pytest.approx(-1.0, rel=2**-8)


def test_int4_reads_minus_eight() -> None:
    form = Int4(np.array([[0x78] + [0] * 15], np.uint8), np.array([[0.5]], np.float16))
    assert form.dequantised()[0, :3].tolist() == [-4.0, 3.5, 0.0]


def test_fp8_by_hand() -> None:
    """Row maxima of 448 times a power of two, so that the scales are exact: 1.0 is 0x38, 448 is 0x7e."""
    rows = np.array([[448, 1, -1, 0.5, 2**-9, 0, 17, 19], [896, 2, -2, 1, 2**-8, 0, 34, 38]], np.float32)
    form = quantise_fp8(rows, np.float16)
    assert form.scale.tolist() == [1.0, 2.0]
    wanted = [0x7E, 0x38, 0xB8, 0x30, 0x01, 0x00, 0x58, 0x5A]  # 17 and 19 are ties between 16, 18 and 20
    assert form.codes.view(np.uint8).tolist() == [wanted, wanted]
    np.testing.assert_array_equal(form.dequantised()[1], [896, 2, -2, 1, 2**-8, 0, 32, 40])


def test_fp8_of_experts_has_one_scale_each() -> None:
    stack = np.ones((3, 4, 8), np.float32) * np.array([1, 2, 4], np.float32)[:, None, None]
    form = quantise_fp8(stack, np.float32)
    assert form.scale.shape == (3,)
    np.testing.assert_allclose(form.dequantised(), stack, rtol=1e-6)


def test_nvfp4_by_hand() -> None:
    """With scale 1/4 a block of maximum 6 has block scale 4 (0x48); a zero block has 1 (0x38)."""
    stack = np.zeros((1, 1, 32), np.float32)
    stack[0, 0, :8] = [6, -6, 0.5, -0.5, 1, 1.5, 2, -3]
    form = quantise_nvfp4(stack, scale=np.float32(0.25))
    assert form.codes[0, 0, :4].tolist() == [0xF7, 0x91, 0x32, 0xD4]
    assert form.block_scales.view(np.uint8)[0, 0].tolist() == [0x48, 0x38]
    np.testing.assert_array_equal(form.dequantised(), stack)
    assert form.ratios.shape == (1, 1, 1)
    assert form.ratios.tolist() == [[[1.0]]]


def test_nvfp4_chooses_four_where_six_errs_more() -> None:
    """Maximum 4 and others at 3: exact with peak 4, between two numbers with peak 6."""
    stack = np.full((1, 1, 16), 3, np.float32)
    stack[0, 0, 0] = 4
    form = quantise_nvfp4(stack, scale=np.float32(0.25))
    np.testing.assert_array_equal(form.dequantised(), stack)
    only_six = quantise_nvfp4(stack, scale=np.float32(0.25), peaks=(6.0,))
    assert np.abs(only_six.dequantised() - stack).max() > 0.2


def test_nvfp4_ratios_are_of_rows() -> None:
    codes = np.full((2, 3, 8), 0x22, np.uint8)
    ratios = np.array([[[1, 0.5, 0.25]], [[2, 3, 4]]], np.float32)
    form = Nvfp4(codes, np.ones((2, 3, 1), E4M3), np.float32(2), ratios, np.float32(1))
    np.testing.assert_array_equal(form.dequantised()[:, :, 7], ratios[:, 0] * 2)


@pytest.mark.parametrize("dtype", [BF16, np.float16, np.float32])
def test_pieces_and_threads_change_nothing(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = (np.random.default_rng(0).normal(size=(3, 24, 96))).astype(dtype)

    def forms(workers: int) -> list[np.ndarray]:
        four, eight = quantise_int4(stack, BF16, workers=workers), quantise_fp8(stack, BF16, workers=workers)
        nv = quantise_nvfp4(stack, workers=workers)
        return [four.codes, four.scales, eight.codes, eight.scale, nv.codes, nv.block_scales, np.array([nv.scale])]

    whole = forms(1)
    monkeypatch.setattr(blocks, "PIECE", 160)
    for one, other in zip(whole, forms(3), strict=True):
        np.testing.assert_array_equal(one.view(np.uint8), other.view(np.uint8))


def test_other_memory_orders() -> None:
    turned = np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32).T
    np.testing.assert_array_equal(quantise_int4(turned, BF16).codes, quantise_int4(turned.copy(), BF16).codes)


@pytest.mark.parametrize(("quantise", "block"), [("int4", 32), ("nvfp4", 16)])
def test_a_size_that_is_no_multiple(quantise: str, block: int) -> None:
    weights = np.zeros((1, 2, 24), np.float32)
    with pytest.raises(
        QuantisationError, match=rf"layer\.w cannot .* inner size 24 is no multiple .* block of {block}\."
    ):
        quantise_int4(weights, BF16, "layer.w") if quantise == "int4" else quantise_nvfp4(weights, "layer.w")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [BF16, np.float16, np.float32])
def test_values_that_are_not_finite(value: float, dtype: type) -> None:
    weights = np.ones((2, 4, 64), dtype)
    weights[1, 2, 33] = value
    for call in (
        lambda: quantise_int4(weights, BF16, "layer.w"),
        lambda: quantise_fp8(weights, BF16, "layer.w"),
        lambda: quantise_nvfp4(weights, "layer.w"),
        lambda: quantise_nvfp4(weights, "layer.w", scale=np.float32(1)),
    ):
        with pytest.raises(QuantisationError, match=r"layer\.w is damaged: it holds values that are NaN or infinite"):
            call()


def test_other_types_are_refused() -> None:
    with pytest.raises(QuantisationError, match=r"layer\.w \(int8, \(2, 32\)\) is no matrix"):
        quantise_int4(np.zeros((2, 32), np.int8), BF16, "layer.w")
    with pytest.raises(QuantisationError, match="is no matrix"):
        quantise_fp8(np.zeros(32, ml_dtypes.bfloat16), BF16)


def test_scales_that_do_not_fit() -> None:
    weights = np.full((1, 32), 1e9, np.float32)
    with pytest.raises(QuantisationError, match=r"layer\.w cannot .* too large for scales in float16"):
        quantise_int4(weights, np.float16, "layer.w")
    assert np.isfinite(quantise_int4(weights, BF16).dequantised()).all()


def test_stacking() -> None:
    stack = np.random.default_rng(0).normal(size=(3, 4, 32)).astype(np.float32)
    whole = quantise_fp8(stack, BF16)
    joined = stacked((quantise_fp8(stack[n : n + 1], BF16) for n in range(3)), 3)
    assert isinstance(joined, Fp8)
    np.testing.assert_array_equal(joined.codes.view(np.uint8), whole.codes.view(np.uint8))
    np.testing.assert_array_equal(joined.scale, whole.scale)
    with pytest.raises(QuantisationError, match="no experts"):
        stacked(iter([quantise_fp8(stack, BF16)][:0]), 0)
