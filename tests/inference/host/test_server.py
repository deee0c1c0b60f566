"""What the model process does with what it was started with."""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference.errors import KnownError
from inference.events import Failed, Finished, ModelLoading, ModelReady
from inference.host import server
from inference.host.messages import LoadModel, Measure, ModelProcessOptions, Reply, Shutdown
from inference.host.server import ModelServer
from tests.inference.support import ask
from trt_engines.building.names import ATTEMPT
from trt_engines.runtime.safe_mode import Attempt


def test_the_folder_of_engines_is_an_argument_all_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def opened(model_dir: str, backend: str, report: object, engines: Path | None, cancel: object) -> None:
        asked.append((model_dir, backend, engines))
        raise KnownError("No engines.", "Build them.")

    monkeypatch.setattr(server, "open_session", opened)
    environment = dict(os.environ)
    commands, _ours = multiprocessing.Pipe(duplex=False)
    replies, theirs = multiprocessing.Pipe(duplex=False)
    options = ModelProcessOptions("/model", "auto", None, os.getpid(), tmp_path / "engines")
    with commands, _ours, replies, theirs:
        ModelServer(commands, theirs, options)._answer(LoadModel(7))
        assert replies.recv() == Reply(7, Failed("No engines.", "Build them.", known=True))
    assert asked == [("/model", "auto", tmp_path / "engines")]
    assert dict(os.environ) == environment


class _Commands:
    """A queue whose next commands are known; None is a second in which none comes."""

    def __init__(self, *commands: object) -> None:
        self.left = list(commands)

    def get(self, timeout: float | None = None) -> object:
        assert self.left, "waits for ever"
        command = self.left.pop(0)
        if command is None:
            assert timeout, "waits for ever"
            raise queue.Empty
        return command


class _Session:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def rest(self) -> None:
        self.told.append("rest")

    def measure(self, request: object, whole: bool = False) -> object:
        self.told.append("measure")
        return None

    def close(self) -> None:
        self.told.append("close")


def test_the_first_quiet_second_after_a_command_is_for_what_was_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    commands, _ours = multiprocessing.Pipe(duplex=False)
    _replies, theirs = multiprocessing.Pipe(duplex=False)
    measure, session = Measure(1, ask()), _Session()
    with commands, _ours, _replies, theirs:
        options = ModelProcessOptions(None, "fake", None, os.getpid())
        monkeypatch.setattr(ModelServer, "_read_commands", lambda server: None)
        made: Any = ModelServer(commands, theirs, options)
        made._session, made._waiting = session, _Commands(measure, measure, None, measure, None, Shutdown())
        made.serve()
        made = ModelServer(commands, theirs, options)
        made._session, made._waiting = None, _Commands(None, Shutdown())
        made.serve()  # no model yet: nothing to be done
    assert session.told == ["measure", "measure", "rest", "measure", "rest", "close"]


class _LeftError(BaseException):
    """In place of the end of the process."""


@pytest.mark.parametrize("engines", [True, False])
def test_a_process_whose_window_is_gone_takes_back_what_it_had_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engines: bool
) -> None:
    def leave(code: int) -> None:
        raise _LeftError(code)

    monkeypatch.setattr(server.os, "_exit", leave)  # type: ignore[attr-defined]
    folder = tmp_path / "set"
    folder.mkdir()
    Attempt(folder, "581.15").__enter__()
    assert json.loads((folder / ATTEMPT).read_text())["pid"] == os.getpid()
    commands, ours = multiprocessing.Pipe(duplex=False)
    replies, theirs = multiprocessing.Pipe(duplex=False)
    ours.close()
    with commands, replies, theirs:
        options = ModelProcessOptions(None, "fake", None, os.getpid(), tmp_path if engines else None)
        with pytest.raises(_LeftError):
            ModelServer(commands, theirs, options)._read_commands()
    assert (folder / ATTEMPT).exists() != engines


@pytest.mark.parametrize("how", ["cancelled", "closed"])
def test_a_load_ends_at_its_next_report_and_says_so(how: str) -> None:
    """A cancel, or the end of the whole process, which need not wait for a load."""
    commands, _ours = multiprocessing.Pipe(duplex=False)
    replies, theirs = multiprocessing.Pipe(duplex=False)
    with commands, _ours, replies, theirs:
        own = ModelServer(commands, theirs, ModelProcessOptions(None, "fake", None, os.getpid()))
        if how == "cancelled":
            own._cancelled = 7
        else:
            own._stopping = True
        own._answer(LoadModel(7))
        reply = replies.recv()
        assert reply.number == 7
        assert isinstance(reply.event, Finished)
        assert reply.event.reason == "cancelled"
        assert not replies.poll()
        own._cancelled, own._stopping = 7, False
        own._answer(LoadModel(8))
        while not isinstance(event := replies.recv().event, ModelReady):
            assert isinstance(event, ModelLoading)


def test_a_thread_that_fails_ends_the_process_with_its_trace_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, log_expected: Callable[[str], None]
) -> None:
    log_expected("inference.host.server")
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    try:
        raise ValueError("odd")
    except ValueError as exc:
        failed = threading.ExceptHookArgs((type(exc), exc, exc.__traceback__, threading.current_thread()))
    server._end_with_thread(failed)
    assert ended == [1]
    assert "ValueError: odd" in caplog.text
