"""Forty states of a machine, a line each: what NVML, the system and answers tell, and what the monitor says then."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from app.machine.monitor import texts
from app.machine.monitor.history import LastMinute
from app.machine.monitor.nvml import CardWatch
from app.machine.monitor.shown import card_lines, head, speed_lines, system_lines
from app.machine.monitor.values import SAMPLES, CardReading, Reading, SpeedReading, SystemReading
from tests.helpers.scripted_nvml import MIB, RTX_4070, RTX_5090, ScriptedError, scripted_nvml

GIB = 1 << 30
REFUSED = ScriptedError(3)
LOST = dict.fromkeys(RTX_4070, ScriptedError(15))


def without(card: dict[str, Any], *names: str) -> dict[str, Any]:
    """A card that refuses some questions."""
    return {**card, **{f"nvmlDeviceGet{name}": REFUSED for name in names}}


def memory(used: int, total: int = 12_282) -> dict[str, Any]:
    """A card with so much memory in use, in MiB."""
    return {**RTX_4070, "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=total * MIB, used=used * MIB, free=0)}


def slow(bits: int) -> dict[str, Any]:
    """A card with these reasons."""
    return {**RTX_4070, "nvmlDeviceGetCurrentClocksThrottleReasons": bits}


@dataclass(frozen=True)
class State:
    """One state.

    Attributes:
        name: What is the matter.
        cards: Of NVML.
        says: What is said, in any line.
        silent: What is not said.
        changed: Functions of NVML that answer something else.
        system: The rest.
        speed: Of the newest answer.
    """

    name: str
    cards: tuple[dict[str, Any], ...] = ()
    says: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    changed: dict[str, Any] = field(default_factory=dict)
    system: SystemReading = SystemReading()  # noqa: RUF009
    speed: SpeedReading = SpeedReading()  # noqa: RUF009


STATES = (
    State("a card at work", (RTX_4070,), ("RTX 4070", "97 %", "9.2 of 12.0 GiB", "66 °C", "187 of 200 W", "2,745 MHz")),
    State("the largest card", (RTX_5090,),
          ("RTX 5090", "28.2 of 31.8 GiB", "PCIe 5.0 x16", "slowed down by its limit of power")),
    State("two cards", (RTX_4070, RTX_5090), ("RTX 4070", "RTX 5090")),
    State("no card", (), (texts.NO_CARD,), ("°C",)),
    State("no driver", (), (texts.NO_CARD,), changed={"nvmlInit": ScriptedError(9)}),
    State("no library", (), (texts.NO_CARD,), changed={"nvmlInit": ScriptedError(12)}),
    State("driver renewed", (RTX_4070,), (texts.NO_CARD,), changed={"nvmlInit": ScriptedError(18)}),
    State("no right to the card", (RTX_4070,), (texts.CARD_SILENT,),
          changed={"nvmlDeviceGetHandleByIndex": ScriptedError(4)}),
    State("card lost", (LOST,), (texts.CARD_TELLS_NOTHING, "Card 0"), ("%",)),
    State("one of two lost", (LOST, RTX_5090), ("RTX 5090", texts.CARD_TELLS_NOTHING)),
    State("laptop without power", (without(RTX_4070, "PowerUsage", "EnforcedPowerLimit"),), ("66 °C",), (" W",)),
    State("no limit of power", (without(RTX_4070, "EnforcedPowerLimit"),), ("187 W",), ("of 200 W",)),
    State("no temperature", (without(RTX_4070, "Temperature"),), ("97 %",), ("°C",)),
    State("no load (virtual card)", (without(RTX_4070, "UtilizationRates"),), ("66 °C",), ("97 %",)),
    State("no memory (unified)", (without(RTX_4070, "MemoryInfo"),), ("97 %",), ("GiB by",)),
    State("no clocks", (without(RTX_4070, "ClockInfo"),), ("97 %",), ("MHz",)),
    State("no bus", (without(RTX_4070, "CurrPcieLinkWidth"),), ("97 %",), ("PCIe",)),
    State("no reasons", (without(RTX_4070, "CurrentClocksThrottleReasons"),), ("97 %",), ("slow",)),
    State("no processes", (without(RTX_4070, "ComputeRunningProcesses"),), ("9.2 of 12.0 GiB",), ("by Dewpoint",)),
    State("our share", (RTX_4070,), ("8.6 GiB by Dewpoint",)),
    State("narrow slot", ({**RTX_4070, "nvmlDeviceGetCurrPcieLinkWidth": 4},),
          ("PCIe 4.0 x4", "could be PCIe 4.0 x16")),
    State("sleeping bus", ({**RTX_4070, "nvmlDeviceGetCurrPcieLinkGeneration": 1},), ("PCIe 1.0 x16",)),
    State("idle", (slow(0x1),), ("not slowed down",), ("slowed down by",)),
    State("too hot", (slow(0x20),), ("slowed down by its temperature",)),
    State("hot and limited", (slow(0x44),), ("its limit of power, its temperature (hardware)",)),
    State("weak supply", (slow(0x80),), ("the power supply",)),
    State("user's clocks", (slow(0x2),), ("not slowed down",), ("slowed down by",)),
    State("memory full", (memory(12_282),), ("12.0 of 12.0 GiB",)),
    State("memory empty", (memory(0),), ("0.0 of 12.0 GiB",)),
    State("more used than there is", (memory(20_000),), ("97 %",), ("20.",)),
    State("load above all", ({**RTX_4070, "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=250)},),
          ("66 °C",), ("250",)),
    State("fire", ({**RTX_4070, "nvmlDeviceGetTemperature": 4_294_967_295},), ("97 %",), ("4,294", "°C")),
    State("a name with HTML", ({**RTX_4070, "nvmlDeviceGetName": "<b>RTX</b>\n9"},), ("<b>RTX</b> 9",)),
    State("a name in bytes", ({**RTX_4070, "nvmlDeviceGetName": b"NVIDIA RTX A2000"},), ("RTX A2000",)),
    State("nothing of the system", (), (texts.NO_CARD,), ("GiB",)),
    State("a busy processor", system=SystemReading(load=100.0, load_ours=49.6), says=("100 %", "50 % by Dewpoint")),
    State("memory nearly full", system=SystemReading(memory_used=31 * GIB, memory_total=32 * GIB, memory_ours=20 * GIB),
          says=("31.0 of 32.0 GiB", "20.0 GiB by Dewpoint")),
    State("disk full", system=SystemReading(disk_free=0, disk_total=10**12), says=("0 MB free of 1,000.0 GB",)),
    State("no answer yet", says=(texts.NO_ANSWER,)),
    State("in the midst of an answer",
          speed=SpeedReading(1, 0.0132, 0.0151, 14.0, parts=((texts.MODEL, 0.18), (texts.HOST, 0.02))),
          says=("13.2 ms", "15.1 ms", "14", texts.MODEL), silent=("tokens/s",)),
    State("an answer", speed=SpeedReading(2, 0.5, 1.25, 20.5, 180.0, 0.703, 12.3, 15.1, joules=310.4),
          says=("500 ms", "1.25 s", "20.5", "180", "70 %", "310 J",
                "12 tokens/s of the whole answer, 15 tokens/s while denoising")),
)  # fmt: skip


def test_there_are_forty() -> None:
    assert len(STATES) >= 40
    assert len({state.name for state in STATES}) == len(STATES)


@pytest.mark.parametrize("state", STATES, ids=[state.name for state in STATES])
def test_what_is_said(state: State) -> None:
    watch = CardWatch(scripted_nvml(*state.cards, **state.changed))
    reading = Reading(watch.read((4242,)), watch.no_card, state.system, 0.0)
    lines = [head(reading), *system_lines(reading.system), *speed_lines(state.speed)]
    for card in reading.cards:
        lines += [(card.name, ""), *card_lines(card)]
    text = "\n".join(line if isinstance(line, str) else f"{line[0]}: {line[1]}" for line in lines)
    assert [part for part in state.says if part not in text] == [], text
    assert [part for part in state.silent if part in text] == [], text


def test_a_series_is_a_minute_long_and_has_gaps_where_nothing_was_told() -> None:
    minute = LastMinute()
    for second in range(3 * SAMPLES):
        load = None if second % 2 else float(second)
        minute.add(Reading((), "", SystemReading(load=load), float(second)))
    assert len(minute.series("load")) == SAMPLES
    assert minute.series("load")[-2:] == (float(3 * SAMPLES - 2), None)
    assert minute.series("card 0 load") == ()
    minute.add(Reading((CardReading("a", load=50),), "", SystemReading(), 0.0))
    assert minute.series("card 0 load") == (50.0,)
    minute.clear()
    assert minute.series("load") == ()
