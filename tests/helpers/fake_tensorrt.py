"""TensorRT for RTX without a card, as strict as the real one: ONNX Runtime computes over a simulated device's memory.

It refuses what the real library refuses by its documentation: no weights manager for an engine that is not
weight-stripped, no run without weights, no budget while contexts exist, no shape outside the profiles, no address that
is not aligned. Refusals are None or False and words in the logger, as there. `test_fake_tensorrt.py` compares names and
arguments with the installed package.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto

from tests.trt_engines.runtime.simulated import TYPES, SimulatedDevice
from trt_engines.onnx_runtime import ort
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.device import ALIGNMENT, DeviceMemoryError
from trt_engines.runtime.trt_engine import TensorRtEngine, new_opening
from trt_engines.runtime.weight_ways import WayName, held
from trt_engines.tensorrt.flavour import Flavour

MAGIC = b"PLAN"


class Severity(enum.IntEnum):
    """Of a message."""

    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3


class ILogger:
    """Base of loggers."""

    INTERNAL_ERROR, ERROR, WARNING, INFO = Severity

    def __init__(self, min_severity: Severity = Severity.WARNING) -> None:
        self.min_severity = min_severity


class TensorIOMode(enum.Enum):
    """Of a tensor."""

    INPUT = 1
    OUTPUT = 2


class TensorLocation(enum.Enum):
    """Of a buffer."""

    DEVICE = 0
    HOST = 1


class EngineValidity(enum.IntEnum):
    """Of a plan."""

    VALID = 0
    SUBOPTIMAL = 1
    INVALID = 2


class EngineInvalidityDiagnostics(enum.IntFlag):
    """Why an engine is invalid; several may be."""

    VERSION_MISMATCH = 1
    UNSUPPORTED_CC = 2
    OLD_CUDA_DRIVER = 4
    OLD_CUDA_RUNTIME = 8
    INSUFFICIENT_GPU_MEMORY = 16
    MALFORMED_ENGINE = 32
    CUDA_ERROR = 64


class ExecutionContextAllocationStrategy(enum.Enum):
    """Who allocates a context's workspace."""

    STATIC = 0
    USER_MANAGED = 2


class CudaGraphStrategy(enum.Enum):
    """Whether TensorRT captures graphs."""

    DISABLED = 0
    WHOLE_GRAPH_CAPTURE = 1


class DynamicShapesKernelSpecializationStrategy(enum.Enum):
    """When kernels are made for a shape."""

    LAZY = 0
    EAGER = 1
    NONE = 2


class BuilderFlag(enum.Enum):
    """Flags that are asked for."""

    WEIGHT_STREAMING = 1


@dataclass
class FakePart:
    """One engine's graph, weights and what a test wants of it.

    Attributes:
        stripped: Whether it was built weight-stripped, so that it has a weights manager.
        streaming: Whether it was built with WEIGHT_STREAMING.
        fail_runs: Runs that fail for want of memory.
        fail_moves: Names of calls that fail.
        runs: How often it ran.
        deserialised: How often.
        pending: Runs that are on a stream.
        validity: What TensorRT says before it is loaded.
        asked: How often it was.
    """

    graph: ModelProto
    weights: dict[str, Any]
    stripped: bool = False
    streaming: bool = False
    fail_runs: int = 0
    fail_moves: set[str] = field(default_factory=set)
    runs: int = 0
    deserialised: int = 0
    pending: int = 0
    validity: tuple[EngineValidity, int] = (EngineValidity.VALID, 0)
    asked: int = 0

    @property
    def weight_bytes(self) -> int:
        """Of its weights on the card."""
        return sum(array.nbytes for array in self.weights.values())


