"""A model process that hangs is ended by the guest who waits for it; one that is slow is not."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from inference.events import Failed, Finished
from inference.host import watch as watch_module
from inference.host.beats import Heart
from inference.host.client import ModelProcessClient
from inference.host.messages import Beat
from inference.host.watch import Watch
from tests.helpers.waiting import wait_until
from tests.inference.support import ask

SOON = 1.0


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[ModelProcessClient]:
    with ModelProcessClient(None, request.param) as client:
        client.patience = SOON
        list(client.load())
        yield client


@pytest.mark.parametrize("process", ["fake:hang"], indirect=True)
def test_a_step_that_never_ends_is_ended_and_the_next_process_works(process: ModelProcessClient) -> None:
    hanging = process.pid
    last = list(process.generate_for_guest(ask()))[-1]
    assert isinstance(last, Failed)
    assert last.engine_lost
    assert "hung" in last.user_text
    assert process.pid is None
    process._backend = "fake"
    list(process.load())
    assert process.pid not in (None, hanging)
    assert isinstance(list(process.generate_for_guest(ask()))[-1], Finished)


@pytest.mark.skipif(sys.platform == "win32", reason="no signal halts a process on Windows")
@pytest.mark.parametrize("process", ["fake:slow"], indirect=True)
def test_a_halted_process_is_ended(process: ModelProcessClient) -> None:
    assert process.pid is not None
    events = process.generate_for_guest(ask())
    next(events)
    os.kill(process.pid, signal.SIGSTOP)
    last = list(events)[-1]
    assert isinstance(last, Failed)
    assert "hung" in last.user_text


@pytest.mark.parametrize("process", ["fake:slow,long"], indirect=True)
def test_a_slow_one_is_not(process: ModelProcessClient) -> None:
    """Its steps take far less than the patience, its answer far more."""
    last = list(process.generate_for_guest(ask(), drafts=False))[-1]
    assert isinstance(last, Finished)


@dataclass
class Pretended:
    heard: int = 0
    beat: Beat = field(default_factory=lambda: Beat(0.0, 0.0))


def test_when_it_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(watch_module.time, "monotonic", lambda: now[0])
    process = Pretended()
    watch = Watch(process, 10.0)

    def after(seconds: int) -> bool:
        found = False
        for _ in range(seconds):
            now[0] += 1.0
            found = watch.hangs()
        return found

    assert not after(10)
    assert after(1)
    process.heard += 1
    assert not after(1)
    now[0] += 3_600.0  # the computer slept
    assert not watch.hangs()
    process.beat, process.heard = Beat(11.0, 0.1), process.heard + 1
    assert watch.hangs()
    process.beat = Beat(30.0, 2.0)  # its steps take 2 s
    assert not watch.hangs()
    process.beat = Beat(41.0, 2.0)
    assert watch.hangs()
    process.beat = Beat(101.0, 60.0)
    assert watch.hangs()


def test_the_heart_beats_while_there_is_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.host.beats.BEAT_SECONDS", 0.01)
    said = list[Beat]()
    heart = Heart(said.append)
    heart.start()
    heart.work()
    wait_until(lambda: said and said[-1].still > 0.04)
    heart.sign()
    wait_until(lambda: said[-1].longest > 0.04)
    heart.end()
