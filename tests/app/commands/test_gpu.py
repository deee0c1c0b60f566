"""`python -m app gpu`: the same behaviour as the window, in words and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.base.paths import AppPaths
from app.commands import gpu
from app.commands.dispatch import run_command
from app.gpu.service import GpuService
from app.network.client import Network
from tests.helpers.fake_engines import detected
from tests.helpers.tiny_wheels import LIBRARY, TinyWheels
from trt_engines.errors import EngineError


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
    assert "is installed" in text.splitlines()[-1]
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
