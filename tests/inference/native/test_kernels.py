"""Single kernels of every instruction set that this processor has, against numpy and against plain C."""

from __future__ import annotations

import numpy as np
import pytest

from inference.errors import ModelFolderError
from inference.native.library import ISAS, best_isa, usable_isas
from inference.native.matrices import PackedMatrix, interleaved, pack, stacked_rows, straight
from tests.inference.native.raw import attend, layout, multiply
from trt_engines.weights.formats import quantise_int4


@pytest.fixture(params=ISAS)
def isa(request: pytest.FixtureRequest) -> str:
    if request.param not in usable_isas():
        pytest.skip(f"This processor has no {request.param}.")
    return str(request.param)


def raw_matrix(bits: int, k: int, n: int, group: int, seed: int) -> tuple[PackedMatrix, np.ndarray]:
    """A matrix of random codes whose scales are 1, and its values [K, N]."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 16, (k, n)) if bits == 4 else rng.integers(1, 256, (k, n))
    kind = np.float16 if bits == 4 else np.float32
    scales = np.ones((-(-k // group)) * n, kind).view(np.uint8)
    matrix = PackedMatrix("int4" if bits == 4 else "int8", k, n, group, layout(codes, bits), scales)
    return matrix, codes - (8 if bits == 4 else 128)


@pytest.mark.parametrize(
    ("bits", "k", "n", "group"),
    [(8, 32, 32, 32), (8, 512, 96, 512), (8, 160, 64, 64), (4, 64, 32, 32), (4, 704, 96, 32), (4, 320, 64, 64)],
)
@pytest.mark.parametrize("rows", [1, 4, 7, 33])
def test_integer_products_are_exact(isa: str, bits: int, k: int, n: int, group: int, rows: int) -> None:
    """Whole numbers below 2**24 in and out: every bit must be right, whatever the instruction set."""
    matrix, values = raw_matrix(bits, k, n, group, 3)
    numbers = np.random.default_rng(4).integers(-127, 128, (rows, k))
    numbers[:, 0] = 127  # so that a row's scale is 1
    made, quantised = multiply(isa, matrix, numbers)
    np.testing.assert_array_equal(quantised, numbers)
    np.testing.assert_array_equal(made, numbers @ values)


def test_blocks_of_any_number_of_rows_are_exact(isa: str) -> None:
    """Experts get whatever number of rows they get: each size of a block has code of its own."""
    matrix, values = raw_matrix(4, 64, 32, 32, 5)
    for rows in range(1, 24):
        numbers = np.random.default_rng(rows).integers(-127, 128, (rows, 64))
        numbers[:, 0] = 127
        made, _ = multiply(isa, matrix, numbers)
        np.testing.assert_array_equal(made, numbers @ values)


def test_the_largest_products_do_not_saturate(isa: str) -> None:
    for bits in (4, 8):
        for code in (0 if bits == 4 else 1, 15 if bits == 4 else 255):
            matrix = PackedMatrix(
                "int4" if bits == 4 else "int8", 512, 32, 32 if bits == 4 else 512,
                layout(np.full((512, 32), code), bits),
                np.ones((16 if bits == 4 else 1) * 32, np.float16 if bits == 4 else np.float32).view(np.uint8),
            )  # fmt: skip
            for sign in (1, -1):
                rows = np.full((5, 512), 127 * sign)
                made, _ = multiply(isa, matrix, rows)
                np.testing.assert_array_equal(made, 512 * 127 * sign * (code - (8 if bits == 4 else 128)))


def test_rows_by_an_index(isa: str) -> None:
    matrix, values = raw_matrix(4, 64, 64, 32, 1)
    numbers = np.random.default_rng(2).integers(-127, 128, (20, 64))
    numbers[:, 0] = 127
    chosen = np.array([19, 0, 3, 3, 7], np.int32)
    made, _ = multiply(isa, matrix, numbers, index=chosen)
    np.testing.assert_array_equal(made, numbers[chosen] @ values)


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "int8", "int4"])
def test_packed_matrices_multiply_as_their_source(isa: str, kind: str) -> None:
    rng = np.random.default_rng(5)
    source = rng.standard_normal((70, 90)).astype(np.float32)
    if kind == "bfloat16":
        source = (source.view(np.uint32) & 0xFFFF0000).view(np.float32)
    matrix = pack(kind, 90, straight(70), stacked_rows([source]), "w")  # type: ignore[arg-type]
    rows = np.zeros((11, 96), np.float32)
    rows[:, :90] = rng.standard_normal((11, 90))
    made, _ = multiply(isa, matrix, rows)
    truth = rows[:, :90] @ source.T
    error = np.abs(made[:, :70] - truth).max() / truth.std()
    assert error < {"float32": 4e-6, "bfloat16": 4e-6, "int8": 0.05, "int4": 0.5}[kind]
    assert not made[:, 70:].any(), "padding"


def test_gate_and_up_are_joined(isa: str) -> None:
    rng = np.random.default_rng(6)
    gate, up = rng.standard_normal((2, 40, 64)).astype(np.float32)
    matrix = pack("float32", 64, interleaved(40), stacked_rows([gate, up]), "w")
    rows = rng.standard_normal((9, 64)).astype(np.float32)
    made, _ = multiply(isa, matrix, rows, gated=True)
    a, b = rows @ gate.T, rows @ up.T
    truth = 0.5 * a * (1 + np.tanh(np.sqrt(2 / np.pi) * (a + 0.044715 * a**3))) * b
    np.testing.assert_allclose(made[:, :40], truth, atol=2e-5, rtol=2e-5)
    assert not made[:, 40:].any()


def test_shares_of_groups_far_apart_are_kept(isa: str) -> None:
    """A vocabulary's tail: groups whose numbers are a thousandth of others' have scales of their own."""
    rng = np.random.default_rng(7)
    table = rng.standard_normal((32, 512)).astype(np.float32)
    matrix = pack("int8", 512, straight(32), stacked_rows([table]), "table", table=True)
    rows = rng.random((6, 512)).astype(np.float32)
    rows[:, 128:] *= 1e-3
    rows[3, 256:] = 0
    made, _ = multiply(isa, matrix, rows, by_group=True)
    truth = rows @ table.T
    assert np.linalg.norm(made - truth) < 0.01 * np.linalg.norm(truth)
    tail = rows.copy()
    tail[:, :128] = 0
    made, _ = multiply(isa, matrix, tail, by_group=True)
    truth = tail @ table.T
    assert np.linalg.norm(made - truth) < 0.01 * np.linalg.norm(truth)


def test_four_bits_err_as_little_as_those_of_the_engines() -> None:
    weights = np.random.default_rng(8).standard_normal((64, 704)).astype(np.float32) * 0.02
    matrix = pack("int4", 704, straight(64), stacked_rows([weights]), "w")
    unit = np.eye(704, dtype=np.float32)
    made, _ = multiply(best_isa(), matrix, unit)
    ours = np.linalg.norm(made.T - weights) / np.linalg.norm(weights)
    engines = np.linalg.norm(quantise_int4(weights, np.float16).dequantised() - weights) / np.linalg.norm(weights)
    assert ours < 1.01 * engines
    assert ours < 0.09


@pytest.mark.parametrize("kind", ["float32", "int8", "int4"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(kind: str, value: float) -> None:
    weights = np.ones((40, 64), np.float32)
    weights[33, 5] = value
    with pytest.raises(ModelFolderError, match="layer 7 is damaged"):
        pack(kind, 64, straight(40), stacked_rows([weights]), "layer 7")  # type: ignore[arg-type]


def test_packing_in_pieces_and_threads_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = np.random.default_rng(9).standard_normal((200, 64)).astype(np.float32)
    whole = pack("int4", 64, straight(200), stacked_rows([weights]), "w")
    monkeypatch.setattr("inference.native.matrices._BYTES_AT_ONCE", 64 * 4 * 40)
    pieces = pack("int4", 64, straight(200), stacked_rows([weights[:50], weights[50:]]), "w", workers=3)
    np.testing.assert_array_equal(whole.weights, pieces.weights)
    np.testing.assert_array_equal(whole.scales, pieces.scales)


def test_a_row_that_is_no_number_stays_none(isa: str) -> None:
    """Integers know no NaN: without care a broken model would answer confidently."""
    matrix, _ = raw_matrix(8, 64, 32, 64, 1)
    rows = np.ones((3, 64), np.float32)
    rows[1, 9] = np.nan
    made, _ = multiply(isa, matrix, rows)
    assert np.isnan(made[1]).all()
    assert np.isfinite(made[[0, 2]]).all()


def test_gates_that_are_no_numbers_stay_none(isa: str) -> None:
    matrix = pack("float32", 64, interleaved(32), stacked_rows([np.ones((64, 64), np.float32)]), "w")
    rows = np.ones((3, 64), np.float32)
    rows[1, 9] = np.nan
    made, _ = multiply(isa, matrix, rows, gated=True)
    assert np.isnan(made[1]).all()
    assert np.isfinite(made[[0, 2]]).all()


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_attention_to_what_is_no_number_is_none(isa: str, short: bool) -> None:
    queries, ones = np.ones((3, 2, 8), np.float32), np.ones((43, 1, 8), np.float32)
    queries[1, 1, 3] = np.nan
    made = attend(isa, queries, ones, ones, start=40, canvas=True, window=0, short=short)
    assert np.isnan(made[1, 1]).all()
    assert np.isfinite(made[[0, 2]]).all()
    assert np.isfinite(made[1, 0]).all()
    broken = ones.copy()
    broken[7, 0, 2] = np.nan
    for keys, values in ((broken, ones), (ones, broken)):
        made = attend(isa, np.ones((3, 2, 8), np.float32), keys, values, start=40, canvas=True, window=0, short=short)
        assert np.isnan(made[..., 2]).all()


def reference(q: np.ndarray, k: np.ndarray, v: np.ndarray, start: int, canvas: bool, window: int) -> np.ndarray:
    """In float64."""
    count, heads, _ = q.shape
    group, positions = heads // k.shape[1], np.arange(len(k))
    out = np.empty(q.shape)
    for row in range(count):
        query = start if canvas else start + row
        seen = positions < (start + count if canvas else start + row + 1)
        if window:
            seen &= positions > query - window
        for head in range(heads):
            scores = k[seen, head // group].astype(np.float64) @ q[row, head]
            shares = np.exp(scores - scores.max())
            out[row, head] = shares @ v[seen, head // group] / shares.sum()
    return out


@pytest.mark.parametrize(
    ("start", "count", "heads", "kv_heads", "dim"),
    [(0, 9, 4, 2, 4), (70, 40, 6, 2, 16), (300, 33, 2, 1, 64), (511, 5, 48, 1, 8)],
)
@pytest.mark.parametrize("canvas", [False, True])
@pytest.mark.parametrize("window", [0, 2, 50])
def test_attention(
    isa: str, start: int, count: int, heads: int, kv_heads: int, dim: int, canvas: bool, window: int
) -> None:
    rng = np.random.default_rng([start, window])
    q = rng.standard_normal((count, heads, dim)).astype(np.float32) / dim**0.25
    k, v = rng.standard_normal((2, start + count, kv_heads, dim)).astype(np.float32)
    k /= dim**0.25
    truth = reference(q, k, v, start, canvas, window)
    made = attend(isa, q, k, v, start=start, canvas=canvas, window=window, short=False)
    np.testing.assert_allclose(made, truth, atol=2e-5, rtol=2e-5)
    made = attend(isa, q, k, v, start=start, canvas=canvas, window=window, short=True)
    plain = attend("plain", q, k, v, start=start, canvas=canvas, window=window, short=True)
    np.testing.assert_allclose(made, plain, atol=2e-4)  # a share may be rounded up here and down there
    np.testing.assert_allclose(made, truth, atol=1e-3)


@pytest.mark.parametrize("canvas", [False, True])
@pytest.mark.parametrize("start", [100, 500, 700, 1490])
def test_attention_over_a_ring_is_that_over_a_row(isa: str, start: int, canvas: bool) -> None:
    """Blocks that begin again: the same keys in the same order, so the same bits."""
    rng = np.random.default_rng(start)
    q = rng.standard_normal((9, 4, 16)).astype(np.float32)
    k, v = rng.standard_normal((2, start + 9, 2, 16)).astype(np.float32)
    row, ring = (
        attend(isa, q, k, v, start=start, canvas=canvas, window=240, short=True, ring=size) for size in (1 << 20, 512)
    )
    np.testing.assert_array_equal(ring, row)


@pytest.mark.parametrize("positions", [4_000, 32_000])
def test_attention_over_long_contexts(positions: int) -> None:
    """Whole numbers of 16 bits err by less than keys and values in fp16 (5e-4 and 1e-3 here) against float64."""
    rng = np.random.default_rng(positions)
    dim, count = 64, 4
    q = rng.standard_normal((count, 2, dim)).astype(np.float32) * 3 / dim**0.5
    k, v = rng.standard_normal((2, positions + count, 1, dim)).astype(np.float32)
    truth = reference(q, k, v, positions, True, 0)
    for short, bound in ((False, 1e-5), (True, 4e-4)):
        made = attend(best_isa(), q, k, v, start=positions, canvas=True, window=0, short=short)
        assert np.linalg.norm(made - truth) < bound * np.linalg.norm(truth)
