"""Reads NVIDIA's cards through NVML, its lowest border: whatever a call raises or answers, a reading comes of it.

NVML is a library of the driver on this computer; nobody is asked over the network. A driver may lack a function, a card
may refuse a question, answer nonsense, fall off the bus in the midst of it, or come back later. So every single call is
guarded, every answer must be a number within what such a card can have, and what is not is left out.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Collection, Iterator
from types import ModuleType
from typing import Any

from app.machine.monitor import texts
from app.machine.monitor.values import CardReading

AGAIN_SECONDS = 10.0  # before NVML is opened anew where there was nothing, or all of it failed
MOST_CARDS = 16
MOST_PROCESSES = 10_000
_LONGEST_NAME = 80
_MEMORY = (0, 1 << 50)
_CLOCK = (0, 100_000)
# Of NVML's clock event reasons: those that mean that the card is slower than it could be.
_SLOW = (
    (0x4, texts.POWER_LIMIT),
    (0x8, texts.HARDWARE_LIMIT),
    (0x20, texts.HEAT),
    (0x40, texts.HARDWARE_HEAT),
    (0x80, texts.POWER_SUPPLY),
    (0x200, texts.BOARD_LIMIT),
    (0x400, texts.VOLTAGE_LIMIT),
)


def nvml_bindings() -> ModuleType | None:
    """NVIDIA's bindings, None where they are not installed or do not load."""
    try:
        import pynvml
    except Exception:
        return None
    found: ModuleType = pynvml
    return found