class FakeTensorRt:
    """Stands in for the module `tensorrt_rtx`.

    Attributes:
        device: Whose memory it uses.
        parts: The engines that plans mean, by name.
        configs: Runtime configurations that execution contexts were made with.
        shapes_set: How often a shape was set.
        sized: How often the room for a context's shapes was asked for.
        shapes_run: What contexts ran with, as far as kernels are compiled for it: name of the engine and shapes.
        graphs: Runs without a CUDA graph ("plain"), that made one ("captured") and that played one ("replayed").
    """

    __version__ = "1.7.1"
    ILogger, Severity = ILogger, Severity
    TensorIOMode, TensorLocation, EngineValidity = TensorIOMode, TensorLocation, EngineValidity
    EngineInvalidityDiagnostics = EngineInvalidityDiagnostics
    ExecutionContextAllocationStrategy = ExecutionContextAllocationStrategy
    CudaGraphStrategy, BuilderFlag = CudaGraphStrategy, BuilderFlag
    DynamicShapesKernelSpecializationStrategy = DynamicShapesKernelSpecializationStrategy

    def __init__(self, device: SimulatedDevice, parts: dict[str, FakePart]) -> None:
        self.device, self.parts = device, parts
        self.configs: list[IRuntimeConfig] = []
        self.caches: list[IRuntimeCache] = []
        self.shapes_set = self.sized = 0
        self.shapes_run: set[tuple[str, tuple[tuple[str, tuple[int, ...]], ...]]] = set()
        self.graphs: Counter[str] = Counter()
        self.ICudaEngine, self.IExecutionContext = ICudaEngine, IExecutionContext

    @property
    def Runtime(self) -> Any:
        """The class, bound to this module."""
        module = self

        class Bound(Runtime):
            """Of this module."""

            def __init__(self, logger: ILogger) -> None:
                super().__init__(module, logger)

        return Bound

    def plan(self, name: str, padding: int = 0) -> bytes:
        """The serialised engine of a part."""
        return MAGIC + json.dumps({"name": name, "padding": "x" * padding}).encode()


class Runtime:
    """See the real one."""

    defer_weights_loading = False

    def __init__(self, module: FakeTensorRt, logger: ILogger) -> None:
        self.module, self.logger = module, logger

    def deserialize_cuda_engine(self, serialized_engine: Any, /) -> ICudaEngine | None:
        """None if it cannot be."""
        part = self._part(serialized_engine)
        if part is None:
            self.say(Severity.ERROR, "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (magic tag)")
            return None
        part.deserialised += 1
        engine = ICudaEngine(self, part, self.defer_weights_loading and "defer" not in part.fail_moves)
        if not engine._deferred and not engine._take():
            return None
        return engine

    def get_engine_validity(self, buffer: Any, /) -> tuple[EngineValidity, int]:
        """Validity and diagnostics."""
        part = self._part(buffer)
        if part is None:
            return EngineValidity.INVALID, EngineInvalidityDiagnostics.MALFORMED_ENGINE
        part.asked += 1
        return part.validity

    def _part(self, plan: Any) -> FakePart | None:
        raw = bytes(memoryview(plan))
        if raw[: len(MAGIC)] != MAGIC:
            return None
        return self.module.parts[json.loads(raw[len(MAGIC) :])["name"]]

    def say(self, severity: Severity, text: str) -> None:
        """Into the logger."""
        self.logger.log(severity, text)  # type: ignore[attr-defined]


