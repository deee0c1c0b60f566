"""The report of a benchmark: Markdown for people and forums, JSON for programs (docs/bench.schema.json)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from app.base import units
from app.machine import texts as machine_texts
from app.machine.bench import texts
from app.machine.bench.figures import figure
from app.machine.bench.others import DISTURBED
from app.machine.bench.values import FORMAT, LENGTHS, BenchComputer, BenchReport, BenchRow, Figure, Side

Say = Callable[[float], str]


def markdown(report: BenchReport) -> str:
    """A table and what it was measured on; what a server or a model calls itself cannot break the table."""
    plan = report.plan
    lines = [f"**{texts.TITLE}: {_cell(report.model)}**", ""]
    lines += [f"{texts.COMPUTER}: {computer_line(report.computer)}", ""]
    lines += [*(_line(texts.COLUMNS), _line(["---"] * len(texts.COLUMNS)))]
    lines += [_line(row_cells(row)) for row in report.rows]
    lines += ["", texts.HOW, texts.plan_line(plan.prompts, plan.seeds, report.version, report.when)]
    early = ended_early(report.rows)
    if early:
        lines.append(texts.SHORT_ANSWERS.format(names=", ".join(early)))
    lines += ["", *(f"- {_cell(line)}" for line in side_lines(report.sides))]
    if report.stopped:
        lines += ["", texts.STOPPED]
    return "\n".join(lines)


def as_object(report: BenchReport) -> dict[str, Any]:
    """The same as plain values for JSON; rates are per second, times in seconds, sizes in bytes."""
    return {"format": FORMAT, **_plain(dataclasses.asdict(report))}


def row_cells(row: BenchRow) -> tuple[str, ...]:
    """What stands in a line of the table."""
    return _cells(row, _shown)


def narrow_cells(row: BenchRow) -> tuple[str, ...]:
    """The same for a window: in each the median, and below it from where to where."""
    return _cells(row, _shown_below)


def _cells(row: BenchRow, show: Callable[[Figure | None, Say], str]) -> tuple[str, ...]:
    return (
        row.side, row.preset, row.length, show(row.wall_rate, _rate), show(row.first_draft, _seconds),
        show(row.first_block, _seconds), show(row.tokens, _whole), show(row.steps, _whole),
    )  # fmt: skip


def computer_line(computer: BenchComputer) -> str:
    """What was measured on."""
    cards = ", ".join(computer.cards)
    named = f"{cards}, driver {computer.driver}" if cards and computer.driver else cards or texts.NO_CARD
    cores, memory = texts.cores(computer.cores), units.memory(computer.memory)
    return ", ".join(part for part in (computer.processor, cores, memory, named, computer.system) if part)


def side_lines(sides: Sequence[Side]) -> list[str]:
    """Who answered, and who did not and why."""
    lines = []
    for side in sides:
        loading = texts.loaded_in(side.load_seconds) if side.load_seconds is not None else ""
        memory = ", ".join(
            say(units.gibibytes(amount, 2))
            for amount, say in ((side.memory, texts.memory_peak), (side.card_memory, texts.card_peak))
            if amount is not None
        )
        line = texts.side_line(side.name, side.model, (side.device, loading, memory, *_use(side)))
        lines.append(f"{line}. {side.trouble}" if side.trouble else line)
    return lines


def _use(side: Side) -> Iterator[str]:
    """How much its steps made use of, median of all answers; its energy; and whether others disturbed it."""
    for shares, say in (
        ((run.peak_share for run in side.runs), machine_texts.of_peak),
        ((run.memory_share for run in side.runs), machine_texts.of_memory),
    ):
        share = figure(shares)
        if share is not None:
            yield say(100 * share.median)
    if side.joules_a_block is not None:
        yield texts.joules_a_block(_rate(side.joules_a_block))
    if side.others is not None and side.others >= DISTURBED:
        yield texts.disturbed(100 * side.others)


def ended_early(rows: Sequence[BenchRow]) -> list[str]:
    """Sides and lengths where the model ended its answers long before the limit."""
    most = {length.name: length.tokens for length in LENGTHS}
    return [
        f"{row.side} {row.preset} {row.length}"
        for row in rows
        if row.length != LENGTHS[0].name and row.tokens is not None and row.tokens.median < 0.8 * most[row.length]
    ]


def _shown(figure: Figure | None, say: Say) -> str:
    if figure is None:
        return texts.NOT_TOLD
    middle, low, high = say(figure.median), say(figure.low), say(figure.high)
    if low == middle == high:
        return middle
    (short, unit), ends = _parted(middle), (_parted(low), _parted(high))
    if all(each == unit for _, each in ends):  # it is said once
        return f"{short} ({ends[0][0]} to {ends[1][0]}) {unit}".rstrip()
    return f"{middle} ({low} to {high})"


def _shown_below(figure: Figure | None, say: Say) -> str:
    if figure is None:
        return texts.NOT_TOLD
    middle, low, high = say(figure.median), say(figure.low), say(figure.high)
    if low == middle == high:
        return middle
    number, unit = _parted(low)
    return f"{middle}\n{number if unit == _parted(high)[1] else low} to {high}"


def _parted(text: str) -> tuple[str, str]:
    """A number and its unit, which may be none."""
    number, _, unit = text.partition(" ")
    return number, unit


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _seconds(value: float) -> str:
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def _rate(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _plain(value: Any) -> Any:
    """Tuples as lists, and seconds to the microsecond: more than that is noise."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value
