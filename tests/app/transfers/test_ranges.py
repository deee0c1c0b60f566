"""Spans behave as the sets of positions that they stand for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.transfers.ranges import Spans

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda pair: (pair[0], sum(pair))), max_size=12)


def positions(spans: list[tuple[int, int]]) -> set[int]:
    return {position for start, end in spans for position in range(start, end)}


@given(SPANS)
def test_spans_are_the_union_of_what_was_added(added: list[tuple[int, int]]) -> None:
    spans = Spans(added)
    found = list(spans)
    assert positions(found) == positions(added)
    assert spans.total == len(positions(added))
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(found)), "sorted, with gaps between"


@given(SPANS, st.integers(0, 80), st.integers(0, 80))
def test_what_is_missing_is_the_complement(added: list[tuple[int, int]], start: int, end: int) -> None:
    missing = list(Spans(added).missing(start, end))
    assert positions(missing) == set(range(start, end)) - positions(added)
    assert all(first < last for first, last in missing)
    assert missing == sorted(missing)


@given(SPANS)
def test_the_prefix_ends_at_the_first_gap(added: list[tuple[int, int]]) -> None:
    there, prefix = positions(added), Spans(added).prefix()
    assert set(range(prefix)) <= there
    assert prefix not in there


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 2)])
def test_no_span(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="is no span"):
        Spans().add(start, end)
