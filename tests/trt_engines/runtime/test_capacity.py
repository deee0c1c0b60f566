"""Slots an expert: enough, forgotten when they are not needed any more, apart for prompts and canvases, coarse."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trt_engines.runtime.capacity import REMEMBERED, Capacity


def passed(capacity: Capacity, load: int, count: int, denoising: bool) -> int:
    """A pass, again until its load fits; the slots that sufficed."""
    for _ in range(3):
        slots = capacity.for_tokens(count, denoising)
        if capacity.sufficed(load, slots, count, denoising):
            return slots
    raise AssertionError("it does not come to an end")


def test_a_prompts_load_is_no_canvass() -> None:
    """A prompt of 512 tokens with a load of 300 once made every later canvas have 256 slots."""
    capacity = Capacity(128, 8)
    assert passed(capacity, 300, 512, denoising=False) >= 300
    assert capacity.for_tokens(256, denoising=True) == 24
    assert capacity.for_tokens(20, denoising=False) == 8
    passed(capacity, 20, 20, denoising=False)  # one token twenty times, say
    assert capacity.for_tokens(512, denoising=False) <= 352


def test_what_is_not_needed_any_more_is_forgotten() -> None:
    capacity = Capacity(128, 8)
    assert passed(capacity, 150, 256, denoising=True) >= 150
    slots = [passed(capacity, 20, 256, denoising=True) for _ in range(REMEMBERED + 1)]
    assert slots[0] >= 150
    assert slots[-1] == 24
    assert capacity.reruns == 1


def test_there_are_few_shapes() -> None:
    sizes = set()
    for load in range(1, 257):
        capacity = Capacity(128, 8)
        sizes.add(passed(capacity, load, 256, denoising=True))
    assert len(sizes) <= 14
    assert max(sizes) == 256


@given(
    st.integers(1, 200), st.integers(1, 8), st.lists(st.tuples(st.integers(1, 600), st.booleans(), st.floats(0, 1))),
)  # fmt: skip
def test_every_load_fits_at_the_second_try(experts: int, top_k: int, passes: list[tuple[int, bool, float]]) -> None:
    capacity = Capacity(experts, top_k)
    for count, denoising, share in passes:
        load, before = max(1, int(share * count)), capacity.reruns
        assert load <= passed(capacity, load, count, denoising) <= count
        assert capacity.reruns <= before + 1