class ICudaEngine:
    """See the real one."""

    num_optimization_profiles = 2

    def __init__(self, runtime: Runtime, part: FakePart, deferred: bool) -> None:
        self._runtime, self._module, self._part = runtime, runtime.module, part
        self._deferred, self._budget, self._moves = deferred, part.weight_bytes, 0
        self.weights_loaded = False
        self._arrived = False
        self._names = [item.name for item in (*part.graph.graph.input, *part.graph.graph.output)]
        self._alive = 0
        self._session, self._values = _session(part)

    def __del__(self) -> None:
        if self.weights_loaded:
            self._give()

    @property
    def num_io_tensors(self) -> int:
        """Inputs and outputs."""
        return len(self._names)

    @property
    def streamable_weights_size(self) -> int:
        """0 if it was not built to stream."""
        return self._part.weight_bytes if self._part.streaming else 0

    @property
    def weight_streaming_budget_v2(self) -> int:
        """Bytes that stay on the card."""
        return self._budget

    @weight_streaming_budget_v2.setter
    def weight_streaming_budget_v2(self, budget: int) -> None:
        if self._alive or not self._part.streaming or "budget" in self._part.fail_moves:
            self._runtime.say(Severity.ERROR, "setWeightStreamingBudgetV2: execution contexts exist, or no streaming")
            return
        try:
            self._module.device.take(budget - self._budget)
        except DeviceMemoryError:
            self._runtime.say(Severity.ERROR, "Error Code 2: OutOfMemory (allocate weights)")
            return
        self._budget = budget

    def get_tensor_name(self, index: int, /) -> str:
        """By its number."""
        return self._names[index]

    def get_tensor_mode(self, name: str, /) -> TensorIOMode:
        """Input or output."""
        inputs = {item.name for item in self._part.graph.graph.input}
        return TensorIOMode.INPUT if name in inputs else TensorIOMode.OUTPUT

    def create_weights_manager(self) -> IWeightsManager | None:
        """None unless it is weight-stripped."""
        return IWeightsManager(self) if self._part.stripped else None

    def create_runtime_config(self) -> IRuntimeConfig:
        """A new one."""
        return IRuntimeConfig(self._module)

    def create_execution_context(self, runtime_config: IRuntimeConfig, /) -> IExecutionContext | None:
        """With its strategy set to one that lets the caller bring the workspace."""
        assert runtime_config.strategy is ExecutionContextAllocationStrategy.USER_MANAGED
        if "context" in self._part.fail_moves:
            return None
        self._module.configs.append(runtime_config)
        self._alive += 1
        return IExecutionContext(self, runtime_config)

    def load_weights(self, blob: Any, /) -> bool:
        """False if it was not deferred, they are there, or the blob is another one."""
        if not self._deferred or self.weights_loaded or self._runtime._part(blob) is not self._part:
            return False
        return "load_weights" not in self._part.fail_moves and self._take()

    def unload_weights(self) -> bool:
        """Nothing may be on its way."""
        assert not self._part.pending, "the weights were freed while the engine runs"
        if not self._deferred or not self.weights_loaded or "unload_weights" in self._part.fail_moves:
            return False
        self._give()
        return True

    def _take(self) -> bool:
        try:
            self._module.device.take(self._part.weight_bytes)
        except DeviceMemoryError:
            self._runtime.say(Severity.ERROR, "Error Code 2: OutOfMemory (Requested size was more bytes to allocate)")
            return False
        self.weights_loaded = self._arrived = True
        return True

    def _give(self) -> None:
        self._module.device.used -= self._budget
        self._moves += 1
        self.weights_loaded = self._arrived = False


class IWeightsManager:
    """See the real one."""

    def __init__(self, engine: ICudaEngine) -> None:
        self._engine = engine

    def get_size(self) -> int:
        """With padding."""
        return self._engine._part.weight_bytes + 64

    def save_to_buffer(self, destination: int, size: int, location: TensorLocation, stream_handle: int, /) -> bool:
        """The size must be that of `get_size`."""
        assert isinstance(location, TensorLocation)
        return size == self.get_size() and self._engine.weights_loaded

    def restore_from_buffer(self, source: int, size: int, location: TensorLocation, stream_handle: int, /) -> bool:
        """Only when they are unloaded; they are there when the stream gets so far."""
        engine = self._engine
        if engine.weights_loaded or size != self.get_size() or "restore" in engine._part.fail_moves:
            return False
        if not engine._take():
            return False
        engine._arrived = False
        engine._module.device.put(stream_handle, lambda: setattr(engine, "_arrived", True))
        return True

    def unload(self, stream_handle: int, /) -> bool:
        """Nothing may be on its way."""
        assert not self._engine._part.pending, "the weights were freed while the engine runs"
        if not self._engine.weights_loaded or "unload" in self._engine._part.fail_moves:
            return False
        self._engine._give()
        return True


