"""Random checkpoints, run by the runtime over ONNX Runtime and, beside it, by the `onnx` backend."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from inference.backends.onnx import OnnxBackend
from inference.backends.tensorrt import TensorRtBackend
from inference.config import model_config_from_folder
from inference.engines.choice import cuts, engine_limits
from inference.engines.planning import model_shape
from inference.engines.templates import templates_for
from tests.helpers.random_models import Setting, Shape, save_with, transformers_model
from tests.trt_engines.runtime.simulated import OrtEngine, SimulatedDevice
from trt_engines.graphs.bind import bound_weights
from trt_engines.graphs.compose import EMBED, EMBEDDING, HEAD, end_graph, segment_graph
from trt_engines.graphs.precision import lowered
from trt_engines.runtime.parts import ModelParts
from trt_engines.runtime.runner import ModelRunner
from trt_engines.weights.source import WeightSource


@dataclasses.dataclass
class Simulated:
    """One runner, its device and its engines."""

    backend: TensorRtBackend
    runner: ModelRunner
    device: SimulatedDevice
    engines: dict[str, OrtEngine]


def make_checkpoint(shape: Shape, folder: Path, setting: Setting) -> None:
    """A random checkpoint with a window, a canvas and prompts."""
    save_with(transformers_model(shape), folder, setting)


def reference(folder: Path) -> OnnxBackend:
    """The `onnx` backend on the same checkpoint."""
    return OnnxBackend.open(folder, lambda stage, done: None)


def simulated(
    folder: Path,
    cache: Path,
    context: int = 1024,
    length: int = 1,
    resident: int = 99,
    memory: int = 1 << 28,  # little enough that segments which are to be streamed are not taken back
    seed: int = 0,
    head_rows: int | None = None,
    canvas: int = 0,
) -> Simulated:
    """The runtime over a simulated device, in float32."""
    config = model_config_from_folder(folder)
    templates, source = templates_for(config, cache), WeightSource.open(folder)
    device = SimulatedDevice(memory, seed)
    parts = cuts(len(config.layers), length)
    graphs = {
        "embed": end_graph(templates, EMBED),
        "head": end_graph(templates, HEAD),
        **{f"stack{first:02}": segment_graph(templates, first, last) for first, last in parts},
    }
    engines = {}
    for name, graph in graphs.items():
        graph = lowered(graph, "fp32")
        weights = bound_weights(graph, source, "plain", lambda done: None)
        engines[name] = OrtEngine(device, name, graph, weights)
    config = dataclasses.replace(config, canvas_length=canvas or config.canvas_length)
    shape, limits = model_shape(config), engine_limits(config, context)
    stacks = [engines[name] for name in engines if name.startswith("stack")]
    made = ModelParts(shape, limits, templates.set.kept, np.float32, parts, engines["embed"], engines["head"], stacks)
    runner = ModelRunner(device, made, source.array(EMBEDDING), resident, head_rows)
    return Simulated(TensorRtBackend(config, runner, "simulated", limits.chunk), runner, device, engines)
