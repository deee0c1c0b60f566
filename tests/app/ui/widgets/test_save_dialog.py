"""A file is never replaced under a name that was not asked about."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMessageBox
from pytestqt.qtbot import QtBot

from app.ui.widgets.save_dialog import SaveDialog


def save_as(dialog: SaveDialog, name: str, answer: QMessageBox.StandardButton) -> list[str]:
    """Type a name and save; what was asked."""
    asked: list[str] = []

    def reply() -> None:
        for box in dialog.findChildren(QMessageBox):
            if box.isVisible():
                asked.append(box.text())
                box.button(answer).click()

    timer = QTimer(dialog)
    timer.timeout.connect(reply)
    timer.start(5)
    dialog.findChildren(QLineEdit)[0].setText(name)
    dialog.accept()
    timer.stop()
    return asked


@pytest.mark.parametrize(("typed", "there"), [("r", "r.gif"), ("chats.sqlite3", "chats.sqlite3.gif")])
def test_it_is_asked_about_the_file_that_would_be_replaced(
    qtbot: QtBot, tmp_path: Path, typed: str, there: str
) -> None:
    (tmp_path / there).write_bytes(b"mine")
    dialog = SaveDialog(None, "Save", str(tmp_path / "new.gif"), "GIF (*.gif)")
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    qtbot.addWidget(dialog)
    dialog.show()
    (asked,) = save_as(dialog, typed, QMessageBox.StandardButton.No)
    assert there in asked
    assert dialog.isVisible()
    save_as(dialog, typed, QMessageBox.StandardButton.Yes)
    assert not dialog.isVisible()
    assert dialog.selectedFiles() == [str(tmp_path / there)]


@pytest.mark.parametrize(("typed", "meant"), [("r", "r.gif"), ("a.b", "a.b.gif"), ("R.GIF", "R.GIF")])
def test_names_get_the_suffix(qtbot: QtBot, tmp_path: Path, typed: str, meant: str) -> None:
    dialog = SaveDialog(None, "Save", str(tmp_path / "new.gif"), "GIF (*.gif)")
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not save_as(dialog, typed, QMessageBox.StandardButton.No)
    assert dialog.selectedFiles() == [str(tmp_path / meant)]


def test_a_system_dialog_that_adds_nothing_is_shown_again(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[list[str]] = []

    def ask(dialog: SaveDialog) -> int:
        if not shown:
            dialog.selectFile(str(tmp_path / "a.b"))
        shown.append(dialog.selectedFiles())
        return 1

    monkeypatch.setattr(SaveDialog, "exec", ask)
    assert SaveDialog.chosen(None, "Save", str(tmp_path / "new.gif"), "GIF (*.gif)") == tmp_path / "a.b.gif"
    assert shown == [[str(tmp_path / "a.b")], [str(tmp_path / "a.b.gif")]]
    monkeypatch.setattr(SaveDialog, "exec", lambda _: 0)
    assert SaveDialog.chosen(None, "Save", "new.gif", "GIF (*.gif)") is None
