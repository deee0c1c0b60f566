"""Cards as the driver tells them; NVML is a stand-in here, since these machines have no GPU."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from inference.engines.planning import for_engines
from trt_engines.planning.hardware import GB, GIB, find_card
from trt_engines.planning.probe import (
    CARD_VARIABLE,
    NO_CARD,
    NoGpuError,
    OldDriverError,
    check_driver,
    detected_gpus,
    name_card,
    use_card,
)
from trt_engines.tensorrt.flavour import NEEDED_CUDA

CODES = {
    "NVML_ERROR_LIBRARY_NOT_FOUND": 12,
    "NVML_ERROR_DRIVER_NOT_LOADED": 9,
    "NVML_ERROR_NOT_FOUND": 6,
    "NVML_ERROR_LIB_RM_VERSION_MISMATCH": 18,
    "NVML_ERROR_NO_PERMISSION": 4,
    "NVML_ERROR_NOT_SUPPORTED": 3,
    "NVML_ERROR_FUNCTION_NOT_FOUND": 13,
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
        "nvmlSystemGetCudaDriverVersion_v2": lambda: 13010,
        "nvmlDeviceGetUUID": lambda handle: f"GPU-{handle:08x}-2222-3333-4444-555555555555",
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
        (nvml(nvmlDeviceGetUUID=fails(15)), "does not answer"),
    ],
)
def test_no_card_is_one_sentence(monkeypatch: pytest.MonkeyPatch, module: object, words: str) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", module)
    with pytest.raises(NoGpuError) as raised:
        detected_gpus()
    assert words in raised.value.user_text
    assert "NVML" not in f"{raised.value.user_text} {raised.value.hint}"
    assert raised.value.hint


def of_several(names: tuple[str, ...], lost: int | None = None) -> SimpleNamespace:
    """NVML of a machine with these cards, one of which may have fallen off the bus."""

    def handle(index: int) -> int:
        return index if index != lost else fails(15)()  # type: ignore[return-value]

    return nvml(
        nvmlDeviceGetCount=lambda: len(names),
        nvmlDeviceGetHandleByIndex=handle,
        nvmlDeviceGetName=lambda handle: f"NVIDIA GeForce {names[handle]}",
    )


@pytest.mark.parametrize("lost", [0, 1])
def test_a_card_that_does_not_answer_hides_no_other(monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", of_several(("RTX 3090", "RTX 4070"), lost))
    assert [each.gpu.name for each in detected_gpus()] == [("RTX 4070", "RTX 3090")[lost]]
    monkeypatch.setitem(sys.modules, "pynvml", of_several(("RTX 3090",), 0))
    with pytest.raises(NoGpuError, match="does not answer"):
        detected_gpus()


@pytest.mark.parametrize(
    ("chosen", "first"),
    [
        ("", "RTX 3090"), ("0", "RTX 3090"), ("1", "RTX 4070"), ("geforce rtx 4070", "RTX 4070"), ("9", "RTX 3090"),
        ("GPU-00000001-2222-3333-4444-555555555555", "RTX 4070"), ("RTX 9999", "RTX 3090"),
    ],
)  # fmt: skip
def test_the_chosen_card_comes_first(monkeypatch: pytest.MonkeyPatch, chosen: str, first: str) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", of_several(("RTX 3090", "RTX 4070")))
    monkeypatch.delenv(CARD_VARIABLE, raising=False)
    name_card(chosen)
    cards = detected_gpus()
    assert cards[0].gpu.name == first
    assert {each.uuid[:12] for each in cards} == {"GPU-00000000", "GPU-00000001"}
    name_card("1")  # what was said before holds
    assert detected_gpus()[0].gpu.name == first


def test_a_card_that_is_asked_for_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", of_several(("RTX 3090", "RTX 4070")))
    monkeypatch.setenv(CARD_VARIABLE, "0")
    for card in ("RTX 4070", "1"):
        use_card(card)
        assert detected_gpus()[0].gpu.name == "RTX 4070"
    for card in ("RTX 9999", "2", "-1"):
        with pytest.raises(NoGpuError, match=f"no card {card}") as raised:
            use_card(card)
        assert "RTX 3090" in raised.value.hint


def test_unified_memory_is_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """GB10 of the DGX Spark: NVML says that memory is not supported."""
    spark = nvml(nvmlDeviceGetName=lambda handle: "NVIDIA GB10", nvmlDeviceGetMemoryInfo=fails(3))
    monkeypatch.setitem(sys.modules, "pynvml", spark)
    system = SimpleNamespace(total=119 * GIB, available=100 * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: system)
    (found,) = detected_gpus()
    assert (found.gpu.memory, found.free, found.gpu.unified) == (119 * GIB, 100 * GIB, True)
    gpu, machine = for_engines(found, 119 * GIB, 500 * GIB)
    assert gpu.memory <= machine.ram  # one memory is not counted twice
    assert gpu.memory < 119 * GIB * 0.8


def test_what_a_card_cannot_tell_is_taken_from_the_least_one(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = {
        name: fails(3)
        for name in (
            "nvmlDeviceGetMaxClockInfo", "nvmlDeviceGetMemoryBusWidth", "nvmlDeviceGetMaxPcieLinkGeneration",
            "nvmlDeviceGetMaxPcieLinkWidth", "nvmlDeviceGetNumGpuCores", "nvmlDeviceGetUUID",
        )
    }  # fmt: skip
    silent["nvmlSystemGetCudaDriverVersion_v2"] = fails(13)
    monkeypatch.setitem(sys.modules, "pynvml", nvml(nvmlDeviceGetName=lambda handle: "NVIDIA RTX Z1", **silent))
    (found,) = detected_gpus()
    known = find_card("RTX 2060")
    assert known is not None
    assert (found.gpu.bandwidth, found.gpu.tflops, found.gpu.pcie) == (known.bandwidth, known.tflops, known.pcie)
    assert (found.uuid, found.cuda) == ("", 0)


@pytest.mark.parametrize(("cuda", "refused"), [(12080, True), (13000, False), (13010, False), (0, False)])
def test_an_old_driver_is_told_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, cuda: int, refused: bool
) -> None:
    old = nvml(nvmlSystemGetCudaDriverVersion_v2=lambda: cuda, nvmlSystemGetDriverVersion=lambda: "572.16")
    monkeypatch.setitem(sys.modules, "pynvml", old)
    (found,) = detected_gpus()
    if not refused:
        check_driver(found, NEEDED_CUDA, "TensorRT for RTX")
        return
    with pytest.raises(OldDriverError) as raised:
        check_driver(found, NEEDED_CUDA, "TensorRT for RTX")
    assert raised.value.user_text == "NVIDIA's driver 572.16 knows CUDA 12.8, and TensorRT for RTX needs 13.0."
    assert "580" in raised.value.hint


def test_the_numbers_are_those_of_nvml() -> None:
    pynvml = pytest.importorskip("pynvml")
    assert {name: getattr(pynvml, name) for name in CODES} == CODES
