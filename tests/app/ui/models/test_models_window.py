"""The models window around its rows: machine, advice, offline, focus, dropped folders."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.library.values import ModelState, Transferring
from app.ui.models import words
from app.ui.models.models_window import ModelsWindow
from tests.app.ui.models.support import labels
from tests.app.ui.test_window_controls import nameless
from tests.helpers.scripted_library import (
    MODELS,
    NO_CARD,
    NVIDIA,
    PROBLEM,
    REFUSED,
    ScriptedLibrary,
    leftovers,
    library_of,
    mine,
)
from tests.helpers.waiting import WAIT_MS


def test_before_the_first_look(models: ModelsWindow, library: ScriptedLibrary) -> None:
    assert ("look",) in library.calls
    assert models.list.machine.card.text() == words.LOOKING
    assert not models.list.rows


def test_the_machine_and_the_advice(models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of())
    machine = models.list.machine
    assert machine.card.text() == "RTX 4070, 12 GiB"
    assert machine.around.text() == f"32 GiB of memory \u00b7 412.0 GB free in {MODELS}"
    assert machine.advice.text().startswith("DiffusionGemma 26B, NVFP4 by NVIDIA suits this computer.")


def test_no_card_says_why_once(models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of(machine=NO_CARD, fit=REFUSED))
    machine = models.list.machine
    assert machine.card.text() == "No graphics card in use"
    shown = f"{machine.around.text()} {machine.advice.text()}"
    assert shown.count("No NVIDIA card found.") == 1
    row = models.list.rows["catalogue:nvidia-nvfp4"]
    assert "It needs an NVIDIA card." in row.fit.text()
    assert "The starter model runs on every computer" in row.fit.text()
    assert row.dot.property("tone") == "bad"
    assert row.buttons()[0].property("role") != "primary"


def test_offline_explains(models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of(mine("m", ModelState.PAUSED, "redhat-fp8"), offline=True))
    assert models.offline.isVisible()
    assert models.offline.text() == words.OFFLINE_LINE
    resume = models.list.rows["m"].buttons()[0]
    download = models.list.rows["catalogue:nvidia-nvfp4"].buttons()[0]
    for control in (resume, download, models.refresh_list, models.by_name):
        assert not control.isEnabled()
        assert control.toolTip() == words.OFFLINE_WHY
    assert models.by_folder.isEnabled()


def test_while_the_hub_is_asked(models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of())
    library.asking_changed.emit(True)
    assert models.asking.full_text == "Asking huggingface.co \u2026"
    assert labels(models.list.rows["catalogue:nvidia-nvfp4"]) == ["(Download \u2026)"]
    assert models.stop_asking.isVisible()
    models.stop_asking.click()
    assert ("stop_asking",) in library.calls
    library.asking_changed.emit(False)
    assert models.asking.full_text == ""
    assert not models.stop_asking.isVisible()
    assert labels(models.list.rows["catalogue:nvidia-nvfp4"]) == ["Download \u2026"]


def test_rows_are_changed_in_place(qtbot: QtBot, models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of(mine("m", ModelState.DOWNLOADING)))
    library.show_transfer(Transferring("m", 1, 100))
    row = models.list.rows["m"]
    pause = row.buttons()[0]
    models.activateWindow()
    pause.setFocus()
    qtbot.waitUntil(pause.hasFocus, timeout=WAIT_MS)
    for done in range(2, 60):
        library.show_transfer(Transferring("m", done, 100, 5.0))
        library.show(library_of(mine("m", ModelState.DOWNLOADING, done=done)))
    assert models.list.rows["m"] is row
    assert row.buttons()[0] is pause
    assert pause.hasFocus()


def test_the_focus_follows_a_model_whose_download_begins(
    qtbot: QtBot, models: ModelsWindow, library: ScriptedLibrary
) -> None:
    library.show(library_of())
    models.activateWindow()
    button = models.list.rows["catalogue:nvidia-nvfp4"].buttons()[0]
    button.setFocus()
    qtbot.waitUntil(button.hasFocus, timeout=WAIT_MS)
    library.show(library_of(mine("m", ModelState.DOWNLOADING)))
    assert "catalogue:nvidia-nvfp4" not in models.list.rows
    qtbot.waitUntil(lambda: models.list.rows["m"].buttons()[0].hasFocus(), timeout=WAIT_MS)


def test_tab_goes_from_top_to_bottom(qtbot: QtBot, models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of())
    library.show(library_of(mine("m", ModelState.PAUSED), leftovers=leftovers()))  # a new row in the middle
    models.activateWindow()
    models.add.setFocus()
    qtbot.waitUntil(models.add.hasFocus, timeout=WAIT_MS)
    seen = []
    for _ in range(30):
        focused = QApplication.focusWidget()
        assert focused is not None
        seen.append(focused.accessibleName())
        if focused is models.close_button:
            break
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    title = NVIDIA.title
    assert seen[:3] == ["Add", "Refresh list", "Access token \u2026"]
    assert seen[-3:] == ["Leftovers", "Network use \u2026", "Close"]
    at = seen.index(f"Resume: {title}")
    assert seen[at - 1].startswith("More: Starter")
    assert seen[at : at + 3] == [f"Resume: {title}", f"Remove \u2026: {title}", f"More: {title}"]


def test_every_control_has_a_name(models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of(mine("m", ModelState.PAUSED, problem=PROBLEM), leftovers=leftovers()))
    models.say("News.", action="Do it")
    assert not list(nameless(models))


def test_headings_tell_what_is_here(models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of(mine("m", ModelState.INSTALLED)))
    here, there = (models.list._headings[one] for one in (True, False))
    order = [models.list.column.itemAt(at).widget() for at in range(models.list.column.count() - 1)]
    assert order.index(here) < order.index(models.list.rows["m"]) < order.index(there)
    assert order.index(there) < order.index(models.list.rows["catalogue:google-bf16"])


def test_a_dropped_folder_is_added(models: ModelsWindow, library: ScriptedLibrary, tmp_path: Path) -> None:
    for path, taken in ((tmp_path, True), (tmp_path / "file.txt", False)):
        if not taken:
            path.write_text("x", "utf-8")
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        none = Qt.KeyboardModifier.NoModifier
        event = QDropEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none)
        models.dropEvent(event)
    assert library.asked_for() == [("add_folder", tmp_path)]
