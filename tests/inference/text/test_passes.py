"""Where passes begin: what is read anew is read by the same ones."""

from __future__ import annotations

import random

from inference.text.passes import Passes


def test_what_is_gone_is_read_by_the_same_passes() -> None:
    chance = random.Random(5)
    for _ in range(300):
        passes, end = Passes(), chance.randint(1, 40)
        begin = chance.randint(0, end)
        made = list(passes.parts(begin, end, 10))
        for _ in range(chance.randint(1, 6)):
            place, grown = chance.randint(0, end), end + chance.randint(0, 12)
            kept = passes.kept(place)
            assert kept <= place
            again = list(passes.parts(kept, grown, 10))
            assert [b - a for a, b in again] == [min(10, b - a) for a, b in again]
            assert [a for a, _ in again[1:]] == [b for _, b in again[:-1]]
            assert not again or (again[0][0], again[-1][1]) == (kept, grown)
            assert [part for part in again if begin <= part[0] < end] == [part for part in made if part[0] >= kept]
            made += [part for part in again if part[0] >= end]
            end = max(end, grown)


def test_a_whole_context_stays() -> None:
    passes = Passes()
    assert list(passes.parts(3, 25, 10)) == [(3, 13), (13, 23), (23, 25)]
    assert [passes.kept(place) for place in (25, 30, 24, 23, 14, 3, 2, 0)] == [25, 30, 23, 23, 13, 3, 2, 0]
    assert list(passes.parts(25, 25, 10)) == []
