"""What the monitor says of each value, as pairs of a name and a text; what nobody tells has no line."""

from __future__ import annotations

from collections.abc import Iterator

from app.base import units
from app.machine import texts as machine_texts
from app.machine.monitor import texts
from app.machine.monitor.values import CardReading, Reading, SpeedReading, SystemReading

Line = tuple[str, str]


def head(reading: Reading) -> str:
    """What there is to say before all figures; "" where a card answers."""
    return "" if reading.cards else reading.no_card


def card_lines(card: CardReading) -> tuple[Line, ...]:
    """Of one card, below its name."""
    return tuple(_card_lines(card))


def system_lines(system: SystemReading) -> tuple[Line, ...]:
    """Of the rest of the computer."""
    return tuple(_system_lines(system))


def speed_lines(speed: SpeedReading) -> tuple[Line, ...]:
    """Of the newest answer; one line that says so where there was none."""
    return tuple(_speed_lines(speed)) or ((texts.ANSWER, texts.NO_ANSWER),)


def _card_lines(card: CardReading) -> Iterator[Line]:
    if card.trouble:
        yield texts.STATE, card.trouble
        return
    if card.load is not None:
        yield texts.LOAD, f"{card.load} %"
    if card.memory_used is not None and card.memory_total is not None:
        ours = texts.by_us(_gib(card.memory_ours)) if card.memory_ours is not None else ""
        yield texts.MEMORY, f"{_of(card.memory_used, card.memory_total)}{ours}"
    if card.temperature is not None:
        yield texts.TEMPERATURE, f"{card.temperature} °C"
    if card.power is not None:
        limit = f" of {card.power_limit:.0f}" if card.power_limit is not None else ""
        yield texts.POWER, f"{card.power:.0f}{limit} W"
    if card.core_clock is not None:
        memory = texts.and_memory(card.memory_clock) if card.memory_clock is not None else ""
        yield texts.CLOCK, f"{card.core_clock:,} MHz{memory}"
    if card.throttled is not None:
        yield texts.SPEED, texts.slowed_by(card.throttled) if card.throttled else texts.FULL_SPEED
    if card.pcie is not None:
        could = card.pcie_most if card.pcie_most is not None and card.pcie[1] < card.pcie_most[1] else None
        yield texts.BUS, texts.link(*card.pcie) + (texts.could_be(texts.link(*could)) if could is not None else "")
    if card.driver:
        yield texts.DRIVER, card.driver


def _system_lines(system: SystemReading) -> Iterator[Line]:
    if system.load is not None:
        ours = texts.by_us(f"{system.load_ours:.0f} %") if system.load_ours is not None else ""
        yield texts.PROCESSOR, f"{system.load:.0f} %{ours}"
    if system.memory_used is not None and system.memory_total is not None:
        ours = texts.by_us(_gib(system.memory_ours)) if system.memory_ours is not None else ""
        yield texts.MEMORY, f"{_of(system.memory_used, system.memory_total)}{ours}"
    if system.disk_free is not None and system.disk_total is not None:
        yield texts.DISK, texts.free_of(units.size(system.disk_free), units.size(system.disk_total))


def _speed_lines(speed: SpeedReading) -> Iterator[Line]:
    if speed.step_median is not None:
        slow = texts.most_within(_time(speed.step_slow)) if speed.step_slow is not None else ""
        yield texts.STEP, f"{_time(speed.step_median)}{slow}"
    if speed.steps_a_block is not None:
        yield texts.BLOCK, texts.steps_and_tokens(speed.blocks, speed.steps_a_block, speed.tokens_a_block)
    if speed.useful_share is not None:
        yield texts.USEFUL, texts.of_canvas(100 * speed.useful_share)
    if speed.wall_rate is not None and speed.decode_rate is not None:
        yield texts.RATE, texts.rates(units.token_rate(speed.wall_rate), units.token_rate(speed.decode_rate))
    if speed.parts:
        yield texts.PARTS, ", ".join(f"{name} {_time(seconds)}" for name, seconds in speed.parts)
    if speed.peak_share is not None:
        yield texts.USE, machine_texts.of_peak(100 * speed.peak_share)
    elif speed.unmeasured:
        yield texts.USE, texts.PEAK_UNKNOWN
    if speed.memory_share is not None:
        yield texts.USE, machine_texts.of_memory(100 * speed.memory_share)
    if speed.joules is not None:
        yield texts.ENERGY, texts.joules_a_block(speed.joules)


def _of(used: int, total: int) -> str:
    return f"{units.gibibytes(used).removesuffix(' GiB')} of {_gib(total)}"


def _gib(amount: int | None) -> str:
    return units.gibibytes(amount or 0)


def _time(seconds: float | None) -> str:
    value = seconds or 0.0
    if value < 0.1:
        return f"{1000 * value:.1f} ms"
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.2f} s"
