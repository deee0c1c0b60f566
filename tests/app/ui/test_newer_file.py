"""A chat file of a newer version: refused, and its chats taken out of it by reading alone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.base.errors import report_from_exception
from app.base.paths import AppPaths
from app.chats.errors import NewerDatabaseError
from app.chats.exporting import texts
from app.chats.exporting.snapshot import snapshot
from app.chats.history import HistoryStore
from app.commands.dispatch import run_command
from app.ui.chat.exchange import words
from app.ui.chat.exchange.dialogs import ExportDialog
from app.ui.chat.exchange.newer_file import NewerFile
from app.ui.widgets.save_dialog import SaveDialog
from app.ui.widgets.theme import ThemeManager
from tests.app.chats.support import fill
from tests.helpers.waiting import WAIT_MS


@pytest.fixture
def newer(store: HistoryStore) -> Path:
    """What a later version left: a column and a table more, and a column that is called otherwise nowhere."""
    fill(store, 2, 2)
    store.close()
    with closing(sqlite3.connect(store.path)) as db:
        db.execute("ALTER TABLE message ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'")
        db.execute("CREATE TABLE later (id TEXT)")
        db.execute("PRAGMA user_version = 99")
        db.commit()
    return store.path


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_it_is_read_only_on_request_and_never_changed(newer: Path, tmp_path: Path) -> None:
    before = bytes_of(newer.parent)
    with pytest.raises(NewerDatabaseError), snapshot(newer):
        pass
    with snapshot(newer, newer=True) as found:
        chats = found.conversations()
        assert (len(chats), found.newer) == (2, True)
        assert {message["mood"] for message in found.portable(chats[0].id)["messages"]} == {"calm"}
        assert len(found.branch(chats[0])) == 4
    assert bytes_of(newer.parent) == before


def test_one_that_lacks_what_is_known_is_refused(newer: Path) -> None:
    with closing(sqlite3.connect(newer)) as db:
        db.execute("ALTER TABLE message RENAME COLUMN thinking TO thoughts")
    with pytest.raises(NewerDatabaseError) as caught, snapshot(newer, newer=True):
        pass
    assert "cannot even read" in caught.value.hint


def test_the_window_that_cannot_start_exports(
    qtbot: QtBot, newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication
) -> None:
    with pytest.raises(NewerDatabaseError) as caught:
        HistoryStore.open(newer)
    before = bytes_of(newer.parent)
    dialog = NewerFile(report_from_exception(caught.value), newer, ThemeManager(qapp).theme)
    dialog.show()
    out = tmp_path / "mine.json"
    monkeypatch.setattr(SaveDialog, "chosen", lambda *_: out)
    dialog.export.click()
    (asked,) = dialog.findChildren(ExportDialog)
    asked.accept()
    qtbot.waitUntil(lambda: dialog.export.isEnabled() and dialog.said.text() != words.EXPORTING, timeout=WAIT_MS)
    assert str(out.name) in dialog.said.text()
    assert len(json.loads(out.read_text("utf-8"))["chats"]) == 2
    assert bytes_of(newer.parent) == before
    dialog.quit.click()
    assert dialog.isHidden()


def test_the_command_exports_and_says_so(
    dewpoint_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = AppPaths.resolve().ensure().data_file
    with HistoryStore.open(file) as opened:
        fill(opened, 2, 2)
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")
    out = tmp_path / "all.json"
    assert run_command(["chats", "export", "--all", "--out", str(out)]) == 0
    assert texts.OF_NEWER in capsys.readouterr().out
    assert run_command(["chats", "export", "--all", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["newer"] is True
    assert run_command(["chats", "list"]) == 1
