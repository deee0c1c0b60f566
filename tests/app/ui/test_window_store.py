"""The chat file under the window: full, locked, deleted, changed by another program. Nothing is lost silently."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from sqlite_utils import Database

from app.base.paths import AppPaths
from app.bridge import unsent
from app.bridge.first_window import ADDRESS_NAME, WindowOpenError, first_window
from app.chats import history, texts
from app.chats.errors import StoreFullError
from app.chats.history import HistoryStore
from app.chats.messages import MessageState
from app.main import Parts, keep_folder
from app.ui.chat import unsaved_dialog, words
from app.ui.chat.unsaved_dialog import UnsavedDialog
from app.ui.widgets.save_dialog import SaveDialog
from inference.events import Event, Failed
from inference.params import GenerationRequest
from tests.app.ui.conftest import MakeWindow
from tests.helpers.scripted_process import ScriptedModelProcess, committed, draft, finished
from tests.helpers.waiting import WAIT_MS, WAIT_SECONDS


@contextmanager
def full_disk(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No write of the history works."""

    def full(*_: object, **__: object) -> None:
        raise StoreFullError(texts.STORE_FULL, texts.STORE_FULL_HINT)

    with monkeypatch.context() as patch:
        for name in ("commit_block", "finish_answer", "keep_unfinished", "stop_answer", "keep_unsent"):
            patch.setattr(HistoryStore, name, full)
        yield


