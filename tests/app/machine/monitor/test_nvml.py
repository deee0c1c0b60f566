"""Cards through NVML, replaced at its lowest border by answers as cards give them and by broken ones."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from app.machine.monitor import nvml as border
from app.machine.monitor import texts
from app.machine.monitor.nvml import AGAIN_SECONDS, CardWatch
from app.machine.monitor.values import CardReading
from tests.helpers.scripted_nvml import FUNCTIONS, MIB, RTX_4070, RTX_5090, ScriptedError, scripted_nvml

OURS = (4242,)
LOST = ScriptedError(15)
NOT_SUPPORTED = ScriptedError(3)


def read(*cards: dict[str, Any], **changed: Any) -> tuple[CardReading, ...]:
    """One look at these cards."""
    return CardWatch(scripted_nvml(*cards, **changed)).read(OURS)


def test_a_card_as_it_tells_itself() -> None:
    (card,) = read(RTX_4070)
    assert card == CardReading(
        "RTX 4070", "580.65.06", 97, 9_412 * MIB, 12_282 * MIB, 8_800 * MIB, 66, 187.432, 200.0, 2_745, 10_251, (),
        (4, 16), (4, 16), 81_733.12,
    )  # fmt: skip


def test_two_cards_and_what_slows_one_down() -> None:
    first, second = read(RTX_4070, RTX_5090)
    assert (first.name, second.name) == ("RTX 4070", "RTX 5090")
    assert second.throttled == (texts.POWER_LIMIT,)
    assert second.pcie == (5, 16)


def test_on_windows_nobody_tells_our_share_and_none_is_invented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(border.sys, "platform", "win32")
    assert read(RTX_4070)[0].memory_ours is None


ERRORS = (ScriptedError(), NOT_SUPPORTED, LOST, OSError("gone"), TypeError("odd"), RuntimeError("a"), ValueError("b"))
NONSENSE = (
    None, -1, 1 << 70, 2**64 - 1, "97", b"97", 3.5, float("nan"), float("inf"), True, [], {}, object(),
    SimpleNamespace(), SimpleNamespace(gpu="much", total=-1, used=None), "\x00\u202e" * 500, b"\xff\xfe",
)  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_may_fail_in_every_way(name: str) -> None:
    """In its turn: no exception escapes, and what the others tell is there."""
    for error in ERRORS:
        found = read(RTX_4070, RTX_5090, **{name: error})
        if name.startswith("nvmlDeviceGet") and name not in ("nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"):
            assert [card.driver for card in found] == ["580.65.06"] * 2
            assert not any(card.trouble for card in found)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_may_answer_nonsense_or_be_missing(name: str) -> None:
    for answer in (*NONSENSE, AttributeError):
        for card in read(RTX_4070, RTX_5090, **{name: answer}):
            check(card)


def check(card: CardReading) -> None:
    """Nothing but what a card can have."""
    for value, most in (
        (card.load, 100), (card.temperature, 150), (card.power, 5000), (card.core_clock, 100_000),
        (card.memory_used, card.memory_total or 1 << 50), (card.memory_ours, card.memory_total or 1 << 50),
    ):  # fmt: skip
        assert value is None or (type(value) in (int, float) and value <= most)
    assert card.name.isprintable()
    assert len(card.name) <= 80


def test_any_two_functions_may_fail_at_once() -> None:
    for one, other in itertools.combinations(FUNCTIONS, 2):
        for card in read(RTX_4070, **{one: LOST, other: None}):
            check(card)


def test_without_bindings_or_cards_it_says_so() -> None:
    for watch in (CardWatch(None), CardWatch(scripted_nvml()), CardWatch(scripted_nvml(nvmlInit=ScriptedError(12)))):
        assert watch.read() == ()
        assert watch.no_card == texts.NO_CARD


def test_a_driver_that_counts_cards_and_shows_none_is_silent() -> None:
    watch = CardWatch(scripted_nvml(RTX_4070, nvmlDeviceGetHandleByIndex=LOST))
    assert watch.read() == ()
    assert watch.no_card == texts.CARD_SILENT


def test_a_card_that_falls_off_the_bus_is_looked_for_again_and_not_every_second() -> None:
    now = [0.0]
    card = dict(RTX_4070)
    nvml = scripted_nvml(card)
    started = []
    init = nvml.nvmlInit
    nvml.nvmlInit = lambda: started.append(now[0]) or init()  # type: ignore[attr-defined, func-returns-value]
    watch = CardWatch(nvml, lambda: now[0])
    assert watch.read()[0].load == 97
    card.update({name: LOST for name in RTX_4070 if name != "nvmlDeviceGetName"})
    (silent,) = watch.read()
    assert (silent.name, silent.trouble) == ("RTX 4070", texts.CARD_TELLS_NOTHING)
    card.update(RTX_4070)
    for second in range(1, int(AGAIN_SECONDS)):
        now[0] = float(second)
        assert watch.read() == ()
        assert watch.no_card == texts.CARD_SILENT
    now[0] = AGAIN_SECONDS
    assert watch.read()[0].load == 97
    assert watch.no_card == ""
    assert started == [0.0, AGAIN_SECONDS]


def test_shared_memory_of_processes_is_summed_within_what_there_is() -> None:
    def ours(*amounts: object) -> int | None:
        processes = [SimpleNamespace(pid=4242, usedGpuMemory=amount) for amount in amounts]
        return read({**RTX_4070, "nvmlDeviceGetComputeRunningProcesses": processes})[0].memory_ours

    assert ours(MIB, MIB) == 2 * MIB
    assert ours() == 0
    assert ours(None) is None
    assert ours(20_000 * MIB) is None
    assert ours(12_000 * MIB, 12_000 * MIB) is None
