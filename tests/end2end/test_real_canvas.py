"""Each thing that can be done with the canvas, in the real window, with the starter model through its own process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import shiboken6
from PIL import Image
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.chats.messages import Message, MessageState
from app.chats.tables.values import TableQuestion
from app.chats.unfinished import kept_text
from app.library.answering import ModelPhase
from app.main import Parts
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.reader.dialog import ReaderDialog
from app.ui.chat.steering import words
from app.ui.chat.tables.dialog import TablesDialog
from app.ui.widgets.save_dialog import SaveDialog
from inference.events import DraftUpdated
from tests.end2end.conftest import OpenWindow
from tests.end2end.test_real_starter import QUESTION, ask, select
from tests.helpers.waiting import WAIT_MS

pytestmark = pytest.mark.slow
SLOW_QUESTION = "How do I delete a chat and get it back?"  # takes the starter more steps than most
TRIES = 8  # to say something to a block before it is finished


@pytest.fixture
def parts(qtbot: QtBot, open_window: OpenWindow, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """A window whose model is loaded, and takes its time for each step."""
    monkeypatch.setattr("app.base.settings.WATCH_SECONDS", 0.5)
    return started(qtbot, open_window)


def started(qtbot: QtBot, open_window: OpenWindow) -> Parts:
    parts = open_window("auto")
    parts.preferences.set(seed_mode="fixed", seed=1)  # a small model may have nothing else to say by chance
    parts.window.resize(1250, 800)
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    return parts


def last_message(parts: Parts) -> Message:
    return parts.store.messages(parts.controller.chat_id or "")[-1]


def last_answer(parts: Parts) -> AnswerView:
    answer = parts.window.pane.chat.last_answer
    assert answer is not None
    return answer


def idle(qtbot: QtBot, parts: Parts) -> None:
    """Nothing is written, and nothing else is asked of the model."""
    qtbot.waitUntil(lambda: not parts.controller.busy and not parts.controller.operations.running, timeout=WAIT_MS)


def ask_and_say(qtbot: QtBot, parts: Parts, question: str, say: Callable[[], object]) -> list[DraftUpdated]:
    """Ask, and say something at each draft that is shown; the drafts."""

    def on_draft(draft: DraftUpdated) -> None:
        if draft.step:
            say()

    parts.controller.draft_updated.connect(on_draft)
    drafts = ask(qtbot, parts, question)
    parts.controller.draft_updated.disconnect(on_draft)
    return drafts


def test_an_answer_is_watched_mapped_and_played_back(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = started(qtbot, open_window)
    first.window.actions_by_name["map"].trigger()
    drafts = ask(qtbot, first, SLOW_QUESTION)
    assert (drafts[0].step, drafts[0].accepted.count(True)) == (0, 0), "it begins with noise"
    assert min(drafts[0].entropy) > 5
    grid = first.window.pane.map.grid
    assert grid.told(0).endswith("committed")
    body = last_message(first).body
    assert last_answer(first)._outcome.full_text.startswith("settled in ")

    replayed(qtbot, first, body)
    answer = last_answer(first)
    assert "stands here since step" in (answer.replay.told(answer.replay_frame, 1) if answer.replay else "")
    assert answer.replay is not None
    answer.canvas.pointed.emit(1)
    assert grid._marked == 1
    for kind in ("gif", "webp", "html", "png"):
        target = tmp_path / f"replay.{kind}"
        monkeypatch.setattr(SaveDialog, "chosen", lambda *_, target=target: target)
        assert answer.bar is not None
        answer.bar.export_wanted.emit(kind)
        assert target.stat().st_size > 500
    with Image.open(tmp_path / "replay.gif") as gif:
        assert gif.n_frames == len(answer.replay)  # type: ignore[attr-defined]
    first.window.close()
    first.store.close()

    second = open_window("fake")  # the model that wrote it is not there
    assert last_message(second).body == body
    replayed(qtbot, second, body)


def replayed(qtbot: QtBot, parts: Parts, body: str) -> None:
    """From noise to text, by button and keys."""
    answer = last_answer(parts)
    qtbot.waitUntil(answer._replay_button.isVisible, timeout=WAIT_MS)
    qtbot.mouseClick(answer._replay_button, Qt.MouseButton.LeftButton)
    bar = answer.bar
    assert bar is not None
    qtbot.keyClick(bar, Qt.Key.Key_Space)
    assert not bar.playing
    qtbot.keyClick(bar.slider, Qt.Key.Key_Home)
    assert (answer.canvas.draft.step if answer.canvas.draft else -1) == 0
    qtbot.keyClick(bar.slider, Qt.Key.Key_Right)
    assert (answer.canvas.draft.step if answer.canvas.draft else -1) == 1
    qtbot.keyClick(bar.slider, Qt.Key.Key_End)
    assert answer.canvas.draft is not None
    assert "".join(answer.canvas.draft.pieces).strip() == body


def test_stop_and_closing_keep_what_was_seen_and_it_goes_on(
    qtbot: QtBot, parts: Parts, open_window: OpenWindow
) -> None:
    controller = parts.controller
    drafts = ask_and_say(qtbot, parts, QUESTION, controller.stop)
    stopped, answer = last_message(parts), last_answer(parts)
    assert what_was_seen_is_kept(stopped, drafts[-1])
    assert answer._note.text().startswith("Stopped. What ")
    qtbot.mouseClick(answer._on, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: last_message(parts).state == MessageState.DONE, timeout=WAIT_MS)
    start = stopped.body.partition("\u2026")[0].strip()
    assert last_message(parts).body.startswith(start)
    assert len(last_message(parts).body) > len(start)

    seen: list[DraftUpdated] = []
    controller.draft_updated.connect(seen.append)
    parts.window.pane.composer.box.setPlainText(QUESTION)
    parts.window.pane.composer.button.click()
    qtbot.waitUntil(lambda: any(draft.step for draft in seen), timeout=WAIT_MS)
    chat = controller.chat_id or ""
    parts.window.close()
    parts.store.close()
    again = open_window("fake")
    closed = again.store.messages(chat)[-1]
    assert what_was_seen_is_kept(closed, seen[-1])
    assert last_answer(again)._on.text() == "Continue"


def what_was_seen_is_kept(message: Message, draft: DraftUpdated) -> bool:
    """What had settled in the newest draft; on a slow machine its block may have been finished meanwhile."""
    whole = message.generation is not None and bool(message.generation.steps_per_block)
    kept = bool(message.body.strip()) if whole else message.body.strip() == kept_text(draft).strip()
    return kept and message.state == MessageState.STOPPED


def test_settle_now_and_more_steps(qtbot: QtBot, parts: Parts) -> None:
    for _ in range(TRIES):
        ask_and_say(qtbot, parts, SLOW_QUESTION, lambda: last_answer(parts)._settle.click())
        made = last_message(parts).generation
        if made is not None and any(each.by_you for each in made.outcomes):
            break
    assert "ended by you after " in last_answer(parts)._outcome.full_text
    assert last_message(parts).state == MessageState.DONE
    for _ in range(TRIES):
        drafts = ask_and_say(qtbot, parts, SLOW_QUESTION, parts.window.actions_by_name["more_steps"].trigger)
        if drafts[-1].max_steps > drafts[0].max_steps:
            break
    assert (drafts[-1].max_steps - drafts[0].max_steps) % 8 == 0
    assert last_answer(parts)._outcome.full_text.endswith(f" of {drafts[-1].max_steps} steps")


def test_the_tour_with_the_users_own_prompt(qtbot: QtBot, parts: Parts) -> None:
    controller, steering, tour = parts.controller, parts.window.steering, parts.window.steering.tour
    parts.window.actions_by_name["tour"].trigger()
    ask(qtbot, parts, "Tell me a tiny story about a hedgehog.")
    assert tour.step == words.TOUR_REPLAY
    answer = last_answer(parts)
    qtbot.mouseClick(answer._replay_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tour._bar is answer.bar is not None, timeout=WAIT_MS)
    assert answer.bar is not None
    qtbot.keyClick(answer.bar, Qt.Key.Key_Escape)
    assert tour.step == words.TOUR_WORD
    first = last_message(parts)
    select(qtbot, parts, next(each for each in first.body.split() if each.isalpha() and len(each) > 4))
    idle(qtbot, parts)
    qtbot.mouseClick(steering.other_words.row.buttons[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not controller.busy and last_message(parts).id != first.id, timeout=WAIT_MS)
    assert tour.step == words.TOUR_REWRITE
    second = last_message(parts)
    select(qtbot, parts, " ".join(second.body.split()[1:3]))
    qtbot.mouseClick(steering.rewriting.bar.wishes.buttons[words.REWRITE], Qt.MouseButton.LeftButton)
    box = steering.rewriting.box
    assert box is not None
    qtbot.waitUntil(lambda: not box.writing, timeout=WAIT_MS)
    assert all(box.part.replaced_in(each.answer) == each.part != box.part.text for each in box.variants)
    assert box.variants
    assert box.note.text().startswith("All other text is the same, to the byte (")
    qtbot.keyClick(box, Qt.Key.Key_Right)
    taken = box.variants[box.at].answer
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert last_message(parts).body == taken
    if taken not in (first.body, second.body):  # else it is shown again, and nothing is new
        parts.window.actions_by_name["undo"].trigger()
        assert last_message(parts).body == second.body
    assert tour.step == words.TOUR_BLANKS
    qtbot.keyClick(parts.window.pane.composer.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: tour.card.next.text() == words.TOUR_DONE, timeout=WAIT_MS)
    assert last_message(parts).body.startswith("Dear ")
    assert last_message(parts).body.endswith(("10 o\u2019clock?", "11 o\u2019clock?", "12 o\u2019clock?"))
    qtbot.mouseClick(tour.card.next, Qt.MouseButton.LeftButton)
    assert not tour.card.isVisible()


def test_esc_leaves_a_rewrite_as_it_was(qtbot: QtBot, parts: Parts) -> None:
    ask(qtbot, parts, "Tell me a tiny story about a hedgehog.")
    before = last_message(parts)
    select(qtbot, parts, " ".join(before.body.split()[1:3]))
    parts.window.steering.rewriting.on_wished("Say it in fewer words.")
    box = parts.window.steering.rewriting.box
    assert box is not None
    qtbot.keyClick(box, Qt.Key.Key_Escape)  # what is being written
    qtbot.waitUntil(lambda: not box.writing, timeout=WAIT_MS)
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert parts.window.steering.rewriting.box is None
    assert (last_message(parts).id, last_message(parts).body) == (before.id, before.body)


def test_a_schema_is_kept_and_one_that_cannot_be_is_refused_where_it_is(qtbot: QtBot, parts: Parts) -> None:
    dialog = parts.window.steering.forming.open("schema")
    dialog.edit.setPlainText('{"type": "array",\n "uniqueItems": true}')
    dialog.accept()
    qtbot.waitUntil(dialog.error.isVisible, timeout=WAIT_MS)
    (marked,) = dialog.edit.extraSelections()
    assert "uniqueItems" in marked.cursor.selectedText()
    assert "uniqueItems" in dialog.error.text()
    schema = {"type": "object", "properties": {"sure": {"type": "boolean"}, "year": {"enum": [1, 2]}}}
    dialog.edit.setPlainText(json.dumps({**schema, "required": ["sure", "year"]}))
    dialog.accept()
    qtbot.waitUntil(lambda: not shiboken6.isValid(dialog) or not dialog.isVisible(), timeout=WAIT_MS)
    ask(qtbot, parts, "Are you sure?")
    found = json.loads(last_message(parts).body)
    assert (set(found), type(found["sure"]), found["year"] in (1, 2)) == ({"sure", "year"}, bool, True)


def test_a_table_over_files(qtbot: QtBot, parts: Parts, tmp_path: Path) -> None:
    texts = {"a.txt": "The otter plays by the river all day.", "b.txt": "A lamp stands on the old wall."}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    tables = parts.controller.tables
    parts.window.actions_by_name["tables"].trigger()
    (dialog,) = [each for each in parts.window.findChildren(TablesDialog) if each.isVisible()]
    tables.add_files([tmp_path / name for name in texts])
    tables.set_questions((TableQuestion("a", "River", "Is it about a river?"),
                          TableQuestion("b", "Words", "What stands there?", "words")))  # fmt: skip
    qtbot.mouseClick(dialog.ask, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not tables.running, timeout=WAIT_MS)
    assert tables.table is not None
    for file in tables.table.files:
        assert file.cells["a"].value in ("yes", "no")
        assert file.cells["b"].value in texts[file.path.name]
    row = next((at for at, file in enumerate(tables.table.files) if file.cells["b"].value), None)
    if row is not None:
        dialog.grid.setFocus()
        dialog.grid.setCurrentIndex(dialog.grid.model().index(row, 2))
        qtbot.keyClick(dialog.grid, Qt.Key.Key_Return)
        qtbot.waitUntil(
            lambda: any(each.text.extraSelections() for each in parts.window.findChildren(ReaderDialog)),
            timeout=WAIT_MS,
        )
