"""What the runtime needs of a device and of an engine; CUDA and TensorRT are one implementation, tests bring another.

Work is put on streams and done in the order of each stream; events order streams among themselves. Addresses are plain
integers. Everything is for one thread.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trt_engines.errors import EngineError

ALIGNMENT = 256  # bytes; TensorRT takes no tensor at another address


class DeviceError(EngineError):
    """The device reports an error that ends its use by this process."""


class UnfitEngineError(EngineError):
    """An engine can never be loaded on this machine as it is; no other way of loading helps."""


class DeviceMemoryError(EngineError):
    """The device has not enough free memory."""


class Device(Protocol):
    """Memory, streams and events."""

    @property
    def name(self) -> str:
        """What the device is, in words."""

    def free_bytes(self) -> int:
        """Memory that is free now."""

    def allocate(self, size: int) -> int:
        """Address of `size` new bytes.

        Raises:
            DeviceMemoryError: There are not so many.
        """

    def release(self, address: int) -> None:
        """Free what `allocate` gave."""

    def pin(self, memory: NDArray[np.uint8]) -> bool:
        """Page-lock memory of the machine, if the system gives it: an upload from it is read when its turn comes."""

    def new_stream(self) -> int:
        """A new stream."""

    def upload(self, address: int, array: NDArray[Any], stream: int) -> None:
        """Copy an array to the device; it may be changed as soon as this returns, if it is not page-locked."""

    def download(self, array: NDArray[Any], address: int, stream: int) -> None:
        """Copy from the device into an array, which holds the data after `synchronise(stream)`."""

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        """Copy within the device; the two ranges must not overlap."""

    def record(self, stream: int) -> int:
        """An event that has happened when all work that is now on the stream is done."""

    def wait(self, stream: int, event: int) -> None:
        """Let a stream wait for an event, and forget it."""

    def reached(self, event: int) -> None:
        """Block until an event has happened, and forget it."""

    def synchronise(self, stream: int) -> None:
        """Block until all work on the stream is done."""

    def close(self) -> None:
        """Free everything."""


class Engine(Protocol):
    """One engine with a context for each of its profiles."""

    @property
    def name(self) -> str:
        """Name of the part."""

    @property
    def weight_bytes(self) -> int:
        """Size of its weights."""

    @property
    def streamable(self) -> bool:
        """Whether its weights can leave the device and come back."""

    @property
    def streams_itself(self) -> bool:
        """Whether it copies its weights in while it runs, so that it runs also when they are not loaded."""

    @property
    def loaded(self) -> bool:
        """Whether its weights are on the device, or on their way."""

    def prepare(self, profile: int, shapes: dict[str, tuple[int, ...]]) -> int:
        """Set all input shapes of a profile; returns the bytes of workspace that a run with them needs."""

    def enqueue(self, profile: int, addresses: dict[str, int], workspace: int, size: int, stream: int) -> None:
        """Run with the shapes of the last `prepare`, inputs and outputs at `addresses`."""

    def load_weights(self, stream: int) -> None:
        """Bring the weights to the device, in the order of the stream.

        Raises:
            DeviceMemoryError: There is no room for them.
        """

    def unload_weights(self, stream: int) -> None:
        """Free the weights' memory; no run may be on its way."""

    def keep_ready(self, wanted: bool) -> None:
        """Whether the machine's memory holds what brings the weights in quickly: for those that are streamed."""

    def close(self) -> None:
        """Free everything."""


def row_multiple(row_bytes: int) -> int:
    """Least number of rows whose bytes are a multiple of `ALIGNMENT`."""
    rows = 1
    while rows * row_bytes % ALIGNMENT:
        rows *= 2
    return rows
