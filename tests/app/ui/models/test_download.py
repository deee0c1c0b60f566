"""The whole way through the window, with the real library and a hub on this machine: from a name to a removed model."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from app.library.answering import ModelPhase
from app.library.services import LibraryServices
from app.main import Parts
from app.ui.models.add_dialogs import NameDialog
from app.ui.models.licence_dialog import LicenceDialog
from app.ui.models.models_window import ModelsWindow
from app.ui.models.removal_dialog import RemovalDialog
from app.ui.models.row import ModelRow
from tests.app.conftest import MakeServices
from tests.app.ui.conftest import MakeWindow
from tests.app.ui.models.support import labels, press
from tests.helpers.hub_behaviour import Repo, stall
from tests.helpers.hub_server import Hub
from tests.helpers.tiny_models import NAME, tiny_contents
from tests.helpers.waiting import WAIT_MS

INSTALLED = "Installed, no engines yet"


def opened(qtbot: QtBot, parts: Parts) -> ModelsWindow:
    """The models window after its first look."""
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    parts.window.models.show_page()
    window = parts.window.models.page
    assert window is not None
    qtbot.waitUntil(lambda: bool(window.list.rows), timeout=WAIT_MS)
    return window


def dialog_of(qtbot: QtBot, parts: Parts, kind: type[QDialog]) -> QDialog:
    """The dialog of this kind, as soon as it is open."""
    qtbot.waitUntil(lambda: any(each.isVisible() for each in parts.window.findChildren(kind)), timeout=WAIT_MS)
    return next(each for each in parts.window.findChildren(kind) if each.isVisible())


def ask_for(qtbot: QtBot, parts: Parts, name: str) -> None:
    """Type a name."""
    parts.window.models.buttons.add_by_name()
    dialog = dialog_of(qtbot, parts, NameDialog)
    assert isinstance(dialog, NameDialog)
    dialog.edit.setText(name)
    dialog.ask.click()


def accept(qtbot: QtBot, parts: Parts) -> None:
    """Accept the licence."""
    dialog = dialog_of(qtbot, parts, LicenceDialog)
    assert isinstance(dialog, LicenceDialog)
    dialog.box.click()
    dialog.download.click()


def row_of(qtbot: QtBot, window: ModelsWindow, state: str) -> ModelRow:
    """The row of the downloaded model, once it is in this state."""

    def found() -> list[ModelRow]:
        return [row for row in window.list.rows.values() if NAME in row.origin.full_text and row.state.text() == state]

    qtbot.waitUntil(lambda: len(found()) == 1, timeout=WAIT_MS)
    return found()[0]


def test_from_a_name_to_a_removed_model(
    qtbot: QtBot, make_window: MakeWindow, services: LibraryServices, hub: Hub, repo: Repo
) -> None:
    parts = make_window(services=services)
    window = opened(qtbot, parts)
    ask_for(qtbot, parts, f"https://huggingface.co/{NAME}")
    dialog = dialog_of(qtbot, parts, LicenceDialog)
    assert isinstance(dialog, LicenceDialog)
    assert "Apache License" in dialog.text.toPlainText()
    assert not hub.behaviour.requests("model-00001-of-00002.safetensors")
    hub.behaviour.plan("model-00002-of-00002.safetensors", stall(after=500_000), times=None)
    hub.behaviour.rate = 300_000  # what comes all at once has no rate that could be shown
    accept(qtbot, parts)
    row = row_of(qtbot, window, "Downloading")
    qtbot.waitUntil(lambda: "MB/s" in row.progress.text(), timeout=WAIT_MS)
    press(row, "Pause")
    row_of(qtbot, window, "Paused")
    assert row.bar.isVisible()
    hub.behaviour.forget()
    hub.behaviour.rate = 0
    press(row, "Resume")
    row_of(qtbot, window, INSTALLED)
    assert window.strip.text.text() == f"{NAME} is installed."
    assert labels(row) == ["Use", "Build engines \u2026"]
    press(row, "Verify again")
    qtbot.waitUntil(lambda: window.strip.text.text() == f"Every file of {NAME} is right.", timeout=WAIT_MS)
    folder = services.folder_for(NAME)
    (folder / "notes.txt").write_text("mine", "utf-8")
    press(row, "Remove \u2026")
    removal = dialog_of(qtbot, parts, RemovalDialog)
    assert isinstance(removal, RemovalDialog)
    removal.agree.click()
    qtbot.waitUntil(lambda: window.strip.text.text().endswith("came free."), timeout=WAIT_MS)
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]
    qtbot.waitUntil(
        lambda: all(NAME not in each.origin.full_text for each in window.list.rows.values()), timeout=WAIT_MS
    )


def test_a_damaged_file_is_found_and_repaired(
    qtbot: QtBot, make_window: MakeWindow, services: LibraryServices, hub: Hub, repo: Repo
) -> None:
    parts = make_window(services=services)
    window = opened(qtbot, parts)
    ask_for(qtbot, parts, NAME)
    accept(qtbot, parts)
    row = row_of(qtbot, window, INSTALLED)
    shard = services.folder_for(NAME) / "model-00001-of-00002.safetensors"
    shard.write_bytes(b"x" * shard.stat().st_size)
    press(row, "Verify again")
    row_of(qtbot, window, "Damaged")
    assert shard.name in window.strip.text.text()
    assert row.trouble.text.text() == "1 file is missing or damaged."
    assert labels(row) == ["Repair", "Verify"]
    press(row, "Repair")
    row_of(qtbot, window, INSTALLED)
    assert shard.read_bytes() == tiny_contents()[shard.name]


def test_the_window_closes_during_a_download_and_goes_on_next_time(
    qtbot: QtBot, make_window: MakeWindow, make_services: MakeServices, hub: Hub, repo: Repo
) -> None:
    parts = make_window(services=make_services())
    window = opened(qtbot, parts)
    hub.behaviour.plan("model-00002-of-00002.safetensors", stall(after=500_000), times=None)
    ask_for(qtbot, parts, NAME)
    accept(qtbot, parts)
    row = row_of(qtbot, window, "Downloading")
    qtbot.waitUntil(lambda: row.bar.value() > 0, timeout=WAIT_MS)
    parts.window.close()
    hub.behaviour.forget()
    again = make_window(services=make_services())
    window = opened(qtbot, again)
    row = row_of(qtbot, window, "Paused")  # nothing is fetched before a click
    assert not hub.behaviour.requests("model-00002-of-00002.safetensors")
    press(row, "Resume")
    row_of(qtbot, window, INSTALLED)


@pytest.mark.parametrize("offline", [True, False])
def test_what_cannot_be_asked_is_said(
    qtbot: QtBot, make_window: MakeWindow, services: LibraryServices, hub: Hub, offline: bool
) -> None:
    parts = make_window(services=services)
    window = opened(qtbot, parts)
    parts.preferences.set(offline=offline)
    ask_for(qtbot, parts, NAME if offline else "nobody/nothing")
    qtbot.waitUntil(window.strip.isVisible, timeout=WAIT_MS)
    assert ("stay offline" if offline else "There is no model nobody/nothing") in window.strip.text.text()
    assert window.strip.hint.text()
    assert window.asking.full_text == ""
