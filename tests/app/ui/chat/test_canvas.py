"""The live canvas: levels, layout that does not jump, calm and reduced motion."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QTextLayout, QTextOption
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui.chat.canvas import CanvasView
from app.ui.chat.canvas_flow import CanvasFlow, Flow, Word
from app.ui.chat.canvas_line import Cell, ShapedLine
from app.ui.chat.canvas_paint import FADE_SECONDS, CanvasPainter, Look
from app.ui.chat.canvas_words import Level, level_from_entropy
from app.ui.chat.direction import runs_leftward
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


def flow_maker() -> CanvasFlow:
    """With letters of 10 pixels where Qt is not asked."""

    def shape(cells: list[Cell], leftward: bool, width: float) -> ShapedLine:
        return ShapedLine(cells, leftward, width, THEME.body_font(), 12.0)

    return CanvasFlow(lambda text: 10.0 * len(text), 10.0, shape)


def lay_out(pieces: list[str], levels: list[Level], width: float = 200.0) -> Flow:
    """With letters of 10 pixels."""
    return flow_maker().lay_out(tuple(pieces), levels, width)


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
    maker = flow_maker()
    levels = [Level.SETTLED, *[Level.NOISE] * 5, Level.SETTLED]
    places = []
    for noise in (["x"] * 5, ["looooooong"] * 5, ["\u0301", "  ", "\u202e", "ab", "q"]):
        flow = maker.lay_out(("start", *noise, " end"), levels, 500.0)
        places.append([(word.x, word.line, word.width) for word in flow.words if word.level == Level.SETTLED])
    assert places[0] == places[1] == places[2]


def test_a_melted_word_keeps_its_room() -> None:
    maker = flow_maker()
    pieces = ("one", " settled", " two")
    before = maker.lay_out(pieces, [Level.SETTLED] * 3, 500.0)
    after = maker.lay_out(("one", " xy", " two"), [Level.SETTLED, Level.LOOSE, Level.SETTLED], 500.0)
    assert after.words[2].x == pytest.approx(before.words[2].x, abs=11.0)


def test_a_word_longer_than_a_line_is_broken() -> None:
    flow = lay_out(["."] * 45, [Level.SETTLED] * 45, width=200.0)
    assert [word.line for word in flow.words] == [0] * 20 + [1] * 20 + [2] * 5


def test_a_loose_word_can_be_read_in_full_and_keeps_its_room() -> None:
    maker = flow_maker()
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


def test_what_stands_for_no_text_is_no_settled_word(canvas: CanvasView) -> None:
    """Also in calm mode, which would paint it as one."""
    pieces = ("Dew", "\xb7", "\xb7", " forms", " col\xb7lectiu")
    canvas.set_draft(DraftUpdated(0, 1, 48, tuple(range(5)), pieces, (0.01,) * 5, (True,) * 5))
    assert canvas.settled_text() == "Dew \u2026 forms col\xb7lectiu"
    assert {word.text for word in canvas._flow.words if word.level == Level.SETTLED} == {
        "Dew",
        "forms",
        "col\xb7lectiu",
    }
    canvas.clear()
    assert canvas.settled_text() == ""


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


def test_a_word_that_is_held_back_comes_when_motion_is_reduced(canvas: CanvasView) -> None:
    """No further frame brings it then."""
    for step, word in enumerate(("alpha", "omega"), 1):
        canvas.set_draft(DraftUpdated(0, step, 48, (1,), (word,), (1.0,), (False,)))
        canvas._applied_at -= 60.0
    assert [look.word.text for look in canvas._looks.values() if look.word] == ["alpha"]
    canvas.set_reduce_motion(True)
    assert [look.word.text for look in canvas._looks.values() if look.word] == ["omega"]


def test_calm_mode_paints_no_noise(qtbot: QtBot, canvas: CanvasView, monkeypatch: pytest.MonkeyPatch) -> None:
    canvas.set_drafts("calm")
    canvas.set_draft(full_draft(6))
    painted: list[Word] = []
    paint = canvas._painter.paint

    def noting(painter, look, *rest):  # type: ignore[no-untyped-def]
        painted.append(look.word)
        paint(painter, look, *rest)

    monkeypatch.setattr(canvas._painter, "paint", noting)
    canvas.grab()
    settled = [word for word in canvas.flow.words if word.level == Level.SETTLED]
    assert painted == [word for word in settled if word.final]
    assert 0 < len(painted) < len(settled)  # those behind an open place may still have to move


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
    painter.paint(brush, Look(short, long, changed=0.0, settled=-60.0), 0.0, FADE_SECONDS / 4, 1.0)
    brush.end()
    edge = int(short.width) + 2
    assert image.copy(edge, 0, 300, 60) == blank.copy(edge, 0, 300, 60)
    assert image.copy(0, 0, edge, 60) != blank.copy(0, 0, edge, 60)


# -- scripts ---------------------------------------------------------------------------------------------------------


def shaped_flow(pieces: list[str], levels: list[Level] | None = None, width: float = 500.0) -> Flow:
    """With the letters of the program."""
    painter = CanvasPainter(THEME)
    maker = CanvasFlow(painter.measure, painter.em, painter.shape)
    return maker.lay_out(tuple(pieces), levels or [Level.SETTLED] * len(pieces), width)


HEBREW = ["\u05e9\u05dc\u05d5\u05dd", " \u05e2\u05d5\u05dc\u05dd", " \u05d8\u05d5\u05d1"]


def test_hebrew_runs_from_right_to_left(qapp: QApplication) -> None:
    words = shaped_flow(HEBREW).words
    assert [word.x for word in words] == sorted((word.x for word in words), reverse=True)
    assert words[0].x + words[0].width == pytest.approx(500.0, abs=1.0)


def test_english_within_hebrew_and_hebrew_within_english(qapp: QApplication) -> None:
    words = shaped_flow([*HEBREW, " two", " words", " \u05d6\u05d4"]).words
    places = {word.text: word.x for word in words}
    assert places["two"] < places["words"] < places[HEBREW[0]]
    assert places["\u05d6\u05d4"] < places["two"]
    words = shaped_flow(["An", *[" " + piece.strip() for piece in HEBREW[:2]], " end"]).words
    assert [word.text for word in sorted(words, key=lambda word: word.x)] == [
        "An", HEBREW[1].strip(), HEBREW[0], "end",
    ]  # fmt: skip


def test_what_has_not_settled_keeps_its_room_from_right_to_left(qapp: QApplication) -> None:
    levels = [Level.SETTLED, Level.NOISE, Level.SETTLED]
    places = []
    for noise in (" xq", " \u05d0\u05d1", " 12"):
        words = shaped_flow([HEBREW[0], noise, HEBREW[2]], levels).words
        places.append([(word.x, word.width) for word in words])
    assert places[0] == places[1] == places[2]
    assert places[0][0][0] > places[0][1][0] > places[0][2][0]


def test_a_paragraph_has_one_direction_and_the_next_its_own(qapp: QApplication) -> None:
    words = shaped_flow([*HEBREW, "\n\n", "English", " text"]).words
    assert words[0].x > 400
    assert [word.x for word in words if word.text == "English"] == [0.0]
    lines = shaped_flow([*HEBREW * 10, " 12"], width=200.0).words
    assert all(max(w.x + w.width for w in lines if w.line == n) > 195 for n in {word.line for word in lines})


PIECES = {
    "arabic": ["\u0645\u0631", "\u062d\u0628", "\u0627 \u0628", "\u0627\u0644\u0639\u0627", "\u0644\u0645"],
    "persian": ["\u0645\u06cc\u200c", "\u062e\u0648\u0627", "\u0647\u0645", " \u06f1\u06f2"],
    "hebrew": ["\u05e9\u05dc", "\u05d5\u05dd, 1", "2", "3 ok", "ay."],
    "mixed": ["An \u05e9", "\u05dc\u05d5\u05dd", " 45", ".6 \u05d5-4", "5 end"],
    "marks": ["e", "\u0301", "a\u0300", "n"],
    "families": ["a", " \U0001f469", "\u200d", "\U0001f467", " b"],
    "hindi": ["\u0939", "\u093f\u0928", "\u094d\u0926", "\u0940"],
    "thai": ["\u0e19", "\u0e49", "\u0e33"],
}


def picture(paint: Callable[[QPainter], None]) -> QImage:
    """What is painted, on white."""
    image = QImage(500, 40, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.white)
    brush = QPainter(image)
    brush.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    paint(brush)
    brush.end()
    return image


@pytest.mark.parametrize("kind", PIECES)
def test_a_settled_draft_looks_like_the_finished_text(kind: str, qapp: QApplication) -> None:
    """Piece by piece or as one: the same ink in the same places."""
    painter = CanvasPainter(THEME)

    def draft(pieces: list[str]) -> QImage:
        words = shaped_flow(pieces).words

        def paint(brush: QPainter) -> None:
            for word in words:
                painter.paint(brush, Look(word, None, -60.0, -60.0), 8.0, 0.0, 1.0)
            painter.paint_shaped(brush)

        return picture(paint)

    def finished(brush: QPainter) -> None:
        text = "".join(PIECES[kind])
        layout = QTextLayout(text, THEME.body_font())
        option = QTextOption()
        side = Qt.AlignmentFlag.AlignRight if runs_leftward(text) else Qt.AlignmentFlag.AlignLeft
        option.setAlignment(side | Qt.AlignmentFlag.AlignAbsolute)
        layout.setTextOption(option)
        layout.beginLayout()
        line = layout.createLine()
        line.setLineWidth(500.0)
        layout.endLayout()
        brush.setPen(THEME.color("text"))
        layout.draw(brush, QPointF(0, 8.0 + QFontMetricsF(THEME.body_font()).ascent() - line.ascent()))

    def columns(image: QImage) -> list[int]:
        """How dark each column is."""
        return [sum(255 - image.pixelColor(x, y).lightness() for y in range(image.height())) for x in range(500)]

    ours, theirs = columns(draft(PIECES[kind])), columns(picture(finished))
    assert sum(theirs) > 0
    assert sum(abs(one - two) for one, two in zip(ours, theirs, strict=True)) < 0.06 * sum(theirs)


def test_neighbours_of_a_line_are_one_stretch_and_a_free_place_parts_them(qapp: QApplication) -> None:
    words = shaped_flow([*HEBREW, *HEBREW]).words
    assert words[0].shaped is not None
    line = words[0].shaped[0]
    assert len(line._stretches(range(6))) == 1
    assert len(line._stretches([0, 1, 3, 5])) == 3
    levels = [Level.SETTLED] * 6
    levels[2] = Level.NOISE
    shaped = next(word.shaped for word in shaped_flow([*HEBREW, *HEBREW], levels).words if word.shaped is not None)
    assert len(shaped[0]._stretches([0, 1, 3, 4, 5])) == 2


def test_drafts_that_come_faster_than_anybody_sees_are_laid_out_now_and_then(canvas: CanvasView, qtbot: QtBot) -> None:
    first, *others = (DraftUpdated(0, step, 48, (1,), (f" word{step}",), (0.01,), (True,)) for step in range(1, 6))
    canvas.set_draft(first)
    for draft in others:
        canvas.set_draft(draft)
    assert canvas.draft in (first, *others[:-1]), "the newest waits"
    qtbot.waitUntil(lambda: canvas.draft is others[-1], timeout=WAIT_MS)


def test_a_piece_of_a_joined_word_has_its_own_colour(qapp: QApplication) -> None:
    first, second = PIECES["arabic"][:2]
    words = shaped_flow([first, second], [Level.SETTLED, Level.FIRM]).words
    assert [word.level for word in words] == [Level.SETTLED, Level.FIRM]
    assert words[0].shaped is not None
    assert words[1].shaped is not None
    assert words[0].shaped[0] is words[1].shaped[0]
    assert words[1].x + words[1].width == pytest.approx(words[0].x, abs=1.0)


def test_lines_from_left_to_right_are_not_asked_of_qt() -> None:
    def never(cells: list[Cell], leftward: bool, width: float) -> ShapedLine:
        raise AssertionError(cells)

    maker = CanvasFlow(lambda text: 10.0 * len(text), 10.0, never)
    pieces = ("Plain", " words", ",", " \u00e9t\u00e9", " \u6f22\u5b57", " \U0001f600", " xx")
    flow = maker.lay_out(pieces, [Level.SETTLED] * 6 + [Level.NOISE], 500.0)
    assert len(flow.words) == 7
