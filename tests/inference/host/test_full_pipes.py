"""A model process that takes nothing, or floods: whoever talks to it goes on, and Stop stops."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import psutil
import pytest

from inference.events import Failed, Finished, ModelLoading, ModelReady, PromptEncoded
from inference.host import client as client_module
from inference.host import link
from inference.host.client import ModelProcessClient
from inference.host.link import ProcessLink
from inference.host.messages import Cancel, LoadModel, ModelProcessOptions, Reply
from inference.params import ChatTurn, GenerationRequest
from tests.helpers.waiting import NEVER_SECONDS, WAIT_SECONDS, wait_until
from tests.inference.support import ask

LARGE = "word " * 1_000_000  # 5 MB: a pipe holds 64 kB
stops = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")


@pytest.fixture
def process() -> Iterator[ModelProcessClient]:
    """A loaded model process that is ended with the test, stopped or not."""
    with ModelProcessClient(None, "fake", cancel_grace=0.2) as client:
        assert isinstance(list(client.load())[-1], ModelReady)
        yield client
        client.kill()


@pytest.fixture
def linked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], ProcessLink]]:
    """Links to processes that run another function than the model's."""
    links: list[ProcessLink] = []

    def make(run: Any) -> ProcessLink:
        monkeypatch.setattr(link, "run_model_process", run)
        links.append(ProcessLink(None, "fake", None))
        return links[-1]

    yield make
    for one in links:
        one.kill()
        one.end(0.0)


def freeze(process: ModelProcessClient) -> int:
    """Let the process take nothing from now on."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    return process.pid


def in_a_thread(run: Callable[[], object]) -> list[object]:
    """What it returned; fails if it does not come back."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(run()), daemon=True)
    thread.start()
    thread.join(WAIT_SECONDS)
    assert found, "it hangs"
    return found


@stops
@pytest.mark.parametrize("when", ["before the request", "while it is sent"])
def test_stop_ends_a_large_request_that_the_process_does_not_take(process: ModelProcessClient, when: str) -> None:
    pid, cancel = freeze(process), threading.Event()
    if when == "before the request":
        cancel.set()
    else:
        threading.Timer(0.3, cancel.set).start()
    (events,) = in_a_thread(lambda: list(process.generate(ask(LARGE), cancel)))
    assert isinstance(events, list)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert failed.user_text == "The model did not react to Stop and was ended."
    assert not psutil.pid_exists(pid)
    assert isinstance(list(process.generate(ask()))[-1], Finished), "and the next answer works"


@stops
def test_a_large_request_that_is_taken_late_loses_nothing(process: ModelProcessClient) -> None:
    pid = freeze(process)
    threading.Timer(0.3, os.kill, (pid, signal.SIGCONT)).start()
    before = (ChatTurn("user", LARGE[:200_000]), ChatTurn("assistant", "Hello."))  # what does not fit is left out
    events = list(process.generate(GenerationRequest((*before, ChatTurn("user", "Hi")), seed=1)))
    whole = next(event for event in events if isinstance(event, PromptEncoded))
    assert isinstance(events[-1], Finished)
    assert whole.dropped_turns > 0


@stops
@pytest.mark.parametrize("large", [True, False])
def test_a_frozen_process_is_ended_in_a_moment(process: ModelProcessClient, large: bool) -> None:
    pid = freeze(process)
    if large:
        run = process.generate(ask(LARGE), threading.Event())
        reader = threading.Thread(target=lambda: list(run))
        reader.start()
        process.kill()
        reader.join(WAIT_SECONDS)
    in_a_thread(lambda: process.close(0.6) or True)
    assert not psutil.pid_exists(pid)


@stops
def test_a_measurement_that_hangs_ends(process: ModelProcessClient, monkeypatch: pytest.MonkeyPatch) -> None:
    freeze(process)
    stop = threading.Event()
    stop.set()
    (events,) = in_a_thread(lambda: list(process.measure(ask(LARGE), stop)))
    assert isinstance(events, list)
    assert isinstance(events[-1], Failed)
    monkeypatch.setattr(client_module, "MEASURE_SECONDS", 0.2)
    process.start()
    list(process.load())
    freeze(process)
    (events,) = in_a_thread(lambda: list(process.measure(ask(LARGE))))
    assert isinstance(events, list)
    assert isinstance(events[-1], Failed), "also where nobody stops it"


# -- the other direction ---------------------------------------------------------------------------------------------


def half_a_reply(commands: Connection, replies: Connection, options: ModelProcessOptions) -> None:
    """A length, and then nothing."""
    os.write(replies.fileno(), (1000).to_bytes(4, "big") + b"abc")
    time.sleep(NEVER_SECONDS)


def floods(commands: Connection, replies: Connection, options: ModelProcessOptions) -> None:
    """One event after another."""
    commands.recv()
    while True:
        replies.send(Reply(1, ModelLoading("x" * 100_000, 0.5)))


def too_large(commands: Connection, replies: Connection, options: ModelProcessOptions) -> None:
    """A reply that no model has."""
    replies.send(Reply(1, ModelLoading("x" * (link.LARGEST_REPLY + 1), 0.5)))
    time.sleep(NEVER_SECONDS)


def nonsense(commands: Connection, replies: Connection, options: ModelProcessOptions) -> None:
    """Bytes that are no reply."""
    replies.send_bytes(b"\x80\x05not a pickle")
    time.sleep(NEVER_SECONDS)


def another_value(commands: Connection, replies: Connection, options: ModelProcessOptions) -> None:
    """A value that is no reply."""
    replies.send("hello")
    time.sleep(NEVER_SECONDS)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of Windows have no half messages")
def test_half_a_reply_keeps_nobody_waiting(linked: Callable[[Any], ProcessLink]) -> None:
    connected = linked(half_a_reply)
    for _ in range(5):
        assert in_a_thread(lambda: connected.receive(0.05)) == [([], False)]
    connected.kill()
    wait_until(lambda: connected.receive(0.05) == ([], True))


def test_a_flood_waits_in_the_pipe(linked: Callable[[Any], ProcessLink]) -> None:
    connected = linked(floods)
    connected.send(LoadModel(1))
    inbox = connected._inbox
    wait_until(lambda: inbox._bytes >= link.MOST_HELD_BYTES)
    assert inbox._bytes < link.MOST_HELD_BYTES + 1_000_000
    assert connected.send(Cancel(1))
    replies, gone = connected.receive(0.05)
    assert len(replies) > 100
    assert not gone
    wait_until(lambda: inbox._held, "more of it, now that there is room")


@pytest.mark.log_allowed("inference.host.link: the model process sent what is no reply")
@pytest.mark.parametrize("run", [too_large, nonsense, another_value])
def test_a_process_that_talks_nonsense_is_ended(run: Any, linked: Callable[[Any], ProcessLink]) -> None:
    connected = linked(run)
    wait_until(lambda: connected.receive(0.05) == ([], True))
    wait_until(lambda: not connected.alive())
    assert not connected.send(Cancel(1)) or not connected.alive()


def test_a_flood_of_one_request_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MOST_EVENTS", 50)
    monkeypatch.setattr(link, "run_model_process", floods)
    with ModelProcessClient(None, "fake") as process:
        events = list(process.load())
    assert len(events) < 60
    assert process.pid is None
