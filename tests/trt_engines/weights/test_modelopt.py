"""NVIDIA's NVFP4 checkpoints: equal to a slow reader number by number, bits untouched, a sentence for each damage."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.helpers.weight_files import write_checkpoint
from tests.trt_engines.weights.support import BF16, E4M3, modelopt_experts, relative_rms, slow_values
from trt_engines.errors import WeightsError
from trt_engines.weights.formats import DEFAULT_INPUT_SCALE, Nvfp4
from trt_engines.weights.layout import stored_as
from trt_engines.weights.source import WeightSource

COUNT, HIDDEN, INNER = 3, 64, 32
PREFIX = "model.decoder.layers.0.experts"


@pytest.fixture
def tensors() -> dict[str, Any]:
    return modelopt_experts(np.random.default_rng(2), COUNT, HIDDEN, INNER)


def open_with(folder: Path, tensors: dict[str, Any]) -> WeightSource:
    write_checkpoint(folder, tensors)
    source = WeightSource.open(folder)
    assert source.layout == "modelopt-nvfp4"
    return source


def slow_stack(tensors: dict[str, Any], part: str) -> np.ndarray:
    halves = ("gate_proj", "up_proj") if part == "gate_up" else ("down_proj",)
    return np.stack(
        [np.concatenate([slow_values(tensors, f"{PREFIX}.{e}.{half}") for half in halves]) for e in range(COUNT)]
    )


@pytest.mark.parametrize("part", ["gate_up", "down"])
def test_values_are_those_of_the_slow_reader(tmp_path: Path, tensors: dict[str, Any], part: str) -> None:
    source, exact = open_with(tmp_path, tensors), slow_stack(tensors, part)
    assert source.expert_count(0) == COUNT
    np.testing.assert_array_equal(source.experts_unquantised(0, part, np.float32), exact)
    np.testing.assert_array_equal(source.experts_unquantised(0, part, BF16), exact.astype(BF16))
    np.testing.assert_allclose(source.experts(0, part, "nvfp4", BF16).dequantised(), exact, rtol=1e-6)
    assert relative_rms(source.experts(0, part, "fp8", BF16).dequantised(), exact) < 0.03
    assert relative_rms(source.experts(0, part, "int4", BF16).dequantised(), exact) < 0.2


def test_bits_are_taken_as_they_are(tmp_path: Path, tensors: dict[str, Any]) -> None:
    done: list[float] = []
    form = open_with(tmp_path, tensors).experts(0, "gate_up", "nvfp4", BF16, done.append)
    assert isinstance(form, Nvfp4)
    assert done[-1] == 1.0
    scales = {}
    for expert in range(COUNT):
        for half, name in enumerate(("gate_proj", "up_proj")):
            rows, prefix = slice(half * INNER, (half + 1) * INNER), f"{PREFIX}.{expert}.{name}"
            np.testing.assert_array_equal(form.codes[expert, rows], tensors[f"{prefix}.weight"])
            ours, stored = form.block_scales[expert, rows], tensors[f"{prefix}.weight_scale"]
            assert ours.tobytes() == stored.tobytes()
            scales[expert, half] = float(tensors[f"{prefix}.weight_scale_2"].reshape(-1)[0])
            ratios = form.ratios[expert, 0, rows]
            assert len(np.unique(ratios)) == 1
            assert float(ratios[0]) * float(form.scale) == pytest.approx(scales[expert, half], rel=1e-6)
    assert float(form.scale) == max(scales.values())
    assert form.ratios.shape == (COUNT, 1, 2 * INNER)
    inputs = [
        t.reshape(-1)[0] for n, t in tensors.items() if n.endswith(("gate_proj.input_scale", "up_proj.input_scale"))
    ]
    assert form.input_scale == max(inputs)
    assert form.scale.dtype == form.ratios.dtype == form.input_scale.dtype == np.float32


NAME = f"{PREFIX}.1.up_proj"
DAMAGES: dict[str, tuple[str, Any, str]] = {
    "no codes": ("weight", None, r"no tensor .*1\.up_proj\.weight\."),
    "no block scales": ("weight_scale", None, r"no tensor .*1\.up_proj\.weight_scale\."),
    "no scale": ("weight_scale_2", None, r"no tensor .*1\.up_proj\.weight_scale_2\."),
    "codes of another type": ("weight", np.zeros((32, 32), np.float16), r"weight is float16 \(32, 32\), not uint8"),
    "codes with another axis": ("weight", np.zeros((32, 32, 1), np.uint8), r"\(32, 32, 1\), not uint8 with 2 axes"),
    "scales of another type": ("weight_scale", np.ones((32, 4), np.float32), "weight_scale is float32"),
    "scales of another shape": (
        "weight_scale",
        np.ones((32, 2), E4M3),
        r"\(32, 2\), but \(32, 32\) .* \(32, 4\)",
    ),
    "NaN among block scales": ("weight_scale", np.full((32, 4), 0xFF, np.uint8).view(E4M3), "weight_scale holds NaN"),
    "two scales": ("weight_scale_2", np.ones(2, np.float32), r"weight_scale_2 is float32 \(2,\), not one float32"),
    "scale of another type": ("weight_scale_2", np.ones(1, BF16), "not one float32"),
    "scale zero": ("weight_scale_2", np.zeros((), np.float32), r"weight_scale_2 is 0\.0, not a positive number"),
    "scale NaN": ("input_scale", np.full((), np.nan, np.float32), "input_scale is nan, not a positive number"),
    "odd inner size": ("weight", np.zeros((32, 33), np.uint8), r"shape \(32, 4\), but \(32, 33\) codes need \(32, 4\)"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("form", ["nvfp4", "int4", None])
def test_every_damage_has_a_sentence(tmp_path: Path, tensors: dict[str, Any], damage: str, form: Any) -> None:
    field, value, sentence = DAMAGES[damage]
    del tensors[f"{NAME}.{field}"]
    source = open_with(tmp_path, tensors if value is None else tensors | {f"{NAME}.{field}": value})
    read = partial(source.experts, 0, "gate_up", form) if form else partial(source.experts_unquantised, 0, "gate_up")
    with pytest.raises(WeightsError, match=sentence) as raised:
        read(BF16)
    assert raised.value.hint.startswith("Download")


@pytest.mark.parametrize("form", ["nvfp4", "int4"])
def test_experts_of_other_shapes(tmp_path: Path, tensors: dict[str, Any], form: Any) -> None:
    other = modelopt_experts(np.random.default_rng(3), COUNT, HIDDEN, INNER + 16)
    one = {name: other[name] for name in other if ".1." in name and ("gate" in name or "up" in name)}
    with pytest.raises(WeightsError, match=r"differ in shape|expert 1 of layer 0 is \(96, 64\)"):
        open_with(tmp_path, tensors | one).experts(0, "gate_up", form, BF16)
    wider = modelopt_experts(np.random.default_rng(3), COUNT, HIDDEN + 16, INNER)
    gates = {name: wider[name] for name in wider if ".1.gate" in name}
    with pytest.raises(WeightsError, match=r"gate_proj and up_proj of .*experts\.1 are \[\(32, 80\), \(32, 64\)\]"):
        open_with(tmp_path, tensors | gates).experts(0, "gate_up", form, BF16)


@pytest.mark.parametrize("measured", [(), ("0.gate_proj", "2.up_proj")])
def test_without_measured_activations(tmp_path: Path, tensors: dict[str, Any], measured: tuple[str, ...]) -> None:
    """W4A16_NVFP4 has no input scales; where some experts have them, theirs serve all."""
    kept = {f"{PREFIX}.{name}.input_scale" for name in measured}
    less = {name: tensor for name, tensor in tensors.items() if not name.endswith("input_scale") or name in kept}
    source, exact = open_with(tmp_path, less), slow_stack(tensors, "gate_up")
    form = source.experts(0, "gate_up", "nvfp4", BF16)
    assert isinstance(form, Nvfp4)
    wanted = max((float(tensors[name].reshape(-1)[0]) for name in kept), default=DEFAULT_INPUT_SCALE)
    assert float(form.input_scale) == pytest.approx(wanted, rel=1e-6)
    assert form.input_scale.dtype == np.float32
    np.testing.assert_allclose(form.dequantised(), exact, rtol=1e-6)
    np.testing.assert_array_equal(source.experts_unquantised(0, "gate_up", np.float32), exact)
    forms = stored_as(source.records, f"{PREFIX}.gate_up_proj", (COUNT, 2 * INNER, HIDDEN))
    assert set(forms) <= set(source.records)


E8M0 = np.dtype(ml_dtypes.float8_e8m0fnu)


@pytest.mark.parametrize(
    ("weight", "codes", "scales", "word"),
    [
        ("weight", np.zeros((8, 32), np.uint8), np.zeros((8, 2), np.uint8), "MXFP4"),
        ("weight", np.zeros((8, 64), E4M3), np.zeros((8, 2), np.uint8), "MXFP8"),
        ("weight", np.zeros((8, 64), E4M3), np.ones((8, 2), E8M0), "MXFP8"),
        ("weight_packed", np.zeros((8, 32), np.uint8), np.zeros((8, 2), np.uint8), "MXFP4"),
        ("weight_packed", np.zeros((8, 32), np.uint8), np.ones((8, 2), E8M0), "MXFP4"),
    ],
)
def test_microscaling_has_its_own_name(tmp_path: Path, weight: str, codes: Any, scales: Any, word: str) -> None:
    write_checkpoint(tmp_path, {f"{NAME}.{weight}": codes, f"{NAME}.weight_scale": scales})
    with pytest.raises(WeightsError, match=f"quantised in {word}, a layout that is not read") as raised:
        WeightSource.open(tmp_path)
    assert "damaged" not in raised.value.user_text
    assert "NVFP4" in raised.value.hint


@pytest.mark.parametrize(
    ("name", "word"), [("pre_quant_scale", "AWQ's scales"), ("svdquant_lora_a", "SVDQuant's low-rank part")]
)
def test_what_changes_the_values_of_nvfp4_is_refused(
    tmp_path: Path, tensors: dict[str, Any], name: str, word: str
) -> None:
    write_checkpoint(tmp_path, tensors | {f"{NAME}.{name}": np.ones(HIDDEN, np.float32)})
    with pytest.raises(WeightsError, match=word):
        WeightSource.open(tmp_path)


def test_mlx_is_named_also_by_its_packed_weights(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"l.weight": np.zeros((2, 2), np.uint32), "l.biases": np.zeros((2, 2), BF16)})
    with pytest.raises(WeightsError, match="quantised in MLX"):
        WeightSource.open(tmp_path)


def test_missing_experts(tmp_path: Path, tensors: dict[str, Any]) -> None:
    whole = tensors | modelopt_experts(np.random.default_rng(3), COUNT, HIDDEN, INNER, layer=1)
    for gone in (0, 1, 2):
        less = {name: tensor for name, tensor in whole.items() if not name.startswith(f"{PREFIX}.{gone}.")}
        with pytest.raises(WeightsError, match=f"layer 0 has no expert {gone}"):
            open_with(tmp_path, less).experts(0, "down", "nvfp4", BF16)
    with pytest.raises(WeightsError, match="layer 7 has no expert 0"):
        open_with(tmp_path, whole).experts(7, "down", "nvfp4", BF16)
