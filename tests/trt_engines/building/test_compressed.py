"""Red Hat's layouts on their way into engines: experts, and attention and MLP, which are quantised there, too."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.checkpoint.folder import checked_model
from tests.helpers.weight_files import write_checkpoint
from tests.trt_engines.building.support import STARTER, request_for
from tests.trt_engines.building.test_every_precision import compiled
from tests.trt_engines.weights.compressed_support import fp8_matrix, nvfp4_matrix
from tests.trt_engines.weights.support import relative_rms
from trt_engines.building.child import part_graph
from trt_engines.graphs.bind import bound_weights, reference_weights
from trt_engines.graphs.precision import COMPUTE_TYPES, lowered
from trt_engines.weights.source import WeightSource

pytestmark = pytest.mark.slow
MAKERS: dict[str, Any] = {"fp8": fp8_matrix, "nvfp4": nvfp4_matrix}
GATE, QUERY = "model.decoder.layers.1.experts.gate_up_proj", "model.decoder.layers.1.self_attn.q_proj.weight"


@pytest.fixture(params=MAKERS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The starter, quantised as Red Hat's checkpoints are: matrices of attention, MLP and experts, the latter apart."""
    made, make = tmp_path / request.param, MAKERS[request.param]
    shutil.copytree(STARTER, made, ignore=shutil.ignore_patterns("*.onnx", "*.safetensors"))
    plain = WeightSource.open(STARTER)
    tensors: dict[str, Any] = {}
    for name in plain.records:
        array = np.array(plain.array(name))
        if ".experts." in name:
            prefix, _, part = name.rpartition(".")
            for expert, matrix in enumerate(array.astype(np.float32)):
                halves = np.split(matrix, 2) if part == "gate_up_proj" else [matrix]
                for half, rows in zip(
                    ("gate_proj", "up_proj") if len(halves) == 2 else ("down_proj",), halves, strict=True
                ):
                    tensors |= make(f"{prefix}.{expert}.{half}", rows)
        elif (".self_attn." in name or ".mlp." in name) and name.endswith("_proj.weight"):
            tensors |= make(name.removesuffix(".weight"), array.astype(np.float32))
        else:
            tensors[name] = array
    write_checkpoint(made, tensors)
    return made


@pytest.mark.parametrize(("sm", "precision"), [(86, "int4"), (89, "fp8"), (120, "nvfp4"), (86, "bf16")])
def test_engines_are_built_of_it(folder: Path, tmp_path: Path, sm: int, precision: str) -> None:
    kind = folder.name
    assert checked_model(folder).layout == f"compressed-{kind}"
    source, plain = WeightSource.open(folder), WeightSource.open(STARTER)
    request = request_for(folder, tmp_path / "cache", sm, precision)
    job = request.jobs(tmp_path)[2]
    bound = bound_weights(part_graph(job), source, request.form, lambda done: None)
    if kind == precision == "nvfp4":
        stored = source.array("model.decoder.layers.1.experts.3.up_proj.weight_packed")
        np.testing.assert_array_equal(bound[f"{GATE}.codes"][3, -len(stored) :], stored)
    if kind == precision == "fp8":
        assert bound[f"{QUERY}.codes"].tobytes() == source.array(QUERY).tobytes()
    made, plan = compiled(job, source)
    assert len(plan) > made.weight_bytes > 0
    graph = lowered(part_graph_plain(job), "fp32")
    reference = reference_weights(graph, source, request.form, COMPUTE_TYPES[request.compute])
    bounds = {"fp8": 0.04, "nvfp4": 0.14}
    for name in (QUERY, "model.decoder.layers.1.mlp.down_proj.weight"):
        assert relative_rms(reference[name], plain.array(name).astype(np.float32)) < bounds[kind]
    exact = plain.array(GATE).astype(np.float32)
    assert relative_rms(reference[GATE], exact) < bounds[kind] + (0.12 if precision in ("int4", "nvfp4") else 0.02)


def part_graph_plain(job: Any) -> Any:
    """The part's graph before its weights get a form."""
    from trt_engines.graphs.compose import segment_graph
    from trt_engines.graphs.templates import Templates

    return segment_graph(Templates.load(job.templates, job.configuration), *job.cut)
