"""Large texts in the real window: pasted, sent, resized and opened again, and never laid out as one line."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QTextEdit
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.chat.long_text import PIECE
from app.ui.chat.user_message import MOST_CHARACTERS
from tests.app.ui.conftest import MakeWindow
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS

TEXTS = {"letters": "a" * 200_000, "lines": "line of text\n" * 80_000}


def longest_block(parts: Parts) -> int:
    """UTF-16 units of the longest line that any text field of the window lays out."""
    longest = 0
    fields = [*parts.window.findChildren(QPlainTextEdit), *parts.window.findChildren(QTextEdit)]
    for field in fields:
        block = field.document().begin()
        while block.isValid():
            longest = max(longest, block.length())
            block = block.next()
    return longest


@pytest.mark.parametrize("kind", TEXTS)
def test_a_large_text_is_sent_and_comes_back(
    qtbot: QtBot, make_window: MakeWindow, process: ScriptedModelProcess, kind: str
) -> None:
    parts = make_window()
    composer = parts.window.pane.composer
    data = QMimeData()
    data.setText(TEXTS[kind])
    composer.box.insertFromMimeData(data)
    QApplication.processEvents()
    assert longest_block(parts) <= PIECE + 8
    qtbot.keyClick(composer.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(process.requests) and not parts.controller.busy, timeout=WAIT_MS)
    parts.window.resize(800, 700)
    QApplication.processEvents()
    sent = TEXTS[kind].strip("\n")
    assert process.requests[0].turns[-1].text == sent
    assert parts.store.messages(parts.controller.chat_id or "")[0].body == sent
    assert longest_block(parts) <= MOST_CHARACTERS + 8
    assert len(parts.window.windowTitle()) < 200
    parts.window.close()
    again = make_window()
    qtbot.waitUntil(lambda: len(again.window.pane.chat.items) == 2, timeout=WAIT_MS)
    assert longest_block(again) <= MOST_CHARACTERS + 8
