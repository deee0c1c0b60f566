"""The live canvas: levels, layout that does not jump, calm and reduced motion."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui.chat.canvas import (
    FADE_SECONDS,
    CanvasFlow,
    CanvasPainter,
    CanvasView,
    Flow,
    Level,
    Look,
    Word,
    level_from_entropy,
)
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.theme import Theme
from inference.events import DraftUpdated
from tests.helpers.waiting import WAIT_MS, steady

WORDS = [" dew", " forms", " on", " cold", " grass", ",", " drops", "\n\n", " and", " light", "ly"]
THEME = Theme(LIGHT, 1.0, 10.0)


def full_draft(step: int, block: int = 0, size: int = 256, answer: int = 60, seed: int = 1) -> DraftUpdated:
    """A draft of a full canvas, as a real run has them: noise that settles from left to right, melting at times."""
    chance = random.Random(seed * 1000 + step)
    settled = answer * step / 12
    pieces, entropy = [], []
    for index in range(size):
        sure = index < settled and chance.random() > 0.1
        ended = index >= answer and step > 3
        pieces.append(
            "" if ended else WORDS[index % len(WORDS)] if sure else chance.choice([" xq", "zz", " the", "\n", "\u25e6"])
        )
        entropy.append(0.01 if sure or ended else chance.uniform(0.2, 5.0))
    return DraftUpdated(block, step, 48, tuple(range(size)), tuple(pieces), tuple(entropy), (False,) * size)


@pytest.fixture
def canvas(qapp: QApplication, qtbot: QtBot) -> Iterator[CanvasView]:
    """A canvas of a message's width."""
    view = CanvasView(THEME)
    qtbot.addWidget(view)
    view.resize(800, 10)
    view.show()
    yield view
    view.clear()


def lay_out(pieces: list[str], levels: list[Level], width: float = 200.0) -> Flow:
    """With letters of 10 pixels."""
    return CanvasFlow(lambda text: 10.0 * len(text), 10.0).lay_out(tuple(pieces), levels, width)


def test_levels() -> None:
    values = [0.0, 0.11, 0.3, 1.0, 3.0]
    expected = [Level.SETTLED, Level.SETTLED, Level.FIRM, Level.LOOSE, Level.NOISE]
    assert [level_from_entropy(value) for value in values] == expected


def test_settled_text_flows() -> None:
    flow = lay_out(["The", " grass", " is", " wet", "."], [Level.SETTLED] * 5, width=130.0)
    assert [(word.text, word.line, word.x) for word in flow.words] == [
        ("The", 0, 0.0),
        ("grass", 0, 40.0),
        ("is", 0, 100.0),
        ("wet", 1, 0.0),
        (".", 1, 30.0),
    ]


def test_settled_line_breaks_break_and_noisy_ones_do_not() -> None:
    settled = lay_out(["a", "\n\n", "b"], [Level.SETTLED] * 3)
    assert [word.line for word in settled.words] == [0, 2]
    noisy = lay_out(["a", "\n\n", "b"], [Level.SETTLED, Level.NOISE, Level.SETTLED])
    assert {word.line for word in noisy.words} == {0}


def test_noise_that_changes_moves_nothing() -> None:
    maker = CanvasFlow(lambda text: 10.0 * len(text), 10.0)
    levels = [Level.SETTLED, *[Level.NOISE] * 5, Level.SETTLED]
    places = []
    for noise in (["x"] * 5, ["looooooong"] * 5, ["\u0301", "  ", "\u202e", "ab", "q"]):
        flow = maker.lay_out(("start", *noise, " end"), levels, 500.0)
        places.append([(word.x, word.line, word.width) for word in flow.words if word.level == Level.SETTLED])
    assert places[0] == places[1] == places[2]


def test_a_melted_word_keeps_its_room() -> None:
    maker = CanvasFlow(lambda text: 10.0 * len(text), 10.0)
    pieces = ("one", " settled", " two")
    before = maker.lay_out(pieces, [Level.SETTLED] * 3, 500.0)
    after = maker.lay_out(("one", " xy", " two"), [Level.SETTLED, Level.LOOSE, Level.SETTLED], 500.0)
    assert after.words[2].x == pytest.approx(before.words[2].x, abs=11.0)


def test_a_word_longer_than_a_line_is_broken() -> None:
    flow = lay_out(["."] * 45, [Level.SETTLED] * 45, width=200.0)
    assert [word.line for word in flow.words] == [0] * 20 + [1] * 20 + [2] * 5


def test_a_loose_word_can_be_read_in_full_and_keeps_its_room() -> None:
    maker = CanvasFlow(lambda text: 10.0 * len(text), 10.0)
    wide = maker.lay_out((" interesting", " end"), [Level.LOOSE, Level.SETTLED], 500.0)
    narrow = maker.lay_out((" it", " end"), [Level.NOISE, Level.SETTLED], 500.0)
    assert wide.words[0].text == "interesting"
    assert wide.words[1].x == narrow.words[1].x


