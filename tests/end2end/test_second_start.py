"""`python -m app` twice on one data folder: one window, one model."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from app.bridge.first_window import ADDRESS_NAME
from tests.end2end.conftest import StartProgram, engine_children
from tests.helpers.waiting import WAIT_SECONDS, wait_until


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sockets of this user lie."""
    folder = tmp_path / "r"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


def test_the_second_start_ends_at_once(start_program: StartProgram, runtime: Path, dewpoint_home: Path) -> None:
    first = start_program("--backend", "fake")
    wait_until(lambda: (dewpoint_home / ADDRESS_NAME).exists() and engine_children(first.pid))
    engines = engine_children(first.pid)
    second = start_program("--backend", "fake")
    assert second.communicate(timeout=WAIT_SECONDS) == ("", "")
    assert second.returncode == 0
    assert first.poll() is None
    assert engine_children(first.pid) == engines
    trial = start_program("--backend", "fake", "--base-dir", str(dewpoint_home), "--smoke", "Hello")
    assert "A window of Dewpoint is open" in trial.communicate(timeout=WAIT_SECONDS)[1]
    assert trial.returncode == 1
    command = start_program("models", "list")
    command.communicate(timeout=WAIT_SECONDS)
    assert command.returncode == 0
    psutil.Process(first.pid).terminate()
    first.communicate(timeout=WAIT_SECONDS)
    assert not os.listdir(runtime)


@pytest.mark.slow
def test_a_killed_window_is_replaced(start_program: StartProgram, runtime: Path, dewpoint_home: Path) -> None:
    first = start_program("--backend", "fake")
    wait_until(lambda: (dewpoint_home / ADDRESS_NAME).exists() and engine_children(first.pid))
    old = (dewpoint_home / ADDRESS_NAME).read_text("utf-8")
    first.kill()
    second = start_program("--backend", "fake")
    wait_until(lambda: (dewpoint_home / ADDRESS_NAME).read_text("utf-8") != old and engine_children(second.pid))
    assert second.poll() is None
    assert len(os.listdir(runtime)) == 1
