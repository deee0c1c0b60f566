"""What a card's memory gives, over the strict stand-in of CUDA."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.helpers.fake_cuda import FakeCuda, MemcpyKind
from tests.trt_engines.runtime.simulated import SimulatedDevice
from trt_engines.runtime.bandwidth import MOST_ROUNDS, memory_rate
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.device import DeviceError

SIZE = 1 << 12


def test_the_quickest_copy_counts_read_and_written_and_all_memory_is_given_back() -> None:
    cuda = FakeCuda()
    times = itertools.chain([0.0, 0.0, 0.02, 0.02, 0.03], itertools.repeat(1.0))  # rounds of 20 and of 10 ms
    device = CudaDevice("", cuda)
    assert memory_rate(device, SIZE, lambda: next(times)) == pytest.approx(2 * SIZE / 0.01)
    assert cuda.copies[MemcpyKind.cudaMemcpyDeviceToDevice] == 4
    assert cuda.calls.count("cudaMalloc") == cuda.calls.count("cudaFree") == 2


def test_a_clock_that_stands_still_gives_nothing_and_ends() -> None:
    cuda = FakeCuda()
    assert memory_rate(CudaDevice("", cuda), SIZE, lambda: 1.0) == 0.0
    assert cuda.copies[MemcpyKind.cudaMemcpyDeviceToDevice] == 1 + MOST_ROUNDS


def test_a_full_card_is_left_alone() -> None:
    cuda = FakeCuda(SimulatedDevice(memory=3 * SIZE))
    assert memory_rate(CudaDevice("", cuda), SIZE) == 0.0
    assert "cudaMalloc" not in cuda.calls


def test_a_card_that_refuses_leaves_no_memory_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda()
    device = CudaDevice("", cuda)

    def refused(*arguments: Any) -> None:
        raise DeviceError("No.", "")

    monkeypatch.setattr(device, "copy", refused)
    assert memory_rate(device, SIZE) == 0.0
    assert cuda.calls.count("cudaMalloc") == cuda.calls.count("cudaFree") == 2
