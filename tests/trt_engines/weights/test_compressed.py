"""Red Hat's checkpoints (compressed-tensors): values, bits that are kept, every damage a sentence, memory."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.weight_files import write_checkpoint
from tests.trt_engines.weights.compressed_support import (
    Tensors,
    compressed_layer,
    fp8_matrix,
    nvfp4_matrix,
    slow_fp8,
    slow_nvfp4,
)
from tests.trt_engines.weights.support import BF16, E4M3, plain_experts, relative_rms
from tests.trt_engines.weights.test_source_memory import EXPERT, SLACK, measured
from trt_engines.errors import EngineError, WeightsError
from trt_engines.weights.formats import DEFAULT_INPUT_SCALE, Fp8, Nvfp4
from trt_engines.weights.source import WeightSource

COUNT, HIDDEN, INNER = 3, 64, 32
PREFIX = "model.decoder.layers.0.experts"
QUERY = "model.decoder.layers.0.self_attn.q_proj"
SLOW = {"fp8": slow_fp8, "nvfp4": slow_nvfp4}


def layer(kind: str) -> Tensors:
    rng = np.random.default_rng(4)
    query = (rng.normal(size=(48, HIDDEN)) * 0.02).astype(np.float32)
    made = fp8_matrix(QUERY, query, BF16) if kind == "fp8" else nvfp4_matrix(QUERY, query)
    return compressed_layer(kind, rng, COUNT, HIDDEN, INNER) | made


def fused(kind: str, tensors: Tensors) -> Tensors:
    """The same experts as stacks [E, N, ...]; gate and up must have equal global scales for that."""
    found = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}
    fields = ["weight", "weight_scale"] if kind == "fp8" else ["weight_packed", "weight_scale"]
    for part, halves in {"gate_up_proj": ("gate_proj", "up_proj"), "down_proj": ("down_proj",)}.items():
        for field in fields:
            rows = [[tensors[f"{PREFIX}.{e}.{half}.{field}"] for half in halves] for e in range(COUNT)]
            found[f"{PREFIX}.{part}.{field}"] = np.stack([np.concatenate(row) for row in rows])
        if kind == "nvfp4":
            scales = [tensors[f"{PREFIX}.{e}.{halves[0]}.weight_global_scale"] for e in range(COUNT)]
            found[f"{PREFIX}.{part}.weight_global_scale"] = np.stack(scales)
    return found


def opened(folder: Path, tensors: Tensors, kind: str) -> WeightSource:
    write_checkpoint(folder, tensors)
    source = WeightSource.open(folder)
    assert source.layout == f"compressed-{kind}"
    return source


def slow_stack(kind: str, tensors: Tensors, part: str) -> np.ndarray:
    halves = ("gate_proj", "up_proj") if part == "gate_up" else ("down_proj",)
    return np.stack(
        [np.concatenate([SLOW[kind](tensors, f"{PREFIX}.{e}.{half}") for half in halves]) for e in range(COUNT)]
    )


@pytest.mark.parametrize("part", ["gate_up", "down"])
@pytest.mark.parametrize("kind", ["fp8", "nvfp4"])
def test_values_are_those_of_the_slow_reader(tmp_path: Path, kind: str, part: Any) -> None:
    tensors = layer(kind)
    source, exact = opened(tmp_path, tensors, kind), slow_stack(kind, tensors, part)
    assert source.expert_count(0) == COUNT
    np.testing.assert_allclose(source.experts_unquantised(0, part, np.float32), exact, rtol=3e-7)
    rms = {form: relative_rms(source.experts(0, part, form, BF16).dequantised(), exact) for form in FORMS}
    assert rms["int4"] < 0.15
    assert rms["fp8"] < 0.04
    assert rms["nvfp4"] < (1e-6 if kind == "nvfp4" else 0.12)
    query = SLOW[kind](tensors, QUERY)
    np.testing.assert_allclose(source.floats(f"{QUERY}.weight"), query, rtol=3e-7)
    assert relative_rms(source.dense(f"{QUERY}.weight", "fp8", BF16).dequantised(), query) < 0.04


FORMS: tuple[Any, ...] = ("int4", "fp8", "nvfp4")


def test_nvfp4_bits_are_taken_as_they_are(tmp_path: Path) -> None:
    tensors = layer("nvfp4")
    form = opened(tmp_path, tensors, "nvfp4").experts(0, "gate_up", "nvfp4", BF16)
    assert isinstance(form, Nvfp4)
    measured = []
    for expert in range(COUNT):
        for half, name in enumerate(("gate_proj", "up_proj")):
            rows, prefix = slice(half * INNER, (half + 1) * INNER), f"{PREFIX}.{expert}.{name}"
            np.testing.assert_array_equal(form.codes[expert, rows], tensors[f"{prefix}.weight_packed"])
            assert form.block_scales[expert, rows].tobytes() == tensors[f"{prefix}.weight_scale"].tobytes()
            scale = float(form.ratios[expert, 0, rows][0]) * float(form.scale)
            assert scale == pytest.approx(1 / float(tensors[f"{prefix}.weight_global_scale"][0]), rel=1e-6)
            measured.append(1 / float(tensors[f"{prefix}.input_global_scale"][0]))
    assert float(form.input_scale) == pytest.approx(max(measured), rel=1e-6)


def test_without_measured_activations(tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in layer("nvfp4").items() if not name.endswith("input_global_scale")}
    form = opened(tmp_path, tensors, "nvfp4").experts(0, "down", "nvfp4", BF16)
    assert isinstance(form, Nvfp4)
    assert float(form.input_scale) == DEFAULT_INPUT_SCALE


def test_fp8_bits_of_dense_matrices_are_taken_as_they_are(tmp_path: Path) -> None:
    tensors = layer("fp8")
    # No row reaches the type's largest number, as quantising anew would make it.
    tensors[f"{QUERY}.weight"] = (tensors[f"{QUERY}.weight"].astype(np.float32) * 0.7).astype(E4M3)
    form = opened(tmp_path, tensors, "fp8").dense(f"{QUERY}.weight", "fp8", BF16)
    assert isinstance(form, Fp8)
    assert form.codes.tobytes() == tensors[f"{QUERY}.weight"].tobytes()
    np.testing.assert_array_equal(form.scale, tensors[f"{QUERY}.weight_scale"][:, 0])
    assert form.scale.dtype == BF16


@pytest.mark.parametrize("kind", ["fp8", "nvfp4"])
def test_fused_experts(tmp_path: Path, kind: str) -> None:
    apart = layer(kind)
    if kind == "nvfp4":
        for expert in range(COUNT):
            apart[f"{PREFIX}.{expert}.up_proj.weight_global_scale"] = apart[
                f"{PREFIX}.{expert}.gate_proj.weight_global_scale"
            ]
    one = opened(tmp_path / "apart", apart, kind)
    other = opened(tmp_path / "fused", fused(kind, apart), kind)
    assert other.expert_count(0) == COUNT
    parts: tuple[Any, ...] = ("gate_up", "down")
    for part in parts:
        values = [source.experts_unquantised(0, part, np.float32) for source in (one, other)]
        np.testing.assert_array_equal(values[0], values[1])
        for form in FORMS:
            made = [source.experts(0, part, form, np.float32).dequantised() for source in (one, other)]
            np.testing.assert_array_equal(made[0], made[1])


def test_fused_plain_experts_beside_quantised_matrices(tmp_path: Path) -> None:
    """What llm-compressor makes where it passes over fused experts."""
    rng = np.random.default_rng(1)
    plain = plain_experts(rng, COUNT, HIDDEN, INNER)
    source = opened(tmp_path, plain | fp8_matrix(QUERY, rng.normal(size=(8, 16)).astype(np.float32)), "fp8")
    np.testing.assert_array_equal(source.experts_unquantised(0, "down", BF16), plain[f"{PREFIX}.down_proj"])
    assert source.expert_count(0) == COUNT
    assert relative_rms(
        source.experts(0, "down", "int4", BF16).dequantised(), plain[f"{PREFIX}.down_proj"].astype(np.float32)
    ) < 0.12  # fmt: skip


def test_one_scale_for_all_rows(tmp_path: Path) -> None:
    tensors = layer("fp8")
    for shape in ((1,), (), (1, 1), (48,)):
        tensors[f"{QUERY}.weight_scale"] = np.full(shape, 0.25, np.float32)
        values = opened(tmp_path, tensors, "fp8").floats(f"{QUERY}.weight")
        np.testing.assert_array_equal(values, tensors[f"{QUERY}.weight"].astype(np.float32) / 4)


NAME = f"{PREFIX}.1.up_proj"
DAMAGES: dict[str, tuple[str, str, Any, str]] = {
    "fp8 without scales": ("fp8", "weight_scale", None, r"no tensor .*1\.up_proj\.weight_scale\."),
    "fp8 without codes": ("fp8", "weight", None, r"no tensor .*1\.up_proj\.weight\."),
    "fp8 in blocks": ("fp8", "weight_scale", np.ones((4, 8), np.float32), "not one number for each of 32 rows"),
    "fp8 scales of another type": ("fp8", "weight_scale", np.ones((32, 1), np.int64), "is int64"),
    "fp8 scale zero": ("fp8", "weight_scale", np.zeros((32, 1), np.float32), "not positive numbers"),
    "fp8 scale NaN": ("fp8", "weight_scale", np.full((32, 1), np.nan, np.float32), "not positive numbers"),
    "fp8 NaN": ("fp8", "weight", np.full((32, 64), 0x7F, np.uint8).view(E4M3), "NaN"),
    "fp8 of another shape": ("fp8", "weight", np.ones((32, 32), E4M3), r"are \[\(32, 64\), \(32, 32\)\]"),
    "nvfp4 without scales": ("nvfp4", "weight_scale", None, r"no tensor .*1\.up_proj\.weight_scale\."),
    "nvfp4 scales of another type": ("nvfp4", "weight_scale", np.ones((32, 4), np.float32), "weight_scale is float32"),
    "nvfp4 scales of another shape": ("nvfp4", "weight_scale", np.ones((32, 2), E4M3), r"need \(32, 4\)"),
    "nvfp4 NaN": ("nvfp4", "weight_scale", np.full((32, 4), 0xFF, np.uint8).view(E4M3), "weight_scale holds NaN"),
    "global scale zero": ("nvfp4", "weight_global_scale", np.zeros(1, np.float32), "is 0.0, not a positive number"),
    "global scale tiny": ("nvfp4", "weight_global_scale", np.full(1, 1e-45, np.float32), "is too small"),
    "global scale of another type": ("nvfp4", "weight_global_scale", np.ones(1, BF16), "not one float32"),
    "input scale NaN": ("nvfp4", "input_global_scale", np.full(1, np.nan, np.float32), "not a positive number"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("form", ["nvfp4", "int4", None])
def test_every_damage_has_a_sentence(tmp_path: Path, damage: str, form: Any) -> None:
    kind, field, value, sentence = DAMAGES[damage]
    tensors = layer(kind)
    del tensors[f"{NAME}.{field}"]
    source = opened(tmp_path, tensors if value is None else tensors | {f"{NAME}.{field}": value}, kind)
    read = partial(source.experts, 0, "gate_up", form) if form else partial(source.experts_unquantised, 0, "gate_up")
    with pytest.raises(EngineError, match=sentence) as raised:
        read(BF16)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("names", "dtype", "word"),
    [
        (("l.weight_packed", "l.weight_scale"), np.float16, "packed integers"),
        (("l.weight_packed", "l.weight_scale", "l.weight_global_scale"), np.int64, "packed integers"),
        (("l.weight", "l.weight_scale"), np.float32, "F32 with scales"),
        (("l.weight_scale_inv",), np.float32, "FP8 in blocks"),
        (("l.qweight",), np.uint8, "GPTQ or AWQ"),
    ],
)
def test_other_layouts_are_named(tmp_path: Path, names: tuple[str, ...], dtype: Any, word: str) -> None:
    write_checkpoint(tmp_path, {name: np.zeros((2, 2), dtype) for name in names})
    with pytest.raises(WeightsError, match=word) as raised:
        WeightSource.open(tmp_path)
    assert "BF16" in raised.value.hint


def test_damaged_dense_matrices(tmp_path: Path) -> None:
    tensors = layer("fp8") | {f"{QUERY}.weight": np.full((48, HIDDEN), 0x7F, np.uint8).view(E4M3)}
    with pytest.raises(WeightsError, match=r"q_proj\.weight holds values that are NaN"):
        opened(tmp_path, tensors, "fp8").floats(f"{QUERY}.weight")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc says which pages belong to files")
@pytest.mark.parametrize("kind", ["fp8", "nvfp4"])
def test_experts_are_converted_one_by_one(tmp_path: Path, kind: str) -> None:
    """Twelve experts in float32 would be 190 MB."""
    rng, tensors = np.random.default_rng(0), {}
    one = compressed_layer(kind, rng, 1, 2816, 704)
    for name, tensor in one.items():
        tensors |= {name.replace(".experts.0.", f".experts.{number}."): tensor for number in range(12)}
    write_checkpoint(tmp_path, tensors)
    growth, result = measured(tmp_path, "int4")
    assert growth < result + EXPERT + SLACK
