"""The device behind CUDA's runtime API (cuda-python). Not yet run on a GPU."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from trt_engines.errors import GPU_EXTRA
from trt_engines.runtime.device import DeviceError, DeviceMemoryError
from trt_engines.tensorrt.addon import use_addon

PIN_MOST = 1 << 30  # bytes in one piece, on Windows
_OUT_OF_MEMORY = 2  # cudaErrorMemoryAllocation
_OLD_DRIVER, _NO_DEVICE = 35, 100  # cudaErrorInsufficientDriver, cudaErrorNoDevice
_RESTART = "Try again; if it happens again, restart the computer."


class CudaDevice:
    """One card; implements `trt_engines.runtime.device.Device`.

    Attributes:
        name: As the driver tells it.
    """

    def __init__(self, uuid: str = "", cuda: Any = None) -> None:
        """Use the card of this UUID ("GPU-8f2a...", as NVML tells it), CUDA's first one if none is named.

        `cuda` stands in for CUDA's bindings in tests.

        Raises:
            DeviceError: cuda-python is not installed, the driver is too old, or CUDA has no such card.
        """
        self._cuda: Any = cuda or _bindings()
        self._blocks: set[int] = set()
        self._pinned: dict[int, NDArray[np.uint8]] = {}
        self._pins_refused, self._windows = False, sys.platform == "win32"
        self._streams: list[int] = []
        number = self._number(uuid)
        self._call("cudaSetDevice", number)
        self.name = self._call("cudaGetDeviceProperties", number).name.decode()

    def _number(self, wanted: str) -> int:
        """CUDA's number of a card: it counts the fastest first, and those that CUDA_VISIBLE_DEVICES hides not."""
        if not wanted:
            return 0
        count = int(self._call("cudaGetDeviceCount"))
        for number in range(count):
            found = UUID(bytes=bytes(self._call("cudaGetDeviceProperties", number).uuid.bytes))
            if wanted.lower().removeprefix("gpu-") == str(found):
                return number
        raise DeviceError(
            "CUDA does not offer the card that was chosen.",
            "Look whether the variable CUDA_VISIBLE_DEVICES hides it, or choose another card.",
        )

    def _call(self, function: str, *arguments: Any) -> Any:
        """Call CUDA and turn its status into an error; returns its value, if it has one."""
        status, *values = getattr(self._cuda, function)(*arguments)
        if int(status) == _OUT_OF_MEMORY:
            self._cuda.cudaGetLastError()  # this error is not sticky, but stays noted until it is read
            raise DeviceMemoryError(
                "The card has not enough free memory.", "Close other programs that use the card, and try again."
            )
        if int(status) in (_OLD_DRIVER, _NO_DEVICE):
            raise DeviceError(
                "CUDA finds no NVIDIA card with a driver that is new enough.", "Install the current NVIDIA driver."
            )
        if int(status) != 0:
            text = self._cuda.cudaGetErrorString(status)[1]
            words = text.decode() if isinstance(text, bytes) else str(text)
            raise DeviceError(f"The graphics card reports an error: {words} ({function}).", _RESTART)
        return values[0] if values else None

    def free_bytes(self) -> int:
        """Memory of the card that is free now."""
        status, free, _ = self._cuda.cudaMemGetInfo()
        return int(free) if int(status) == 0 else 0

    def allocate(self, size: int) -> int:
        """Address of new memory; CUDA aligns it to 256 bytes or more."""
        address = int(self._call("cudaMalloc", max(size, 1)))
        self._blocks.add(address)
        return address

    def release(self, address: int) -> None:
        """Free what `allocate` gave."""
        self._blocks.discard(address)
        self._call("cudaFree", address)

    def pin(self, memory: NDArray[np.uint8]) -> bool:
        """Page-lock memory of the machine where it is, so that copies from it need no help of the processor.

        It is only faster: where the system refuses, the memory stays as it is. How much it gives nobody tells (Windows:
        from 2 GB to half of all), and after one refusal later ones fail, too, so that it is not asked again.
        """
        size = memory.nbytes
        if not size or self._pins_refused or (self._windows and size > PIN_MOST):
            return False
        address = memory.ctypes.data
        if int(self._cuda.cudaHostRegister(address, size, self._cuda.cudaHostRegisterDefault)[0]) != 0:
            self._cuda.cudaGetLastError()  # else the next call reports it
            self._pins_refused = True
            return False
        self._pinned[address] = memory  # it must not be freed before
        return True

    def unpin(self, memory: NDArray[np.uint8]) -> None:
        """Let go what `pin` took; nothing to do if it was not pinned."""
        if self._pinned.pop(memory.ctypes.data, None) is not None:
            self._call("cudaHostUnregister", memory.ctypes.data)

    @property
    def pinned_bytes(self) -> int:
        """Bytes of the machine's memory that are page-locked."""
        return sum(memory.nbytes for memory in self._pinned.values())

    def new_stream(self) -> int:
        """A stream that does not wait for the default one."""
        stream = int(self._call("cudaStreamCreateWithFlags", self._cuda.cudaStreamNonBlocking))
        self._streams.append(stream)
        return stream

    def upload(self, address: int, array: NDArray[Any], stream: int) -> None:
        """Copy from ordinary memory: CUDA has read it when this returns."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        if array.nbytes:
            self._call("cudaMemcpyAsync", address, array.ctypes.data, array.nbytes, kind, stream)

    def download(self, array: NDArray[Any], address: int, stream: int) -> None:
        """Copy into ordinary memory."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        if array.nbytes:
            self._call("cudaMemcpyAsync", array.ctypes.data, address, array.nbytes, kind, stream)

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        """Copy within the card."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        if size:
            self._call("cudaMemcpyAsync", target, source, size, kind, stream)

    def record(self, stream: int) -> int:
        """An event that times nothing."""
        event = int(self._call("cudaEventCreateWithFlags", self._cuda.cudaEventDisableTiming))
        self._call("cudaEventRecord", event, stream)
        return event

    def wait(self, stream: int, event: int) -> None:
        """CUDA keeps the event until the stream has passed it."""
        self._call("cudaStreamWaitEvent", stream, event, 0)
        self._call("cudaEventDestroy", event)

    def reached(self, event: int) -> None:
        """Block until the event has happened."""
        self._call("cudaEventSynchronize", event)
        self._call("cudaEventDestroy", event)

    def synchronise(self, stream: int) -> None:
        """Block until the stream is empty; errors of its work come out here."""
        self._call("cudaStreamSynchronize", stream)

    def captured(self, stream: int, work: Callable[[], None]) -> None:
        """Capture what `work` puts on a stream as a graph, and play it once.

        Raises:
            DeviceError: Something in it cannot be captured.
        """
        self._call("cudaStreamBeginCapture", stream, self._cuda.cudaStreamCaptureMode.cudaStreamCaptureModeRelaxed)
        try:
            work()
        finally:
            graph = self._call("cudaStreamEndCapture", stream)
        playable = self._call("cudaGraphInstantiate", graph, 0)
        try:
            self._call("cudaGraphLaunch", playable, stream)
            self.synchronise(stream)
        finally:
            self._call("cudaGraphExecDestroy", playable)
            self._call("cudaGraphDestroy", graph)

    def close(self) -> None:
        """Free all memory and streams."""
        for address in self._blocks:
            self._call("cudaFree", address)
        for memory in list(self._pinned.values()):
            self.unpin(memory)
        for stream in self._streams:
            self._call("cudaStreamDestroy", stream)
        self._blocks.clear()
        self._streams.clear()


def _bindings() -> Any:
    use_addon()
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except ImportError as exc:
        raise DeviceError(f"CUDA's bindings do not load ({exc}).", GPU_EXTRA) from exc
