"""Shares of what the processor and a card can do, from the events of an answer."""

from __future__ import annotations

import pytest

from app.machine.use import StepUse
from inference.events import BlockCommitted, CardReads, Int8Work, PromptEncoded

WORK = Int8Work(place=1000.0, seen=2.0, sliding=4.0, window=100)
CARD = CardReads(weights=15 * 10**9, rate=900e9)


def prompt(tokens: int) -> PromptEncoded:
    """A question of so many tokens."""
    return PromptEncoded(tokens, tokens, 0, 0, 0.1)


def block(places: int, *seconds: float) -> BlockCommitted:
    """A committed canvas, and what its steps took."""
    return BlockCommitted(
        0, (0,) * places, "x", "", len(seconds), 48, True, (0.0,) * places, (1,) * places, 1.0, step_seconds=seconds
    )


def test_operations_of_a_step_are_those_of_its_places_and_of_what_they_see() -> None:
    assert WORK.operations(10, 0) == 10 * (1000 + 2 * 10 + 4 * 10)
    assert WORK.operations(10, 300) == 10 * (1000 + 2 * 310 + 4 * 110)  # sliding layers see their window


def test_the_share_is_of_all_steps_and_each_block_stands_behind_those_before_it() -> None:
    use = StepUse(WORK, peak=1e6)
    use.take(prompt(300))
    use.take(block(10, 0.1, 0.3))
    use.take(block(20, 0.2))
    operations = 2 * WORK.operations(10, 300) + WORK.operations(20, 310)
    assert use.peak_share == pytest.approx(operations / 0.6 / 1e6)
    assert (use.memory_share, use.unmeasured) == (None, False)


def test_a_card_reads_its_weights_in_every_step() -> None:
    use = StepUse(CARD, peak=1e6)
    use.take(prompt(8000))
    use.take(block(256, 0.02, 0.02))
    assert use.memory_share == pytest.approx(15 / 0.02 / 900)
    assert (use.peak_share, use.unmeasured) == (None, False)


def test_what_nobody_measured_is_not_said() -> None:
    for use in (StepUse(WORK), StepUse(CardReads(1, 0.0), 1e6), StepUse(None, 1e6)):
        use.take(prompt(3))
        use.take(block(10, 0.1))
        assert (use.peak_share, use.memory_share) == (None, None)
        assert use.unmeasured == (use.work is WORK)
    assert not StepUse(WORK).unmeasured, "there is no step yet"


def test_what_cannot_be_is_not_said_and_a_little_too_much_is_all_of_it() -> None:
    for seconds, share in ((0.001, None), (CARD.weights / CARD.rate / 1.05, 1.0)):
        use = StepUse(CARD)
        use.take(block(256, seconds))
        assert use.memory_share == share
