"""Answers that end before their end, in the window: what stays on the screen, what is said, and going on."""

from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.bridge import answer as answering
from app.bridge.model_process import NewestDraft
from app.chats.errors import StoreFullError
from app.chats.history import HistoryStore
from app.chats.messages import MessageState
from app.main import Parts
from app.ui.chat import words
from app.ui.chat.answer_view import AnswerView
from inference.events import Event, Failed
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess, committed, draft, finished
from tests.helpers.waiting import WAIT_MS

KEPT = "Twelve lines that can be read"
PIECES = ["Twelve", " lines", " that", " can", " be", " read"]


def write_until_draft(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, *events: Event | Exception) -> None:
    """Ask, and wait until the last draft before the gate is on the screen."""
    process.answer = [*events]
    process.gate.clear()
    ask(qtbot, parts, "Go")
    wait_for_draft(qtbot, parts)


def wait_for_draft(qtbot: QtBot, parts: Parts) -> None:
    """A draft is on the screen."""

    def shown() -> bool:
        last = parts.window.pane.chat.last_answer
        return last is not None and last.canvas.draft is not None

    qtbot.waitUntil(shown, timeout=WAIT_MS)


def state_of(parts: Parts) -> tuple[str, MessageState]:
    """Text and state of the last answer on the disk."""
    last = parts.store.messages(parts.controller.chat_id or "")[-1]
    return last.body, last.state


