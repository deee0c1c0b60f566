"""What the window does when the program is started once more."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.bridge.first_window import StartRequest
from app.library.answering import ModelChoice, ModelPhase
from app.main import Parts
from tests.helpers.waiting import WAIT_MS


def test_it_comes_to_the_front(qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_ACTIVATION_TOKEN", raising=False)
    window = parts.window
    window.showMinimized()
    qtbot.waitUntil(window.isMinimized, timeout=WAIT_MS)
    parts.window.on_started_again(StartRequest())
    assert not window.isMinimized()
    assert window.isVisible()
    assert not window.windowState() & Qt.WindowState.WindowMinimized


def test_the_model_that_was_asked_for_is_loaded(qtbot: QtBot, parts: Parts, tmp_path: Path) -> None:
    model = parts.controller.model
    qtbot.waitUntil(lambda: model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    parts.window.on_started_again(StartRequest(str(tmp_path), "onnx"))
    qtbot.waitUntil(lambda: model.choice == ModelChoice(tmp_path, "onnx", tmp_path.name), timeout=WAIT_MS)
    parts.window.on_started_again(StartRequest("", "torch"))
    qtbot.waitUntil(lambda: model.choice == ModelChoice(tmp_path, "torch", tmp_path.name), timeout=WAIT_MS)