class IRuntimeCache:
    """See the real one."""

    def __init__(self) -> None:
        self.content = b""
        self.broken = False

    def deserialize(self, blob: bytes, /) -> bool:
        """False for one of another driver."""
        if not bytes(blob).startswith(b"CACHE"):
            return False
        self.content = bytes(blob)
        return True

    def serialize(self) -> bytes | None:
        """Its content."""
        if self.broken:
            raise RuntimeError("serialize failed")
        return self.content or None


class IRuntimeConfig:
    """See the real one."""

    def __init__(self, module: FakeTensorRt) -> None:
        self._module = module
        self.strategy = ExecutionContextAllocationStrategy.STATIC
        self.cache: IRuntimeCache | None = None
        self.cuda_graph_strategy = CudaGraphStrategy.DISABLED
        self.dynamic_shapes_kernel_specialization_strategy = DynamicShapesKernelSpecializationStrategy.LAZY

    def set_execution_context_allocation_strategy(self, strategy: ExecutionContextAllocationStrategy, /) -> None:
        """Who allocates."""
        self.strategy = strategy

    def create_runtime_cache(self) -> IRuntimeCache:
        """A new one."""
        self._module.caches.append(IRuntimeCache())
        return self._module.caches[-1]

    def set_runtime_cache(self, cache: IRuntimeCache, /) -> bool:
        """Use it."""
        assert isinstance(cache, IRuntimeCache)
        self.cache = cache
        return True


class IExecutionContext:
    """See the real one."""

    def __init__(self, engine: ICudaEngine, config: IRuntimeConfig) -> None:
        self._engine, self._config = engine, config
        self._key: Any = None
        self._warm = False
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self._sized, self._memory = -1, (0, 0)

    def __del__(self) -> None:
        self._engine._alive -= 1

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int, /) -> bool:
        """False outside the engine's profiles."""
        return 0 <= profile_index < self._engine.num_optimization_profiles

    def set_input_shape(self, name: str, shape: tuple[int, ...], /) -> bool:
        """False for what is no input, or does not fit the graph's known dimensions."""
        assert isinstance(shape, tuple)
        item = next((each for each in self._engine._part.graph.graph.input if each.name == name), None)
        if item is None:
            return False
        dims = [dim.dim_value for dim in item.type.tensor_type.shape.dim]
        if len(dims) != len(shape) or any(known not in (0, size) for known, size in zip(dims, shape, strict=True)):
            self._engine._runtime.say(Severity.ERROR, f"setInputShape: {name} does not satisfy any profile")
            return False
        self._engine._module.shapes_set += 1
        self._shapes[name], self._sized = shape, -1
        return True

    def update_device_memory_size_for_shapes(self) -> int:
        """All shapes must be set before."""
        names = {item.name for item in self._engine._part.graph.graph.input}
        assert set(self._shapes) == names, "not all input shapes are set"
        self._engine._module.sized += 1
        self._sized = 1000 + sum(int(np.prod(shape)) for shape in self._shapes.values())
        return self._sized

    def set_device_memory(self, memory: int, size: int, /) -> None:
        """The workspace."""
        self._memory = (int(memory), int(size))

    def set_tensor_address(self, name: str, memory: int, /) -> bool:
        """False for an unknown name."""
        if name not in self._engine._names:
            return False
        self._addresses[name] = int(memory)
        return True

    def execute_async_v3(self, stream_handle: int, /) -> bool:
        """False, and words, for whatever is missing."""
        engine, part = self._engine, self._engine._part
        if part.fail_runs:
            part.fail_runs -= 1
            engine._runtime.say(Severity.ERROR, "Error Code 2: OutOfMemory (allocate a temporary)")
            return False
        loaded = engine.weights_loaded
        aligned = all(address % ALIGNMENT == 0 for address in (*self._addresses.values(), self._memory[0]))
        ready = self._sized >= 0 and self._memory[1] >= self._sized and set(self._addresses) == set(engine._names)
        if not (loaded and aligned and ready):
            engine._runtime.say(Severity.ERROR, "executeAsyncV3: Error Code 3: API Usage Error")
            return False
        shapes, addresses = dict(self._shapes), dict(self._addresses)
        captures = engine._module.device.capturing is not None
        if captures and "capture" in part.fail_moves:
            engine._runtime.say(Severity.ERROR, "executeAsyncV3: operation not permitted when stream is capturing")
            return False
        self._graph(captures)
        part.pending += not captures
        engine._module.device.put(int(stream_handle), lambda: _run(engine, shapes, addresses, not captures))
        return True

    def _graph(self, captured_elsewhere: bool) -> None:
        """One graph a context: with other shapes, addresses or weights comes a plain run first, then a new one.

        By the library's words: "single element caches", "cache key changed", "Warmup execution required before
        capture", "CUDA graphs disabled because the session is streaming weights".
        """
        engine = self._engine
        module = engine._module
        name = next(name for name, part in module.parts.items() if part is engine._part)
        module.shapes_run.add((name, tuple(sorted(self._shapes.items()))))
        if self._config.cuda_graph_strategy is CudaGraphStrategy.DISABLED or engine._budget < engine._part.weight_bytes:
            return
        if captured_elsewhere:
            engine._runtime.say(
                Severity.WARNING, "Attempted capture or replay for stream currently capturing elsewhere or invalidated."
            )
            return
        key = (dict(self._shapes), dict(self._addresses), self._memory, engine._moves)
        if key != self._key:
            self._key, self._warm = key, False
            module.graphs["plain"] += 1
        else:
            module.graphs["replayed" if self._warm else "captured"] += 1
            self._warm = True


