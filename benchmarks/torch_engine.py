"""An `Engine` over raw addresses with torch inside, for cards that TensorRT for RTX has no kernels for, and tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import ModelProto
from torch import Tensor

from benchmarks.torch_graph import TorchGraph
from trt_engines.runtime.device import ALIGNMENT, Device

Shape = tuple[int, ...]
# What raw memory is called before torch takes it for what it is: array interfaces know no bfloat16.
_RAW = {1: "|u1", 2: "<i2", 4: "<i4", 8: "<i8"}
_NUMPY = {
    torch.float32: np.float32, torch.float16: np.float16, torch.int64: np.int64, torch.bool: np.bool_,
}  # fmt: skip


class RawMemory(Protocol):
    """Memory of a device at an address, and work on its streams."""

    def view(self, address: int, shape: Shape, kind: torch.dtype) -> Tensor:
        """What lies there; writing to the tensor writes there."""

    def put(self, stream: int, work: Callable[[], None]) -> None:
        """Let torch work on a stream."""


class CudaMemory:
    """Of a card."""

    def view(self, address: int, shape: Shape, kind: torch.dtype) -> Tensor:
        """See `RawMemory`."""
        if not all(shape):
            return torch.empty(shape, dtype=kind, device="cuda")
        facts = {"shape": shape, "typestr": _RAW[kind.itemsize], "data": (address, False), "version": 3}
        raw: Tensor = torch.as_tensor(type("Raw", (), {"__cuda_array_interface__": facts})(), device="cuda")
        return raw.view(kind)

    def put(self, stream: int, work: Callable[[], None]) -> None:
        """See `RawMemory`."""
        with torch.cuda.stream(torch.cuda.ExternalStream(stream)):  # type: ignore[no-untyped-call]
            work()


class TorchEngine:
    """Implements `trt_engines.runtime.device.Engine`; its weights come and go like those of an engine.

    Attributes:
        name: Of the part.
        weight_bytes: Of its weights.
        input_names: Its inputs.
        runs: How often it ran.
    """

    streamable, streams_itself = True, False

    def __init__(
        self, device: Device, memory: RawMemory, name: str, graph: ModelProto, weights: dict[str, NDArray[Any]]
    ) -> None:
        self.name, self.runs = name, 0
        self._device, self._memory = device, memory
        self._graph = TorchGraph(graph)
        self.input_names = tuple(self._graph.inputs)
        self._host = {each: np.ascontiguousarray(weights[each]) for each in self._graph.weights}
        self._places: dict[str, int] = {}
        size = 0
        for each, array in self._host.items():
            self._places[each] = size
            size += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
        self.weight_bytes = max(size, ALIGNMENT)
        self._block: int | None = None
        self._shapes: dict[str, Shape] = {}

    @property
    def loaded(self) -> bool:
        """Whether its weights are on the device."""
        return self._block is not None

    def prepare(self, profile: int, shapes: dict[str, Shape]) -> int:
        """Set the input shapes; torch finds its own room."""
        self._shapes = {name: shapes[name] for name in self.input_names}
        return ALIGNMENT

    def enqueue(self, profile: int, addresses: dict[str, int], workspace: int, size: int, stream: int) -> None:
        """Run on a stream."""
        shapes, where, block = dict(self._shapes), dict(addresses), self._block
        if block is None:
            raise ValueError(f"the weights of {self.name} are not on the device")
        self._memory.put(stream, lambda: self._run(shapes, where, block))

    def _run(self, shapes: dict[str, Shape], addresses: dict[str, int], block: int) -> None:
        view = self._memory.view
        values = {name: view(addresses[name], shapes[name], kind) for name, kind in self._graph.inputs.items()}
        for name, array in self._host.items():
            kind = next((kind for kind, like in _NUMPY.items() if array.dtype == like), torch.bfloat16)
            values[name] = view(block + self._places[name], array.shape, kind)
        with torch.inference_mode():
            for name, made in self._graph.run(values).items():
                if made.numel():
                    view(addresses[name], tuple(made.shape), self._graph.outputs[name]).copy_(made)
        self.runs += 1

    def load_weights(self, stream: int) -> None:
        """Copy the weights to the device."""
        if self._block is not None:
            return
        self._block = self._device.allocate(self.weight_bytes)
        for name, array in self._host.items():
            self._device.upload(self._block + self._places[name], array, stream)

    def unload_weights(self, stream: int) -> None:
        """Free their memory."""
        if self._block is not None:
            self._device.synchronise(stream)
            self._device.release(self._block)
            self._block = None

    def keep_ready(self, wanted: bool) -> None:
        """They are in the machine's memory all the time."""

    def close(self) -> None:
        """The device frees what is there."""
        self._block = None
