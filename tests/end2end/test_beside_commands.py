"""The real window and a command beside it: what is written afterwards stays, even if the window is killed at once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.chats.history import HistoryStore
from app.library.answering import ModelPhase
from app.ui.help.doctor_dialog import DoctorDialog
from tests.end2end.conftest import ROOT, OpenWindow
from tests.helpers.waiting import WAIT_MS, WAIT_SECONDS


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at what Linux says of a process")
def test_a_message_after_the_doctor_survives(
    qtbot: QtBot, open_window: OpenWindow, dewpoint_home: Path, tmp_path: Path
) -> None:
    parts = open_window("fake")
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    parts.window.actions_by_name["doctor"].trigger()  # the window's own look at the same file
    (dialog,) = parts.window.findChildren(DoctorDialog)
    qtbot.waitUntil(lambda: "] Engines: " in dialog.report(), timeout=WAIT_MS)
    assert "[pass] Chats: " in dialog.report()
    dialog.close()
    export = ("chats", "export", "--all", "--out", str(tmp_path / "all.json"))
    for command in (("doctor",), ("models", "list"), ("doctor",), ("chats", "check"), export, ("chats", "backup")):
        arguments = [sys.executable, "-m", "app", *command]
        subprocess.run(arguments, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=WAIT_SECONDS)
    parts.window.pane.composer.set_text("after the doctor")
    parts.window.pane.composer.button.click()
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    opened = [os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert not [name for name in opened if re.search(r"chats\.sqlite3.*\(deleted\)", name)]
    left = tmp_path / "left"  # what a kill would leave
    left.mkdir()
    for name in ("chats.sqlite3", "chats.sqlite3-wal"):
        shutil.copyfile(dewpoint_home / name, left / name)
    with HistoryStore.open(left / "chats.sqlite3") as store:
        assert store.messages(store.list_conversations()[0].id)[0].body == "after the doctor"
