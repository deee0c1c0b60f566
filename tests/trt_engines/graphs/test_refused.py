"""What TensorRT for RTX does not build, and the design works around; where one of these fails, look at it again.

Decision 37: experts that get more tokens than the others are not computed apart, because their weights cannot be
gathered while they are quantised, and the MoE layer of TensorRT knows no GELU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from trt_engines.errors import EngineError
from trt_engines.planning.probe import detected_gpus
from trt_engines.tensorrt.flavour import RTX, installed_flavour
from trt_engines.tensorrt.words import listening_logger

EXPERTS, WIDTH, INNER, HOT, ROWS = 8, 64, 64, 2, 16


@pytest.fixture
def trt() -> Any:
    """The real module."""
    flavour = installed_flavour()
    if flavour.name != RTX:
        pytest.skip("about TensorRT for RTX")
    return flavour.module


def hot_experts(codes: TensorProto, scale: TensorProto, **block: int) -> bytes:
    """Quantised weights of all experts, those of some of them gathered, and a product with these."""
    nodes = [
        helper.make_node("Gather", ["codes", "hot"], ["hot_codes"], axis=0),
        helper.make_node("DequantizeLinear", ["hot_codes", "scale"], ["w"], **block),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "hot",
        [value("x", TensorProto.FLOAT16, [HOT, ROWS, WIDTH]), value("hot", TensorProto.INT64, [HOT])],
        [value("y", TensorProto.FLOAT16, [HOT, ROWS, INNER])], [codes, scale],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return model.SerializeToString()


def int4() -> bytes:
    raw = np.zeros(EXPERTS * WIDTH * INNER // 2, np.uint8).tobytes()
    codes = TensorProto(name="codes", data_type=TensorProto.INT4, dims=[EXPERTS, WIDTH, INNER], raw_data=raw)
    scale = numpy_helper.from_array(np.ones((HOT, WIDTH // 32, INNER), np.float16), "scale")
    return hot_experts(codes, scale, axis=1, block_size=32)


def fp8() -> bytes:
    raw = np.zeros(EXPERTS * WIDTH * INNER, np.uint8).tobytes()
    codes = TensorProto(name="codes", data_type=TensorProto.FLOAT8E4M3FN, dims=[EXPERTS, WIDTH, INNER], raw_data=raw)
    return hot_experts(codes, numpy_helper.from_array(np.array(0.5, np.float16), "scale"))


@pytest.mark.parametrize("graph", [int4, fp8])
def test_quantised_weights_are_not_gathered(trt: Any, graph: Any) -> None:
    words, flavour = listening_logger(trt), installed_flavour()
    builder = trt.Builder(words)
    network = flavour.new_network(builder)
    parser = trt.OnnxParser(network, words)
    assert parser.parse(graph())
    config = builder.create_builder_config()
    flavour.set_target(config, 89)
    assert builder.build_serialized_network(network, config) is None
    assert "is not consumed by" in words.said()


def test_the_layer_for_experts_knows_no_gelu(trt: Any) -> None:
    """DiffusionGemma's experts are GELU-gated."""
    assert set(trt.MoEActType.__members__) == {"NONE", "SILU"}


@pytest.mark.parametrize(
    "flags", [("REFIT",), ("REFIT_IDENTICAL",), ("STRIP_PLAN",), ("STRIP_PLAN", "REFIT_INDIVIDUAL")]
)
def test_a_stripped_plan_is_not_built_without_a_driver(trt: Any, flags: tuple[str, ...]) -> None:
    """Decision 75: so it can be no part of what is built and compared here, nor the first way of the ladder."""
    try:
        detected_gpus()
        pytest.skip("A driver is here.")
    except EngineError:
        pass
    words, flavour = listening_logger(trt), installed_flavour()
    builder = trt.Builder(words)
    network = flavour.new_network(builder)
    parser = trt.OnnxParser(network, words)
    weights = numpy_helper.from_array(np.ones((WIDTH, INNER), np.float32), "w")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "product",
        [value("x", TensorProto.FLOAT, [ROWS, WIDTH])], [value("y", TensorProto.FLOAT, [ROWS, INNER])], [weights],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    assert parser.parse(model.SerializeToString())
    assert network.mark_weights_refittable("w")
    config = builder.create_builder_config()
    flavour.set_target(config, 89)
    for flag in flags:
        config.set_flag(getattr(trt.BuilderFlag, flag))
    assert builder.build_serialized_network(network, config) is None


def test_a_weights_manager_is_for_stripped_engines_and_may_be_none(trt: Any) -> None:
    """As the package says it; the ladder of ways takes None for an answer."""
    assert "weight-stripped engine" in trt.IWeightsManager.__doc__
    assert "``None`` if weight management is unavailable" in trt.ICudaEngine.create_weights_manager.__doc__
