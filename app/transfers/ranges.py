"""Which bytes of a file are there: sorted, disjoint, non-touching spans [start, end)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]


class Spans:
    """A set of byte positions, kept as few spans."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self.total = 0
        for start, end in spans:
            self.add(start, end)

    def __iter__(self) -> Iterator[Span]:
        return iter(list(zip(self._starts, self._ends, strict=True)))

    def add(self, start: int, end: int) -> None:
        """Take in [start, end), whatever of it is there already.

        Raises:
            ValueError: The span is no span.
        """
        if start < 0 or end < start:
            raise ValueError(f"[{start}, {end}) is no span")
        if start == end:
            return
        first = bisect_left(self._ends, start)  # the first that touches or lies behind
        last = bisect_right(self._starts, end)  # the first that lies behind without touching
        if first < last:
            self.total -= sum(self._ends[i] - self._starts[i] for i in range(first, last))
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        self.total += end - start

    def prefix(self) -> int:
        """Bytes that are there from the file's start on without a gap."""
        return self._ends[0] if self._starts and self._starts[0] == 0 else 0

    def missing(self, start: int, end: int) -> Iterator[Span]:
        """The spans of [start, end) that are not there, in order."""
        for index in range(bisect_right(self._ends, start), len(self._starts)):
            if self._starts[index] >= end:
                break
            if start < self._starts[index]:
                yield start, self._starts[index]
            start = self._ends[index]
        if start < end:
            yield start, end
