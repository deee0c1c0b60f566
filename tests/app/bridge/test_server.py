"""The window's server: a process of its own, the window's model process, and what a client sees of both."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pytestqt.qtbot import QtBot

from app.base.settings import Settings
from app.base.settings_file import SettingsFile
from app.bridge.model import AnsweringModel
from app.bridge.model_process import ModelThread
from app.bridge.preferences import Preferences
from app.bridge.server import LocalServer
from app.library.answering import ModelChoice
from app.server.values import ServerPhase
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS

KEY = "a-key"


@pytest.fixture
def process() -> ScriptedModelProcess:
    return ScriptedModelProcess()


@pytest.fixture
def server(qtbot: QtBot, process: ScriptedModelProcess, tmp_path: Path) -> Iterator[LocalServer]:
    preferences = Preferences(SettingsFile(tmp_path / "settings.json"), Settings(server_key=KEY))
    thread = ModelThread(lambda choice: process)
    model = AnsweringModel(thread, ModelChoice(None, "fake", "Scripted"))
    thread.event_arrived.connect(model.on_event)
    local = LocalServer(thread, model, preferences)
    local.preferences = preferences  # type: ignore[attr-defined]
    model.load(model.choice)
    qtbot.waitUntil(lambda: model.ready is not None, timeout=WAIT_MS)
    yield local
    local.shut_down()
    thread.shut_down()


def switch_on(qtbot: QtBot, local: LocalServer, port: int = 18_431) -> str:
    """Switch it on; the address."""
    while local.status.phase is not ServerPhase.ON:
        local.preferences.set(server_on=True, server_port=port)  # type: ignore[attr-defined]
        qtbot.waitUntil(lambda: local.status.phase in (ServerPhase.ON, ServerPhase.FAILED), timeout=WAIT_MS)
        port += 1
    return local.status.address


def in_background(ask: Callable[[], httpx2.Response]) -> tuple[threading.Thread, list[httpx2.Response]]:
    """Ask while Qt goes on."""
    answers: list[httpx2.Response] = []
    thread = threading.Thread(target=lambda: answers.append(ask()))
    thread.start()
    return thread, answers


def chat(address: str, **fields: Any) -> httpx2.Response:
    body = {"model": "fake", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return httpx2.post(f"{address}/v1/chat/completions", json=body, headers={"x-api-key": KEY}, timeout=60)


def test_a_client_is_answered_by_the_windows_model(
    qtbot: QtBot, server: LocalServer, process: ScriptedModelProcess
) -> None:
    address = switch_on(qtbot, server)
    thread, answers = in_background(lambda: chat(address))
    qtbot.waitUntil(lambda: bool(answers), timeout=WAIT_MS)
    thread.join()
    assert answers[0].json()["choices"][0]["message"]["content"] == "Hello **there**."
    assert process.requests[-1].turns[-1].text == "Hi"
    counted = {"model": "fake", "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"x-api-key": KEY}
    path = f"{address}/v1/messages/count_tokens"
    thread, answers = in_background(lambda: httpx2.post(path, json=counted, headers=headers, timeout=60))
    qtbot.waitUntil(lambda: bool(answers), timeout=WAIT_MS)
    thread.join()
    assert answers[0].json() == {"input_tokens": process.measured}


def test_a_request_is_seen_and_stopped_in_the_window(
    qtbot: QtBot, server: LocalServer, process: ScriptedModelProcess
) -> None:
    address = switch_on(qtbot, server)
    process.gate.clear()
    thread, answers = in_background(lambda: chat(address))
    qtbot.waitUntil(lambda: bool(server.status.requests), timeout=WAIT_MS)
    (request,) = server.status.requests
    assert "/v1/chat/completions" in request.label
    server.stop(request.number)
    qtbot.waitUntil(lambda: bool(answers) and not server.status.requests, timeout=WAIT_MS)
    thread.join()
    assert answers[0].status_code >= 400
    process.gate.set()


def test_off_means_off_and_a_used_port_is_said(qtbot: QtBot, server: LocalServer) -> None:
    address = switch_on(qtbot, server)
    server.preferences.set(server_on=False)  # type: ignore[attr-defined]
    assert server.status.phase is ServerPhase.OFF

    def refused() -> bool:
        try:
            httpx2.get(f"{address}/health", timeout=5)
        except httpx2.TransportError:
            return True
        return False

    qtbot.waitUntil(refused, timeout=WAIT_MS)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server.preferences.set(server_on=True, server_port=port)  # type: ignore[attr-defined]
        qtbot.waitUntil(lambda: server.status.phase is ServerPhase.FAILED, timeout=WAIT_MS)
    assert str(port) in server.status.trouble


def test_a_key_is_made_and_the_old_one_refused(qtbot: QtBot, server: LocalServer) -> None:
    address = switch_on(qtbot, server)
    assert chat(address.replace("127.0.0.1", "localhost"), model="other").status_code == 404
    server.new_key()
    assert server.preferences.settings.server_key != KEY  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: server.status.phase is ServerPhase.ON, timeout=WAIT_MS)
    assert chat(server.status.address).status_code == 401
