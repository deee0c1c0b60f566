"""Cards as the driver tells them; NVML is a stand-in here, since these machines have no GPU."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from trt_engines.planning.hardware import GB, GIB, find_card
from trt_engines.planning.probe import NO_CARD, NoGpuError, detected_gpus

CODES = {
    "NVML_ERROR_LIBRARY_NOT_FOUND": 12,
    "NVML_ERROR_DRIVER_NOT_LOADED": 9,
    "NVML_ERROR_NOT_FOUND": 6,
    "NVML_ERROR_LIB_RM_VERSION_MISMATCH": 18,
    "NVML_ERROR_NO_PERMISSION": 4,
}


class FakeNvmlError(Exception):
    """What NVML raises: a text for programmers, and a number."""

    def __init__(self, value: int) -> None:
        super().__init__("NVML Shared Library Not Found")
        self.value = value


def nvml(**changes: Any) -> SimpleNamespace:
    """NVML of a machine with one RTX 3090."""
    values: dict[str, Any] = {
        "NVMLError": FakeNvmlError,
        **CODES,
        "NVML_CLOCK_MEM": 2,
        "NVML_CLOCK_SM": 1,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: "NVIDIA GeForce RTX 3090",
        "nvmlDeviceGetCudaComputeCapability": lambda handle: (8, 6),
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=24 * GIB, free=22 * GIB),
        "nvmlSystemGetDriverVersion": lambda: "590.10",
        "nvmlDeviceGetMaxClockInfo": lambda handle, kind: {2: 9751, 1: 2100}[kind],
        "nvmlDeviceGetMemoryBusWidth": lambda handle: 384,
        "nvmlDeviceGetMaxPcieLinkGeneration": lambda handle: 4,
        "nvmlDeviceGetMaxPcieLinkWidth": lambda handle: 16,
        "nvmlDeviceGetNumGpuCores": lambda handle: 10496,
    }
    return SimpleNamespace(**{**values, **changes})


def fails(value: int) -> Callable[..., None]:
    """A call that NVML refuses."""

    def call(*_: object) -> None:
        raise FakeNvmlError(value)

    return call


def test_a_known_card_has_the_numbers_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    (found,) = detected_gpus()
    assert found.gpu == find_card("RTX 3090")
    assert (found.free, found.driver) == (22 * GIB, "590.10")


def test_an_unknown_card_is_worked_out_from_its_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml(nvmlDeviceGetName=lambda handle: "NVIDIA RTX Z1"))
    (found,) = detected_gpus()
    known = find_card("RTX 3090")
    assert known is not None
    assert found.gpu.name == "RTX Z1"
    assert found.gpu.bandwidth == pytest.approx(known.bandwidth, rel=0.01)
    assert found.gpu.tflops == pytest.approx(known.tflops, rel=0.1)
    assert found.gpu.pcie == pytest.approx(25 * GB, rel=0.05)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (None, "not installed"),
        (nvml(nvmlInit=fails(12)), NO_CARD),
        (nvml(nvmlInit=fails(9)), NO_CARD),
        (nvml(nvmlInit=fails(18)), "renewed"),
        (nvml(nvmlInit=fails(4)), "may not use"),
        (nvml(nvmlInit=fails(999)), "does not answer"),
        (nvml(nvmlDeviceGetCount=lambda: 0), "finds no card"),
        (nvml(nvmlDeviceGetMemoryInfo=fails(15)), "does not answer"),
    ],
)
def test_no_card_is_one_sentence(monkeypatch: pytest.MonkeyPatch, module: object, words: str) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", module)
    with pytest.raises(NoGpuError) as raised:
        detected_gpus()
    assert words in raised.value.user_text
    assert "NVML" not in f"{raised.value.user_text} {raised.value.hint}"
    assert raised.value.hint


def test_the_numbers_are_those_of_nvml() -> None:
    pynvml = pytest.importorskip("pynvml")
    assert {name: getattr(pynvml, name) for name in CODES} == CODES
