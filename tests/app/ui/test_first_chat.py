"""The chat of last time never keeps the program from starting."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.base.paths import AppPaths
from app.main import Parts
from app.ui.chat import words
from tests.app.ui.conftest import MakeWindow
from tests.app.ui.sample import ANSWER, add_answer
from tests.helpers.waiting import WAIT_MS


def note() -> Path:
    """Where a start notes that it has not come to rest."""
    return AppPaths.resolve().start_note


def at_rest(parts: Parts) -> bool:
    """Whether the chat is shown and the window answers."""
    return not parts.first_chat._look.isActive()


def start(parts: Parts) -> None:
    """As the program starts."""
    parts.window.resize(1000, 700)
    parts.window.show()
    parts.first_chat.start(parts.preferences.settings.last_chat)


def test_the_note_stands_while_the_chat_is_opened_and_goes_at_rest(qtbot: QtBot, make_window: MakeWindow) -> None:
    first = make_window()
    chat = add_answer(first, ANSWER)
    first.controller.open_chat(chat)
    first.window.close()
    again = make_window(show=False)
    seen: list[bool] = []
    again.controller.chat_shown.connect(lambda *_: seen.append(note().exists()))
    start(again)
    assert seen == [True]
    qtbot.waitUntil(lambda: at_rest(again), timeout=WAIT_MS)
    assert not note().exists()
    assert again.controller.chat_id == chat


def test_a_start_that_did_not_come_to_rest_opens_without_a_chat(qtbot: QtBot, make_window: MakeWindow) -> None:
    """The program was killed, or died, in the middle of showing it; the chat can be opened by hand."""
    first = make_window()
    chat = add_answer(first, ANSWER)
    first.controller.open_chat(chat)
    first.window.close()

    dying = make_window(show=False)
    start(dying)
    assert note().exists()
    dying.first_chat._look.stop()  # it was killed, or froze: its event loop turns no more
    dying.window.close()

    again = make_window(show=False)
    start(again)
    assert again.controller.chat_id is None
    assert again.window.notices._toast.text == words.NO_REST
    assert [row.id for row in again.store.list_conversations()] == [chat]
    assert not note().exists()
    again.window.notices._toast.action.click()
    assert again.controller.chat_id == chat
    assert note().exists()
    qtbot.waitUntil(lambda: not note().exists(), timeout=WAIT_MS)


def test_a_start_without_a_chat_and_a_note_that_cannot_be_written(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = make_window(show=False)
    start(parts)
    assert at_rest(parts)
    assert not note().exists()
    chat = add_answer(parts, ANSWER)

    def full(path: Path, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "touch", full)
        parts.first_chat.open(chat)
    assert parts.controller.chat_id == chat
    qtbot.waitUntil(lambda: at_rest(parts), timeout=WAIT_MS)
