"""The NVIDIA cards of this machine, as the driver's management library (NVML) tells them.

That a package can be imported says nothing about a GPU: only the driver knows. A card of the table gets its bandwidth
and speed from there; any other one from its clocks, which NVML tells as the highest it may ever reach. NVML counts
cards by their place on the bus, CUDA the fastest first: only the UUID says which one is meant.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from trt_engines.errors import GPU_EXTRA, EngineError
from trt_engines.planning.hardware import GB, Gpu, find_card

CLOCK_SHARE = 0.85  # of the highest clock that a card keeps up
PCIE_LANE = {1: 0.2, 2: 0.4, 3: 0.8, 4: 1.6, 5: 3.1, 6: 6.2}  # GB a second of a lane, as pinned copies reach it
DATA_CENTER = frozenset({80, 90, 100, 103, 110})  # compute capabilities that TensorRT for RTX does not support
UNIFIED = frozenset({121})
LEAST_DRIVERS = {12: "525", 13: "580"}  # that bring a major version of CUDA, on Linux and Windows
CARD_VARIABLE = "DEWPOINT_CARD"  # UUID, name or number of the card to use
Answer = TypeVar("Answer")
# What a card of which NVML tells neither clocks nor bus has at least: those of an RTX 2060.
_LEAST_BANDWIDTH, _LEAST_TFLOPS, _LEAST_PCIE = 336.0 * GB, 13.0, 12.5 * GB
NO_CARD = "No NVIDIA card found."
_NO_CARD_HINT = "Models run on the processor. If this computer has such a card, install its current driver."
_NOT_ANSWERING = (
    "The NVIDIA card does not answer.",
    "Restart the computer; if that does not help, install its driver.",
)


class NoGpuError(EngineError):
    """There is no NVIDIA card, or its driver does not answer."""


class OldDriverError(EngineError):
    """The driver is older than TensorRT asks for."""


@dataclasses.dataclass(frozen=True, slots=True)
class DetectedGpu:
    """A card of this machine.

    Attributes:
        gpu: What it can do; `memory` is all that it has.
        free: Bytes of its memory that are free now.
        driver: The driver's version.
        uuid: The card's own name for programs, by which CUDA finds it again: "GPU-8f2a...".
        cuda: Newest CUDA that the driver can do, 1000 * major + 10 * minor; 0 if it does not say.
    """

    gpu: Gpu
    free: int
    driver: str
    uuid: str = ""
    cuda: int = 0


def name_card(card: str) -> None:
    """Say which card is to be used, by UUID, name or number, for this process and all that it starts; "" for the first.

    What the environment says already holds. A card that is not in the computer any more is as good as none.
    """
    os.environ.setdefault(CARD_VARIABLE, card)


def use_card(card: str) -> None:
    """`name_card`, asked for on a command line: it holds whatever was said before, and must be there.

    Raises:
        NoGpuError: There is no such card, or none at all.
    """
    os.environ[CARD_VARIABLE] = card
    cards = detected_gpus()
    if not is_meant(card, 0, cards[0]) and not (card.isdecimal() and int(card) < len(cards)):
        names = ", ".join(each.gpu.name for each in cards)
        raise NoGpuError(f"This computer has no card {card}.", f"It has: {names}.")


def is_meant(wanted: str, number: int, card: DetectedGpu) -> bool:
    """Whether a UUID, a name in any spelling or a number means this card, which the driver counts as `number`."""
    wanted, known = wanted.strip().lower(), find_card(wanted)
    names = (card.uuid.lower(), card.gpu.name.lower(), str(number))
    return bool(wanted) and (wanted in names or (known is not None and find_card(card.gpu.name) == known))


def detected_gpus() -> tuple[DetectedGpu, ...]:
    """All NVIDIA cards of this machine that answer: the one that is to be used first, then in the driver's order.

    Raises:
        NoGpuError: There is none, none answers, or NVML's bindings are not installed.
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
        return _chosen_first(_answering(pynvml))
    except pynvml.NVMLError as exc:
        raise _no_card(pynvml, exc) from exc
    finally:
        pynvml.nvmlShutdown()


