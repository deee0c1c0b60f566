"""The commands on the starter model, with the real builder: no GPU is needed to build."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.base.paths import AppPaths, starter_model_folder
from app.commands.dispatch import run_command
from app.engines.service import EngineService
from tests.helpers.waiting import WAIT_SECONDS
from trt_engines.building.store import same_size
from trt_engines.graphs.names import ASKED

BUILD = ["engines", "build", "--gpu", "RTX 3060", "--precision", "int4"]

pytest.importorskip("tensorrt_rtx_bindings")


@pytest.mark.slow
def test_the_starter_is_built_listed_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*BUILD, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    fractions = [event["fraction"] for event in events if event["event"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert {event["part"] for event in events if event["event"] == "progress"} == {"embed", "head", *ASKED, "stack00"}
    service = EngineService(AppPaths.resolve())
    status = service.status(starter_model_folder(), gpu="RTX 3060")
    offer = status.offer("int4")
    assert offer is not None
    assert (offer.state.name, offer.state.manifest is not None) == ("untested", True)
    assert offer.folder is not None
    assert offer.state.manifest is not None
    assert all(same_size(offer.folder, part) for part in offer.state.manifest.parts.values())
    part, log = service.log(offer.request)
    assert (part, bool(log)) == ("stack00", True)
    assert run_command(["engines", "list"]) == 0
    assert "int4 \u00b7 RTX 3060" in capsys.readouterr().out
    assert service.delete(offer.folder) == offer.size
    assert service.sets() == ()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C is sent as a signal")
def test_ctrl_c_ends_a_real_build(dewpoint_home: Path) -> None:
    command = [sys.executable, "-m", "app", *BUILD]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert any(line.startswith("Segment 2") for line in process.stdout)  # reads no further than that line
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the child processes, too
    rest, _ = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 130, rest
    assert "1 of 6 segments are finished and kept" in rest
    left = [file.name for file in (dewpoint_home / "engines").rglob("*") if file.suffix in (".plan", ".part")]
    assert left == ["embed.plan"]
