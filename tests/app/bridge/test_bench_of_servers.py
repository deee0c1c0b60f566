"""The benchmark measures models of this computer, and asks no server."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.bridge.bench import Benchmark
from app.library.answering import ModelChoice, ServerModel
from app.machine.bench.values import BenchPlan
from tests.helpers.waiting import WAIT_MS


def test_a_model_on_a_server_is_not_measured(qtbot: QtBot, tmp_path: Path) -> None:
    services: Any = SimpleNamespace(paths=tmp_path, network=None)
    benchmark = Benchmark(services)
    ended = list[tuple[object, ErrorReport | None]]()
    benchmark.ended.connect(lambda report, trouble: ended.append((report, trouble)))
    choice = ModelChoice(None, "server", "big on host", server=ServerModel("http://127.0.0.1:9/v1", "big"))
    benchmark.start(choice, BenchPlan())
    qtbot.waitUntil(lambda: bool(ended), timeout=WAIT_MS)
    benchmark.shut_down()
    ((report, trouble),) = ended
    assert report is None
    assert trouble is not None
    assert "runs on a server" in trouble.text