def _answering(nvml: ModuleType) -> list[DetectedGpu]:
    """Every card that answers; one that does not (fallen off the bus, asleep) hides no other."""
    found, failure = [], None
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            found.append(_detected(nvml, nvml.nvmlDeviceGetHandleByIndex(index)))
        except nvml.NVMLError as exc:
            failure = exc
    if not found and failure is not None:
        raise failure
    if not found:
        raise NoGpuError("The NVIDIA driver runs but finds no card.", "Check that the card is switched on.")
    return found


def _chosen_first(cards: list[DetectedGpu]) -> tuple[DetectedGpu, ...]:
    wanted = os.environ.get(CARD_VARIABLE, "")
    for number, card in enumerate(cards):
        if is_meant(wanted, number, card):
            return (card, *cards[:number], *cards[number + 1 :])
    return tuple(cards)


def check_driver(card: DetectedGpu, least: int, what: str) -> None:
    """Refuse before anything is downloaded or built for a driver that cannot run it.

    Args:
        card: With what its driver says of itself; one that does not say is given the benefit of the doubt.
        least: CUDA that is needed, 1000 * major + 10 * minor.
        what: That needs it.

    Raises:
        OldDriverError: The driver cannot do it.
    """
    if 0 < card.cuda < least:
        raise OldDriverError(
            f"NVIDIA's driver {card.driver} knows CUDA {_cuda_name(card.cuda)}, and {what} needs {_cuda_name(least)}.",
            f"Install NVIDIA's driver {LEAST_DRIVERS.get(least // 1000, 'that is current')} or newer, and try again.",
        )


def _cuda_name(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


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
    total, free, shared = _memory(nvml, handle)
    name = str(nvml.nvmlDeviceGetName(handle)).removeprefix("NVIDIA ").removeprefix("GeForce ")
    known = find_card(name)
    gpu = known if known is not None else _from_clocks(nvml, handle, name, 10 * major + minor)
    gpu = dataclasses.replace(gpu, name=name, memory=total, unified=gpu.unified or shared)
    driver = str(nvml.nvmlSystemGetDriverVersion())
    uuid = _told(nvml, lambda: str(nvml.nvmlDeviceGetUUID(handle)), "")
    return DetectedGpu(gpu, free, driver, uuid, _told(nvml, lambda: int(nvml.nvmlSystemGetCudaDriverVersion_v2()), 0))


def _told(nvml: ModuleType, ask: Callable[[], Answer], otherwise: Answer) -> Answer:
    """What NVML answers; `otherwise` where this card or this driver cannot tell. Any other error is raised."""
    try:
        return ask()
    except nvml.NVMLError as exc:
        if getattr(exc, "value", None) in (nvml.NVML_ERROR_NOT_SUPPORTED, nvml.NVML_ERROR_FUNCTION_NOT_FOUND):
            return otherwise
        raise


def _memory(nvml: ModuleType, handle: Any) -> tuple[int, int, bool]:
    """All and free bytes, and whether it is the machine's own memory: then NVML has no answer (GB10, DGX Spark)."""
    memory = _told(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(handle), None)
    if memory is None:
        import psutil

        system = psutil.virtual_memory()
        return int(system.total), int(system.available), True
    return int(memory.total), int(memory.free), False


def _from_clocks(nvml: ModuleType, handle: Any, name: str, sm: int) -> Gpu:
    def told(ask: Callable[[], float]) -> float:
        return _told(nvml, ask, 0.0)

    memory_clock = told(lambda: nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_MEM)) * 1e6
    core_clock = told(lambda: nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM)) * 1e6 * CLOCK_SHARE
    bytes_wide = told(lambda: nvml.nvmlDeviceGetMemoryBusWidth(handle)) / 8
    generation = int(told(lambda: nvml.nvmlDeviceGetMaxPcieLinkGeneration(handle)))
    lanes = told(lambda: nvml.nvmlDeviceGetMaxPcieLinkWidth(handle))
    cores = told(lambda: nvml.nvmlDeviceGetNumGpuCores(handle))
    return Gpu(
        name=name,
        sm=sm,
        memory=0,
        bandwidth=2 * memory_clock * bytes_wide or _LEAST_BANDWIDTH,
        tflops=4 * cores * core_clock / 1e12 or _LEAST_TFLOPS,
        pcie=PCIE_LANE.get(generation, 0.8) * lanes * GB or _LEAST_PCIE,
        unified=sm in UNIFIED,
        rtx=sm not in DATA_CENTER,
    )