@contextmanager
def locked(parts: Parts) -> Iterator[None]:
    """Another program holds the chat file for writing."""
    with closing(sqlite3.connect(parts.store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def send(parts: Parts, text: str, qtbot: QtBot) -> None:
    """Type and press Enter."""
    parts.window.pane.composer.set_text(text)
    qtbot.keyClick(parts.window.pane.composer.box, Qt.Key.Key_Return)


def question(parts: Parts) -> UnsavedDialog:
    """What is asked before the window closes."""
    (dialog,) = [each for each in parts.window.findChildren(UnsavedDialog) if each.isVisible()]
    return dialog


def answered_on_a_full_disk(parts: Parts, qtbot: QtBot) -> str:
    """An answer that is on the screen and not on the disk."""
    send(parts, "Please", qtbot)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    return answer.source()


def test_closing_over_what_is_not_stored_asks_and_trying_again_stores_it(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = make_window()
    with full_disk(parts, monkeypatch):
        shown = answered_on_a_full_disk(parts, qtbot)
        assert shown
        assert not parts.window.close()
        dialog = question(parts)
        assert parts.window.isVisible()
        dialog.again.click()
        assert dialog.isVisible()
        assert dialog._said.text() == words.STILL_UNSAVED
        dialog.stay.click()
        assert parts.window.isVisible()
        assert not parts.window.close()
        dialog = question(parts)
    dialog.again.click()
    assert not parts.window.isVisible()
    again = make_window()
    (chat,) = again.store.list_conversations()
    assert again.store.messages(chat.id)[-1].body == shown


def test_what_is_not_stored_is_saved_as_a_text_file(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts = make_window()
    file = tmp_path / "kept.txt"
    with full_disk(parts, monkeypatch):
        shown = answered_on_a_full_disk(parts, qtbot)
        parts.window.pane.composer.set_text("typed and not sent")
        assert not parts.window.close()
        names = iter([None, tmp_path / "no folder" / "x.txt", file])
        monkeypatch.setattr(SaveDialog, "chosen", lambda *_: next(names))
        dialog = question(parts)
        dialog.elsewhere.click()  # cancelled
        assert dialog.isVisible()
        dialog.elsewhere.click()
        assert "cannot be written" in dialog._said.text()
        dialog.elsewhere.click()
    assert not parts.window.isVisible()
    kept = file.read_text("utf-8")
    assert shown in kept
    assert "typed and not sent" in kept


def test_closing_anyway_and_a_desktop_that_insists(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    for insisted in (True, False):
        parts = make_window()
        with full_disk(parts, monkeypatch):
            answered_on_a_full_disk(parts, qtbot)
            assert not parts.window.close()
            if insisted:
                assert parts.window.close()  # as at the end of a session
            else:
                question(parts).anyway.click()
        assert not parts.window.isVisible()


def test_a_window_with_nothing_to_lose_closes_at_once(qtbot: QtBot, make_window: MakeWindow) -> None:
    parts = make_window()
    answered_on_a_full_disk(parts, qtbot)
    assert parts.window.close()


def test_a_locked_file_is_said_and_the_text_stays(qtbot: QtBot, make_window: MakeWindow) -> None:
    """The window waited five seconds for each write, and nobody knew why."""
    parts = make_window()
    with closing(sqlite3.connect(parts.store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        send(parts, "Please", qtbot)
        assert parts.window.pane.composer.text == "Please"
        assert texts.STORE_BUSY in parts.window.notices._toast.text
        assert parts.store._db.execute("PRAGMA busy_timeout").fetchone()[0] <= 200
        other.execute("ROLLBACK")
    qtbot.keyClick(parts.window.pane.composer.box, Qt.Key.Key_Return)
    assert parts.window.pane.composer.text == ""


def test_what_is_typed_while_another_program_holds_the_file_is_stored_without_another_key(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was tried again only with the next key: a kill before that lost it."""
    monkeypatch.setattr(unsent, "RETRY_MS", 50)
    parts = make_window()
    toast = parts.window.notices._toast
    with locked(parts), HistoryStore.open(parts.store.path) as other:
        parts.window.pane.composer.set_text("An hour's work")
        qtbot.waitUntil(lambda: texts.STORE_BUSY in toast.text and toast.isVisible(), timeout=WAIT_MS)
        assert other.unsent_text(None) == ""
    with HistoryStore.open(parts.store.path) as other:
        qtbot.waitUntil(lambda: other.unsent_text(None) == "An hour's work", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not toast.isVisible(), timeout=WAIT_MS)


def test_nothing_is_tried_after_the_end(qtbot: QtBot, make_window: MakeWindow) -> None:
    parts = make_window()
    with locked(parts):
        parts.window.pane.composer.set_text("typed")
        assert not parts.window.close()
        question(parts).anyway.click()
    assert not parts.window.isVisible()
    assert not parts.controller.unsent._timer.isActive()


def test_the_question_at_the_end_says_why_and_closes_when_the_file_is_free(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsaved_dialog, "LOOK_MS", 50)
    parts = make_window()
    with locked(parts):
        parts.window.pane.composer.set_text("typed and not sent")
        assert not parts.window.close()
        dialog = question(parts)
        assert texts.STORE_BUSY in dialog._detail.text()
        assert texts.STORE_BUSY_HINT in dialog._detail.text()
        assert "disk" not in dialog._detail.text()
    qtbot.waitUntil(lambda: not parts.window.isVisible(), timeout=WAIT_MS)
    parts.store.close()
    assert make_window().store.unsent_text(None) == "typed and not sent"


def test_the_question_at_the_end_names_a_full_disk(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = make_window()
    with full_disk(parts, monkeypatch):
        answered_on_a_full_disk(parts, qtbot)
        assert not parts.window.close()
        assert texts.STORE_FULL in question(parts)._detail.text()
        question(parts).anyway.click()


def test_nothing_closes_under_the_dialog_for_a_file(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = make_window()
    with full_disk(parts, monkeypatch):
        answered_on_a_full_disk(parts, qtbot)
        assert not parts.window.close()
        dialog = question(parts)
        looks: list[bool] = []

        def choose(*_: object) -> None:
            looks.append(dialog._look.isActive())

        monkeypatch.setattr(SaveDialog, "chosen", choose)
        dialog.elsewhere.click()
        assert looks == [False]
        assert dialog._look.isActive()
        dialog.stay.click()
        assert not dialog._look.isActive()


def test_closing_waits_once_for_another_program(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each text that could not be stored was waited for anew, twice: counted by how long SQLite may wait."""
    parts = make_window()
    with full_disk(parts, monkeypatch):
        answered_on_a_full_disk(parts, qtbot)
    waits: list[int] = []
    begin = history.transaction

    def counted(db: Database, *, durable: bool) -> AbstractContextManager[None]:
        waits.append(db.execute("PRAGMA busy_timeout").fetchone()[0])
        return begin(db, durable=durable)

    with locked(parts), monkeypatch.context() as patch:
        patch.setattr(history, "transaction", counted)
        parts.window.pane.composer.set_text("typed")
        assert not parts.window.close()
        assert [wait for wait in waits if wait] == [history.BUSY_MS], "one write may wait"
        assert len(waits) == 2
        question(parts).stay.click()
    assert parts.store._db.execute("PRAGMA busy_timeout").fetchone()[0] == history.BUSY_MS


def test_that_the_disk_is_full_is_over_when_something_is_stored(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = make_window()
    toast = parts.window.notices._toast
    with full_disk(parts, monkeypatch):
        answered_on_a_full_disk(parts, qtbot)
        assert texts.STORE_FULL in toast.text
        # A file that takes a short write does not take the answer that waits.
        parts.controller.rename(parts.controller.chat_id or "", "Other name")
        parts.controller.on_stored()
        assert toast.isVisible()
    send(parts, "Next", qtbot)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    parts.controller.answering.on_retry_due()
    qtbot.waitUntil(lambda: not toast.isVisible(), timeout=WAIT_MS)


def answered_on_a_locked_file(parts: Parts, process: ScriptedModelProcess, qtbot: QtBot) -> str:
    """An answer that began on the disk and ended while another program held the file; the chat's id."""
    process.gate.clear()
    send(parts, "Please", qtbot)
    with locked(parts):
        process.gate.set()
        qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
        chat = parts.controller.chat_id or ""
        parts.controller.open_chat(None)
        parts.controller.open_chat(chat)
        assert parts.store.messages(chat)[-1].state == MessageState.STREAMING
    return chat


def test_an_answer_that_is_not_stored_yet_is_shown_when_its_chat_is_opened_again(
    qtbot: QtBot, make_window: MakeWindow, process: ScriptedModelProcess
) -> None:
    """It stayed "Reading the chat" for good."""
    parts = make_window()
    chat = answered_on_a_locked_file(parts, process, qtbot)
    pane = parts.window.pane
    answer = pane.chat.last_answer
    assert answer is not None
    assert (answer.source(), answer._note.text()) == ("Hello **there**.", "")
    assert not parts.store.messages(chat)[-1].body
    parts.controller.answering.on_retry_due()
    assert "settled in" in pane.status.text()
    assert parts.store.messages(chat)[-1].state == MessageState.DONE


def test_a_failed_answer_that_is_not_stored_yet_says_why_it_failed(
    qtbot: QtBot, make_window: MakeWindow, process: ScriptedModelProcess
) -> None:
    """It was shown as a stopped one."""
    process.answer = [draft([" a"]), Failed("The memory is full.", "Close something.", known=True)]
    parts = make_window()
    answered_on_a_locked_file(parts, process, qtbot)
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    assert not answer._problem.isHidden()
    assert not answer._again.isHidden()


def test_the_blocks_of_an_answer_that_are_not_stored_are_shown_when_its_chat_is_opened_again(
    qtbot: QtBot, make_window: MakeWindow, process: ScriptedModelProcess
) -> None:
    first, second = threading.Event(), threading.Event()
    parts = make_window()

    def generate(request: GenerationRequest, cancel: threading.Event | None = None) -> Iterator[Event]:
        first.wait(WAIT_SECONDS)
        yield committed("One. ")
        second.wait(WAIT_SECONDS)
        yield from (committed("Two.", block=1), finished("One. Two.", (14, 14)))

    process.generate = generate  # type: ignore[method-assign]
    send(parts, "Please", qtbot)
    with locked(parts):
        first.set()
        qtbot.waitUntil(lambda: parts.controller.answering.failing, timeout=WAIT_MS)
        chat = parts.controller.chat_id
        parts.controller.open_chat(None)
        parts.controller.open_chat(chat)
        answer = parts.window.pane.chat.last_answer
        assert answer is not None
        assert answer.source() == "One. "
    second.set()
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert answer.source() == "One. Two."


def test_a_question_after_an_answer_that_is_not_stored_yet_stores_it_first(
    qtbot: QtBot, make_window: MakeWindow, process: ScriptedModelProcess
) -> None:
    """The model was asked without that answer."""
    parts = make_window()
    answered_on_a_locked_file(parts, process, qtbot)
    send(parts, "And then?", qtbot)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert [turn.text for turn in process.requests[-1].turns] == ["Please", "Hello **there**.", "And then?"]
    assert [each.source() for each in parts.window.pane.chat._answers()] == ["Hello **there**."] * 2


def test_a_stopped_answer_that_is_not_stored_yet_goes_on_when_it_is(
    qtbot: QtBot, make_window: MakeWindow, process: ScriptedModelProcess
) -> None:
    """Asking it to go on was an error of the program."""
    process.answer = [committed("Half "), finished("", (14,), "cancelled")]
    parts = make_window()
    chat = answered_on_a_locked_file(parts, process, qtbot)
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    assert answer.can_continue
    with locked(parts):
        parts.controller.continue_answer()
        assert not parts.controller.busy
    process.answer = [committed("done."), finished("done.")]
    parts.controller.continue_answer()
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert parts.store.messages(chat)[-1].body == answer.source() == "Half done."


def test_a_chat_file_that_is_deleted_is_said_and_written_anew(qtbot: QtBot, make_window: MakeWindow) -> None:
    parts = make_window()
    send(parts, "One", qtbot)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    parts.store.path.unlink()
    parts.controller.on_watch_due()
    toast = parts.window.notices._toast
    assert texts.STORE_GONE in toast.text
    send(parts, "Two", qtbot)
    assert parts.window.pane.composer.text == "Two"
    assert texts.STORE_GONE in toast.text
    toast.action.click()
    assert toast.text == words.WRITTEN_ANEW
    assert parts.store.path.exists()
    qtbot.keyClick(parts.window.pane.composer.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    parts.window.close()
    again = make_window()
    (chat,) = again.store.list_conversations()
    assert [each.body for each in again.store.messages(chat.id) if each.role == "user"] == ["One", "Two"]


@pytest.mark.skipif(sys.platform == "win32", reason="a folder with open files cannot be deleted there")
def test_a_data_folder_that_is_gone_is_made_anew_with_all_that_a_start_makes(
    qtbot: QtBot, make_window: MakeWindow
) -> None:
    """A second start opened a second window on the new folder, and nothing was logged any more."""
    parts = make_window()
    base = parts.store.path.parent
    paths, first = AppPaths(base), first_window(base, None)
    assert first is not None
    keep_folder(parts.controller, paths, first)
    send(parts, "One", qtbot)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    shutil.rmtree(base)
    parts.controller.on_watch_due()
    parts.window.notices._toast.action.click()
    assert parts.store.path.exists()
    assert (paths.logs / "dewpoint.log").exists()
    assert paths.backups.is_dir()
    assert (base / ADDRESS_NAME).exists()
    with pytest.raises(WindowOpenError):
        first_window(base, None)
    first.close()
    assert not (base / ADDRESS_NAME).exists()


def with_its_file_deleted(parts: Parts, qtbot: QtBot) -> None:
    """One message is stored, nothing is typed, and the chat file is gone."""
    send(parts, "One", qtbot)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    for side in ("", "-wal", "-shm"):
        parts.store.path.with_name(parts.store.path.name + side).unlink(missing_ok=True)


def sent_texts(parts: Parts) -> list[str]:
    """What the user wrote in the only chat."""
    (chat,) = parts.store.list_conversations()
    return [each.body for each in parts.store.messages(chat.id) if each.role == "user"]


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be deleted there")
@pytest.mark.parametrize("typed", ["", "typed and not sent"])
def test_closing_over_a_chat_file_that_is_gone_asks_and_writes_it_anew(
    qtbot: QtBot, make_window: MakeWindow, typed: str
) -> None:
    """With an empty message box nothing was asked, and all chats since the backup were lost."""
    parts = make_window()
    with_its_file_deleted(parts, qtbot)
    parts.window.pane.composer.set_text(typed)
    assert not parts.window.close()
    dialog = question(parts)
    assert texts.STORE_GONE in dialog._detail.text()
    assert "all chats" in dialog._detail.text()
    assert dialog.again.text() == words.WRITE_ANEW
    assert dialog.elsewhere.isVisible() == bool(typed)
    dialog.on_look_due()
    assert dialog.isVisible(), "nothing is written unasked"
    assert not parts.store.path.exists()
    dialog.again.click()
    assert not parts.window.isVisible()
    again = make_window()
    assert sent_texts(again) == ["One"]
    assert again.store.unsent_text(again.controller.chat_id) == typed


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be deleted there")
def test_a_chat_file_that_cannot_be_written_anew_either_is_said_and_offered_again(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts = make_window()
    with_its_file_deleted(parts, qtbot)
    toast = parts.window.notices._toast
    parts.controller.on_watch_due()

    def full(*_: object) -> None:
        raise StoreFullError(texts.STORE_FULL, texts.STORE_FULL_HINT)

    with monkeypatch.context() as patch:
        patch.setattr(HistoryStore, "write_anew", full)
        toast.action.click()
        assert texts.STORE_FULL in toast.text
        toast.dismiss()
        assert (texts.STORE_GONE in toast.text, toast.action.text()) == (True, words.WRITE_ANEW)
        parts.window.pane.composer.set_text("typed and not sent")
        assert not parts.window.close()
        dialog = question(parts)
        dialog.again.click()
        assert texts.STORE_FULL in dialog._detail.text()
        assert dialog._said.text() == words.STILL_UNSAVED
        file = tmp_path / "kept.txt"
        monkeypatch.setattr(SaveDialog, "chosen", lambda *_: file)
        dialog.elsewhere.click()
        assert file.read_text("utf-8") == "typed and not sent"
        assert dialog.isVisible(), "the chats are in no file yet"
        assert str(file) in dialog._said.text()
    dialog.again.click()
    assert not parts.window.isVisible()
    assert sent_texts(make_window()) == ["One"]


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be moved there")
def test_a_chat_file_that_is_back_lets_the_window_close(qtbot: QtBot, make_window: MakeWindow) -> None:
    parts = make_window()
    send(parts, "One", qtbot)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    moved = parts.store.path.rename(parts.store.path.with_name("moved"))
    assert not parts.window.close()
    dialog = question(parts)
    moved.rename(parts.store.path)
    dialog.on_look_due()
    assert not parts.window.isVisible()
    assert parts.window.close(), "a window that is closed asks nothing any more"


def test_a_file_that_was_chosen_stays_what_it_is_if_all_was_stored_meanwhile(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An empty file took its place."""
    parts = make_window()
    file = tmp_path / "kept.txt"
    file.write_text("of another day", encoding="utf-8")
    with full_disk(parts, monkeypatch):
        shown = answered_on_a_full_disk(parts, qtbot)
        assert not parts.window.close()
    monkeypatch.setattr(SaveDialog, "chosen", lambda *_: file)
    question(parts).elsewhere.click()
    assert not parts.window.isVisible()
    assert file.read_text("utf-8") == "of another day"
    again = make_window()
    (chat,) = again.store.list_conversations()
    assert again.store.messages(chat.id)[-1].body == shown


def test_a_message_in_a_chat_that_another_program_removed_stays_in_the_box(
    qtbot: QtBot, make_window: MakeWindow
) -> None:
    parts = make_window()
    send(parts, "One", qtbot)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    chat = parts.controller.chat_id or ""
    with HistoryStore.open(parts.store.path) as other:
        other.delete(chat)
        send(parts, "Two", qtbot)
        qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
        assert [each.id for each in other.list_conversations()] == [chat]
        other.delete(chat)
        other.purge_deleted(timedelta(0))
    send(parts, "Three", qtbot)
    assert parts.window.pane.composer.text == "Three"
    assert texts.CHAT_GONE in parts.window.notices._toast.text
    assert not parts.controller.busy


@pytest.mark.parametrize("text", ["\n\n  indented", "\u00a0a\u00a0b", "\u2003a\u202fb"])
def test_blank_lines_and_spaces_of_a_message_are_kept(
    qtbot: QtBot, make_window: MakeWindow, process: ScriptedModelProcess, text: str
) -> None:
    """Through the box, the unsent text, the file and the request; Qt's plain text has ordinary spaces instead."""
    parts = make_window()
    composer = parts.window.pane.composer
    composer.box.insertPlainText(text)
    assert composer.text == text
    composer.box.selectAll()
    assert composer.box.createMimeDataFromSelection().text() == text
    parts.controller.unsent.flush()
    assert parts.store.unsent_text(None) == text
    qtbot.keyClick(composer.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(process.requests) and not parts.controller.busy, timeout=WAIT_MS)
    assert process.requests[0].turns[-1].text == text
    assert parts.store.messages(parts.controller.chat_id or "")[0].body == text
    assert composer.text == ""
    assert parts.store.unsent_text(None) == ""
