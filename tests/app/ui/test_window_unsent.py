"""Unsent text: one a chat, which follows nobody, merges with nothing and outlives the window."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.base.paths import AppPaths
from app.base.settings_file import SettingsFile
from app.chats.errors import StoreFullError
from app.chats.history import HistoryStore
from app.main import Parts
from tests.app.ui.conftest import MakeWindow
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS


def two_chats(qtbot: QtBot, parts: Parts) -> tuple[str, str]:
    """Two chats with an answer each; the second is shown."""
    chats = []
    for text in ("One", "Two"):
        parts.controller.open_chat(None)
        ask(qtbot, parts, text)
        wait_for_answer(qtbot, parts)
        chats.append(parts.controller.chat_id or "")
    return chats[0], chats[1]


def test_text_never_follows_into_another_chat(qtbot: QtBot, parts: Parts) -> None:
    one, two = two_chats(qtbot, parts)
    composer = parts.window.pane.composer
    qtbot.keyClicks(composer.box, "for two")
    parts.controller.open_chat(one)
    assert composer.text == ""
    qtbot.keyClicks(composer.box, "for one")
    parts.window.actions_by_name["new_chat"].trigger()
    assert composer.text == ""
    qtbot.keyClicks(composer.box, "for nobody yet")
    for chat, text in ((two, "for two"), (one, "for one"), (None, "for nobody yet"), (two, "for two")):
        parts.controller.open_chat(chat)
        assert composer.text == text


def test_looking_at_chats_writes_nothing(qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = two_chats(qtbot, parts)
    qtbot.keyClicks(parts.window.pane.composer.box, "for two")
    parts.controller.open_chat(one)
    monkeypatch.delattr(HistoryStore, "keep_unsent")
    for chat in (two, None, one):
        parts.controller.open_chat(chat)
    parts.controller.unsent.flush()


def test_unsent_texts_outlive_the_window(qtbot: QtBot, make_window: MakeWindow) -> None:
    first = make_window()
    one, two = two_chats(qtbot, first)
    qtbot.keyClicks(first.window.pane.composer.box, "for two")
    first.controller.open_chat(one)
    qtbot.keyClicks(first.window.pane.composer.box, "for one")
    first.window.close()
    first.store.close()
    second = make_window()
    assert (second.controller.chat_id, second.window.pane.composer.text) == (one, "for one")
    second.controller.open_chat(two)
    assert second.window.pane.composer.text == "for two"


def test_the_draft_of_a_new_chat_outlives_the_window(qtbot: QtBot, make_window: MakeWindow) -> None:
    first = make_window()
    qtbot.keyClicks(first.window.pane.composer.box, "not begun")
    first.window.close()
    first.store.close()
    assert make_window().window.pane.composer.text == "not begun"


def test_what_is_typed_is_on_the_disk_soon(qtbot: QtBot, parts: Parts, dewpoint_home: Path) -> None:
    """A window that is killed flushes nothing; and typing that never pauses is stored as well."""
    box = parts.window.pane.composer.box
    with HistoryStore.open(AppPaths(dewpoint_home).data_file) as other:

        def stored() -> bool:
            qtbot.keyClicks(box, "a")
            return other.unsent_text(None).startswith("aaa")

        qtbot.waitUntil(stored, timeout=WAIT_MS)


def test_a_sent_text_leaves_no_unsent_text(qtbot: QtBot, parts: Parts) -> None:
    ask(qtbot, parts, "Sent")
    assert (parts.store.unsent_text(None), parts.store.unsent_text(parts.controller.chat_id)) == ("", "")
    wait_for_answer(qtbot, parts)
    parts.controller.open_chat(None)
    assert parts.window.pane.composer.text == ""


def test_what_is_typed_while_an_answer_is_written_stays_with_its_chat(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    process.gate.clear()
    ask(qtbot, parts, "One")
    chat = parts.controller.chat_id
    qtbot.keyClicks(parts.window.pane.composer.box, "the next")
    parts.controller.open_chat(None)
    assert parts.window.pane.composer.text == ""
    process.gate.set()
    wait_for_answer_elsewhere(qtbot, parts)
    parts.controller.open_chat(chat)
    assert parts.window.pane.composer.text == "the next"


def wait_for_answer_elsewhere(qtbot: QtBot, parts: Parts) -> None:
    """The answer of a chat that is not shown is complete."""
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)


def test_an_example_takes_the_unsent_text_along_into_its_chat(qtbot: QtBot, parts: Parts) -> None:
    qtbot.keyClicks(parts.window.pane.composer.box, "half a thought")
    parts.window.pane.empty.example_chosen.emit("Tell me a tiny story.")
    wait_for_answer(qtbot, parts)
    chat = parts.controller.chat_id
    assert parts.window.pane.composer.text == "half a thought"
    assert (parts.store.unsent_text(None), parts.store.unsent_text(chat)) == ("", "half a thought")


def test_deleting_and_bringing_back_a_chat_keeps_its_unsent_text(qtbot: QtBot, parts: Parts) -> None:
    _, two = two_chats(qtbot, parts)
    qtbot.keyClicks(parts.window.pane.composer.box, "for two")
    parts.controller.delete(two)
    assert parts.window.pane.composer.text == ""
    parts.window.actions_by_name["undo"].trigger()
    assert parts.window.pane.composer.text == "for two"


def test_other_answers_leave_the_box_alone(qtbot: QtBot, parts: Parts) -> None:
    ask(qtbot, parts, "One")
    wait_for_answer(qtbot, parts)
    parts.controller.try_again()
    wait_for_answer(qtbot, parts)
    qtbot.keyClicks(parts.window.pane.composer.box, "typed")
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    parts.controller.show_sibling(answer.message_id, -1)
    assert parts.window.pane.composer.text == "typed"
    assert parts.window.pane.composer.box.document().isUndoAvailable()


def test_a_full_disk_loses_no_unsent_text(qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = two_chats(qtbot, parts)
    problems: list[object] = []
    parts.controller.problem.connect(problems.append)

    def full(*_: object) -> None:
        raise StoreFullError("The disk is full.", "Free some space.")

    with monkeypatch.context() as patch:
        patch.setattr(HistoryStore, "keep_unsent", full)
        qtbot.keyClicks(parts.window.pane.composer.box, "for two")
        for chat in (one, two, one):
            parts.controller.open_chat(chat)
        assert len(problems) == 1, "said once"
        parts.controller.open_chat(two)
        assert parts.window.pane.composer.text == "for two"
    parts.controller.unsent.flush()
    assert parts.store.unsent_text(two) == "for two"


def last_chat_on_disk() -> str:
    """The chat that a start would open now, whatever became of this window."""
    return SettingsFile(AppPaths.resolve().settings_file).load().settings.last_chat


def test_the_shown_chat_is_known_on_disk_at_once(parts: Parts) -> None:
    """A kill gives no time to save; nothing here lets a timer run."""
    assert parts.controller.send("My first message")
    first = parts.controller.chat_id
    assert first
    assert last_chat_on_disk() == first
    parts.controller.stop()
    other = parts.store.add_user_message(None, "Another").conversation_id
    for chat in (other, None, first):
        parts.controller.open_chat(chat)
        assert last_chat_on_disk() == (chat or "")
    parts.controller.delete(first)
    assert last_chat_on_disk() == ""
    parts.controller.undelete(first)
    assert last_chat_on_disk() == first