class CardWatch:
    """All cards, looked at again and again; used by one thread.

    Args:
        nvml: The bindings; None where there are none.
        clock: Seconds that never go back.
    """

    def __init__(self, nvml: ModuleType | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._nvml, self._clock = nvml, clock
        self._handles: list[Any] = []
        self._open = False
        self._again = -math.inf
        self.no_card = ""

    def read(self, ours: Collection[int] = ()) -> tuple[CardReading, ...]:
        """All cards, in the driver's order; empty where there is none, and `no_card` says why.

        Args:
            ours: Numbers of Dewpoint's processes.
        """
        if not self._open:
            if self._clock() < self._again:
                return ()
            self._start()
        readings = tuple(self._card(number, handle, ours) for number, handle in enumerate(self._handles))
        if readings and all(reading.trouble for reading in readings):
            self.close()  # the driver was renewed, or the card fell off the bus: begin anew in a while
            self._again = self._clock() + AGAIN_SECONDS
            self.no_card = texts.CARD_SILENT
        return readings

    def close(self) -> None:
        """Let go of NVML."""
        if self._open:
            self._asked("nvmlShutdown")
        self._open, self._handles = False, []

    def _start(self) -> None:
        self._again = self._clock() + AGAIN_SECONDS
        self._handles, self.no_card = [], texts.NO_CARD
        if self._nvml is None or not self._done("nvmlInit"):
            return
        self._open = True
        count = _whole(self._asked("nvmlDeviceGetCount"), 0, 1 << 16) or 0
        handles = (self._asked("nvmlDeviceGetHandleByIndex", number) for number in range(min(count, MOST_CARDS)))
        self._handles = [handle for handle in handles if handle is not None]
        if self._handles:
            self.no_card = ""
        else:
            self.no_card = texts.CARD_SILENT if count else texts.NO_CARD
            self.close()

    def _card(self, number: int, handle: Any, ours: Collection[int]) -> CardReading:
        nvml, asked = self._nvml, self._asked
        memory = asked("nvmlDeviceGetMemoryInfo", handle)
        total = _whole(_field(memory, "total"), 1, _MEMORY[1])
        used = _whole(_field(memory, "used"), 0, total if total is not None else _MEMORY[1])
        sensor = _constant(nvml, "NVML_TEMPERATURE_GPU", 0)
        throttled = _whole(asked("nvmlDeviceGetCurrentClocksThrottleReasons", handle), 0, (1 << 64) - 1)
        reading = CardReading(
            name=_name(asked("nvmlDeviceGetName", handle)) or texts.card_number(number),
            driver=_name(asked("nvmlSystemGetDriverVersion")),
            load=_whole(_field(asked("nvmlDeviceGetUtilizationRates", handle), "gpu"), 0, 100),
            memory_used=used,
            memory_total=total,
            memory_ours=self._ours(handle, ours, total),
            temperature=_whole(asked("nvmlDeviceGetTemperature", handle, sensor), -40, 150),
            power=_thousandth(asked("nvmlDeviceGetPowerUsage", handle), 5_000_000),
            power_limit=_thousandth(asked("nvmlDeviceGetEnforcedPowerLimit", handle), 5_000_000),
            core_clock=_whole(asked("nvmlDeviceGetClockInfo", handle, _constant(nvml, "NVML_CLOCK_SM", 1)), *_CLOCK),
            memory_clock=_whole(asked("nvmlDeviceGetClockInfo", handle, _constant(nvml, "NVML_CLOCK_MEM", 2)), *_CLOCK),
            throttled=None if throttled is None else tuple(text for bit, text in _SLOW if throttled & bit),
            pcie=self._link(handle, "Curr"),
            pcie_most=self._link(handle, "Max"),
            joules=_thousandth(asked("nvmlDeviceGetTotalEnergyConsumption", handle), (1 << 63) - 1),
        )
        told = (reading.load, reading.memory_used, reading.temperature, reading.power, reading.core_clock)
        if any(value is not None for value in told):
            return reading
        return CardReading(reading.name, reading.driver, trouble=texts.CARD_TELLS_NOTHING)

    def _link(self, handle: Any, when: str) -> tuple[int, int] | None:
        generation = _whole(self._asked(f"nvmlDeviceGet{when}PcieLinkGeneration", handle), 1, 10)
        width = _whole(self._asked(f"nvmlDeviceGet{when}PcieLinkWidth", handle), 1, 32)
        return None if generation is None or width is None else (generation, width)

    def _ours(self, handle: Any, ours: Collection[int], total: int | None) -> int | None:
        """Bytes of our processes; Windows' own driver model tells nobody, and then nothing is made up."""
        if not ours or sys.platform == "win32":
            return None
        found = self._asked("nvmlDeviceGetComputeRunningProcesses", handle)
        if not isinstance(found, list | tuple):
            return None
        amounts = []
        for process in found[:MOST_PROCESSES]:
            if _whole(_field(process, "pid"), 0, 1 << 40) in ours:
                amounts.append(_whole(_field(process, "usedGpuMemory"), 0, total or _MEMORY[1]))
        told = [amount for amount in amounts if amount is not None]
        if len(told) < len(amounts):
            return None
        amount = sum(told)
        return amount if total is None or amount <= total else None

    def _asked(self, name: str, *arguments: Any) -> Any:
        """What NVML answers, None where it does not: this card or driver cannot tell, or something went wrong in it."""
        try:
            return getattr(self._nvml, name)(*arguments)
        except Exception:  # any: the bindings raise what ctypes does, too, and no answer is worth the window
            return None

    def _done(self, name: str) -> bool:
        """Whether a call that answers nothing went well."""
        try:
            getattr(self._nvml, name)()
        except Exception:
            return False
        return True


def _field(answer: Any, name: str) -> Any:
    try:
        return getattr(answer, name, None)
    except Exception:
        return None


def _constant(nvml: ModuleType | None, name: str, otherwise: int) -> Any:
    found = _field(nvml, name)
    return found if type(found) is int else otherwise


def _whole(answer: Any, least: int, most: int) -> int | None:
    """A whole number within what can be; NVML's own sign for "not known" is the largest of its type."""
    if type(answer) is not int or not least <= answer <= most:
        return None
    return answer


def _thousandth(answer: Any, most: int) -> float | None:
    found = _whole(answer, 0, most)
    return None if found is None else found / 1000


def _name(answer: Any) -> str:
    """A name in one line; older bindings answer in bytes."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    if not isinstance(text, str):
        return ""
    line = " ".join("".join(_printable(text)).split())
    return line[:_LONGEST_NAME].removeprefix("NVIDIA ").removeprefix("GeForce ")


def _printable(text: str) -> Iterator[str]:
    return (character if character.isprintable() else " " for character in text[: 4 * _LONGEST_NAME])
