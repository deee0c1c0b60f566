"""A load that is cancelled: its process is asked to end it, and killed where it does not; the next load starts anew."""

from __future__ import annotations

import threading

import pytest

from inference.events import Event, Finished, ModelLoading
from inference.host import client as client_module
from inference.host.client import ModelProcessClient
from inference.host.messages import Cancel, Command, LoadModel, Reply
from inference.stats import cancelled_before
from tests.helpers.waiting import NEVER_SECONDS


class Link:
    """A model process that loads for ever; what was done with it is written down."""

    pid = 1

    def __init__(self, obeys: bool) -> None:
        self.done: list[str] = []
        self._obeys = obeys
        self._number, self._cancelled = 0, False

    def alive(self) -> bool:
        return "killed" not in self.done

    def send(self, command: Command) -> bool:
        self.done.append(type(command).__name__)
        if isinstance(command, LoadModel):
            self._number, self._cancelled = command.number, False
        self._cancelled = self._cancelled or isinstance(command, Cancel)
        return True

    def receive(self, timeout: float) -> tuple[list[Reply], bool]:
        loading: Event = ModelLoading("Packing", 0.5)
        if self._cancelled:
            return ([Reply(self._number, cancelled_before())] if self._obeys else []), False
        return [Reply(self._number, loading)], False

    def kill(self) -> None:
        self.done.append("killed")

    def end(self, timeout: float) -> None:
        self.done.append("ended")


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> list[Link]:
    """What a client starts instead of processes: the first obeys a cancel, all others do not."""
    started: list[Link] = []

    def start(*_: object) -> Link:
        started.append(Link(obeys=not started))
        return started[-1]

    monkeypatch.setattr(client_module, "ProcessLink", start)
    return started


def test_a_cancelled_load_ends_by_itself_or_by_force(links: list[Link], monkeypatch: pytest.MonkeyPatch) -> None:
    process = ModelProcessClient(None, "native")
    for grace in (NEVER_SECONDS, 0.0):
        monkeypatch.setattr(client_module, "LOAD_GRACE", grace)
        cancel = threading.Event()
        load = process.load(cancel)
        assert isinstance(next(load), ModelLoading)
        cancel.set()
        last = list(load)[-1]
        assert isinstance(last, Finished)
        assert last.reason == "cancelled"
        assert links[-1].done == ["LoadModel", "Cancel", "killed", "ended"], "its memory goes, in either case"
        assert process.pid is None
    assert len(links) == 2


def test_a_load_whose_reader_went_away_may_end_by_itself(links: list[Link]) -> None:
    process = ModelProcessClient(None, "native")
    load = process.load()
    next(load)
    load.close()  # type: ignore[attr-defined]
    again = process.load()
    assert isinstance(next(again), ModelLoading)
    assert links[0].done == ["LoadModel", "Cancel", "Cancel", "LoadModel"]
