"""Replaying an answer: recordings, their quota, the bar under the answer, what a word tells, files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.chats.messages import Message, MessageState
from app.chats.recordings import Recordings
from app.main import Parts
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.replay import Replay
from app.ui.chat.replay_export import page_of, save_replay
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.theme import Theme
from inference.denoising.denoise import CanvasStep
from inference.events import DraftUpdated
from inference.traces.record import TraceRecorder
from inference.traces.trace import read_trace
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess, committed, finished
from tests.helpers.waiting import WAIT_MS

THEME = Theme(LIGHT, 1.0, 10.0)
TEXTS = [b"", b" look", b" write", b" dew", b" x", b" <b>"]


def recorded(block: int = 0) -> bytes:
    """Three steps of four places: the second place was another word, the last one ends the answer."""
    recorder = TraceRecorder(block, b"")
    canvases = [[3, 1, 4, 0], [3, 2, 5, 0], [3, 2, 5, 0]]
    for step, canvas in enumerate(canvases, 1):
        ids = np.array(canvas)
        nats = np.array([2.0, 1.5, 1.0, 0.0], np.float32) / step**2
        recorder.add(
            CanvasStep(
                step=step, argmax=ids, entropy=nats, accepted=nats < 0.3, settled=step == 3, final=step == 3,
                settled_step=np.ones(4, np.int64), by_you=False, max_steps=48, thought=ids,
                read=np.array([4, 4, 1, 3]), temperature=0.5, top_ids=np.stack([ids, ids], 1),
                top_probs=np.full((4, 2), 0.4, np.float32),
            )
        )  # fmt: skip
    return recorder.encoded(TEXTS.__getitem__, {0})


def replay() -> Replay:
    """Of two blocks."""
    return Replay([read_trace(recorded()), read_trace(recorded(1))])


def test_frames_go_from_noise_to_text() -> None:
    frames = replay()
    assert len(frames) == 8
    assert frames.draft(0).pieces == (" x", " x", " look", " dew")
    assert min(frames.draft(0).entropy) > 5
    assert frames.draft(3).pieces == (" dew", " write", " <b>", "")
    assert (frames.start(3), frames.start(4)) == ("", " dew write <b>")
    assert [frames.label(at) for at in (0, 3, 5)] == [
        "block 1 \u00b7 noise",
        "block 1 \u00b7 step 3 of 3",
        "block 2 \u00b7 step 1 of 3",
    ]


def test_a_word_tells_its_story() -> None:
    told = replay().told(3, 1)
    assert "\u201cwrite\u201d: stands here since step 2" in told
    assert "was look \u203a write" in told


@pytest.fixture
def recordings(tmp_path: Path) -> Iterator[Recordings]:
    """An empty file."""
    kept = Recordings(tmp_path / "r.sqlite3")
    yield kept
    kept.close()


def test_recordings_are_there_after_a_restart(recordings: Recordings, tmp_path: Path) -> None:
    recordings.keep("m1", 1, b"bb", 100)
    recordings.keep("m1", 0, b"aa", 100)
    recordings.keep("m1", 0, b"a", 100)
    recordings.keep("m2", 0, b"", 100)
    assert (recordings.read("m1"), recordings.size, recordings.has("m2")) == ((b"a", b"bb"), 3, False)
    recordings.close()
    again = Recordings(tmp_path / "r.sqlite3")
    assert (again.read("m1"), again.size_of("m1")) == ((b"a", b"bb"), 3)
    again.close()
    assert again.read("m1") == ()


def test_the_oldest_recordings_go_first(recordings: Recordings) -> None:
    for number in range(5):
        recordings.keep(f"m{number}", 0, b"x" * 30, 100)
    assert [recordings.has(f"m{number}") for number in range(5)] == [False, False, True, True, True]
    recordings.keep("m9", 0, b"x" * 101, 100)  # no room for it, ever
    assert not recordings.has("m9")
    recordings.keep_only(lambda ids: {each for each in ids if each == "m3"})
    assert (recordings.size, recordings.read("m3")) == (30, (b"x" * 30,))


def test_the_oldest_go_first_after_a_restart_too(recordings: Recordings, tmp_path: Path) -> None:
    for number in (2, 0, 1):
        recordings.keep(f"m{number}", 0, b"x" * 30, 100)
    recordings.close()
    again = Recordings(tmp_path / "r.sqlite3")
    again.keep("m3", 0, b"x" * 30, 100)
    assert [again.has(f"m{number}") for number in range(4)] == [True, True, False, True]
    again.close()


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "r.sqlite3").write_bytes(b"no database" * 100)
    recordings = Recordings(tmp_path / "r.sqlite3")
    recordings.keep("m", 0, b"x", 100)
    assert recordings.read("m") == (b"x",)
    recordings.close()


@pytest.fixture
def answer(qapp: QApplication, qtbot: QtBot) -> Iterator[AnswerView]:
    """A finished answer that was recorded."""
    view = AnswerView(THEME)
    qtbot.addWidget(view)
    view.resize(700, 400)
    view.set_message(
        Message("m", "c", None, 0, 1, "assistant", MessageState.DONE, " dew write <b>", "", None, None, 0, 0), last=True
    )
    view.set_recorded(True)
    view.show()
    yield view
    view.canvas.clear()


def test_the_bar_plays_steps_and_gives_the_answer_back(qtbot: QtBot, answer: AnswerView) -> None:
    assert answer._replay_button.isVisible()
    answer.open_replay(replay(), "")
    bar = answer._bar
    assert bar is not None
    assert bar.playing
    assert answer.canvas.draft is not None
    assert answer.canvas.draft.step == 0
    qtbot.keyClick(bar, Qt.Key.Key_Space)
    assert not bar.playing
    qtbot.keyClick(bar.slider, Qt.Key.Key_Right)
    assert answer.canvas.draft.step == 1
    bar.slider.setValue(7)
    assert [word.text for word in answer.canvas.flow.words] == ["dew", "write", "<b>", "dew", "write", "<b>"][3:]
    assert answer.source() == " dew write <b>"
    bar.on_play_clicked()  # from the beginning
    assert bar.slider.value() == 0
    qtbot.waitUntil(lambda: bar.slider.value() == 7, timeout=WAIT_MS)
    qtbot.keyClick(bar, Qt.Key.Key_Escape)
    assert answer.replay is None
    assert answer.canvas.draft is None
    assert answer._replay_button.isVisible()


def test_what_is_played_is_shown_as_it_was_written(answer: AnswerView) -> None:
    """Not as stills: the timer of the bar is at rest when it tells of the next frame."""
    answer.open_replay(replay(), "")
    bar = answer._bar
    assert bar is not None
    played: list[bool] = []
    bar.frame_wanted.connect(lambda _: played.append(bar.playing))
    for _ in range(7):
        bar._timer.stop()
        bar.on_next_due()
    assert played == [True] * 7
    assert not bar.playing
    bar.slider.setValue(3)
    assert played[7:] == [False]


def test_files_of_every_kind(qapp: QApplication, tmp_path: Path) -> None:
    frames = replay()
    for kind in ("gif", "webp", "png", "html"):
        save_replay(frames, THEME, tmp_path / f"r.{kind}", kind, 3)
    with Image.open(tmp_path / "r.gif") as gif, Image.open(tmp_path / "r.webp") as webp:
        assert (gif.n_frames, webp.n_frames) == (8, 8)  # type: ignore[attr-defined]
        assert gif.info["loop"] == 0
        gif.seek(1)
        assert gif.info["duration"] == 370, "of an answer of few steps each can be followed"
    with Image.open(tmp_path / "r.png") as png:
        assert len(png.getcolors(100_000)) > 10  # text, not a blank sheet
    page = page_of(frames, THEME)
    assert "default-src 'none'" in page
    assert "<b>" not in page.partition("<script>")[2]
    assert "http" not in page.replace("http-equiv", "")


def test_the_map_tells_of_each_cell_and_is_linked_to_the_words(qtbot: QtBot, parts: Parts) -> None:
    window = parts.window
    window.resize(1200, 700)
    assert not window.pane.map.isVisible()
    window.actions_by_name["map"].trigger()
    assert window.pane.map.isVisible()
    window.pane.show_empty(False)
    grid = window.pane.map.grid
    first = DraftUpdated(0, 1, 48, (1, 2, 3), ("Dew", " is", " xq"), (0.01, 0.5, 3.0), (True, True, False))
    second = DraftUpdated(0, 2, 48, (1, 2, 3), ("Dew", " as", " wet"), (0.01, 1.5, 0.05), (True, False, True))
    window.pane.chat.add_message(
        Message("m", "c", None, 0, 1, "assistant", MessageState.STREAMING, "", "", None, None, 0, 0)
    )
    for draft in (first, second):
        window.pane.chat.show_draft(draft)
    qtbot.waitUntil(lambda: grid.told(0) == "Place 1: \u201cDew\u201d, 0.01 nats, accepted", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "as" in grid.told(1), timeout=WAIT_MS)
    assert grid.told(1) == "Place 2: \u201cas\u201d, 1.50 nats, melted again"
    grid.pointed.emit(2)
    answer = window.pane.chat.last_answer
    assert answer is not None
    assert answer.canvas._marked == 2
    answer.canvas.pointed.emit(1)
    assert grid._marked == 1
    assert grid.place_at(QPointF(grid.cell * 2.5, 3)) == 2
    parts.controller.answer_grown.emit("Dew as wet", "")
    assert grid.told(1).endswith("committed")
    window.resize(700, 600)
    assert not window.pane.map.isVisible()  # the chat needs the room
    answer.canvas.clear()


def test_an_answer_of_the_window_is_replayed(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    process.answer = [replace(committed(" dew write <b>"), trace=recorded()), finished(" dew write <b>")]
    ask(qtbot, parts, "Hi")
    answer = wait_for_answer(qtbot, parts)
    assert process.requests[0].traced
    qtbot.mouseClick(answer._replay_button, Qt.MouseButton.LeftButton)
    assert answer.replay is not None
    assert len(answer.replay) == 4
    answer.on_replay_closed()
    parts.preferences.set(recordings_mb=0)
    ask(qtbot, parts, "Again")
    answer = wait_for_answer(qtbot, parts)
    assert not process.requests[1].traced
    assert not answer._replay_button.isVisible()


def test_the_map_of_a_deleted_chat_is_empty(qtbot: QtBot, parts: Parts) -> None:
    parts.window.resize(1300, 760)
    parts.window.actions_by_name["map"].trigger()
    ask(qtbot, parts, "Hi")
    wait_for_answer(qtbot, parts)
    map_panel = parts.window.pane.map
    assert "accepted" in map_panel.grid.accessibleDescription()
    parts.controller.delete(parts.controller.chat_id or "")
    assert map_panel.grid.accessibleDescription() == ""
    assert map_panel.grid.told(0) == ""