def test_the_noise_behind_the_text_is_cut_off() -> None:
    flow = lay_out(["word", *[" noise"] * 250], [Level.SETTLED, *[Level.NOISE] * 250], width=400.0)
    assert 0 < max(word.line for word in flow.words) <= 3


@given(
    st.lists(st.tuples(st.text(max_size=12), st.sampled_from(list(Level))), max_size=60),
    st.floats(min_value=60, max_value=900),
)
def test_any_canvas_can_be_laid_out(cells: list[tuple[str, Level]], width: float) -> None:
    flow = lay_out([piece for piece, _ in cells], [level for _, level in cells], width)
    assert all(word.x >= 0 and word.line < len(flow.tops) for word in flow.words)
    assert list(flow.tops) == sorted(flow.tops)


def test_the_height_never_shrinks_within_a_block(canvas: CanvasView) -> None:
    heights = []
    for step in range(1, 13):
        canvas.set_draft(full_draft(step))
        heights.append(canvas.height())
    assert heights == sorted(heights)
    assert heights[0] > 0
    canvas.set_draft(full_draft(1, block=1, answer=5))
    assert canvas.height() <= heights[-1]


def test_screen_readers_get_settled_text_alone(canvas: CanvasView) -> None:
    pieces, entropy = ("Dew", " xx", " forms", ""), (0.01, 3.0, 0.02, 0.0)
    canvas.set_draft(DraftUpdated(0, 1, 48, (1, 2, 3, 4), pieces, entropy, (True, False, True, True)))
    assert canvas.settled_text() == "Dew \u2026 forms"
    assert "xx" not in canvas.accessibleDescription()


def test_frames_are_painted_only_while_something_fades(qtbot: QtBot, canvas: CanvasView) -> None:
    canvas.set_draft(full_draft(6))
    qtbot.waitUntil(lambda: not canvas._frames.isActive(), timeout=WAIT_MS)
    qtbot.waitUntil(steady(lambda: canvas.frames_painted), timeout=WAIT_MS)  # the event loop paints the last frame
    assert not canvas._frames.isActive()


def test_reduced_motion_changes_twice_a_second_at_most(
    qtbot: QtBot, canvas: CanvasView, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("app.ui.chat.canvas.time.monotonic", lambda: now[0])
    canvas.set_reduce_motion(True)
    canvas.set_draft(full_draft(1))
    canvas.set_draft(full_draft(2))
    canvas.set_draft(full_draft(3))
    assert canvas.draft is not None
    assert canvas.draft.step == 1
    assert not canvas._frames.isActive()
    monkeypatch.undo()
    qtbot.waitUntil(lambda: canvas.draft is not None and canvas.draft.step == 3, timeout=WAIT_MS)


def test_calm_mode_paints_no_noise(qtbot: QtBot, canvas: CanvasView, monkeypatch: pytest.MonkeyPatch) -> None:
    canvas.set_calm(True)
    canvas.set_draft(full_draft(6))
    painted: list[Level] = []
    paint = canvas._painter.paint

    def noting(painter, look, *rest):  # type: ignore[no-untyped-def]
        painted.append(look.word.level)
        paint(painter, look, *rest)

    monkeypatch.setattr(canvas._painter, "paint", noting)
    canvas.grab()
    assert set(painted) == {Level.SETTLED}


def test_a_new_width_and_a_new_theme_lay_out_anew(canvas: CanvasView) -> None:
    canvas.set_draft(full_draft(8))
    wide = max(word.x for word in canvas._flow.words)
    canvas.resize(300, canvas.height())
    assert max(word.x + word.width for word in canvas._flow.words) <= 301 < wide
    canvas.set_theme(Theme(LIGHT, 2.0, 20.0))
    canvas.grab()


def test_a_fading_word_covers_no_neighbour(qapp: QApplication) -> None:
    painter = CanvasPainter(THEME)
    image = QImage(400, 60, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.white)
    blank = image.copy()
    short = Word(0, "i", Level.SETTLED, 0, 0.0, painter.measure("i"))
    long = Word(0, "considerable", Level.SETTLED, 0, 0.0, painter.measure("considerable"))
    brush = QPainter(image)
    painter.paint(brush, Look(short, long, changed=0.0, settled=-60.0), 0.0, 0.0, FADE_SECONDS / 4, 1.0)
    brush.end()
    edge = int(short.width) + 2
    assert image.copy(edge, 0, 300, 60) == blank.copy(edge, 0, 300, 60)
    assert image.copy(0, 0, edge, 60) != blank.copy(0, 0, edge, 60)
