"""CUDA's runtime API (`cuda.bindings.runtime`) without a card, as strict as the real one.

Every function takes the real one's arguments, by place only, and returns a tuple that begins with a status. Memory and
streams are those of a `SimulatedDevice`: what is put on a stream runs late, in a random order as far as events allow,
and an address that is in no block fails the test. `test_fake_modules.py` compares all of it with the installed package.
"""

# ruff: noqa: N815 - CUDA's own names
from __future__ import annotations

import enum
import inspect
import mmap
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import numpy as np

from tests.trt_engines.runtime.simulated import SimulatedDevice
from trt_engines.runtime.device import DeviceMemoryError


class CudaError(enum.IntEnum):
    """The statuses that are met here."""

    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorMemoryAllocation = 2
    cudaErrorInsufficientDriver = 35
    cudaErrorNoDevice = 100
    cudaErrorInvalidDevice = 101
    cudaErrorInvalidResourceHandle = 400


class MemcpyKind(enum.IntEnum):
    """Directions of a copy."""

    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2
    cudaMemcpyDeviceToDevice = 3


class CaptureMode(enum.IntEnum):
    """How strict a capture is."""

    cudaStreamCaptureModeRelaxed = 2


FIRST_CARD = UUID("11111111-2222-3333-4444-555555555555")
OK = CudaError.cudaSuccess


@dataclass
class Faults:
    """What a test wants to fail.

    Attributes:
        status: Of every call, as without a driver.
        pinned_limit: Bytes of page-locked memory that the system gives; one failure poisons all that follow.
        poisoned: Whether it has failed.
    """

    status: CudaError = OK
    pinned_limit: int = 1 << 50
    poisoned: bool = False


