"""What this card, its driver and TensorRT really do: one small engine, in every way that models are run with.

Each step leaves a sentence, whatever happens in it, and the next one goes on. Nothing personal is noted: no names of
files, folders, users or computers. Not yet run on a GPU; the tests run it over a stand-in.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from trt_engines.building.profiles import Profile
from trt_engines.errors import EngineError
from trt_engines.runtime.bandwidth import memory_rate
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.load import leave_and_return
from trt_engines.runtime.trt_engine import Opening, TensorRtEngine
from trt_engines.runtime.weight_ways import WAYS, ReadPlan, WayName
from trt_engines.tensorrt.card_report import TrialStep

WIDTH, INNER, MOST_ROWS, PAST = 512, 8192, 256, 1024
PIN_STEP, PIN_STEPS = 256 << 20, 16
COPY_BYTES = 256 << 20
TOP = 8
OWN_GRAPH_RUNS = 6  # it makes a graph after some runs with the same shapes and addresses, and plays it from then on


@dataclass(slots=True)
class CardTrial:
    """Runs the steps on a card.

    Attributes:
        opening: TensorRT and the card.
        plans: Reads the plan of each kind, "ordinary" and "streaming"; a kind that could not be built is missing.
        weight_bytes: Of the engine.
        way: The first way of streaming that worked; "plain" until one did.
        sizes: Bytes of a copy, and of a piece of page-locked memory; tests take smaller ones.
    """

    opening: Opening
    plans: dict[str, ReadPlan]
    weight_bytes: int
    way: WayName = "plain"
    sizes: tuple[int, int] = (COPY_BYTES, PIN_STEP)
    _device: CudaDevice = field(init=False)

    def __post_init__(self) -> None:
        self._device = self.opening.device

    def steps(self) -> Iterator[TrialStep]:
        """All of them, in an order in which a later one does not spoil an earlier one."""
        yield self._tried("page-locked memory", self._pins)
        yield self._tried("copies", self._copies)
        yield self._tried("run", self._runs)
        yield self._tried("no past", lambda: self._checked(self._open("plain"), 3, 0))
        for way in WAYS:
            step = self._tried(f"streaming: {way}", lambda way=way: self._streams(way))  # type: ignore[misc]
            if step.worked and self.way == "plain":
                self.way = way
            yield step
        yield self._tried("graph", self._captures)

    def _tried(self, name: str, work: Callable[[], str]) -> TrialStep:
        start = time.monotonic()
        try:
            text, worked, detail = work(), True, ""
        except EngineError as exc:
            text, worked, detail = exc.user_text, False, exc.detail
        except Exception as exc:  # whatever a library raises is an answer, too
            text, worked, detail = f"{type(exc).__name__}: {exc}".splitlines()[0][:300], False, ""
        return TrialStep(name, worked, text, round(time.monotonic() - start, 3), detail or self.opening.words.said())

    def _open(self, way: WayName, safe: bool = False) -> TensorRtEngine:
        kind = "streaming" if way == "budget" else "ordinary"
        if kind not in self.plans:
            raise EngineError(f"There is no {kind} engine.")
        opening = Opening(
            self.opening.flavour, self.opening.runtime, self.opening.words, self._device, self.opening.cache, way,
            safe or self.opening.safe,
        )  # fmt: skip
        return TensorRtEngine(opening, "trial", self.plans[kind], self.weight_bytes)

    def _pins(self) -> str:
        """In steps, until the system refuses."""
        held, size = [], self.sizes[1]
        try:
            for _ in range(PIN_STEPS):
                piece = np.empty(size, np.uint8)
                if not self._device.pin(piece):
                    break
                held.append(piece)
        finally:
            for piece in held:
                self._device.unpin(piece)
        more = " or more" if len(held) == PIN_STEPS else ""
        return f"{len(held) * size / 1e9:.2f} GB{more} in pieces of {size / 1e9:.2f} GB"

    def _copies(self) -> str:
        """GB a second from ordinary and from page-locked memory, and within the card."""
        stream, size, found = self._device.new_stream(), self.sizes[0], []
        memory, target = np.zeros(size, np.uint8), self._device.allocate(size)
        try:
            for locked in (False, True):
                if locked and not self._device.pin(memory):
                    found.append("none is page-locked")
                    break
                self._device.upload(target, memory, stream)  # the first one is slower
                self._device.synchronise(stream)
                start = time.perf_counter()
                self._device.upload(target, memory, stream)
                self._device.synchronise(stream)
                speed = size / max(1e-9, time.perf_counter() - start) / 1e9
                found.append(f"{speed:.1f} GB/s {'page-locked' if locked else 'ordinary'}")
        finally:
            self._device.unpin(memory)
            self._device.release(target)
        rate = memory_rate(self._device, size)
        return ", ".join([*found, *([f"{rate / 1e9:.0f} GB/s read and written within the card"] if rate else [])])

    def _runs(self) -> str:
        return "; ".join([self._checked(self._open("plain"), rows, PAST) for rows in (1, MOST_ROWS)])

    def _streams(self, way: WayName) -> str:
        engine = self._open(way)
        try:
            start = time.perf_counter()
            leave_and_return(engine, self._device)
            seconds = (time.perf_counter() - start) / 2
            engine.load_weights(self._device.new_stream())
            text = self._checked(engine, 5, PAST, close=False)
            engine.unload_weights(self._device.new_stream())
            engine.load_weights(self._device.new_stream())
            self._checked(engine, 5, PAST, close=False)
        finally:
            engine.close()
        return f"{self.weight_bytes / 1e9 / max(1e-9, seconds):.1f} GB/s out and in; {text}"

    def _captures(self) -> str:
        """Runs of which TensorRT itself makes a CUDA graph, as models do; and one inside a graph that we make.

        A context that makes graphs itself is disturbed by another capture of its stream, and warns of it.
        """
        engine = self._open("plain")
        bench = _Bench(self._device, engine, 5, PAST)
        try:
            for _ in range(OWN_GRAPH_RUNS):
                bench.run()
            own = bench.compared()
        finally:
            bench.close()
            engine.close()
        engine = self._open("plain", safe=True)
        bench = _Bench(self._device, engine, 5, PAST)
        try:
            bench.run()  # kernels are there
            self._device.captured(bench.stream, bench.enqueue)
            return f"{own} by TensorRT's own, {bench.compared()} by ours"
        finally:
            bench.close()
            engine.close()

    def _checked(self, engine: TensorRtEngine, rows: int, past: int, close: bool = True) -> str:
        """Run the engine and compare with numpy."""
        bench = _Bench(self._device, engine, rows, past)
        try:
            start = time.perf_counter()
            bench.run()
            first, start = time.perf_counter() - start, time.perf_counter()
            bench.run()
            second = time.perf_counter() - start
            return f"{bench.compared()} ({first * 1000:.1f} ms, then {second * 1000:.1f} ms)"
        finally:
            bench.close()
            if close:
                engine.close()


class _Bench:
    """Buffers for one engine, its inputs, and what they should give."""

    def __init__(self, device: CudaDevice, engine: TensorRtEngine, rows: int, past: int) -> None:
        self._device, self._engine, self.stream = device, engine, device.new_stream()
        random = np.random.default_rng(rows)
        self._inputs = {
            "x": random.integers(-2, 3, (rows, WIDTH)).astype(np.float32),
            "past": random.integers(-2, 3, (past, WIDTH)).astype(np.float32),
        }
        self._outputs: dict[str, NDArray[Any]] = {
            "top": np.zeros((rows, TOP), np.float32), "top_ids": np.zeros((rows, TOP), np.int64),
            "sums": np.zeros((rows, INNER), np.float32), "seen": np.zeros((rows + past, WIDTH), np.float32),
        }  # fmt: skip
        self._size = engine.prepare(0, {name: array.shape for name, array in self._inputs.items()})
        arrays = {**self._inputs, **self._outputs}
        self._addresses = {name: device.allocate(max(256, array.nbytes)) for name, array in arrays.items()}
        self._workspace = device.allocate(max(256, self._size))
        for name, array in self._inputs.items():
            device.upload(self._addresses[name], array, self.stream)
        device.synchronise(self.stream)

    def enqueue(self) -> None:
        """Put a run on the stream."""
        self._engine.enqueue(0, self._addresses, self._workspace, max(256, self._size), self.stream)

    def run(self) -> None:
        """And wait for it."""
        self.enqueue()
        self._device.synchronise(self.stream)

    def compared(self) -> str:
        """Raises `EngineError` where a result is not what numpy says."""
        for name, array in self._outputs.items():
            self._device.download(array, self._addresses[name], self.stream)
        self._device.synchronise(self.stream)
        product = self._inputs["x"] @ weights().astype(np.float32)
        truth = {
            "top": -np.sort(-product, axis=1)[:, :TOP], "sums": np.cumsum(product, axis=1),
            "seen": np.concatenate([self._inputs["past"], self._inputs["x"]]),
        }  # fmt: skip
        for name, wanted in truth.items():
            if not np.allclose(self._outputs[name], wanted, atol=0.5, rtol=1e-2):
                raise EngineError(f"The card computes {name} wrong, with {len(product)} rows.")
        return f"right with {len(product)} rows"

    def close(self) -> None:
        """Free the buffers."""
        with contextlib.suppress(EngineError):
            self._device.synchronise(self.stream)
        for address in (*self._addresses.values(), self._workspace):
            self._device.release(address)


def weights() -> NDArray[np.float16]:
    """[WIDTH, INNER], small whole numbers, so that sums are exact."""
    return np.random.default_rng(0).integers(-1, 2, (WIDTH, INNER)).astype(np.float16)


def trial_graph() -> ModelProto:
    """A product, its running sums and largest values, and a past that may be empty: what models are made of."""
    value = helper.make_tensor_value_info
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT16, dims=[WIDTH, INNER])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="weights")
    constants = [
        helper.make_tensor("axis", TensorProto.INT64, [], [1]),
        helper.make_tensor("k", TensorProto.INT64, [1], [TOP]),
    ]
    nodes = [
        helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["half", "w"], ["narrow"]),
        helper.make_node("Cast", ["narrow"], ["product"], to=TensorProto.FLOAT),
        helper.make_node("CumSum", ["product", "axis"], ["sums"]),
        helper.make_node("TopK", ["product", "k"], ["top", "top_ids"], axis=1),
        helper.make_node("Concat", ["past", "x"], ["seen"], axis=0),
    ]
    graph = helper.make_graph(
        nodes, "trial",
        [value("x", TensorProto.FLOAT, ["N", WIDTH]), value("past", TensorProto.FLOAT, ["P", WIDTH])],
        [
            value("top", TensorProto.FLOAT, ["N", TOP]), value("top_ids", TensorProto.INT64, ["N", TOP]),
            value("sums", TensorProto.FLOAT, ["N", INNER]), value("seen", TensorProto.FLOAT, ["M", WIDTH]),
        ],
        [*constants, weight],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def trial_profile() -> Profile:
    """The shapes that it takes."""
    return Profile("trial", {"N": (1, MOST_ROWS, MOST_ROWS), "P": (0, PAST, PAST)})
