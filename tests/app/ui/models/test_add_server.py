"""Model > Add a server: nothing is asked before a click, and what is sent where is said before."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keyring
import keyring.backends.fail
import pytest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.library.answering import ModelChoice, ModelPhase
from app.main import Parts
from app.server.remote.values import ServerFound
from app.ui.models import words
from app.ui.models.add_server import AddServerDialog
from inference.look.questions import ServedModelNamed
from tests.app.ui.test_window_controls import nameless
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.tiny_models import MemoryKeyring
from tests.helpers.waiting import WAIT_MS

ADDRESS = "http://192.168.1.20:8000/v1"
FOUND = ServerFound(ADDRESS, (ServedModelNamed("big", 8192), ServedModelNamed("small")))


class Asked:
    """In the place of the thread that asks."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, str]] = []

    def __call__(self, address: str, key: str) -> None:
        self.questions.append((address, key))


@pytest.fixture
def asked(scripted: Parts, monkeypatch: pytest.MonkeyPatch) -> Asked:
    note = Asked()
    monkeypatch.setattr(scripted.window.adding.servers, "ask", note)
    return note


@pytest.fixture(params=[True, False])
def keys(request: pytest.FixtureRequest) -> object:
    before = keyring.get_keyring()
    kept = MemoryKeyring() if request.param else keyring.backends.fail.Keyring()  # type: ignore[no-untyped-call]
    keyring.set_keyring(kept)
    yield kept
    keyring.set_keyring(before)


def opened(parts: Parts) -> AddServerDialog:
    parts.window.actions_by_name["add_server"].trigger()
    (dialog,) = (each for each in parts.window.findChildren(AddServerDialog) if each.isVisible())
    assert not list(nameless(dialog))
    return dialog


def test_from_an_address_to_the_model_that_answers(
    qtbot: QtBot, scripted: Parts, asked: Asked, keys: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    qtbot.waitUntil(lambda: scripted.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    chosen = list[ModelChoice]()
    load: Callable[[ModelChoice], None] = scripted.controller.model.load
    monkeypatch.setattr(scripted.controller.model, "load", lambda choice: (chosen.append(choice), load(choice)))
    dialog = opened(scripted)
    assert dialog.key.echoMode() == QLineEdit.EchoMode.Password
    assert not dialog.look.isEnabled()
    assert not dialog.use.isEnabled()
    dialog.address.setText("http://192.168.1.20:8000")
    assert "without encryption" in dialog.warning.text()
    dialog.key.setText("sk-1")
    dialog.look.click()
    assert asked.questions == [(ADDRESS, "sk-1")]
    scripted.window.adding.servers.found.emit(FOUND)
    assert [dialog.models.itemText(row) for row in range(2)] == ["big", "small"]
    assert dialog.state.text() == "192.168.1.20:8000 has 2 models."
    scripted.window.adding.servers.found.emit(dataclasses.replace(FOUND, left_out=2))
    assert "2 more are left out" in dialog.state.text()
    dialog.models.setCurrentIndex(1)
    dialog.use.click()
    lasts = isinstance(keys, MemoryKeyring)
    (choice,) = chosen
    assert choice.server is not None
    assert (choice.server.address, choice.server.model, choice.server.key) == (
        ADDRESS,
        "small",
        "" if lasts else "sk-1",
    )
    assert choice.name == "small on 192.168.1.20:8000"
    assert "sk-1" not in repr(choice)
    assert dialog.isVisible() != lasts
    if isinstance(keys, MemoryKeyring):
        assert "sk-1" in keys.kept.values()
    else:
        assert dialog.state.text() == words.SERVER_KEY_SESSION
    settings = scripted.preferences.settings
    assert (settings.server_asked, settings.server_model) == (ADDRESS, "small")
    assert "sk-1" not in repr(settings)
    qtbot.waitUntil(lambda: scripted.controller.model.choice == choice, timeout=WAIT_MS)
    assert settings.model_folder == scripted.preferences.settings.model_folder  # the next start asks nobody


def test_trouble_is_said_where_it_was_clicked(scripted: Parts, asked: Asked, process: ScriptedModelProcess) -> None:
    dialog = opened(scripted)
    dialog.address.setText("ftp://x")
    dialog.look.click()
    assert "no address" in dialog.state.text()
    dialog.address.setText("https://gpu.example.org/v1")
    assert not dialog.warning.isVisible()
    dialog.look.click()
    scripted.window.adding.servers.refused.emit(ErrorReport("known", "It refused the key.", "Enter the key."))
    assert dialog.state.text() == "It refused the key. Enter the key."
    dialog.address.setText("https://other.example.org/v1")  # an answer of the one before is none of this one
    scripted.window.adding.servers.found.emit(FOUND)
    assert not dialog.use.isEnabled()
    scripted.preferences.set(offline=True)
    before = len(asked.questions)
    dialog.look.click()
    assert dialog.state.text() == words.SERVER_OFFLINE
    assert len(asked.questions) == before


def test_forgotten(scripted: Parts, asked: Asked, keys: object) -> None:
    scripted.preferences.set(server_asked=ADDRESS, server_model="big")
    if isinstance(keys, MemoryKeyring):
        keys.set_password("Dewpoint", ADDRESS, "sk-1")
    dialog = opened(scripted)
    assert dialog.address.text() == ADDRESS
    dialog.forget.click()
    assert scripted.preferences.settings.server_asked == ""
    assert not isinstance(keys, MemoryKeyring) or not keys.kept
    assert dialog.state.text() == words.SERVER_FORGOTTEN
