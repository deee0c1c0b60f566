"""The starter model itself, through the real model process: ask, watch, store, restart."""

from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.chats.messages import MessageState
from app.library.answering import ModelPhase
from app.main import Parts
from inference.events import DraftUpdated
from tests.end2end.conftest import OpenWindow
from tests.helpers.waiting import WAIT_MS

QUESTION = "Give me a tour of the program"  # two blocks, so several drafts however sure the model is


def ask(qtbot: QtBot, parts: Parts, text: str) -> list[DraftUpdated]:
    """Type, press Enter, wait for the whole answer; the drafts that were shown."""
    drafts: list[DraftUpdated] = []
    parts.controller.draft_updated.connect(drafts.append)
    box = parts.window.pane.composer.box
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    return drafts


def test_ask_watch_store_restart(qtbot: QtBot, open_window: OpenWindow) -> None:
    first = open_window("auto")
    qtbot.waitUntil(lambda: first.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    assert first.window.pane.header.name.full_text.startswith("Starter model")
    drafts = ask(qtbot, first, QUESTION)
    assert drafts
    chat = first.controller.chat_id or ""
    stored = first.store.messages(chat)
    assert stored[-1].state == MessageState.DONE
    assert stored[-1].body.strip()
    assert stored[-1].generation is not None
    assert stored[-1].generation.backend in ("onnx", "native")  # native where it is built
    first.window.close()
    first.store.close()

    second = open_window("auto")
    shown = [item.source() for item in second.window.pane.chat.items]
    assert shown == [QUESTION, stored[-1].body]
    assert second.controller.chat_id == chat
