"""The self-test passes engines that compute what the reference computes, and fails every other one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from inference.config import model_config_from_folder
from inference.engines.planning import model_shape
from inference.engines.templates import templates_for
from tests.helpers.fake_cuda import FakeCuda
from tests.helpers.fake_tensorrt import FakePart, FakeTensorRt, open_fake
from tests.trt_engines.building.support import STARTER
from tests.trt_engines.runtime.simulated import SimulatedDevice
from trt_engines.building.profiles import Limits
from trt_engines.building.state import Check
from trt_engines.graphs.asked import asked_graph
from trt_engines.graphs.bind import reference_weights
from trt_engines.graphs.compose import EMBED, EMBEDDING, HEAD, end_graph, segment_graph
from trt_engines.graphs.names import ASKED, BELIEFS, LOGITS
from trt_engines.graphs.precision import COMPUTE_TYPES, WeightFormat, lowered
from trt_engines.graphs.rotary import with_tables
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.device import Engine
from trt_engines.runtime.trt_engine import TensorRtEngine
from trt_engines.selftest.check import check_parts
from trt_engines.selftest.reference import Reference
from trt_engines.weights.source import WeightSource

CUTS = ((0, 2), (2, 4))
CONFIG = model_config_from_folder(STARTER)
LIMITS = Limits(64, 64, 100_000, 64, 8)
with_tables_used = with_tables
Spoil = Callable[[str, dict[str, Any]], None]


def nothing(name: str, weights: dict[str, Any]) -> None:
    """Leave the engine as it is."""


def run(
    form: WeightFormat,
    spoil: Spoil = nothing,
    engine_form: WeightFormat | None = None,
    positions: int = LIMITS.positions,
) -> list[Check]:
    """The self-test over ONNX Runtime engines that hold the weights of `form` in float32."""
    templates, source, hardware = templates_for(CONFIG, STARTER), WeightSource.open(STARTER), SimulatedDevice()
    tensorrt, device, opened = FakeTensorRt(hardware, {}), CudaDevice("", FakeCuda(hardware)), list[TensorRtEngine]()

    def graph_of(name: str) -> ModelProto:
        if name in ("embed", "head"):
            return lowered(end_graph(templates, EMBED if name == "embed" else HEAD), "fp32")
        if name in ASKED:
            return lowered(asked_graph(templates, name), "fp32")
        first = int(name.removeprefix("stack"))
        return with_tables_used(lowered(segment_graph(templates, first, first + 2), "fp32"), positions)

    def open_engine(name: str) -> Engine:
        graph = graph_of(name)
        held = "plain" if not name.startswith("stack") else engine_form or form
        weights = reference_weights(graph, source, held, COMPUTE_TYPES["fp32"])
        weights = {key: array.copy() for key, array in weights.items()}
        spoil(name, weights)
        tensorrt.parts[name] = FakePart(graph, weights)
        opened.append(open_fake(tensorrt, device, name))
        return opened[-1]

    precision = {"plain": "bf16"}.get(form, form)
    reference = Reference(templates, source, "fp32", form)
    table = source.array(EMBEDDING).astype(np.float32)
    checks = list(check_parts(device, open_engine, reference, model_shape(CONFIG), CUTS, LIMITS, table, precision))
    assert [engine.name for engine in opened] == [check.part for check in checks]
    return checks


@pytest.mark.parametrize("form", ["plain", "fp8", "int4", "nvfp4"])
def test_right_engines_pass(form: WeightFormat) -> None:
    checks = run(form)
    assert [check.part for check in checks] == ["embed", "stack00", "stack02", "head", *ASKED]
    assert all(check.passed for check in checks)
    assert max(check.error for check in checks) < 1e-3


def wrong_sign(name: str, weights: dict[str, Any]) -> None:
    if name == "stack02":
        weights["model.decoder.layers.3.self_attn.o_proj.weight"] *= -1


def experts_shifted(name: str, weights: dict[str, Any]) -> None:
    if name == "stack00":
        down = "model.decoder.layers.0.experts.down_proj"
        weights[down] = np.roll(weights[down], 1, axis=0)


def not_a_number(name: str, weights: dict[str, Any]) -> None:
    if name == "stack00":
        weights["model.decoder.layers.1.input_layernorm.weight"][0] = np.nan


def wrong_norm(part: str) -> Spoil:
    def spoil(name: str, weights: dict[str, Any]) -> None:
        if name == part:
            weights["model.decoder.norm.weight"] *= 0.5

    return spoil


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (wrong_sign, "stack02"),
        (experts_shifted, "stack00"),
        (not_a_number, "stack00"),
        *((wrong_norm(part), part) for part in ("head", LOGITS, BELIEFS)),
    ],
)
def test_a_wrong_engine_fails_and_the_test_ends_there(spoil: Spoil, part: str) -> None:
    checks = run("plain", spoil)
    assert checks[-1].part == part
    assert not checks[-1].passed
    assert all(check.passed for check in checks[:-1])


def test_weights_that_were_quantised_otherwise_are_found() -> None:
    checks = run("fp8", engine_form="int4")
    assert not checks[-1].passed


def test_rotary_positions_that_are_wrong_late_in_the_context_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a sine that is made for small angles: right in the first half of the canvas, wrong in the second."""

    def rough(graph: ModelProto, most: int) -> ModelProto:
        made = with_tables(graph, most)
        for item in made.graph.initializer:
            if item.name.endswith("far.s.table"):
                table = numpy_helper.to_array(item).copy()
                table[10:] = 0
                item.CopyFrom(numpy_helper.from_array(table, item.name))
        return made

    monkeypatch.setattr("tests.trt_engines.selftest.test_check.with_tables_used", rough)
    checks = run("plain")
    assert checks[-1].part == "stack00"
    assert not checks[-1].passed


def test_numbers_beyond_fp16_are_found() -> None:
    """RTX 20 cards compute in fp16, whose largest number is 65,504: what exceeds it is infinite there."""

    def large(name: str, weights: dict[str, Any]) -> None:
        if name == "stack02":
            weights["model.decoder.layers.2.self_attn.o_proj.weight"] *= np.float32(np.inf)

    checks = run("plain", large)
    assert [(check.part, check.passed, check.overflow) for check in checks[-2:]] == [
        ("stack00", True, False), ("stack02", False, True),
    ]  # fmt: skip
