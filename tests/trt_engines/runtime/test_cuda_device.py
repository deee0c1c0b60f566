"""The device over CUDA's runtime API, which a strict stand-in plays here."""

from __future__ import annotations

import inspect
import re
from typing import Any
from uuid import UUID

import pytest

from tests.helpers import fake_cuda
from tests.helpers.fake_cuda import OUTPUTS, CudaError, FakeCuda, MemcpyKind
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.device import DeviceError

CARDS = (UUID(int=1), UUID("8f2a0000-1111-2222-3333-444444444444"))


def opened(cuda: FakeCuda, card: str = "") -> CudaDevice:
    """A device over the stand-in."""
    return CudaDevice(card, cuda)


def test_the_stand_in_is_as_strict_as_the_real_module() -> None:
    """Arguments as the real functions' signatures have them, statuses with the same numbers, as many values."""
    real = pytest.importorskip("cuda.bindings.runtime")
    for name, function in fake_cuda.functions().items():
        declared = str(getattr(real, name).__doc__).splitlines()[0]
        inside = re.sub(r"[^(]*\((.*)\).*", r"\1", declared)
        wanted = [part for part in inside.split(",") if part.strip()]
        assert len(inspect.signature(function).parameters) - 1 == len(wanted), declared
    for kind, found in ((real.cudaError_t, CudaError), (real.cudaMemcpyKind, MemcpyKind)):
        assert {each.name: each.value for each in found} == {each.name: int(getattr(kind, each.name)) for each in found}
    for name in ("cudaStreamNonBlocking", "cudaEventDisableTiming", "cudaHostRegisterDefault"):
        assert getattr(FakeCuda, name) == int(getattr(real, name))
    if int(real.cudaGetDeviceCount()[0]):  # no card here: calls fail, with None for each value
        for name, arguments in {"cudaMalloc": (8,), "cudaMemGetInfo": (), "cudaGetDeviceProperties": (0,)}.items():
            assert getattr(real, name)(*arguments)[1:] == (None,) * OUTPUTS[name]
        with pytest.raises(TypeError):
            real.cudaMemcpyAsync(1, 2, 3)


@pytest.mark.parametrize("spelling", [f"GPU-{CARDS[1]}", f"GPU-{CARDS[1]}".upper(), str(CARDS[1])])
def test_the_card_is_found_by_its_uuid(spelling: str) -> None:
    """CUDA counts the fastest first, the driver by the place on the bus."""
    cuda = FakeCuda(cards=CARDS)
    assert opened(cuda, spelling).name == "Card 1"
    assert cuda.used_card == 1
    assert opened(FakeCuda(cards=CARDS)).name == "Card 0"


def test_a_card_that_cuda_does_not_see() -> None:
    with pytest.raises(DeviceError, match="does not offer the card") as raised:
        opened(FakeCuda(cards=CARDS[:1]), f"GPU-{CARDS[1]}")
    assert "CUDA_VISIBLE_DEVICES" in raised.value.hint


def test_without_a_driver() -> None:
    for status in (CudaError.cudaErrorInsufficientDriver, CudaError.cudaErrorNoDevice):
        for card in ("", f"GPU-{CARDS[0]}"):
            cuda: Any = FakeCuda()
            cuda.faults.status = status
            with pytest.raises(DeviceError, match="no NVIDIA card with a driver"):
                opened(cuda, card)
