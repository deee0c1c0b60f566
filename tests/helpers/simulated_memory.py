"""Memory of the simulated device for torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from tests.trt_engines.runtime.simulated import SimulatedDevice


class SimulatedMemory:
    """See `benchmarks.torch_engine.RawMemory`."""

    def __init__(self, hardware: SimulatedDevice) -> None:
        self._hardware = hardware

    def view(self, address: int, shape: tuple[int, ...], kind: torch.dtype) -> torch.Tensor:
        """What lies there."""
        if not all(shape):
            return torch.empty(shape, dtype=kind)
        raw = self._hardware.memory_at(address, int(np.prod(shape)) * kind.itemsize)
        return torch.from_numpy(raw).view(kind).reshape(shape)

    def put(self, stream: int, work: Callable[[], None]) -> None:
        """Late, as on a card."""
        self._hardware.put(stream, work)
