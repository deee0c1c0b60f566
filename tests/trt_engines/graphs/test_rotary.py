"""Rotary positions from tables: as exact as float64 at every position, and built by the real TensorRT."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from inference.config import model_config_from_folder
from inference.engines.templates import templates_for
from tests.trt_engines.building.support import STARTER
from trt_engines.building.compile import compile_plan
from trt_engines.building.profiles import Profile
from trt_engines.graphs.compose import segment_graph
from trt_engines.graphs.precision import lowered
from trt_engines.graphs.rotary import STEP, with_tables
from trt_engines.onnx_runtime import ort
from trt_engines.tensorrt.flavour import installed_flavour

FREQUENCIES = (1.0 / 10_000.0 ** (np.arange(64) / 64)).astype(np.float32)


def turning() -> ModelProto:
    """As layers do: cosine and sine of positions times frequencies, each twice beside each other."""
    nodes = [
        helper.make_node("Cast", ["positions"], ["p"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["p", "one"], ["column"]),
        helper.make_node("Mul", ["column", "frequencies"], ["angles"]),
        helper.make_node("Concat", ["angles", "angles"], ["both"], axis=-1),
        helper.make_node("Cos", ["both"], ["c"]),
        helper.make_node("Sin", ["both"], ["s"]),
        helper.make_node("Identity", ["c"], ["cos"]),
        helper.make_node("Identity", ["s"], ["sin"]),
    ]
    value, width = helper.make_tensor_value_info, 2 * len(FREQUENCIES)
    graph = helper.make_graph(
        nodes, "turning", [value("positions", TensorProto.INT64, ["N"])],
        [value("cos", TensorProto.FLOAT, ["N", width]), value("sin", TensorProto.FLOAT, ["N", width])],
        [numpy_helper.from_array(np.array([1]), "one"), numpy_helper.from_array(FREQUENCIES[None], "frequencies")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def computed(graph: ModelProto, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    cos, sin = session.run(["cos", "sin"], {"positions": positions})
    return cos, sin


def test_tables_are_exact_at_every_position() -> None:
    positions = np.array([0, 1, STEP - 1, STEP, STEP + 1, 8191, 100_000, 262_143, 262_399])
    angles = np.outer(positions, FREQUENCIES.astype(np.float64))
    truth = [np.concatenate([function(angles)] * 2, axis=1) for function in (np.cos, np.sin)]
    found = computed(with_tables(turning(), 262_400), positions)
    for mine, right in zip(found, truth, strict=True):
        assert np.abs(mine - right).max() < 3e-7
    before = computed(turning(), positions)
    assert max(np.abs(mine - right).max() for mine, right in zip(before, truth, strict=True)) > 1e-3


def test_nothing_of_the_old_way_is_left() -> None:
    graph = with_tables(turning(), 1024)
    assert not {"Cos", "Sin", "Cast"} & {node.op_type for node in graph.graph.node}
    assert "frequencies" not in {item.name for item in graph.graph.initializer}
    plain = helper.make_model(helper.make_graph([], "empty", [], []))
    assert with_tables(plain, 1024) is plain


def test_another_sine_is_not_taken_for_a_rotary_position() -> None:
    graph = turning()
    graph.graph.node[4].input[0] = "angles"
    with pytest.raises(ValueError, match="no rotary position"):
        with_tables(graph, 1024)


def test_layers_share_the_tables_of_their_kind() -> None:
    templates = templates_for(model_config_from_folder(STARTER), STARTER)
    graph = with_tables(lowered(segment_graph(templates, 0, 4), "fp16"), 4096)
    tables = {item.name for item in graph.graph.initializer if item.name.endswith(".table")}
    kinds = {layer.file for layer in templates.set.layers[:4]}
    assert 0 < len(tables) <= 4 * len(kinds)
    assert not {"Cos", "Sin"} & {node.op_type for node in graph.graph.node}


def test_the_real_builder_takes_it() -> None:
    flavour, plan = installed_flavour(), bytearray()
    graph = with_tables(turning(), 8192)
    compile_plan(
        flavour, graph, {}, (Profile("all", {"N": (1, 256, 512)}),), 89, lambda phase, done: True, lambda line: None,
        plan.extend,
    )  # fmt: skip
    assert plan
