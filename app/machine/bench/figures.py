"""From answers to the lines of the table: the median of each quantity, and how far it spreads."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

from app.machine.bench.values import BenchRow, BenchRun, Figure, Side


def figure(values: Iterable[float | None]) -> Figure | None:
    """Median, and the tenth and ninetieth of a hundred, of what is told; None if nothing is."""
    told = [value for value in values if value is not None]
    if not told:
        return None
    if len(told) == 1:
        return Figure(told[0], told[0], told[0])
    tenths = statistics.quantiles(told, n=10, method="inclusive")
    return Figure(statistics.median(told), tenths[0], tenths[-1])


def rows(sides: Sequence[Side]) -> tuple[BenchRow, ...]:
    """A line for each side, preset and length that has answers, in the order in which they were measured."""
    return tuple(_row(side.name, runs) for side in sides for runs in _groups(side.runs))


def _groups(runs: Sequence[BenchRun]) -> Iterable[Sequence[BenchRun]]:
    groups: dict[tuple[str, str], list[BenchRun]] = {}
    for run in runs:
        groups.setdefault((run.preset, run.length), []).append(run)
    return groups.values()


def _row(side: str, runs: Sequence[BenchRun]) -> BenchRow:
    def of(read: Callable[[BenchRun], float | None]) -> Figure | None:
        return figure(read(run) for run in runs)

    return BenchRow(
        side=side,
        preset=runs[0].preset,
        length=runs[0].length,
        answers=len(runs),
        tokens=of(lambda run: run.tokens),
        first_draft=of(lambda run: run.first_draft),
        first_block=of(lambda run: run.first_block),
        wall_rate=of(lambda run: _rate(run.tokens, run.wall_seconds)),
        decode_rate=of(lambda run: _rate(run.tokens, run.decode_seconds)),
        steps=figure(step for run in runs for step in run.steps),
        joules=of(lambda run: run.joules / len(run.steps) if run.joules is not None and run.steps else None),
        peak_share=of(lambda run: run.peak_share),
        memory_share=of(lambda run: run.memory_share),
    )


def _rate(tokens: int | None, seconds: float | None) -> float | None:
    """None also for an answer of no token: it says nothing about how fast tokens come."""
    return tokens / seconds if tokens and seconds else None
