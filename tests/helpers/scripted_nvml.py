"""NVML at its lowest border, scripted: cards as data sheets and NVIDIA's documentation have them, and broken answers.

The two cards are written by hand; nobody has recorded them on real ones.
"""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

MIB = 1 << 20


class ScriptedError(Exception):
    """What the bindings raise."""

    def __init__(self, value: int = 999) -> None:
        super().__init__(f"NVML error {value}")
        self.value = value


RTX_4070: dict[str, Any] = {
    "nvmlDeviceGetName": "NVIDIA GeForce RTX 4070",
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=12_282 * MIB, used=9_412 * MIB, free=2_870 * MIB),
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=97, memory=61),
    "nvmlDeviceGetTemperature": 66,
    "nvmlDeviceGetPowerUsage": 187_432,
    "nvmlDeviceGetEnforcedPowerLimit": 200_000,
    "nvmlDeviceGetClockInfo": {1: 2_745, 2: 10_251},
    "nvmlDeviceGetCurrentClocksThrottleReasons": 0,
    "nvmlDeviceGetCurrPcieLinkGeneration": 4,
    "nvmlDeviceGetCurrPcieLinkWidth": 16,
    "nvmlDeviceGetMaxPcieLinkGeneration": 4,
    "nvmlDeviceGetMaxPcieLinkWidth": 16,
    "nvmlDeviceGetTotalEnergyConsumption": 81_733_120,
    "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=4242, usedGpuMemory=8_800 * MIB)],
}
RTX_5090: dict[str, Any] = {
    **RTX_4070,
    "nvmlDeviceGetName": "NVIDIA GeForce RTX 5090",
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=32_607 * MIB, used=28_915 * MIB, free=3_692 * MIB),
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=99, memory=83),
    "nvmlDeviceGetTemperature": 74,
    "nvmlDeviceGetPowerUsage": 561_204,
    "nvmlDeviceGetEnforcedPowerLimit": 575_000,
    "nvmlDeviceGetClockInfo": {1: 2_520, 2: 14_001},
    "nvmlDeviceGetCurrentClocksThrottleReasons": 0x4,
    "nvmlDeviceGetCurrPcieLinkGeneration": 5,
    "nvmlDeviceGetMaxPcieLinkGeneration": 5,
    "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=4242, usedGpuMemory=27_800 * MIB)],
}
CALLS = ("nvmlInit", "nvmlShutdown", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex", "nvmlSystemGetDriverVersion")
FUNCTIONS = (*CALLS, *RTX_4070)


def scripted_nvml(*cards: dict[str, Any], **changed: Any) -> ModuleType:
    """The bindings over these cards.

    Args:
        cards: What each function answers, by card; an exception is raised, a dictionary is asked by the last argument.
        changed: The same for every card and for `CALLS`: an answer, or an exception to raise.
    """
    nvml = ModuleType("pynvml")
    nvml.NVML_TEMPERATURE_GPU, nvml.NVML_CLOCK_SM, nvml.NVML_CLOCK_MEM = 0, 1, 2  # type: ignore[attr-defined]
    usual: dict[str, Any] = {
        "nvmlInit": None,
        "nvmlShutdown": None,
        "nvmlDeviceGetCount": len(cards),
        "nvmlSystemGetDriverVersion": "580.65.06",
    }

    def function(name: str) -> Any:
        def call(*arguments: Any) -> Any:
            if name in changed:
                answer = changed[name]
            elif name == "nvmlDeviceGetHandleByIndex":
                answer = cards[arguments[0]]
            elif name in usual:
                answer = usual[name]
            else:
                answer = arguments[0][name]
            if isinstance(answer, dict) and name == "nvmlDeviceGetClockInfo":
                answer = answer[arguments[-1]]
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return call

    for name in FUNCTIONS:
        if changed.get(name) is not AttributeError:
            setattr(nvml, name, function(name))
    return nvml
