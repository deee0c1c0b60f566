"""Which ends of a model process were meant: what it had under way on the card then does not count as a crash."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from inference.events import Failed, ModelReady
from inference.host import client
from inference.host.client import ModelProcessClient
from inference.host.messages import Reply
from tests.inference.support import ask

PID = 4711


class _Link:
    """A model process that loads if it shall, and then says nothing any more."""

    pid = PID

    def __init__(self, *_: object) -> None:
        self.loads, self.gone, self.told = True, False, list[Any]()

    def alive(self) -> bool:
        return not self.gone

    def exit_code(self) -> int:
        return -11

    def send(self, command: Any) -> bool:
        self.told.append(command)
        return True

    def receive(self, timeout: float) -> tuple[list[Reply], bool]:
        loaded = self.loads and len(self.told) == 1
        return ([Reply(self.told[0].number, READY)] if loaded else []), self.gone and not loaded

    def kill(self) -> None:
        self.gone = True

    def end(self, timeout: float) -> None:
        self.gone = True


READY = ModelReady("m", "tensorrt", "card", 256, 1024, 0.0)


class _Case:
    def __init__(self, process: ModelProcessClient, link: _Link, taken: list[tuple[Path, int]]) -> None:
        self.process, self.link, self.taken = process, link, taken


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Case:
    link, taken = _Link(), list[tuple[Path, int]]()
    monkeypatch.setattr(client, "ProcessLink", lambda *_: link)
    monkeypatch.setattr(client, "take_back", lambda folder, pid: taken.append((folder, pid)))
    return _Case(ModelProcessClient(None, cancel_grace=0.0, engines=tmp_path), link, taken)


def test_closing_is_meant(case: _Case, tmp_path: Path) -> None:
    case.process.start()
    case.process.close()
    assert case.taken == [(tmp_path, PID)]
    case.process.close()
    assert len(case.taken) == 1, "there is none any more"


def test_a_cancelled_loading_is_meant(case: _Case, tmp_path: Path) -> None:
    case.link.loads = False
    cancel = threading.Event()
    cancel.set()
    list(case.process.load(cancel))
    assert case.link.gone
    assert case.taken == [(tmp_path, PID)]


def test_a_kill_by_the_window_is_meant(case: _Case, tmp_path: Path) -> None:
    asked = case.process.generate(ask())
    assert next(asked) == READY
    case.process.kill()
    assert isinstance(list(asked)[-1], Failed)
    assert case.taken == [(tmp_path, PID)]


def test_a_pass_that_does_not_react_to_stop_counts(case: _Case) -> None:
    cancel = threading.Event()
    asked = case.process.generate(ask(), cancel)
    assert next(asked) == READY
    cancel.set()
    assert isinstance(list(asked)[-1], Failed)
    assert case.link.gone
    assert not case.taken


def test_a_process_that_dies_by_itself_counts(case: _Case) -> None:
    asked = case.process.generate(ask())
    assert next(asked) == READY
    case.link.gone = True
    assert isinstance(list(asked)[-1], Failed)
    case.process.close()
    assert not case.taken


def test_without_engines_there_is_no_note(case: _Case) -> None:
    process = ModelProcessClient(None)
    process.start()
    process.close()
    assert not case.taken
