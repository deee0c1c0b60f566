"""Where the passes began that read an answer's context.

An answer that waited while others were written may find its keys and values gone, and reads them anew. A pass over
other parts of the same tokens may round otherwise; over the same parts it gives the same bits.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator


class Passes:
    """The passes of one answer."""

    def __init__(self) -> None:
        """None yet."""
        self._starts: list[int] = []
        self._end = 0

    def kept(self, place: int) -> int:
        """How much of a context whose first `place` tokens are still read can stay: up to the beginning of a pass."""
        number = bisect_right(self._starts, place)
        return place if place >= self._end or number == 0 else self._starts[number - 1]

    def parts(self, begin: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
        """What is read by one pass each, from a place to an end: as before, and from there on in parts of `longest`."""
        while begin < end:
            number = bisect_right(self._starts, begin)
            if number == 0 or self._starts[number - 1] != begin:
                insort(self._starts, begin)
                number += 1
            before = self._starts[number : number + 1] or ([self._end] if begin < self._end else [])
            stop = min(begin + longest, end, *before)
            yield begin, stop
            begin = stop
        self._end = max(self._end, end)
