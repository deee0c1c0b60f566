"""NVIDIA's NVFP4 layout on its way into engines: as it is on RTX 50 cards, converted for older ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.weight_files import write_checkpoint
from tests.trt_engines.building.support import STARTER, request_for
from tests.trt_engines.building.test_every_precision import compiled
from tests.trt_engines.weights.support import modelopt_experts, relative_rms, slow_values
from trt_engines.building.child import part_graph
from trt_engines.graphs.bind import bound_weights
from trt_engines.weights.formats import Int4
from trt_engines.weights.source import WeightSource

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The starter with its experts replaced by random ones in ModelOpt's layout."""
    made = tmp_path / "model"
    shutil.copytree(STARTER, made, ignore=shutil.ignore_patterns("*.onnx", "*.safetensors"))
    plain = WeightSource.open(STARTER)
    tensors = {name: plain.array(name) for name in plain.records if ".experts." not in name}
    random = np.random.default_rng(3)
    for layer in range(4):
        tensors |= modelopt_experts(random, experts=8, hidden=256, inner=128, layer=layer)
    write_checkpoint(made, tensors)
    return made


def test_blackwell_takes_the_bits_as_they_are(folder: Path, tmp_path: Path) -> None:
    source = WeightSource.open(folder)
    assert source.layout == "modelopt-nvfp4"
    job = request_for(folder, tmp_path / "cache", 120, "nvfp4").jobs(tmp_path)[2]
    bound = bound_weights(part_graph(job), source, "nvfp4", lambda done: None)
    down = "model.decoder.layers.1.experts.down_proj"
    for expert in range(8):
        stored = source.array(f"model.decoder.layers.1.experts.{expert}.down_proj.weight")
        np.testing.assert_array_equal(bound[f"{down}.codes"][expert], stored)
    made, plan = compiled(job, source)
    assert len(plan) > made.weight_bytes > 0


@pytest.mark.parametrize(("sm", "precision", "bound"), [(86, "int4", 0.2), (89, "fp8", 0.04)])
def test_older_cards_get_it_converted(folder: Path, tmp_path: Path, sm: int, precision: str, bound: float) -> None:
    source = WeightSource.open(folder)
    job = request_for(folder, tmp_path / "cache", sm, precision).jobs(tmp_path)[2]
    compiled(job, source)
    made = source.experts(0, "down", precision, np.float32)  # type: ignore[arg-type]
    assert isinstance(made, Int4) == (precision == "int4")
    tensors = {name: source.array(name) for name in source.records}
    truth = slow_values(tensors, "model.decoder.layers.0.experts.5.down_proj")
    assert relative_rms(made.dequantised()[5], truth) < bound
