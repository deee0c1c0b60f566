"""The window in this process with a real model process of the fake backend: crashes, Stop, closing."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest
from pytestqt.qtbot import QtBot

from app.base.paths import AppPaths
from app.chats.messages import MessageState
from app.library.answering import ModelPhase
from app.main import Parts
from app.ui.chat.answer_view import AnswerView
from inference.events import DraftUpdated
from tests.end2end.conftest import ROOT, OpenWindow
from tests.helpers.waiting import WAIT_MS


def wait_until_ready(qtbot: QtBot, parts: Parts) -> int:
    """The model is loaded; the id of its process."""
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    pid = parts.controller.model_pid
    assert pid is not None
    return pid


def send(parts: Parts, text: str) -> None:
    """As the Send button does."""
    parts.window.pane.composer.set_text(text)
    parts.window.pane.composer.button.click()


def last_answer(parts: Parts) -> AnswerView:
    """The newest answer."""
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    return answer


def test_the_engine_is_killed_mid_answer(qtbot: QtBot, open_window: OpenWindow) -> None:
    parts = open_window("fake:slow,long")
    pid = wait_until_ready(qtbot, parts)
    send(parts, "Go")
    qtbot.waitUntil(lambda: bool(last_answer(parts).source()), timeout=WAIT_MS)
    psutil.Process(pid).kill()
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    stored = parts.store.messages(parts.controller.chat_id or "")[-1]
    assert stored.state == MessageState.ERROR
    assert stored.body == last_answer(parts).source()
    assert stored.body
    assert stored.error is not None
    assert "ended unexpectedly" in stored.error.user_text
    assert last_answer(parts)._problem.isVisible()
    parts.window.actions_by_name["try_again"].trigger()
    qtbot.waitUntil(lambda: parts.controller.model_pid not in (None, pid), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bool(last_answer(parts).source()), timeout=WAIT_MS)
    parts.controller.stop()
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)


def test_an_engine_that_crashes_by_itself(qtbot: QtBot, open_window: OpenWindow) -> None:
    parts = open_window("fake:crash")
    wait_until_ready(qtbot, parts)
    send(parts, "Go")
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert parts.store.messages(parts.controller.chat_id or "")[-1].state == MessageState.ERROR
    assert parts.window.isVisible()


def test_a_bug_of_the_engine_is_shown_with_a_report(qtbot: QtBot, open_window: OpenWindow) -> None:
    parts = open_window("fake:failing")
    wait_until_ready(qtbot, parts)
    send(parts, "Go")
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    error = parts.store.messages(parts.controller.chat_id or "")[-1].error
    assert error is not None
    assert "RuntimeError" in error.detail


def test_drafts_are_shown_and_stop_works(qtbot: QtBot, open_window: OpenWindow) -> None:
    parts = open_window("fake:slow,long")
    wait_until_ready(qtbot, parts)
    drafts: list[DraftUpdated] = []
    parts.controller.draft_updated.connect(drafts.append)
    send(parts, "Go")
    qtbot.waitUntil(lambda: len({draft.step for draft in drafts}) >= 3, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: last_answer(parts).canvas.height() > 0, timeout=WAIT_MS)
    parts.controller.stop()
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert parts.store.messages(parts.controller.chat_id or "")[-1].state == MessageState.STOPPED
    assert last_answer(parts).canvas.height() == 0


def test_closing_mid_answer_leaves_no_process(qtbot: QtBot, open_window: OpenWindow) -> None:
    parts = open_window("fake:slow,long")
    pid = wait_until_ready(qtbot, parts)
    send(parts, "Go")
    qtbot.waitUntil(lambda: bool(last_answer(parts).source()), timeout=WAIT_MS)
    chat = parts.controller.chat_id or ""
    parts.window.close()
    assert not psutil.pid_exists(pid)
    stored = parts.store.messages(chat)[-1]
    assert stored.state == MessageState.STOPPED
    assert stored.body


@pytest.mark.usefixtures("hurried")
def test_closing_while_the_engine_hangs(qtbot: QtBot, open_window: OpenWindow) -> None:
    parts = open_window("fake:hang")
    pid = wait_until_ready(qtbot, parts)
    send(parts, "Go")
    qtbot.waitUntil(lambda: last_answer(parts).canvas.height() > 0, timeout=WAIT_MS)
    parts.window.close()
    assert not psutil.pid_exists(pid)


def test_closing_while_the_model_loads(qtbot: QtBot, open_window: OpenWindow) -> None:
    """What is left of it the guards see."""
    parts = open_window("fake:slow")
    parts.window.close()
    assert parts.controller.model_pid is None


@pytest.mark.slow
def test_another_model_can_be_opened_and_left_again(qtbot: QtBot, open_window: OpenWindow) -> None:
    """A folder that is no model is refused by the real model process, and the old one still answers."""
    parts = open_window("fake")
    pid = wait_until_ready(qtbot, parts)
    parts.window.models.open_model(AppPaths.resolve().logs)
    qtbot.waitUntil(parts.window.pane.notice.isVisible, timeout=WAIT_MS)
    assert parts.controller.model.status.phase == ModelPhase.READY
    assert parts.controller.model_pid == pid
    send(parts, "Still there?")
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert last_answer(parts).source().startswith("Dew forms")


def test_the_engine_process_imports_no_qt() -> None:
    """Spawning imports the main module again; `app.__main__` must stay light."""
    code = "import app.__main__, sys; assert not [name for name in sys.modules if name.startswith('PySide6')]"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
