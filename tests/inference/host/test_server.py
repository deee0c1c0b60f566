"""What the model process does with what it was started with."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from inference.errors import KnownError
from inference.events import Failed, Finished, ModelLoading, ModelReady
from inference.host import server
from inference.host.messages import LoadModel, ModelProcessOptions, Reply
from inference.host.server import ModelServer


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
