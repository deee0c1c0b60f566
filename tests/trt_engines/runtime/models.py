"""Random checkpoints, run by the runtime over ONNX Runtime and, beside it, by the `onnx` backend."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inference.backends.onnx import OnnxBackend
from inference.backends.tensorrt import TensorRtBackend
from inference.config import model_config_from_folder
from inference.engines.choice import cuts, engine_limits
from inference.engines.planning import model_shape
from inference.engines.templates import templates_for
from inference.graphs.made import remember
from inference.graphs.manifest import read_manifest
from tests.helpers.fake_cuda import FakeCuda
from tests.helpers.fake_tensorrt import FakePart, FakeTensorRt
from tests.helpers.random_models import Setting, Shape, save_with, transformers_model
from tests.trt_engines.building.test_state import IDENTITY
from tests.trt_engines.runtime.simulated import SimulatedDevice
from trt_engines.building.profiles import Limits
from trt_engines.building.store import EngineManifest, Part
from trt_engines.graphs.asked import asked_graph
from trt_engines.graphs.bind import bound_weights
from trt_engines.graphs.compose import EMBED, EMBEDDING, HEAD, end_graph, segment_graph
from trt_engines.graphs.names import ASKED
from trt_engines.graphs.precision import lowered
from trt_engines.graphs.rotary import with_tables
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.load import EngineLoader
from trt_engines.runtime.parts import ModelParts
from trt_engines.runtime.runner import ModelRunner
from trt_engines.runtime.streaming import streamed_segments
from trt_engines.runtime.trt_engine import TensorRtEngine
from trt_engines.runtime.weight_ways import WayName
from trt_engines.tensorrt.flavour import Flavour
from trt_engines.weights.source import WeightSource


@dataclasses.dataclass
class Simulated:
    """One runner, its device and its engines."""

    backend: TensorRtBackend
    runner: ModelRunner
    device: SimulatedDevice
    engines: dict[str, TensorRtEngine]
    tensorrt: FakeTensorRt
    cuda: FakeCuda
    loader: EngineLoader


def make_checkpoint(shape: Shape, folder: Path, setting: Setting) -> None:
    """A random checkpoint with a window, a canvas and prompts."""
    save_with(transformers_model(shape), folder, setting)


def reference(folder: Path) -> OnnxBackend:
    """The `onnx` backend on the same checkpoint; graphs that an earlier test made are taken, whatever home it had."""
    if (manifest := read_manifest(folder)) is not None:
        remember(manifest)
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
    way: WayName = "deferred",
    clock: Callable[[], float] | None = None,
) -> Simulated:
    """The runtime over strict stand-ins for CUDA and TensorRT, in float32; `way` is the only one that works."""
    config = model_config_from_folder(folder)
    templates, source = templates_for(config, cache), WeightSource.open(folder)
    config = dataclasses.replace(config, canvas_length=canvas or config.canvas_length)
    shape, limits = model_shape(config), engine_limits(config, context)
    pieces = cuts(len(config.layers), length)
    graphs = {
        "embed": end_graph(templates, EMBED),
        "head": end_graph(templates, HEAD),
        **{name: asked_graph(templates, name) for name in ASKED},
        **{f"stack{first:02}": segment_graph(templates, first, last) for first, last in pieces},
    }
    hardware, parts = SimulatedDevice(memory, seed), {}
    for name, graph in graphs.items():
        graph = with_tables(lowered(graph, "fp32"), limits.positions)
        weights = bound_weights(graph, source, "plain", lambda done: None)
        stack = name.startswith("stack")
        refused = {"manager": set(), "deferred": set(), "budget": {"defer"}, "plain": {"defer"}}[way]
        parts[name] = FakePart(
            graph, weights, stack and way == "manager", stack and way == "budget", fail_moves=set(refused)
        )
    tensorrt, cuda = FakeTensorRt(hardware, parts), FakeCuda(hardware)
    loader = loader_for(tensorrt, cuda, cache, limits, pieces)
    names = [name for name in parts if name.startswith("stack")]
    stacks = loader.open_segments(names, streamed_segments(len(names), resident))
    engines = {"embed": loader.open("embed"), "head": loader.open("head"), **dict(zip(names, stacks, strict=True))}
    made = ModelParts(
        shape, limits, templates.set.kept, np.float32, pieces, engines["embed"], engines["head"], stacks, loader.open
    )
    runner = ModelRunner(loader.device, made, source.array(EMBEDDING), resident, head_rows, clock=clock)
    backend = TensorRtBackend(config, runner, "simulated", limits.chunk, loader.cache)
    return Simulated(backend, runner, hardware, engines, tensorrt, cuda, loader)


def loader_for(
    tensorrt: FakeTensorRt,
    cuda: FakeCuda,
    cache: Path,
    limits: Limits,
    pieces: tuple[tuple[int, int], ...],
    safe: bool = False,
) -> EngineLoader:
    """Plans and a manifest on the disk, and what opens them."""
    cache.mkdir(parents=True, exist_ok=True)
    folder, files = Path(tempfile.mkdtemp(prefix="engines-", dir=cache)), {}
    for name, part in tensorrt.parts.items():
        plan = tensorrt.plan(name)
        (folder / f"{name}.plan").write_bytes(plan)
        files[name] = Part(f"{name}.plan", len(plan), hashlib.sha256(plan).hexdigest(), part.weight_bytes, 0, 1.0)
    flavour = Flavour("tensorrt_rtx", tensorrt.__version__, tensorrt)
    identity = dataclasses.replace(
        IDENTITY, flavour=flavour.name, flavour_version=flavour.version, limits=limits, cuts=pieces
    )
    manifest = EngineManifest(identity, "Model", "/model", tuple(files), files, "now")
    return EngineLoader(flavour, CudaDevice("", cuda), folder, manifest, safe)
