"""The NVIDIA cards of this machine, as the driver's management library (NVML) tells them.

That a package can be imported says nothing about a GPU: only the driver knows. A card of the table gets its bandwidth
and speed from there; any other one from its clocks, which NVML tells as the highest it may ever reach.
"""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any

from trt_engines.errors import GPU_EXTRA, EngineError
from trt_engines.planning.hardware import GB, Gpu, find_card

CLOCK_SHARE = 0.85  # of the highest clock that a card keeps up
PCIE_LANE = {1: 0.2, 2: 0.4, 3: 0.8, 4: 1.6, 5: 3.1, 6: 6.2}  # GB a second of a lane, as pinned copies reach it
DATA_CENTER = frozenset({80, 90, 100, 103, 110})  # compute capabilities that TensorRT for RTX does not support
UNIFIED = frozenset({121})
NO_CARD = "No NVIDIA card found."
_NO_CARD_HINT = "Models run on the processor. If this computer has such a card, install its current driver."
_NOT_ANSWERING = (
    "The NVIDIA card does not answer.",
    "Restart the computer; if that does not help, install its driver.",
)


class NoGpuError(EngineError):
    """There is no NVIDIA card, or its driver does not answer."""


@dataclasses.dataclass(frozen=True, slots=True)
class DetectedGpu:
    """A card of this machine.

    Attributes:
        gpu: What it can do; `memory` is all that it has.
        free: Bytes of its memory that are free now.
        driver: The driver's version.
    """

    gpu: Gpu
    free: int
    driver: str


def detected_gpus() -> tuple[DetectedGpu, ...]:
    """All NVIDIA cards of this machine, in the driver's order.

    Raises:
        NoGpuError: There is none, the driver does not answer, or NVML's bindings are not installed.
    """
    try:
        import pynvml
    except ImportError as exc:
        raise NoGpuError(
            "NVIDIA's management library is not installed, so cards cannot be looked for.",
            GPU_EXTRA,
        ) from exc
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as exc:
        raise _no_card(pynvml, exc) from exc
    try:
        count = pynvml.nvmlDeviceGetCount()
        found = tuple(_detected(pynvml, pynvml.nvmlDeviceGetHandleByIndex(index)) for index in range(count))
    except pynvml.NVMLError as exc:
        raise _no_card(pynvml, exc) from exc
    finally:
        pynvml.nvmlShutdown()
    if not found:
        raise NoGpuError("The NVIDIA driver runs but finds no card.", "Check that the card is switched on.")
    return found


def _no_card(nvml: ModuleType, exc: Exception) -> NoGpuError:
    """What NVML means, in words of this program; its own words are in the exception that this one comes from."""
    match getattr(exc, "value", None):
        case nvml.NVML_ERROR_LIBRARY_NOT_FOUND | nvml.NVML_ERROR_DRIVER_NOT_LOADED | nvml.NVML_ERROR_NOT_FOUND:
            return NoGpuError(NO_CARD, _NO_CARD_HINT)
        case nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
            return NoGpuError("The NVIDIA driver was renewed while this computer was running.", "Restart the computer.")
        case nvml.NVML_ERROR_NO_PERMISSION:
            return NoGpuError("This account may not use the NVIDIA card.", "Ask the administrator of this computer.")
        case _:
            return NoGpuError(*_NOT_ANSWERING)


def _detected(nvml: ModuleType, handle: Any) -> DetectedGpu:
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    name = str(nvml.nvmlDeviceGetName(handle)).removeprefix("NVIDIA ").removeprefix("GeForce ")
    known = find_card(name)
    gpu = known if known is not None else _from_clocks(nvml, handle, name, 10 * major + minor)
    driver = str(nvml.nvmlSystemGetDriverVersion())
    return DetectedGpu(dataclasses.replace(gpu, name=name, memory=int(memory.total)), int(memory.free), driver)


def _from_clocks(nvml: ModuleType, handle: Any, name: str, sm: int) -> Gpu:
    memory_clock = nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_MEM) * 1e6
    core_clock = nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM) * 1e6 * CLOCK_SHARE
    bytes_wide = nvml.nvmlDeviceGetMemoryBusWidth(handle) / 8
    generation, lanes = nvml.nvmlDeviceGetMaxPcieLinkGeneration(handle), nvml.nvmlDeviceGetMaxPcieLinkWidth(handle)
    return Gpu(
        name=name,
        sm=sm,
        memory=0,
        bandwidth=2 * memory_clock * bytes_wide,
        tflops=4 * nvml.nvmlDeviceGetNumGpuCores(handle) * core_clock / 1e12,
        pcie=PCIE_LANE.get(generation, 0.8) * lanes * GB,
        unified=sm in UNIFIED,
        rtx=sm not in DATA_CENTER,
    )
