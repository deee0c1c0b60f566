"""A device without a GPU: memory is checked, and streams run in a hostile order.

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
from numpy.typing import NDArray
from onnx import TensorProto

from trt_engines.runtime.device import ALIGNMENT, DeviceMemoryError

TYPES = {
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
        self.capturing: tuple[int, list[Callable[[], None]]] | None = None
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

    def pin(self, memory: NDArray[np.uint8]) -> bool:
        return False  # uploads are read at once

    def new_stream(self) -> int:
        self._streams.append(deque())
        return len(self._streams) - 1

    def put(self, stream: int, work: Callable[[], None]) -> None:
        if self.capturing is not None and self.capturing[0] == stream:
            self.capturing[1].append(work)
            return
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