class FakeCuda:
    """Stands in for the module `cuda.bindings.runtime`.

    Attributes:
        device: Memory and streams.
        faults: What fails.
        pinned: Bytes of each page-locked range, by address.
        calls: Names of the functions that were called, in order.
        copies: How many there were in each direction.
    """

    cudaMemcpyKind, cudaStreamCaptureMode = MemcpyKind, CaptureMode
    cudaError_t = CudaError
    cudaStreamNonBlocking, cudaEventDisableTiming, cudaHostRegisterDefault = 1, 2, 0

    def __init__(self, device: SimulatedDevice | None = None, cards: tuple[UUID, ...] = (FIRST_CARD,)) -> None:
        self.device = device or SimulatedDevice()
        self.faults = Faults()
        self.pinned: dict[int, int] = {}
        self.calls: list[str] = []
        self.copies: Counter[MemcpyKind] = Counter()
        self.used_card: int | None = None
        self._cards = cards
        self._hosts: dict[int, mmap.mmap] = {}
        self._last = OK

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if not name.startswith("cuda") or not inspect.ismethod(value):
            return value
        faults, calls = self.faults, self.calls

        def call(*arguments: Any) -> tuple[Any, ...]:
            calls.append(name)
            if faults.status is not OK and name not in ("cudaGetErrorString", "cudaGetLastError"):
                return (faults.status, *[None] * (OUTPUTS.get(name, 0)))
            answer: tuple[Any, ...] = value(*arguments)
            if answer[0] is not OK and name != "cudaGetLastError":
                self._last = answer[0]
            return answer

        return call

    # -- cards ------------------------------------------------------------------------------------------------------

    def cudaGetDeviceCount(self, /) -> tuple[Any, ...]:
        return OK, len(self._cards)

    def cudaSetDevice(self, device: int, /) -> tuple[Any, ...]:
        if not 0 <= device < len(self._cards):
            return (CudaError.cudaErrorInvalidDevice,)
        self.used_card = device
        return (OK,)

    def cudaGetDeviceProperties(self, device: int, /) -> tuple[Any, ...]:
        if not 0 <= device < len(self._cards):
            return CudaError.cudaErrorInvalidDevice, None
        uuid = SimpleNamespace(bytes=self._cards[device].bytes)
        return OK, SimpleNamespace(name=f"Card {device}".encode(), uuid=uuid, major=8, minor=9)

    def cudaMemGetInfo(self, /) -> tuple[Any, ...]:
        return OK, self.device.free_bytes(), self.device.memory

    def cudaGetErrorString(self, error: CudaError, /) -> tuple[Any, ...]:
        return OK, CudaError(error).name.encode()

    def cudaGetLastError(self, /) -> tuple[Any, ...]:
        last, self._last = self._last, OK
        return (last,)

    # -- memory -----------------------------------------------------------------------------------------------------

    def cudaMalloc(self, size: int, /) -> tuple[Any, ...]:
        try:
            return OK, self.device.allocate(_size(size))
        except DeviceMemoryError:
            return CudaError.cudaErrorMemoryAllocation, None

    def cudaFree(self, devPtr: int, /) -> tuple[Any, ...]:
        if not self.device.has(int(devPtr)):
            return (CudaError.cudaErrorInvalidValue,)
        self.device.release(int(devPtr))
        return (OK,)

    def cudaMallocHost(self, size: int, /) -> tuple[Any, ...]:
        size = _size(size)
        if self._pin_fails(size):
            return CudaError.cudaErrorMemoryAllocation, None
        block = mmap.mmap(-1, size)
        address = np.frombuffer(block, np.uint8).ctypes.data
        self._hosts[address], self.pinned[address] = block, size
        return OK, address

    def cudaFreeHost(self, ptr: int, /) -> tuple[Any, ...]:
        if self._hosts.pop(int(ptr), None) is None:
            return (CudaError.cudaErrorInvalidValue,)
        del self.pinned[int(ptr)]
        return (OK,)

    def cudaHostRegister(self, ptr: int, size: int, flags: int, /) -> tuple[Any, ...]:
        size = _size(size)
        if not size or ptr in self.pinned:
            return (CudaError.cudaErrorInvalidValue,)
        if self._pin_fails(size):
            return (CudaError.cudaErrorMemoryAllocation,)
        self.pinned[int(ptr)] = size
        return (OK,)

    def cudaHostUnregister(self, ptr: int, /) -> tuple[Any, ...]:
        if int(ptr) in self._hosts or self.pinned.pop(int(ptr), None) is None:
            return (CudaError.cudaErrorInvalidValue,)
        return (OK,)

    def _pin_fails(self, size: int) -> bool:
        """As on Windows: there is a limit nobody tells, and after one failure every later call fails, too."""
        self.faults.poisoned |= sum(self.pinned.values()) + size > self.faults.pinned_limit
        return self.faults.poisoned

    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: MemcpyKind, stream: int, /) -> tuple[Any, ...]:
        if int(stream) not in range(self.device.streams):
            return (CudaError.cudaErrorInvalidResourceHandle,)
        count = _size(count)
        self.copies[MemcpyKind(kind)] += 1
        match MemcpyKind(kind):
            case MemcpyKind.cudaMemcpyHostToDevice:
                self._up(int(dst), int(src), count, int(stream))
            case MemcpyKind.cudaMemcpyDeviceToHost:
                self.device.download(_host(int(dst), count), int(src), int(stream))
            case MemcpyKind.cudaMemcpyDeviceToDevice:
                self.device.copy(int(dst), int(src), count, int(stream))
        return (OK,)

    def _up(self, target: int, source: int, count: int, stream: int) -> None:
        """Pageable memory is read before the call returns; page-locked memory when the copy is made, not before."""
        data = _host(source, count)
        if any(start <= source and source + count <= start + size for start, size in self.pinned.items()):
            self.device.put(stream, lambda: self.device.set_at(target, data))
        else:
            self.device.upload(target, data, stream)

    # -- graphs -----------------------------------------------------------------------------------------------------

    def cudaStreamBeginCapture(self, stream: int, mode: CaptureMode, /) -> tuple[Any, ...]:
        if self.device.capturing is not None:
            return (CudaError.cudaErrorInvalidValue,)
        self.device.capturing = (int(stream), [])
        return (OK,)

    def cudaStreamEndCapture(self, stream: int, /) -> tuple[Any, ...]:
        captured, self.device.capturing = self.device.capturing, None
        if captured is None or captured[0] != int(stream):
            return CudaError.cudaErrorInvalidValue, None
        return OK, captured[1]

    def cudaGraphInstantiate(self, graph: list[Any], flags: int, /) -> tuple[Any, ...]:
        return OK, list(graph)

    def cudaGraphLaunch(self, graphExec: list[Any], stream: int, /) -> tuple[Any, ...]:
        for work in graphExec:
            self.device.put(int(stream), work)
        return (OK,)

    def cudaGraphExecDestroy(self, graphExec: list[Any], /) -> tuple[Any, ...]:
        return (OK,)

    def cudaGraphDestroy(self, graph: list[Any], /) -> tuple[Any, ...]:
        return (OK,)

    # -- streams and events -----------------------------------------------------------------------------------------

    def cudaStreamCreateWithFlags(self, flags: int, /) -> tuple[Any, ...]:
        return OK, self.device.new_stream()

    def cudaStreamDestroy(self, stream: int, /) -> tuple[Any, ...]:
        return (OK if int(stream) in range(self.device.streams) else CudaError.cudaErrorInvalidResourceHandle,)

    def cudaStreamSynchronize(self, stream: int, /) -> tuple[Any, ...]:
        self.device.synchronise(int(stream))
        return (OK,)

    def cudaEventCreateWithFlags(self, flags: int, /) -> tuple[Any, ...]:
        return OK, self.device.new_event()

    def cudaEventRecord(self, event: int, stream: int, /) -> tuple[Any, ...]:
        if not self.device.knows_event(int(event)):
            return (CudaError.cudaErrorInvalidResourceHandle,)
        self.device.record_at(int(event), int(stream))
        return (OK,)

    def cudaStreamWaitEvent(self, stream: int, event: int, flags: int, /) -> tuple[Any, ...]:
        if not self.device.knows_event(int(event)):
            return (CudaError.cudaErrorInvalidResourceHandle,)
        self.device.wait(int(stream), int(event))
        return (OK,)

    def cudaEventSynchronize(self, event: int, /) -> tuple[Any, ...]:
        if not self.device.knows_event(int(event)):
            return (CudaError.cudaErrorInvalidResourceHandle,)
        self.device.reached(int(event))
        return (OK,)

    def cudaEventDestroy(self, event: int, /) -> tuple[Any, ...]:
        if not self.device.knows_event(int(event)):
            return (CudaError.cudaErrorInvalidResourceHandle,)
        self.device.forget_event(int(event))
        return (OK,)


# Values beside the status; where a call fails, each is None.
OUTPUTS = {
    "cudaGetDeviceCount": 1, "cudaGetDeviceProperties": 1, "cudaMemGetInfo": 2, "cudaMalloc": 1, "cudaMallocHost": 1,
    "cudaStreamCreateWithFlags": 1, "cudaEventCreateWithFlags": 1, "cudaStreamEndCapture": 1,
    "cudaGraphInstantiate": 1,
}  # fmt: skip


def functions() -> dict[str, Callable[..., Any]]:
    """The functions that are faked."""
    return {name: value for name, value in vars(FakeCuda).items() if name.startswith("cuda") and callable(value)
            and inspect.isfunction(value)}  # fmt: skip


def _size(value: int) -> int:
    """What a size_t argument takes: any other number is an error of the caller."""
    if isinstance(value, float) or not hasattr(value, "__index__"):
        raise TypeError("an integer is required")
    if value < 0:
        raise OverflowError("can't convert negative value to size_t")
    return int(value)


def _host(address: int, count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The machine's memory at an address."""
    interface = {"shape": (count,), "typestr": "|u1", "data": (address, False), "version": 3}
    return np.asarray(type("Host", (), {"__array_interface__": interface})())