def _run(engine: ICudaEngine, shapes: dict[str, tuple[int, ...]], addresses: dict[str, int], counted: bool) -> None:
    assert engine._arrived, "an engine ran before its weights had arrived"
    part, device, feeds = engine._part, engine._module.device, {}
    kinds = {item.name: TYPES[item.type.tensor_type.elem_type] for item in part.graph.graph.input}
    for name, shape in shapes.items():
        kind, count = np.dtype(kinds[name]), int(np.prod(shape))
        raw = device.memory_at(addresses[name], count * kind.itemsize) if count else np.empty(0, np.uint8)
        feeds[name] = raw.view(kind).reshape(shape).copy()
    used = {item.name for item in engine._session.get_inputs()}
    outputs = [item.name for item in part.graph.graph.output]
    results = engine._session.run(outputs, {name: value for name, value in feeds.items() if name in used})
    for name, result in zip(outputs, results, strict=True):
        device.set_at(addresses[name], np.frombuffer(np.ascontiguousarray(result).tobytes(), np.uint8))
    part.pending -= counted
    part.runs += 1


def _session(part: FakePart) -> tuple[ort.InferenceSession, list[Any]]:
    """The session, and its weights, which must live as long."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    graph = ModelProto()
    graph.CopyFrom(part.graph)
    values = [ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array)) for array in part.weights.values()]
    for item in graph.graph.initializer:
        if item.data_location == TensorProto.EXTERNAL:
            del item.external_data[:]
            item.external_data.add(key="location", value="weights.bin")
    options.add_external_initializers(list(part.weights), values)
    return ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"]), values


def open_fake(tensorrt: FakeTensorRt, device: CudaDevice, name: str, way: WayName = "plain") -> TensorRtEngine:
    """The program's own engine over a part of the stand-in."""
    opening = new_opening(Flavour("tensorrt_rtx", tensorrt.__version__, tensorrt), device)
    opening = dataclasses.replace(opening, way=way)
    return TensorRtEngine(opening, name, held(tensorrt.plan(name)), tensorrt.parts[name].weight_bytes)
