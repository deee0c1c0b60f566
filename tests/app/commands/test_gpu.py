"""`python -m app gpu`: the same behaviour as the window, in words and as JSON."""

from __future__ import annotations

import dataclasses
import getpass
import json
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from app.base.paths import AppPaths
from app.commands import gpu
from app.commands.dispatch import run_command
from app.commands.settings import settings_read
from app.gpu.service import GpuService, GpuTools
from app.network.client import Network
from tests.helpers.fake_engines import detected
from tests.helpers.tiny_wheels import LIBRARY, TinyWheels
from trt_engines.errors import EngineError
from trt_engines.selftest import card_trial_run
from trt_engines.tensorrt.card_report import TRIAL, TrialStep, read_report


@pytest.fixture
def wheels(tmp_path: Path, dewpoint_home: Path, monkeypatch: pytest.MonkeyPatch) -> TinyWheels:
    """What the commands install."""
    made = TinyWheels(tmp_path / "wheels").write()
    network = Network()
    monkeypatch.setattr(gpu, "new_addon", lambda: GpuService(AppPaths(dewpoint_home).ensure(), network, made.tools()))
    return made


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit status, output, errors."""
    result = run_command(["gpu", *arguments])
    found = capsys.readouterr()
    return result, found.out, found.err


def events(text: str) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def test_from_status_to_removed(capsys: pytest.CaptureFixture[str], wheels: TinyWheels, dewpoint_home: Path) -> None:
    wheels.card = detected("RTX 4070")
    result, text, _ = run(capsys, "status")
    assert result == 0
    assert text.startswith("TensorRT for RTX is not installed. It makes models run on your RTX 4070. ")
    result, text, errors = run(capsys, "install")
    assert result == 1
    assert "Licence: NVIDIA Software License Agreement" in text
    assert "licence was not accepted" in errors
    assert not (dewpoint_home / "gpu").exists()
    result, text, _ = run(capsys, "install", "--accept-licence")
    assert result == 0
    assert [line.partition(" ")[0] for line in text.splitlines()[2:5]] == ["Fetching", "Checking", "Trying"]
    assert "is installed" in text.splitlines()[5]
    assert text.splitlines()[6].startswith("works  build: ordinary: ")  # the card is tried, too
    assert "weights can be streamed" in text.splitlines()[-1]
    assert run(capsys, "status", "--verify")[0] == 0
    result, text, errors = run(capsys, "remove")
    assert result == 1
    assert "add --yes" in errors
    assert (dewpoint_home / "gpu").exists()
    result, text, _ = run(capsys, "remove", "--yes")
    assert result == 0
    assert "came free" in text
    result, _, errors = run(capsys, "remove", "--yes")
    assert result == 1
    assert "nothing to remove" in errors


def test_json(capsys: pytest.CaptureFixture[str], wheels: TinyWheels, dewpoint_home: Path) -> None:
    assert events(run(capsys, "status", "--json")[1])[0]["state"] == "not installed"
    result, text, errors = run(capsys, "install", "--json")
    assert (result, text) == (1, "")
    assert errors
    said = events(run(capsys, "install", "--accept-licence", "--json")[1])
    assert said[-1]["event"] == "installed"
    assert {each["stage"] for each in said[:-1]} == {"fetching", "checking", "trying"}
    (dewpoint_home / "gpu" / LIBRARY).write_bytes(b"wr library")
    result, text, _ = run(capsys, "status", "--verify", "--json")
    assert result == 1
    assert (events(text)[-1]["state"], events(text)[-1]["damaged"]) == ("damaged", [LIBRARY])
    assert events(run(capsys, "remove", "--yes", "--json")[1])[-1]["event"] == "removed"


def test_installed_and_does_not_work(capsys: pytest.CaptureFixture[str], wheels: TinyWheels) -> None:
    wheels.trial_error = EngineError("The driver is too old.")
    result, text, _ = run(capsys, "install", "--accept-licence")
    assert result == 1
    assert "is installed, but does not work: The driver is too old." in text


def test_refused_in_one_sentence(
    capsys: pytest.CaptureFixture[str], wheels: TinyWheels, monkeypatch: pytest.MonkeyPatch, dewpoint_home: Path
) -> None:
    offline = GpuService(AppPaths(dewpoint_home).ensure(), Network(offline=True), wheels.tools())
    monkeypatch.setattr(gpu, "new_addon", lambda: offline)
    result, _, errors = run(capsys, "install", "--accept-licence")
    assert result == 1
    assert errors.startswith("Dewpoint is set to stay offline")


def test_the_settings_keep_commands_offline(dewpoint_home: Path) -> None:
    dewpoint_home.mkdir()
    (dewpoint_home / "settings.json").write_text('{"offline": true}', "utf-8")
    with settings_read(dewpoint_home / "settings.json"):
        assert gpu.new_addon().network.offline


def test_stopped_by_the_keyboard(
    capsys: pytest.CaptureFixture[str], wheels: TinyWheels, monkeypatch: pytest.MonkeyPatch, dewpoint_home: Path
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.gpu.filling.folders.bytes_below", interrupted)
    result, text, _ = run(capsys, "install", "--accept-licence")
    assert result == gpu.INTERRUPTED
    assert "nothing of it is left" in text
    assert not list(dewpoint_home.glob("gpu*-*"))


def test_a_card_is_tried_and_leaves_a_report(
    capsys: pytest.CaptureFixture[str], dewpoint_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, paths = detected("RTX 4070"), AppPaths(dewpoint_home).ensure()
    steps = [
        TrialStep("run", True, "right with 256 rows", 0.1),
        TrialStep("graph", False, "It cannot be captured.", 0.2, "words"),
        TrialStep("build: ordinary", True, "8.4 MB", 0.0),
        TrialStep("no past", True, "right with 3 rows", 0.1),
    ]

    def messages(*_: object) -> Generator[Any, None, None]:
        yield None
        yield from (("step", step) for step in steps)
        yield "done", "tensorrt_rtx", "1.7.1", "deferred"

    monkeypatch.setattr(card_trial_run, "messages", messages)
    tools = GpuTools(detect=lambda: (card,))
    monkeypatch.setattr(gpu, "new_addon", lambda: GpuService(paths, Network(), tools))
    result, text, _ = run(capsys, "trial")
    assert result == 0
    assert text.splitlines()[0] == "works  run: right with 256 rows (0.1 s)"
    assert text.splitlines()[1].startswith("fails  graph: It cannot be captured.")
    assert "weights can be streamed (loading weights later)" in text
    report = read_report(paths.engines)
    assert report is not None
    assert (report.way, report.version, report.card) == ("deferred", "1.7.1", "RTX 4070")
    assert report.steps[1].detail == "words"
    written = (paths.engines / TRIAL).read_text()
    for personal in (str(Path.home()), str(dewpoint_home), getpass.getuser(), socket.gethostname()):
        assert len(personal) < 3 or f'"{personal}' not in written
    steps[0] = TrialStep("run", False, "The card computes top wrong.", 0.1)
    result, text, _ = run(capsys, "trial", "--json")
    assert result == 1
    assert [each["event"] for each in events(text)] == ["step"] * 4 + ["tried"]


def test_without_a_card_or_with_an_old_driver_nothing_is_tried(
    capsys: pytest.CaptureFixture[str], wheels: TinyWheels
) -> None:
    assert run(capsys, "trial")[0] == 1
    wheels.card = dataclasses.replace(detected("RTX 4070", "572.16"), cuda=12080)
    result, _, errors = run(capsys, "trial")
    assert result == 1
    assert "572.16 knows CUDA 12.8" in errors
