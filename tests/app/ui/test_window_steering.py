"""What is said of an answer's blocks, and what can be said to one that is being written."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.main import Parts
from inference.events import DraftUpdated, NoiseDrawn
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess, committed, draft, finished
from tests.helpers.waiting import WAIT_MS


def test_each_block_says_how_it_ended(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.answer = [
        committed("One two. ", steps=9),
        replace(committed("Three. ", block=1, steps=5, settled=False), ended="you"),
        committed("Four.", block=2, steps=48, settled=False),
        finished("One two. Three. Four.", steps=(9, 5, 48)),
    ]
    ask(qtbot, parts, "Count")
    answer = wait_for_answer(qtbot, parts)
    line = "Block 1 settled in 9 of 48 \u00b7 block 2 ended by you after 5 of 48 \u00b7 block 3 not settled in 48"
    assert answer._outcome.full_text == line
    assert "Block 3: all 48 steps were taken" in answer._outcome.toolTip()
    assert answer._note.text().startswith("Block 3 did not settle in 48 steps. Its words may not fit together.")


def test_a_settled_block_needs_no_note(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    ask(qtbot, parts, "Hi")
    answer = wait_for_answer(qtbot, parts)
    assert (answer._outcome.full_text, answer._note.text()) == ("settled in 14 of 48 steps", "")


def test_an_answer_that_is_written_is_steered(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.answer = [draft([" a"], step=1), committed("a"), finished("a")]
    process.gate.clear()
    ask(qtbot, parts, "Hi")
    actions = parts.window.actions_by_name
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    qtbot.waitUntil(lambda: answer._settle.isVisible(), timeout=WAIT_MS)
    assert not answer._again.isVisible()
    qtbot.mouseClick(answer._settle, Qt.MouseButton.LeftButton)
    actions["more_steps"].trigger()
    assert process.said == ["settle", 8]
    process.gate.set()
    wait_for_answer(qtbot, parts)
    assert not answer._settle.isVisible()
    assert answer._again.isVisible()
    assert not actions["settle_now"].isEnabled()


def test_an_answer_begins_with_noise(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    noise = NoiseDrawn(0, 48, (1, 2, 3), (" xq", " zz", " \u00b7"))
    process.answer = [noise, draft([" a"], step=1), committed("a"), finished("a")]
    seen: list[DraftUpdated] = []
    parts.controller.draft_updated.connect(seen.append)
    said: list[str] = []
    parts.controller.draft_updated.connect(lambda _: said.append(parts.window.pane.status.full_text))
    ask(qtbot, parts, "Hi")
    wait_for_answer(qtbot, parts)
    assert (seen[0].step, seen[0].pieces) == (0, noise.pieces)
    assert min(seen[0].entropy) > 5
    assert said[0] == "block 1 \u00b7 noise"
    assert seen[-1].step == 1
