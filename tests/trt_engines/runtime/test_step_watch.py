"""Steps that become slow for good, as where Windows moves a card's memory away; single slow ones do not count."""

from __future__ import annotations

import pytest

from trt_engines.planning.margins import LEAST_SPARE, planned_share, spare_bytes, spills
from trt_engines.runtime.step_watch import IN_A_ROW, JUMP, USUAL, StepWatch


def told(seconds: list[float]) -> list[int]:
    """At which of these steps memory would be given back."""
    watch = StepWatch()
    return [number for number, each in enumerate(seconds) if watch.note(each)]


@pytest.mark.parametrize(
    ("seconds", "where"),
    [
        ([0.1] * 40, []),
        ([0.1] * USUAL + [0.1 * JUMP * 1.1] * 10, [USUAL + IN_A_ROW - 1]),  # once: then this is usual
        ([0.1] * USUAL + [5.0, 0.1] * 20, []),  # kernels that are compiled
        ([5.0, 0.1, 0.1] * 10, []),
        ([0.1 * 1.05**number for number in range(60)], []),  # a chat that grows
        ([0.1] * 20 + [1.0] * 20 + [10.0] * 20, [22, 42]),
    ],
)
def test_only_lasting_jumps_count(seconds: list[float], where: list[int]) -> None:
    assert told(seconds) == where


def test_what_was_usual_is_forgotten_when_weights_move() -> None:
    watch = StepWatch()
    for _ in range(USUAL):
        watch.note(0.1)
    watch.forget()
    assert not any(watch.note(1.0) for _ in range(20))


def test_margins() -> None:
    """8 to 10 % on Windows, which does not say that memory ran out."""
    assert spills("win32")
    assert not spills("linux")
    assert planned_share("win32") == pytest.approx(0.90)
    assert planned_share("linux") == pytest.approx(0.92)
    for total in (8 << 30, 24 << 30):
        assert 0.08 * total < spare_bytes(total, "win32") < 0.1 * total
        assert spare_bytes(total, "linux") == LEAST_SPARE
