"""Engines and their loader over a stand-in that refuses what TensorRT refuses: the ladder of ways, words, one cache."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.helpers import fake_tensorrt
from tests.helpers.fake_cuda import FakeCuda
from tests.helpers.fake_tensorrt import FakePart, FakeTensorRt, open_fake
from tests.trt_engines.runtime.models import loader_for
from tests.trt_engines.runtime.simulated import SimulatedDevice
from trt_engines.building.names import KERNELS, WAY
from trt_engines.building.profiles import Limits
from trt_engines.building.store import DamagedEngineError
from trt_engines.errors import EngineError
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.device import DeviceError, DeviceMemoryError, UnfitEngineError
from trt_engines.runtime.load import EngineLoader
from trt_engines.runtime.trt_engine import TensorRtEngine
from trt_engines.runtime.weight_ways import WAYS, WayError, WayName
from trt_engines.tensorrt.card_report import TRIAL
from trt_engines.tensorrt.flavour import Flavour, installed_flavour
from trt_engines.tensorrt.words import listening_logger

ROOT = Path(__file__).resolve().parents[3] / "trt_engines"
FILES = ("runtime/trt_engine.py", "runtime/weight_ways.py", "runtime/load.py", "tensorrt/flavour.py", "tensorrt/runtime_cache.py")  # fmt: skip  # noqa: E501
CLASSES = ("Runtime", "ICudaEngine", "IExecutionContext", "IRuntimeConfig", "IRuntimeCache", "IWeightsManager")
ENUMS = ("TensorIOMode", "TensorLocation", "EngineValidity", "EngineInvalidityDiagnostics",
         "ExecutionContextAllocationStrategy", "CudaGraphStrategy", "DynamicShapesKernelSpecializationStrategy",
         "BuilderFlag")  # fmt: skip
NAMES = ("stack00", "stack01", "stack02", "stack03")


def test_the_stand_in_is_as_strict_as_the_real_module() -> None:
    """Every name exists in TensorRT, every method takes as many arguments, and every enum has the member."""
    trt = installed_flavour().module
    for name in CLASSES:
        real = getattr(trt, name)
        for member, value in vars(getattr(fake_tensorrt, name)).items():
            if member.startswith("_") or member == "say":
                continue
            assert hasattr(real, member), f"{name}.{member}"
            if inspect.isfunction(value):
                _same_arguments(str(getattr(real, member).__doc__), value)
    for name in ENUMS:
        for each in getattr(fake_tensorrt, name):
            assert hasattr(getattr(trt, name), each.name), f"{name}.{each.name}"
    for why in fake_tensorrt.EngineInvalidityDiagnostics:
        assert int(getattr(trt.EngineInvalidityDiagnostics, why.name or "")) == int(why)
    for each in (trt.ILogger.ERROR, trt.ILogger.WARNING):
        assert int(each) == int(getattr(fake_tensorrt.Severity, each.name))


def _same_arguments(doc: str, fake: Callable[..., Any]) -> None:
    """The stand-in takes as many as one of the overloads that the docstring shows, `self` among them."""
    shown = [each[1] for each in re.finditer(rf"{fake.__name__}\((self: [^\n]*)\) ->", doc)]
    counts = {1 + len(re.findall(r", \w+: ", each)) for each in shown}
    assert len(inspect.signature(fake).parameters) in counts, (fake.__name__, shown)


def test_nothing_is_called_that_the_stand_in_does_not_check() -> None:
    source = "".join((ROOT / name).read_text("utf-8") for name in FILES)
    used = (
        "create_weights_manager load_weights unload_weights weight_streaming_budget_v2 defer_weights_loading "
        "create_runtime_config set_runtime_cache restore_from_buffer save_to_buffer weights_loaded"
    )
    for name in used.split():
        assert re.search(rf"\b{name}\b", source), f"{name} is not used any more"


Why = fake_tensorrt.EngineInvalidityDiagnostics


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("why", "said"),
    [
        (Why.VERSION_MISMATCH, "built by another version"), (Why.UNSUPPORTED_CC, "another kind of graphics card"),
        (Why.OLD_CUDA_DRIVER, "driver"), (Why.OLD_CUDA_RUNTIME, "libraries are too old"),
        (Why.MALFORMED_ENGINE | Why.VERSION_MISMATCH, "damaged"),
    ],
)  # fmt: skip
def test_an_engine_that_does_not_fit_is_refused_before_it_is_loaded(
    tmp_path: Path, why: Why, said: str, streaming: bool
) -> None:
    parts = {name: doubling(validity=(fake_tensorrt.EngineValidity.INVALID, why)) for name in NAMES}
    bench = Bench(tmp_path, parts)
    with pytest.raises(UnfitEngineError, match=said) as caught:
        bench.segments(streaming)
    assert caught.value.hint
    assert any(f"{NAMES[0]}: {each.name}" in caught.value.detail for each in Why)
    assert parts[NAMES[0]].deserialised == 0
    assert parts[NAMES[0]].asked == 1, "no other way is tried"
    assert bench.hardware.used == 0


@pytest.mark.parametrize(
    "validity",
    [(fake_tensorrt.EngineValidity.INVALID, 0), (fake_tensorrt.EngineValidity.INVALID, Why.INSUFFICIENT_GPU_MEMORY),
     (fake_tensorrt.EngineValidity.INVALID, Why.CUDA_ERROR), (fake_tensorrt.EngineValidity.SUBOPTIMAL, 0)],
)  # fmt: skip
def test_what_only_loading_tells_is_no_refusal(tmp_path: Path, validity: Any) -> None:
    bench = Bench(tmp_path, {name: doubling(validity=validity) for name in NAMES})
    engines = bench.segments()
    assert len(engines) == len(NAMES)
    assert all(bench.tensorrt.parts[name].asked for name in NAMES)
    for engine in engines:
        engine.close()


def test_the_real_module_looks_at_the_head_alone() -> None:
    flavour = installed_flavour()
    words = listening_logger(flavour.module)
    runtime = flavour.module.Runtime(words)
    objection = flavour.objection(runtime, bytes(runtime.engine_header_size))
    assert objection is not None
    assert objection[2] == "MALFORMED_ENGINE"


def doubling(stripped: bool = False, streaming: bool = False, **others: Any) -> FakePart:
    """y = x + w of four numbers."""
    shape = ["N", 4]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )  # fmt: skip
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="weights")
    graph.initializer.append(weight)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return FakePart(model, {"w": np.ones(4, np.float32)}, stripped, streaming, **others)


class Bench:
    """A card, a TensorRT with some parts, and a loader for them."""

    def __init__(self, folder: Path, parts: dict[str, FakePart], memory: int = 1 << 30, safe: bool = False) -> None:
        self.hardware = SimulatedDevice(memory)
        self.tensorrt, self.cuda = FakeTensorRt(self.hardware, parts), FakeCuda(self.hardware)
        self.loader = loader_for(self.tensorrt, self.cuda, folder, Limits(16, 16, 64, 16, 8), ((0, 1),), safe)
        self.device = self.loader.device

    def segments(self, streaming: bool = True) -> list[TensorRtEngine]:
        """All of them."""
        return self.loader.open_segments(list(self.tensorrt.parts), range(9) if streaming else ())

    def run(self, engine: TensorRtEngine, count: int = 3) -> np.ndarray:
        """What the engine makes of threes."""
        stream, values = self.device.new_stream(), np.full((count, 4), 3, np.float32)
        size = engine.prepare(0, {"x": (count, 4)})
        x, y, workspace = (self.device.allocate(each) for each in (values.nbytes, values.nbytes, size))
        self.device.upload(x, values, stream)
        engine.enqueue(0, {"x": x, "y": y, "of no interest": 1}, workspace, size, stream)
        found = np.zeros_like(values)
        self.device.download(found, y, stream)
        self.device.synchronise(stream)
        return found


def parts(**others: Any) -> dict[str, FakePart]:
    return {name: doubling(**others) for name in NAMES}


LADDER: dict[str, tuple[dict[str, Any], WayName]] = {
    "an ordinary plan has no manager": ({}, "deferred"),
    "a stripped one has": ({"stripped": True}, "manager"),
    "loading is not put off": ({"streaming": True, "fail_moves": {"defer"}}, "budget"),
    "weights do not come back": ({"streaming": True, "fail_moves": {"load_weights"}}, "budget"),
    "weights do not leave": ({"streaming": True, "fail_moves": {"unload_weights"}}, "budget"),
    "the manager does not restore": ({"stripped": True, "fail_moves": {"restore"}}, "deferred"),
    "the manager does not unload": ({"stripped": True, "fail_moves": {"unload"}}, "deferred"),
}


@pytest.mark.parametrize("case", LADDER)
def test_the_first_way_that_works_is_taken(tmp_path: Path, case: str) -> None:
    kind, way = LADDER[case]
    bench = Bench(tmp_path, parts(**kind))
    engines = bench.segments()
    assert bench.loader.way == way
    assert json.loads((bench.loader.folder / WAY).read_text())["way"] == way
    for engine in engines:
        assert engine.streamable
        stream = bench.device.new_stream()
        for _ in range(2):
            engine.load_weights(stream)
            engine.load_weights(stream)  # they are there
            bench.device.synchronise(stream)
            assert engine.loaded
            np.testing.assert_array_equal(bench.run(engine), 4)
            used = bench.hardware.used
            engine.unload_weights(stream)
            assert bench.hardware.used == used - engine.weight_bytes
            assert not engine.loaded


def test_no_way_is_one_sentence_with_all_words(tmp_path: Path) -> None:
    bench = Bench(tmp_path, parts(fail_moves={"defer"}))
    with pytest.raises(DeviceError, match="cannot stream weights on this card") as raised:
        bench.segments()
    assert [line.split(":")[0] for line in raised.value.detail.splitlines()] == list(WAYS)
    assert bench.segments(streaming=False)[0].loaded  # if nothing has to leave, nothing need be able to
    assert bench.loader.way == "plain"


def test_what_was_found_is_tried_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path, parts(streaming=True, fail_moves={"load_weights"}))
    bench.segments()
    tried = bench.tensorrt.parts["stack00"].deserialised
    bench.segments()
    assert bench.tensorrt.parts["stack00"].deserialised == tried + 1
    (bench.loader.folder / WAY).write_text("[]")
    bench.segments()  # a damaged note is none
    assert bench.loader.way == "budget"


def test_what_the_trial_of_the_card_found_is_tried_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path, parts(streaming=True))
    (bench.loader.folder.parent / TRIAL).write_text(json.dumps({"way": "budget", "version": "1.7.1"}))
    bench.segments()
    assert bench.loader.way == "budget"
    other = Bench(tmp_path / "other", parts(streaming=True))
    (other.loader.folder.parent / TRIAL).write_text(json.dumps({"way": "budget", "version": "0.9"}))
    other.segments()
    assert other.loader.way == "deferred"


def test_plans_are_locked_in_memory_before_the_card_is_used(tmp_path: Path) -> None:
    bench = Bench(tmp_path, parts())
    engines = bench.segments()
    assert bench.device.pinned_bytes > 0
    assert not bench.hardware.used  # no weights yet
    engines[0].keep_ready(False)
    engines[0].load_weights(0)  # read again
    np.testing.assert_array_equal(bench.run(engines[0]), 4)
    for engine in engines:
        engine.close()
    assert bench.device.pinned_bytes == 0


def test_memory_that_cannot_be_locked_serves_as_it_is(tmp_path: Path) -> None:
    """Windows gives some, tells nobody how much, and after one refusal refuses everything."""
    for limit in (0, 100):
        bench = Bench(tmp_path / str(limit), parts())
        bench.cuda.faults.pinned_limit = limit
        for engine in bench.segments():
            engine.load_weights(0)
            np.testing.assert_array_equal(bench.run(engine), 4)
        assert bench.device.pinned_bytes <= limit
        assert bench.cuda.calls.count("cudaHostRegister") == {0: 1, 100: 3}[limit]  # of four
        assert not bench.cuda.cudaGetLastError()[0]


def test_no_room_for_weights_that_come_with_the_engine(tmp_path: Path) -> None:
    """Those that came before make room; nothing is read twice."""
    made = parts(stripped=True)
    bench = Bench(tmp_path, made, memory=3 * 16)
    engines = bench.segments()
    assert [part.deserialised for part in made.values()] == [1, 1, 1, 1]
    assert sum(engine.loaded for engine in engines) <= 3
    with pytest.raises(DeviceMemoryError, match="not enough free memory"):
        Bench(tmp_path / "small", parts(), memory=8).segments()


def test_a_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path, parts())
    engine = bench.loader.open("stack00")
    assert (engine.input_names, engine.loaded, engine.streamable) == (("x",), True, False)
    np.testing.assert_array_equal(bench.run(engine), 4)
    shapes = bench.tensorrt.shapes_set
    bench.run(engine)
    assert bench.tensorrt.shapes_set == shapes, "a shape that is set is not set again"
    bench.run(engine, count=5)
    assert bench.tensorrt.shapes_set == shapes + 1
    with pytest.raises(WayError, match="stay on the card"):
        engine.unload_weights(0)


def test_refusals_are_sentences_with_tensorrts_words(tmp_path: Path) -> None:
    bench = Bench(tmp_path, parts())
    engine = bench.loader.open("stack00")
    with pytest.raises(DeviceError, match=r"stack00 does not take x of shape \(3, 5\)") as raised:
        engine.prepare(0, {"x": (3, 5)})
    assert "does not satisfy any profile" in raised.value.detail
    engine.prepare(0, {"x": (3, 4)})
    with pytest.raises(DeviceError, match="stack00 cannot run") as raised:
        engine.enqueue(0, {"x": 256, "y": 100}, 0, 1 << 20, 0)  # at an odd address
    assert "API Usage Error" in raised.value.detail
    bench.tensorrt.parts["stack00"].fail_runs = 1
    with pytest.raises(DeviceMemoryError) as raised_memory:
        bench.run(engine)
    assert "OutOfMemory" in raised_memory.value.detail
    bench.tensorrt.parts["stack01"].fail_moves.add("context")
    with pytest.raises(DeviceError, match="cannot run the engine stack01"):
        bench.loader.open("stack01")


def test_one_cache_of_kernels_for_all_engines(tmp_path: Path) -> None:
    bench = Bench(tmp_path, parts())
    bench.segments()
    (cache,) = bench.tensorrt.caches
    assert {id(config.cache) for config in bench.tensorrt.configs} == {id(cache)}
    assert not bench.loader.cache.save()  # nothing compiled yet
    cache.content = b"CACHE of kernels"
    assert bench.loader.cache.save()
    assert not bench.loader.cache.save()  # as it was
    cache.broken = True
    assert not bench.loader.cache.save()
    file = bench.loader.folder / KERNELS
    assert file.read_bytes() == b"CACHE of kernels"
    again = EngineLoader(bench.loader.flavour, bench.device, bench.loader.folder, bench.loader.manifest)
    again.open("stack00")
    assert bench.tensorrt.caches[-1].content == b"CACHE of kernels"
    file.write_bytes(b"of another driver")
    EngineLoader(bench.loader.flavour, bench.device, bench.loader.folder, bench.loader.manifest).open("stack00")
    assert bench.tensorrt.caches[-1].content == b""


@pytest.mark.parametrize("safe", [True, False])
def test_safe_mode_takes_no_graphs_and_no_lazy_kernels(tmp_path: Path, safe: bool) -> None:
    bench = Bench(tmp_path, parts(), safe=safe)
    bench.loader.open("stack00")
    config = bench.tensorrt.configs[0]
    assert (config.cuda_graph_strategy.name == "DISABLED") == safe
    assert (config.dynamic_shapes_kernel_specialization_strategy.name == "NONE") == safe


def test_the_loader_trusts_no_plan(tmp_path: Path) -> None:
    bench = Bench(tmp_path, parts())
    other = Flavour("tensorrt_rtx", "9.9", bench.tensorrt)
    with pytest.raises(EngineError, match=r"built by tensorrt_rtx 1\.7\.1; installed is"):
        EngineLoader(other, bench.device, bench.loader.folder, bench.loader.manifest)
    file = bench.loader.folder / "stack00.plan"
    whole = file.read_bytes()
    for data, words in ((whole[:-1], "incomplete"), (whole[:-1] + b" ", "checksum is wrong"), (b"", "incomplete")):
        file.write_bytes(data)
        with pytest.raises(DamagedEngineError, match=words):
            bench.loader.open("stack00")
    file.unlink()
    with pytest.raises(DamagedEngineError, match="cannot be read"):
        bench.loader.open("stack00")


def test_a_plan_that_tensorrt_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fake_tensorrt.Runtime, "get_engine_validity")  # a TensorRT that cannot be asked
    tensorrt = FakeTensorRt(SimulatedDevice(), parts())
    tensorrt.plan = lambda name, padding=0: b"nonsense"  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match="TensorRT cannot load the engine stack00") as raised:
        open_fake(tensorrt, CudaDevice("", FakeCuda(tensorrt.device)), "stack00")
    assert "magic tag" in raised.value.detail
