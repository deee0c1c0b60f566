"""The TensorRT side of the runtime without a GPU: its calls exist, and a stand-in sees them in the right order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trt_engines.building.test_state import IDENTITY
from tests.trt_engines.runtime.simulated import SimulatedDevice
from trt_engines.building.store import DamagedEngineError, EngineManifest, Part
from trt_engines.errors import EngineError
from trt_engines.runtime.device import DeviceError, DeviceMemoryError
from trt_engines.runtime.load import EngineLoader
from trt_engines.runtime.trt_engine import TensorRtEngine
from trt_engines.tensorrt.flavour import Flavour, installed_flavour

ROOT = Path(__file__).resolve().parents[3] / "trt_engines"


def test_every_tensorrt_name_exists() -> None:
    """Methods that only run on a GPU are at least methods."""
    trt = installed_flavour().module
    uses = {
        trt.ICudaEngine: "num_io_tensors get_tensor_name get_tensor_mode num_optimization_profiles "
        "create_weights_manager create_runtime_config create_execution_context",
        trt.IExecutionContext: "set_optimization_profile_async set_input_shape set_tensor_address set_device_memory "
        "update_device_memory_size_for_shapes execute_async_v3 get_runtime_config",
        trt.IWeightsManager: "get_size save_to_buffer restore_from_buffer unload",
        trt.IRuntimeConfig: "set_execution_context_allocation_strategy create_runtime_cache set_runtime_cache "
        "get_runtime_cache cuda_graph_strategy",
        trt.IRuntimeCache: "serialize deserialize",
        trt.Runtime: "deserialize_cuda_engine",
        trt.CudaGraphStrategy: "WHOLE_GRAPH_CAPTURE",
        trt.ExecutionContextAllocationStrategy: "USER_MANAGED",
        trt.TensorLocation: "HOST",
    }
    source = "".join((ROOT / name).read_text("utf-8") for name in ("runtime/trt_engine.py", "tensorrt/flavour.py"))
    for kind, names in uses.items():
        for name in names.split():
            assert hasattr(kind, name), f"{kind.__name__}.{name}"
            assert re.search(rf"\b{name}\b", source), f"{name} is not used any more"


def test_every_cuda_name_exists() -> None:
    cuda = pytest.importorskip("cuda.bindings.runtime")
    source = (ROOT / "runtime" / "cuda_device.py").read_text("utf-8")
    names = set(re.findall(r'"(cuda[A-Z]\w+)"', source)) | set(re.findall(r"_cuda\.(cuda\w+)", source))
    assert len(names) > 15
    assert not [name for name in sorted(names) if not hasattr(cuda, name)]


class Context:
    """Notes what it is told."""

    def __init__(self, engine: StandIn) -> None:
        self.engine = engine
        self.told: list[tuple[Any, ...]] = []

    def set_optimization_profile_async(self, profile: int, stream: int) -> bool:
        self.told.append(("profile", profile))
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.told.append(("shape", name, shape))
        return shape[0] <= 512

    def update_device_memory_size_for_shapes(self) -> int:
        return 4096

    def set_device_memory(self, address: int, size: int) -> None:
        self.told.append(("workspace", address, size))

    def set_tensor_address(self, name: str, address: int) -> None:
        self.told.append(("address", name, address))

    def execute_async_v3(self, stream: int) -> bool:
        self.told.append(("run", stream))
        return self.engine.works


class StandIn:
    """An engine with a weights manager."""

    num_io_tensors, num_optimization_profiles = 2, 2

    def __init__(self) -> None:
        self.works = True
        self.contexts: list[Context] = []
        self.moves: list[str] = []

    def get_tensor_name(self, number: int) -> str:
        return ("hidden", "hidden_out")[number]

    def get_tensor_mode(self, name: str) -> str:
        return "in" if name == "hidden" else "out"

    def create_weights_manager(self) -> StandIn:
        return self

    def get_size(self) -> int:
        return 64

    def save_to_buffer(self, address: int, size: int, location: str, stream: int) -> bool:
        self.moves.append(f"save {location}")
        return True

    def restore_from_buffer(self, address: int, size: int, location: str, stream: int) -> bool:
        self.moves.append(f"restore {size} on {stream}")
        return self.works

    def unload(self, stream: int) -> bool:
        self.moves.append("unload")
        return True


class Pinned(SimulatedDevice):
    """A simulated device with page-locked memory."""

    def pinned(self, size: int) -> NDArray[np.uint8]:
        return np.zeros(size, np.uint8)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    made = StandIn()

    def new_context(self: Flavour, engine: StandIn, cache: bytes | None) -> Context:
        engine.contexts.append(Context(engine))
        return engine.contexts[-1]

    monkeypatch.setattr(Flavour, "new_context", new_context)
    return made


def opened(engine: StandIn | None, name: str = "tensorrt_rtx", memory: int = 1 << 20) -> TensorRtEngine:
    kinds = {"TensorIOMode": type("Mode", (), {"INPUT": "in"}), "TensorLocation": type("Where", (), {"HOST": "host"})}
    kinds["ICudaEngine"] = StandIn
    flavour = Flavour(name, "1.7.1", type("Module", (), kinds))
    runtime = type("Runtime", (), {"deserialize_cuda_engine": lambda self, plan: engine})()
    device: Any = Pinned(memory)
    return TensorRtEngine(flavour, runtime, device, "stack00", bytearray(b"plan"), 4000)


def test_a_run(engine: StandIn) -> None:
    made = opened(engine)
    assert made.input_names == ("hidden",)
    assert made.prepare(1, {"hidden": (300, 8), "of no interest": (1,)}) == 4096
    made.enqueue(1, {"hidden": 256, "hidden_out": 512}, 1024, 4096, 7)
    assert engine.contexts[1].told == [
        ("profile", 1), ("shape", "hidden", (300, 8)), ("workspace", 1024, 4096), ("address", "hidden", 256),
        ("address", "hidden_out", 512), ("run", 7),
    ]  # fmt: skip
    assert engine.contexts[0].told == []


def test_weights_leave_and_come_back(engine: StandIn) -> None:
    made = opened(engine)
    assert made.loaded
    assert made.streamable
    made.load_weights(3)  # they are there
    made.unload_weights(3)
    assert not made.loaded
    made.load_weights(3)
    assert made.loaded
    made.unload_weights(3)  # the copy is made once
    assert engine.moves == ["save host", "unload", "restore 64 on 3", "unload"]
    assert not opened(StandIn(), "tensorrt").streamable


def test_refusals_are_sentences(engine: StandIn) -> None:
    made = opened(engine)
    with pytest.raises(DeviceError, match=r"stack00 does not take hidden of shape \(600, 8\)"):
        made.prepare(0, {"hidden": (600, 8)})
    engine.works = False
    with pytest.raises(DeviceError, match="stack00 cannot run"):
        made.enqueue(0, {"hidden": 0, "hidden_out": 0}, 0, 0, 0)
    made.unload_weights(0)
    with pytest.raises(DeviceError, match="cannot load"):
        made.load_weights(0)
    with pytest.raises(DeviceError, match="TensorRT cannot load the engine stack00"):
        opened(None)
    with pytest.raises(DeviceMemoryError, match="not enough free memory"):
        opened(None, memory=100)


def test_the_loader_trusts_no_plan(tmp_path: Path) -> None:
    parts = {"embed": Part("embed.plan", 4, "0" * 64, 1, 1, 1.0)}
    manifest = EngineManifest(IDENTITY, "Model", "/model", ("embed",), parts, "now")
    device: Any = Pinned()
    with pytest.raises(EngineError, match=r"built by tensorrt_rtx 1\.7\.1; installed is"):
        EngineLoader(Flavour("tensorrt_rtx", "9.9", installed_flavour().module), device, tmp_path, manifest)
    module = type(
        "Module",
        (),
        {"Runtime": lambda logger: None, "Logger": type("L", (), {"ERROR": 0, "__new__": lambda c, s: None})},
    )
    loader = EngineLoader(Flavour("tensorrt_rtx", "1.7.1", module), device, tmp_path, manifest)
    with pytest.raises(DamagedEngineError, match="cannot be read"):
        loader.open("embed")
    (tmp_path / "embed.plan").write_bytes(b"plan")
    with pytest.raises(DamagedEngineError, match="checksum is wrong"):
        loader.open("embed")
