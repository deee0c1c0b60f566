"""Plain checkpoints: mapped as stored, experts in every form, and a sentence for what is missing or not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.weight_files import write_checkpoint
from tests.trt_engines.weights.support import BF16, E4M3, plain_experts, relative_rms
from trt_engines.errors import WeightsError
from trt_engines.weights.blocks import QuantisationError
from trt_engines.weights.formats import quantise_fp8, quantise_int4, quantise_nvfp4
from trt_engines.weights.source import WeightSource

PREFIX = "model.decoder.layers.0.experts"


@pytest.fixture
def experts() -> dict[str, np.ndarray]:
    tensors = plain_experts(np.random.default_rng(5), experts=4, hidden=64, inner=32)
    tensors[f"{PREFIX}.down_proj"][1] *= np.asarray(3, BF16)
    return tensors


def test_every_type_as_stored(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tensors = {
        "odd": rng.integers(0, 255, 3).astype(np.uint8),  # what follows lies on odd addresses
        "a": rng.normal(size=(3, 5)).astype(np.float32),
        "b": rng.normal(size=(7,)).astype(BF16),
        "c": rng.normal(size=(2, 2, 2)).astype(E4M3),
        "d": rng.normal(size=(2,)).astype(np.float16),
        "scalar": np.array(2.5, np.float32),
        "none": np.zeros((0, 4), np.float32),
    }
    write_checkpoint(tmp_path, tensors)
    source = WeightSource.open(tmp_path)
    assert source.layout == "plain"
    for name, tensor in tensors.items():
        array = source.array(name)
        assert array.dtype == tensor.dtype
        assert array.shape == tensor.shape
        assert array.tobytes() == tensor.tobytes()
        assert not array.flags.writeable
        assert not array.flags.owndata
    with pytest.raises(WeightsError, match=r"no tensor model\.norm"):
        source.array("model.norm")


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"a": np.zeros(3, np.float32)})
    source = WeightSource.open(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"model\.safetensors cannot be read"):
        source.array("a")


@pytest.mark.parametrize("part", ["gate_up", "down"])
def test_experts_are_what_the_whole_stack_gives(tmp_path: Path, experts: dict[str, np.ndarray], part: str) -> None:
    write_checkpoint(tmp_path, experts)
    source, stack = WeightSource.open(tmp_path), experts[f"{PREFIX}.{part}_proj"]
    assert source.expert_count(0) == 4
    done: list[float] = []
    int4 = source.experts(0, part, "int4", BF16, done.append)
    assert done == [0.25, 0.5, 0.75, 1.0]
    fp8, nvfp4 = source.experts(0, part, "fp8", np.float16), source.experts(0, part, "nvfp4", BF16)
    for form, whole in ((int4, quantise_int4(stack, BF16)), (fp8, quantise_fp8(stack, np.float16))):
        assert type(form) is type(whole)
        np.testing.assert_array_equal(form.dequantised(), whole.dequantised())
    np.testing.assert_array_equal(nvfp4.dequantised(), quantise_nvfp4(stack).dequantised())
    assert int4.scales.dtype == BF16
    assert fp8.scale.dtype == np.float16
    assert fp8.scale.shape == (4,)
    assert relative_rms(nvfp4.dequantised(), stack) < 0.1


def test_unquantised(tmp_path: Path, experts: dict[str, np.ndarray]) -> None:
    write_checkpoint(tmp_path, experts)
    source, stack = WeightSource.open(tmp_path), experts[f"{PREFIX}.down_proj"]
    same = source.experts_unquantised(0, "down", BF16)
    assert not same.flags.owndata
    np.testing.assert_array_equal(same, stack)
    np.testing.assert_array_equal(source.experts_unquantised(0, "down", np.float16), stack.astype(np.float16))


def test_unquantised_that_does_not_fit(tmp_path: Path, experts: dict[str, np.ndarray]) -> None:
    experts[f"{PREFIX}.down_proj"][2, 0, 0] = 1e6
    write_checkpoint(tmp_path, experts)
    with pytest.raises(QuantisationError, match=r"experts\.down_proj does not fit float16"):
        WeightSource.open(tmp_path).experts_unquantised(0, "down", np.float16)


def test_dense(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(size=(6, 40)).astype(BF16)
    write_checkpoint(tmp_path, {"q.weight": weights, "norm.weight": weights[0]})
    source = WeightSource.open(tmp_path)
    form = source.dense("q.weight", "fp8", BF16)
    assert form.scale.shape == (6,)
    assert relative_rms(form.dequantised(), weights) < 0.03
    with pytest.raises(QuantisationError, match=r"norm\.weight \(40,\) is no matrix"):
        source.dense("norm.weight", "fp8", BF16)
    with pytest.raises(ValueError, match="'int4'"):
        source.dense("q.weight", "int4", BF16)  # type: ignore[arg-type]


def test_damaged_experts(tmp_path: Path, experts: dict[str, np.ndarray]) -> None:
    name = f"{PREFIX}.down_proj"
    write_checkpoint(tmp_path, experts | {name: experts[name][0]})
    with pytest.raises(WeightsError, match=r"down_proj is bfloat16 \(64, 32\), not a stack"):
        WeightSource.open(tmp_path).experts(0, "down", "int4", BF16)
    experts[name][3, 5, 7] = np.nan
    write_checkpoint(tmp_path, experts)
    source = WeightSource.open(tmp_path)
    for form in ("int4", "fp8", "nvfp4"):
        with pytest.raises(QuantisationError, match=r"layers\.0\.experts\.down_proj is damaged: .* NaN"):
            source.experts(0, "down", form, BF16)  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match=r"no tensor model\.decoder\.layers\.1\.experts\.down_proj"):
        source.experts(1, "down", "int4", BF16)
    with pytest.raises(ValueError, match="'int8'"):
        source.experts(0, "gate_up", "int8", BF16)  # type: ignore[arg-type]