def test_stop_keeps_what_had_settled(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    write_until_draft(qtbot, parts, process, draft([*PIECES, "xq"], [0.01] * 6 + [2.0]))
    qtbot.keyClick(parts.window.pane.composer.box, Qt.Key.Key_Escape)
    answer = wait_for_answer(qtbot, parts)
    assert answer.source() == KEPT
    assert answer._note.text() == words.STOPPED_DRAFT_NOTE
    assert state_of(parts) == (KEPT, MessageState.STOPPED)
    assert parts.window.pane.status.text() == "stopped in block 1 \u00b7 3.1 s"


def test_a_stopped_answer_takes_no_more_room_than_its_text(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    """The canvas was higher: the view, which stands at its bottom, would show nothing at all."""
    noise = [f"{word}\n" for word in "abcdefghijklmnopqrstuvwxyz"]
    write_until_draft(qtbot, parts, process, draft([*PIECES[:4], *noise], [0.01] * 4 + [0.5] * 26))
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    qtbot.waitUntil(lambda: answer.height() > 400, timeout=WAIT_MS)
    parts.controller.stop()
    wait_for_answer(qtbot, parts)
    assert answer.sizeHint().height() < 200


def test_closing_keeps_what_had_settled(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    write_until_draft(qtbot, parts, process, draft(PIECES))
    chat = parts.controller.chat_id or ""
    parts.window.close()
    assert parts.store.messages(chat)[-1].body == KEPT


@pytest.mark.log_allowed("bridge: task")
@pytest.mark.parametrize("end", [RuntimeError("CUDA error"), Failed("It is gone.", "", known=True, engine_lost=True)])
def test_a_failure_keeps_what_had_settled(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, end: Event | Exception
) -> None:
    write_until_draft(qtbot, parts, process, draft(PIECES), end)
    process.gate.set()
    answer = wait_for_answer(qtbot, parts)
    assert answer.source() == KEPT
    assert state_of(parts) == (KEPT, MessageState.ERROR)
    assert answer._on.isVisible()


@pytest.mark.parametrize("block", [0, 1])
def test_a_draft_is_stored_also_if_no_other_comes(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """As of a model that hangs. It is written once, however long it stands."""
    written: list[str] = []
    store = HistoryStore.keep_unfinished

    def noted(self: HistoryStore, message_id: str, text: str) -> None:
        written.append(text)
        store(self, message_id, text)

    monkeypatch.setattr(HistoryStore, "keep_unfinished", noted)
    whole = "First. " * block
    if block:
        process.answer = [committed(whole)]
        process.gate.clear()
        ask(qtbot, parts, "Go")
        qtbot.waitUntil(lambda: parts.controller.answering.source == whole, timeout=WAIT_MS)
        task = parts.controller.answering._task
        assert task is not None
        parts.controller.answering.on_draft(NewestDraft(task.number, draft(PIECES, block=1)))
    else:
        write_until_draft(qtbot, parts, process, draft(PIECES))
    qtbot.waitUntil(lambda: state_of(parts) == (whole + KEPT, MessageState.STREAMING), timeout=WAIT_MS)
    assert not parts.controller.answering._keep.isActive()
    parts.controller.answering.on_keep_due()
    assert written == [KEPT]


def test_a_draft_that_could_not_be_stored_is_stored_later(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "RETRY_MS", 0)
    store, failures = HistoryStore.keep_unfinished, 2

    def full(self: HistoryStore, message_id: str, text: str) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise StoreFullError("The disk is full.", "Free some space.")
        store(self, message_id, text)

    monkeypatch.setattr(HistoryStore, "keep_unfinished", full)
    write_until_draft(qtbot, parts, process, draft(PIECES))
    qtbot.waitUntil(lambda: state_of(parts) == (KEPT, MessageState.STREAMING), timeout=WAIT_MS)


def test_drafts_are_stored_while_the_answer_runs(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "KEEP_MS", 0)
    write_until_draft(qtbot, parts, process, draft(PIECES), committed("Twelve lines, whole."))
    chat = parts.controller.chat_id
    qtbot.waitUntil(lambda: state_of(parts) == (KEPT, MessageState.STREAMING), timeout=WAIT_MS)
    parts.controller.open_chat(None)
    parts.controller.open_chat(chat)
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    assert answer.source() == "", "the canvas shows the draft, and nothing shows it twice"
    process.answer = []
    parts.controller.stop()
    wait_for_answer(qtbot, parts)


def test_the_toast_that_an_answer_is_written_goes_with_it(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    write_until_draft(qtbot, parts, process, draft(PIECES))
    chat = parts.controller.chat_id
    parts.controller.open_chat(None)
    ask(qtbot, parts, "Too early")
    notice = parts.window.pane.notice
    assert (notice.text, notice.isVisible()) == (words.BUSY_ELSEWHERE, True)
    parts.controller.open_chat(chat)
    parts.controller.stop()
    wait_for_answer(qtbot, parts)
    assert not notice.isVisible()


def test_other_news_stays_when_an_answer_ends(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    write_until_draft(qtbot, parts, process, draft(PIECES))
    parts.window.notices.show("A download is complete.", stays=True)
    parts.controller.stop()
    wait_for_answer(qtbot, parts)
    assert parts.window.pane.notice.isVisible()


def test_an_answer_stopped_in_its_second_block_says_so(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    """Its first block took all 48 steps without settling: "settled in 48 of 48" would be wrong twice."""
    process.answer = [committed("First. ", steps=48, settled=False)]
    process.gate.clear()
    ask(qtbot, parts, "Go")
    qtbot.waitUntil(lambda: parts.controller.answering.source == "First. ", timeout=WAIT_MS)
    parts.controller.stop()
    assert wait_for_answer(qtbot, parts)._note.text() == words.STOPPED_NOTE
    assert parts.window.pane.status.text() == "stopped in block 2 \u00b7 3.1 s \u00b7 82 tokens/s"


@pytest.mark.parametrize("reason", ["end_of_text", "cancelled"])
def test_the_rate_belongs_to_the_seconds_beside_it(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, reason: str
) -> None:
    """Not to the time of the steps alone, which is a part of them."""
    end = finished("Short.", reason=reason)
    process.answer = [committed("Short."), dataclasses.replace(
        end, answer_tokens=25, wall_seconds=0.26, decode_seconds=0.116,
        wall_tokens_per_second=25 / 0.26, decode_tokens_per_second=25 / 0.116,
    )]  # fmt: skip
    ask(qtbot, parts, "Go")
    wait_for_answer(qtbot, parts)
    assert parts.window.pane.status.text().endswith(" \u00b7 0.3 s \u00b7 96 tokens/s")


def test_a_block_in_the_middle_that_did_not_settle_is_not_called_settled(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess
) -> None:
    process.answer = [
        committed("One ", steps=48, settled=False),
        committed("two", block=1),
        finished("One two", (48, 14)),
    ]
    ask(qtbot, parts, "Go")
    wait_for_answer(qtbot, parts)
    assert parts.window.pane.status.text().startswith("stopped at 48 + 14 of 48 steps before settling")


# -- cut off, and going on ---------------------------------------------------------------------------------------------


def cut(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, reason: str) -> AnswerView:
    """An answer that ended at a limit."""
    process.answer = [committed("The first half"), finished("The first half", reason=reason)]
    ask(qtbot, parts, "Go")
    return wait_for_answer(qtbot, parts)


@pytest.mark.parametrize(
    ("reason", "note"), [("max_new_tokens", words.CUT_OFF_NOTE), ("context_full", words.CONTEXT_FULL_NOTE)]
)
def test_an_answer_that_was_cut_off_says_why_and_goes_on(
    qtbot: QtBot, parts: Parts, process: ScriptedModelProcess, reason: str, note: str
) -> None:
    answer = cut(qtbot, parts, process, reason)
    assert (answer._note.text(), answer._on.isVisible()) == (note, True)
    process.answer = [draft([" and"]), committed(" and the second."), finished(" and the second.", (9,))]
    process.gate.clear()
    qtbot.mouseClick(answer._on, Qt.MouseButton.LeftButton)
    wait_for_draft(qtbot, parts)
    assert answer.source() == "The first half"
    assert parts.window.pane.status.text() == "block 2 \u00b7 step 1 of 48"
    process.gate.set()
    again = wait_for_answer(qtbot, parts)
    assert again is answer
    assert answer.source() == "The first half and the second."
    assert (answer._note.text(), answer._on.isVisible()) == ("", False)
    assert process.requests[-1].answer_start == "The first half"
    assert parts.window.pane.status.text().startswith("settled in 28 of 96 steps (14 + 14) \u00b7 6.2 s")


def test_going_on_can_be_stopped_and_goes_on_again(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    answer = cut(qtbot, parts, process, "max_new_tokens")
    process.answer = [draft([" and", " so"])]
    process.gate.clear()
    parts.window.actions_by_name["continue_answer"].trigger()
    wait_for_draft(qtbot, parts)
    parts.controller.stop()
    wait_for_answer(qtbot, parts)
    assert answer.source() == "The first half and so"
    assert parts.window.actions_by_name["continue_answer"].isEnabled()


def test_only_the_newest_answer_goes_on(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    answer = cut(qtbot, parts, process, "max_new_tokens")
    process.answer = [committed("Whole."), finished("Whole.")]
    ask(qtbot, parts, "Next")
    wait_for_answer(qtbot, parts)
    assert not answer._on.isVisible()
    assert not parts.window.actions_by_name["continue_answer"].isEnabled()
    assert answer._note.text() == words.CUT_OFF_NOTE, "it still says that it is not whole"
