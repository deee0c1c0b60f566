"""The dialog of the local server."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.server.values import RunningRequest, ServerPhase, ServerStatus
from app.ui.settings import words
from app.ui.settings.dialog import SettingsDialog
from app.ui.settings.server_dialog import ServerDialog, ServerPanel
from app.ui.widgets.question import Question
from tests.helpers.waiting import WAIT_MS


def opened(qtbot: QtBot, parts: Parts) -> ServerDialog:
    """The dialog, opened by its menu."""
    parts.window.actions_by_name["server"].trigger()
    (dialog,) = parts.window.findChildren(ServerDialog)
    qtbot.waitExposed(dialog)
    return dialog


def test_the_switch_the_key_and_who_may_reach_it(qtbot: QtBot, parts: Parts) -> None:
    parts.controller.server.cancel_all()  # nothing listens in this test
    dialog = opened(qtbot, parts)
    settings = lambda: parts.preferences.settings  # noqa: E731
    dialog.switch.click()
    assert settings().server_on
    parts.preferences.set(server_key="dp-key")
    dialog.copy_key.click()
    assert QGuiApplication.clipboard().text() == "dp-key"
    dialog.fresh.click()
    assert settings().server_key.startswith("dp-")
    assert settings().server_key != "dp-key"
    dialog.everywhere.click()
    assert not settings().server_everywhere
    (question,) = dialog.findChildren(Question)
    qtbot.mouseClick(question.cancel, Qt.MouseButton.LeftButton)
    assert not settings().server_everywhere
    dialog.everywhere.click()
    dialog.findChildren(Question)[-1].accept()
    assert settings().server_everywhere
    dialog.everywhere.click()
    assert not settings().server_everywhere
    dialog.port.setValue(9000)
    assert settings().server_port == 9000


def test_the_settings_lead_to_it(qtbot: QtBot, parts: Parts) -> None:
    parts.window.actions_by_name["settings"].trigger()
    (settings,) = parts.window.findChildren(SettingsDialog)
    (panel,) = settings.findChildren(ServerPanel)
    panel.button.click()
    assert len(parts.window.findChildren(ServerDialog)) == 1


def test_requests_are_shown_and_stopped(qtbot: QtBot, parts: Parts) -> None:
    server = parts.controller.server
    dialog = opened(qtbot, parts)
    assert dialog.state.text() == words.SERVER_OFF
    requests = (RunningRequest(1, "/v1/messages agent", 0, 5.0, 2), RunningRequest(2, "/api/chat", 1, 1.0, 0))
    server.status_changed.emit(ServerStatus(ServerPhase.ON, "http://127.0.0.1:8321", "", requests))
    assert [label.text() for _, label, _ in dialog.rows.values()] == [
        "/v1/messages agent \u00b7 2 blocks \u00b7 5 s",
        "/api/chat \u00b7 waits, place 1 \u00b7 1 s",
    ]
    assert dialog.address.text() == "http://127.0.0.1:8321/v1"
    dialog.rows[1][2].click()  # nothing runs here: nothing happens
    server.status_changed.emit(ServerStatus(ServerPhase.FAILED, trouble="Port 8321 is used."))
    assert not dialog.rows
    assert dialog.state.text() == "Port 8321 is used."
    qtbot.waitUntil(lambda: dialog.nothing.isVisible(), timeout=WAIT_MS)
