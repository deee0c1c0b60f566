"""A device and engines without a GPU: memory is checked, streams run in a hostile order, ONNX Runtime computes.

What is put on a stream is only noted; it runs when somebody waits for it, and then streams take turns at random as far
as their events allow. A missing wait or a buffer that is used too early therefore gives wrong numbers here.
"""

from __future__ import annotations

import dataclasses
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto

from trt_engines.runtime.device import ALIGNMENT, DeviceMemoryError

_TYPES = {
    TensorProto.FLOAT: np.float32,
    TensorProto.INT64: np.int64,
    TensorProto.BOOL: np.bool_,
    TensorProto.BFLOAT16: ml_dtypes.bfloat16,
}


@dataclasses.dataclass
class _Event:
    happened: bool = False
    forgotten: bool = False


class SimulatedDevice:
    """Implements `trt_engines.runtime.device.Device` over numpy."""

    name = "simulated"

    def __init__(self, memory: int = 1 << 40, seed: int = 0) -> None:
        self.memory = memory
        self.used = 0
        self.closed = False
        self._blocks: dict[int, NDArray[np.uint8]] = {}
        self._next = 1 << 20
        self._streams: list[deque[tuple[str, Any]]] = []
        self._events: dict[int, _Event] = {}
        self._last_event = 0
        self._random = random.Random(seed)

    def free_bytes(self) -> int:
        return self.memory - self.used

    def take(self, size: int) -> None:
        """Count memory that is no block: weights."""
        if self.used + size > self.memory:
            raise DeviceMemoryError("The card has not enough free memory.", "")
        self.used += size

    def allocate(self, size: int) -> int:
        self.take(size)
        address = self._next
        self._next += -(-size // ALIGNMENT) * ALIGNMENT + ALIGNMENT
        self._blocks[address] = np.full(size, 0xA5, np.uint8)  # not zeros: nobody may count on them
        return address

    def release(self, address: int) -> None:
        self.used -= len(self._blocks.pop(address))

    def has(self, address: int) -> bool:
        """Whether a block begins there."""
        return address in self._blocks

    def memory_at(self, address: int, size: int) -> NDArray[np.uint8]:
        """The bytes at an address; a range that leaves its block is an error."""
        for start, block in self._blocks.items():
            if start <= address and address + size <= start + len(block):
                return block[address - start : address - start + size]
        raise AssertionError(f"{size} bytes at {address} are in no block")

    def new_stream(self) -> int:
        self._streams.append(deque())
        return len(self._streams) - 1

    def put(self, stream: int, work: Callable[[], None]) -> None:
        self._streams[stream].append(("work", work))

    def upload(self, address: int, array: NDArray[Any], stream: int) -> None:
        data = np.frombuffer(array.tobytes(), np.uint8)
        self.put(stream, lambda: self.set_at(address, data))

    def set_at(self, address: int, data: NDArray[np.uint8]) -> None:
        if len(data):
            self.memory_at(address, len(data))[:] = data

    def download(self, array: NDArray[Any], address: int, stream: int) -> None:
        def work() -> None:
            if array.nbytes:
                array.reshape(-1).view(np.uint8)[:] = self.memory_at(address, array.nbytes)

        self.put(stream, work)

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        assert target + size <= source or source + size <= target, "overlapping copy"
        if size:
            self.put(stream, lambda: self.set_at(target, self.memory_at(source, size).copy()))

    @property
    def streams(self) -> int:
        """Streams that there are; they are numbered from 0."""
        return len(self._streams)

    def new_event(self) -> int:
        """An event that nothing waits for yet."""
        self._last_event += 1
        self._events[self._last_event] = _Event(happened=True)  # as in CUDA: until it is recorded
        return self._last_event

    def knows_event(self, event: int) -> bool:
        """Whether it was made and not forgotten."""
        return event in self._events and not self._events[event].forgotten

    def record_at(self, event: int, stream: int) -> None:
        """Let it happen when what is on the stream now is done."""
        self._events[event].happened = False
        self._streams[stream].append(("record", event))

    def forget_event(self, event: int) -> None:
        """It may not be used any more; streams that wait for it still do."""
        self._events[event].forgotten = True

    def record(self, stream: int) -> int:
        number = self.new_event()
        self.record_at(number, stream)
        return number

    def wait(self, stream: int, event: int) -> None:
        self._streams[stream].append(("wait", event))

    def reached(self, event: int) -> None:
        self._run_until(lambda: self._events[event].happened)

    def synchronise(self, stream: int) -> None:
        self._run_until(lambda: not self._streams[stream])

    def idle(self) -> bool:
        return not any(self._streams)

    def _run_until(self, done: Callable[[], bool]) -> None:
        while not done():
            ready = [stream for stream in self._streams if stream and not self._blocked(stream[0])]
            assert ready, "streams wait for each other for ever"
            kind, what = self._random.choice(ready).popleft()
            if kind == "work":
                what()
            elif kind == "record":
                self._events[what].happened = True

    def _blocked(self, entry: tuple[str, Any]) -> bool:
        return entry[0] == "wait" and not self._events[entry[1]].happened

    def close(self) -> None:
        self.closed = True


class OrtEngine:
    """Implements `trt_engines.runtime.device.Engine` by ONNX Runtime over a `SimulatedDevice`'s memory."""

    def __init__(self, device: SimulatedDevice, name: str, graph: ModelProto, weights: dict[str, Any]) -> None:
        self.name = name
        self.weight_bytes = sum(array.nbytes for array in weights.values())
        self.loaded = False
        self.streamable = True
        self.runs = 0
        self.input_names = tuple(item.name for item in graph.graph.input)
        self.fail_allocations = 0
        self._arrived = False
        self._pending = 0
        self._device = device
        self._shapes: dict[int, dict[str, tuple[int, ...]]] = {}
        self._kinds = {item.name: _TYPES[item.type.tensor_type.elem_type] for item in graph.graph.input}
        self._outputs = [item.name for item in graph.graph.output]
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        self._values = [ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array)) for array in weights.values()]
        names = list(weights)
        for item in graph.graph.initializer:
            if item.data_location == TensorProto.EXTERNAL:
                del item.external_data[:]
                item.external_data.add(key="location", value="weights.bin")
        options.add_external_initializers(names, self._values)
        self._session = ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def prepare(self, profile: int, shapes: dict[str, tuple[int, ...]]) -> int:
        assert set(shapes) >= set(self.input_names), set(self.input_names) - set(shapes)
        self._shapes[profile] = {name: shapes[name] for name in self.input_names}
        return 1000 + sum(int(np.prod(shape)) for shape in shapes.values())

    def enqueue(self, profile: int, addresses: dict[str, int], workspace: int, size: int, stream: int) -> None:
        if self.fail_allocations:
            self.fail_allocations -= 1
            raise DeviceMemoryError("The card has not enough free memory.", "")
        assert self.loaded
        shapes = dict(self._shapes[profile])
        assert all(addresses[name] % ALIGNMENT == 0 for name in shapes), "TensorRT takes no such address"
        self._pending += 1
        self._device.put(stream, lambda: self._run(shapes, addresses))

    def _run(self, shapes: dict[str, tuple[int, ...]], addresses: dict[str, int]) -> None:
        assert self._arrived, f"{self.name} ran before its weights had arrived"
        feeds = {}
        for name, shape in shapes.items():
            kind = np.dtype(self._kinds[name])
            count = int(np.prod(shape))
            raw = self._device.memory_at(addresses[name], count * kind.itemsize) if count else np.empty(0, np.uint8)
            feeds[name] = raw.view(kind).reshape(shape).copy()
        used = {item.name for item in self._session.get_inputs()}
        results = self._session.run(self._outputs, {name: value for name, value in feeds.items() if name in used})
        for name, result in zip(self._outputs, results, strict=True):
            if name in addresses:
                self._device.set_at(addresses[name], np.frombuffer(np.ascontiguousarray(result).tobytes(), np.uint8))
        self._pending -= 1
        self.runs += 1

    def load_weights(self, stream: int) -> None:
        assert not self.loaded
        self._device.take(self.weight_bytes)
        self.loaded = True
        self._device.put(stream, self._arrive)

    def _arrive(self) -> None:
        self._arrived = True

    def unload_weights(self, stream: int) -> None:
        assert self.loaded
        assert self._arrived
        assert not self._pending, f"the weights of {self.name} were freed while it runs"
        self._device.used -= self.weight_bytes
        self.loaded = self._arrived = False

    def close(self) -> None:
        self._values = []
