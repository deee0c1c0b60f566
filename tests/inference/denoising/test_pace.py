"""Time between drafts, and the rest after each step of the quiet mode."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from inference import session as session_module
from inference.backends.base import CancelFlag
from inference.denoising.pace import NOISE_SECONDS, Pace
from inference.events import DraftUpdated, Finished
from inference.opening import open_session
from inference.params import ChatTurn, GenerationRequest


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self.at_sleep: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.slept.append(seconds)
        self.now += seconds
        self.at_sleep()


@pytest.mark.parametrize(("rest", "slept"), [(0.0, 0.0), (1.0, 0.5), (3.0, 1.5)])
def test_it_rests_so_many_times_as_long_as_a_step_took(rest: float, slept: float) -> None:
    clock = Clock()
    Pace(0.0, rest, lambda: clock.now, clock.sleep).rest(0.5, threading.Event())
    assert sum(clock.slept) == pytest.approx(slept)


def test_a_cancel_ends_a_rest_within_a_moment() -> None:
    clock, cancel = Clock(), threading.Event()
    clock.at_sleep = cancel.set
    Pace(0.0, 3.0, lambda: clock.now, clock.sleep).rest(60.0, cancel)
    assert len(clock.slept) == 1
    assert clock.slept[0] < 0.1


def test_drafts_keep_apart_and_the_rest_counts_towards_it() -> None:
    clock = Clock()
    pace, cancel = Pace(1.0, 1.0, lambda: clock.now, clock.sleep), threading.Event()
    pace.wait(cancel)
    pace.rest(0.4, cancel)
    pace.wait(cancel)
    assert clock.now == pytest.approx(101.0)


def test_an_answer_rests_after_each_step_but_the_last_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []

    class Noted(Pace):
        def rest(self, took: float, cancel: CancelFlag) -> None:
            rests.append(took)

    monkeypatch.setattr(session_module, "Pace", Noted)
    with open_session(None, "fake") as session:
        events = list(session.generate(GenerationRequest((ChatTurn("user", "Hi"),), seed=1, rest=1.0)))
    drafts = sum(isinstance(each, DraftUpdated) for each in events)
    (finished,) = (each for each in events if isinstance(each, Finished))
    assert len(rests) == drafts - len(finished.steps_per_block)
    assert all(took > 0 for took in rests)


def test_a_rest_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="rest"):
        GenerationRequest((ChatTurn("user", "Hi"),), rest=-1.0)


@pytest.mark.parametrize(("step_seconds", "held"), [(0.1, NOISE_SECONDS), (0.0, 0.0)])
def test_noise_stays_for_a_moment_unless_all_goes_at_full_speed(step_seconds: float, held: float) -> None:
    clock = Clock()
    pace = Pace(step_seconds, 0.0, lambda: clock.now, clock.sleep)
    pace.hold(NOISE_SECONDS)
    pace.wait(threading.Event())
    assert clock.now - 100.0 == pytest.approx(held)


def test_a_stop_ends_the_wait_behind_noise() -> None:
    clock, stopped = Clock(), threading.Event()
    stopped.set()
    pace = Pace(0.1, 0.0, lambda: clock.now, clock.sleep)
    pace.hold(NOISE_SECONDS)
    pace.wait(stopped)
    assert clock.now == 100.0
