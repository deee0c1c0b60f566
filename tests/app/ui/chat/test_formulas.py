"""Formulas: set where they can be, on the baseline, copied as source, and bounded whatever a model writes."""

from __future__ import annotations

import gc

import pytest
from PySide6.QtGui import QFontMetrics, QImage, QTextFormat
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.base.formula_svg import formula_svg
from app.bridge.garbage import GarbageCollector
from app.ui.chat import formulas
from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.flow_text import FlowText
from app.ui.chat.formulas import Formula, FormulaSetter, Wanted, set_formula, size_for_baseline
from app.ui.chat.markdown import FormulaBlock, Prose
from app.ui.chat.table_text import FormulaText, TableText
from app.ui.chat.turns import TURN_SECONDS, Turns
from app.ui.widgets.colours import DARK, LIGHT
from app.ui.widgets.theme import Theme
from tests.helpers.segments import segments_from_markdown
from tests.helpers.turns import all_shown, show_markdown
from tests.helpers.waiting import WAIT_MS

THEME = Theme(LIGHT, 1.0, 10.0)
GOOD = [
    "E = mc^2",
    r"\frac{-b \pm \sqrt{b^2-4ac}}{2a}",
    r"\sum_{i=1}^{n} i = \frac{n(n+1)}{2}",
    r"\int_0^\infty e^{-x^2}\,dx",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
    r"\begin{aligned} a &= b + c \\ &= d \end{aligned}",
    r"f(x) = \begin{cases} 1 & x > 0 \\ 0 & \text{otherwise} \end{cases}",
    r"\mathbb{R}^n \to \mathcal{L}(V, W)",
    r"\left(\frac{\sum_{i=1}^n x_i}{\sqrt{\sum_{i=1}^{n} y_i^2}}\right)^2",
    r"\text{softmax}(x_i) = \frac{e^{x_i}}{\sum_j e^{x_j}}",
    r"x = 1 \tag{3}\label{eq:x}",
]
BAD = [
    "",
    r"\foo{x}",
    "x^{",
    r"\frac{1}",
    r"\left(",
    r"\begin{matrix}",
    "&&&",
    "\\text{\u65e5\u672c}",
    r"\href{file:///etc/passwd}{x}",
]
HOSTILE = [
    r"\def\a{\a\a}\a",
    r"\newcommand{\a}{\a\a}\a",
    "{" * 2_000 + "x" + "}" * 2_000,
    r"\frac{1}{" * 60 + "x" + "}" * 60,
    r"\frac{1}{" * 12 + "x" + "}" * 12,
    r"\left(" * 12 + "x" + r"\right)" * 12,
    r"\sqrt{" * 300 + "x" + "}" * 300,
    "x^{" * 40 + "y" + "}" * 40,
    "^" * 500,
    "x+" * 100_000,
    r"\rule{1000000px}{1000000px}",
    r"\hspace{99999999em}x",
]


def wanted(source: str, display: bool = False, size: float = 16.0, color: str = "#102030") -> Wanted:
    """A formula in a usual size."""
    return Wanted(source, display, size, color)


def shown(source: str, qtbot: QtBot, theme: Theme = THEME) -> FlowText:
    """An answer of one text, with all of its formulas set."""
    (segment,) = segments_from_markdown(source)
    assert isinstance(segment.content, Prose | FormulaBlock)
    text = FlowText(theme) if isinstance(segment.content, Prose) else FormulaText(theme)
    qtbot.addWidget(text)
    text.resize(500, 100)
    text.show()
    text.set_content(segment.content)
    all_shown()
    return text


@pytest.mark.parametrize("source", GOOD)
@pytest.mark.parametrize("display", [False, True])
def test_what_models_write_is_set(source: str, display: bool, qapp: QApplication) -> None:
    formula = set_formula(wanted(source, display))
    assert formula is not None
    assert 5 < formula.width < 400
    assert formula.ascent > 0


@pytest.mark.parametrize("source", BAD)
def test_what_cannot_be_set_is_none(source: str, qapp: QApplication) -> None:
    assert set_formula(wanted(source)) is None


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_formulas_are_refused_before_they_are_set(
    source: str, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ziamath.zmath.Math", lambda *_args, **_named: pytest.fail("the work was begun"))
    assert set_formula(wanted(source)) is None


def test_lines_of_formulas_are_not_numbered_through_all_answers(qapp: QApplication) -> None:
    plain = set_formula(wanted(r"\begin{align*} a &= b \\ c &= d \end{align*}", True))
    for _ in range(2):
        numbered = set_formula(wanted(r"\begin{align} a &= b \\ c &= d \end{align}", True))
        assert numbered is not None
        assert plain is not None
        assert numbered.width == plain.width


def test_what_a_formula_leaves_is_collected_with_it(qapp: QApplication) -> None:
    """Left to a timer, a tenth of a second's garbage came together while sixty matrices were set."""
    setter, collector = FormulaSetter(), GarbageCollector(qapp)
    try:
        for number in range(12):
            setter._set(Wanted(f"\\frac{{x_{{{number}}}}}{{y^2}} + \\sqrt{{z}}", True, 15.0, "#000000"))
            assert gc.get_count()[0] <= gc.get_threshold()[0]
    finally:
        collector.stop()


def test_sizes_follow_the_scale(qapp: QApplication) -> None:
    small, large = set_formula(wanted("x^2")), set_formula(wanted("x^2", size=32.0))
    assert small is not None
    assert large is not None
    assert large.width == pytest.approx(2 * small.width, rel=0.15)


def painted(text: FlowText) -> QImage:
    """What is seen of a text."""
    return text.viewport().grab().toImage()


@pytest.mark.parametrize("tokens", [LIGHT, DARK])
def test_formulas_are_painted_in_the_colour_of_the_text(tokens: object, qtbot: QtBot) -> None:
    theme = Theme(tokens, 1.0, 10.0)  # type: ignore[arg-type]
    text = shown("$$\\frac{a}{b}$$", qtbot, theme)
    assert len(text._formulas.formulas) == 1
    image = painted(text)
    ink = theme.color("text")
    found = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
    assert ink.name() in found


def test_a_new_theme_sets_them_anew(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    show_markdown(body, "a $x_1$ b")
    body.set_theme(Theme(DARK, 2.0, 20.0))
    all_shown()
    (part,) = body.parts
    assert isinstance(part, FlowText)
    (formula,) = part._formulas.formulas
    before = set_formula(wanted("x_1"))
    assert before is not None
    assert formula.height > before.height * 1.5


def test_inline_formulas_stand_on_the_baseline(qtbot: QtBot) -> None:
    """A letter of the formula ends on the pixel row where the letters around it end."""
    text = shown("mmm $\\mathrm{m}$", qtbot)
    line = text.document().begin().layout().lineAt(0)
    baseline = round(line.y() + line.ascent())
    image = painted(text)
    left = round(line.cursorToX(4)[0])

    def lowest(start: int, end: int) -> int:
        ground = image.pixelColor(image.width() - 1, image.height() - 1)
        rows = [y for y in range(image.height()) if any(image.pixelColor(x, y) != ground for x in range(start, end))]
        return max(rows)

    assert abs(lowest(left, left + 20) - lowest(0, left - 2)) <= 1
    assert abs(lowest(left, left + 20) - baseline) <= 1


def test_room_below_the_baseline(qapp: QApplication) -> None:
    for rise in (3, 8, 13, 30):
        font = THEME.body_font()
        font.setPixelSize(size_for_baseline(font.family(), rise))
        assert abs(QFontMetrics(font).xHeight() - 2 * rise) <= 1


def test_formulas_are_copied_as_they_were_written(qtbot: QtBot) -> None:
    text = shown("one $x^2$ two \\(y\\) three \\[z < 1\\]", qtbot)
    text.selectAll()
    data = text.createMimeDataFromSelection()
    assert data.text() == "one $x^2$ two \\(y\\) three \\[z < 1\\]"
    assert "<img" not in data.html()
    assert "$x^2$" in data.html()
    cursor = text.textCursor()
    cursor.setPosition(6)
    cursor.setPosition(13, cursor.MoveMode.KeepAnchor)
    text.setTextCursor(cursor)
    assert "\\(y\\)" in text.createMimeDataFromSelection().text()
    assert "$x^2$" not in text.createMimeDataFromSelection().text()
    assert "$x^2$" in text.accessibleDescription()


def test_spaces_are_copied_as_they_are(qtbot: QtBot) -> None:
    """Qt's own plain text makes ordinary ones of those that break no line, and of wide ones."""
    text = shown("one\u00a0two\u202fthree  \nfour\n\n- five\u3000six `ls  -l\u2003x` `a`  \n**b**", qtbot)
    text.selectAll()
    copied = text.createMimeDataFromSelection().text()
    assert copied == "one\u00a0two\u202fthree\nfour\nfive\u3000six ls  -l\u2003x a\nb"
    text.set_content("one\u00a0two\nthree")
    text.selectAll()
    assert text.createMimeDataFromSelection().text() == "one\u00a0two\nthree"


def test_the_sign_of_an_object_is_copied_as_itself(qtbot: QtBot) -> None:
    text = shown("a \ufffc b $x^2$ \U0001f600\ufffc c", qtbot)
    text.selectAll()
    assert text.createMimeDataFromSelection().text() == "a \ufffc b $x^2$ \U0001f600\ufffc c"
    text.set_content("a \ufffc b")
    text.selectAll()
    assert text.createMimeDataFromSelection().text() == "a \ufffc b"


def test_broken_formulas_stay_in_the_answer_as_they_were_written(qtbot: QtBot) -> None:
    text = shown("a $\\frac{1}$ b $x$ c $\\foo$ d", qtbot)
    assert text.toPlainText().replace("\ufffc", "*") == "a $\\frac{1}$ b * c $\\foo$ d"


def sum_of(count: int) -> str:
    """A formula that is as wide as one likes."""
    return "+".join(f"x_{{{number}}}" for number in range(count))


def painted_part(text: FlowText) -> float:
    """Of its own size at which the first formula is painted."""
    place = text.document().toRawText().index("\ufffc")
    width = text._formulas.intrinsicSize(text.document(), place, _format_at(text, place)).width()
    return (width - 2) / text._formulas.formulas[0].width


def _format_at(text: FlowText, place: int) -> QTextFormat:
    cursor = text.textCursor()
    cursor.setPosition(place + 1)
    return cursor.charFormat()


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_wide_formula_scrolls_sideways_in_its_own_size(qtbot: QtBot, scale: float) -> None:
    text = shown(f"$${sum_of(40)}$$", qtbot, Theme(LIGHT, scale, 10.0 * scale))
    (formula,) = text._formulas.formulas
    assert formula.width > 500
    assert painted_part(text) == pytest.approx(1.0)
    bar = text.horizontalScrollBar()
    assert bar.maximum() >= formula.width - text.viewport().width()
    assert bar.maximum() <= formula.width - text.viewport().width() + 10
    assert text.height() >= formula.height + bar.sizeHint().height()
    text.resize(round(formula.width) + 40, text.height())
    assert bar.maximum() == 0
    text.resize(300, text.height())
    assert bar.maximum() > 0


def test_a_wide_formula_begins_at_the_edge_and_a_small_one_stands_in_the_middle(qtbot: QtBot) -> None:
    wide, small = shown(f"$${sum_of(40)}$$", qtbot), shown("$$x$$", qtbot)
    assert 0 <= wide.document().begin().layout().lineAt(0).naturalTextRect().left() <= 4
    assert small.document().begin().layout().lineAt(0).naturalTextRect().center().x() == pytest.approx(250, abs=3)


def test_a_formula_of_a_list_keeps_its_place_and_the_numbers_go_on() -> None:
    kinds = [(type(part.content), part.frames) for part in segments_from_markdown("1. a\n\n   $$x$$\n\n2. b\n")]
    assert kinds == [(Prose, ()), (FormulaBlock, ("list",)), (Prose, ())]


@pytest.mark.parametrize("source", ["It is\n$$x$$\nthere", "- It is\n  $$x$$\n  there", "It is\n\\[x\\]\nthere"])
def test_a_formula_on_a_line_of_a_paragraph_has_the_width_of_the_answer(source: str) -> None:
    kinds = [type(part.content) for part in segments_from_markdown(source)]
    assert kinds == [Prose, FormulaBlock, Prose]
    assert len(segments_from_markdown("**It is\n$$x$$\nthere**")) == 1


def test_a_wide_formula_of_a_table_keeps_its_size(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    body.resize(400, 200)
    body.show()
    show_markdown(body, f"| a |\n|---|\n| ${sum_of(40)}$ |\n")
    all_shown()
    (table,) = body.parts
    assert isinstance(table, TableText)
    qtbot.waitUntil(lambda: table.horizontalScrollBar().maximum() > 0, timeout=WAIT_MS)
    assert painted_part(table) == pytest.approx(1.0)


def test_formulas_within_a_line_are_never_too_small_to_be_read(qtbot: QtBot) -> None:
    """A little too wide: a little smaller; wider: as it was written, until there is room."""
    text = shown(f"a ${sum_of(40)}$ b", qtbot)
    assert text._formulas.formulas == []
    assert "x_{39}" in text.toPlainText()
    assert text.document().idealWidth() <= 500
    text.resize(2000, 100)
    (formula,) = text._formulas.formulas
    assert painted_part(text) == pytest.approx(1.0)
    text.resize(round(formula.width * 0.9) + 60, 100)
    assert painted_part(text) == pytest.approx(0.9, abs=0.05)
    text.resize(round(formula.width * 0.6), 100)
    assert "x_{39}" in text.toPlainText()


def test_pictures_that_are_no_formulas_take_no_room(qapp: QApplication, qtbot: QtBot) -> None:
    text = shown("a $x$", qtbot)
    picture = QTextFormat(QTextFormat.FormatType.CharFormat.value).toImageFormat()
    for name in ("formula:7", "formula:-1", "formula:x", "file:///etc/passwd", "http://a.example/b.png"):
        picture.setName(name)
        assert text._formulas.intrinsicSize(text.document(), 0, picture).isEmpty()


@pytest.fixture
def setter(monkeypatch: pytest.MonkeyPatch) -> FormulaSetter:
    """One of its own, whose turns are counted, and begin by hand."""
    all_shown()
    made = Turns()
    monkeypatch.setattr(made._next, "start", lambda _: None)
    monkeypatch.setattr(formulas, "turns", lambda: made)
    return FormulaSetter()


def test_many_formulas_are_set_over_several_turns(setter: FormulaSetter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first turn sets what its time allows; the others are shown as they were written until they are there."""
    monkeypatch.setattr(Turns, "has_room", False)
    all_wanted = [wanted(f"x_{{{number}}}") for number in range(6)]
    assert [setter.is_done(each) for each in all_wanted] == [False] * 6
    assert setter.formula(all_wanted[5]) is None
    turn(setter)
    assert 0 <= setter.waiting < 6
    while setter.waiting:
        turn(setter)
    assert all(isinstance(setter.formula(each), Formula) for each in all_wanted)


def turn(setter: FormulaSetter) -> None:
    """One more turn of the event loop."""
    formulas.turns().on_next_turn()


def test_a_hard_formula_has_a_turn_of_its_own(setter: FormulaSetter) -> None:
    """Several were set in one. One that takes as long as a turn may take is laid out in a turn, drawn in the next."""
    matrices = [wanted(r"\begin{matrix} a & b \\ c & d" + str(at) + r"\end{matrix}", True) for at in range(4)]
    assert [setter.is_done(each) for each in matrices] == [False] * 4, "nothing of it at once"
    for left in (4, 3, 3, 2, 2, 1, 1, 0):
        turn(setter)
        assert setter.waiting == left
    assert all(setter.is_done(each) for each in matrices)


def test_what_would_stop_the_window_is_shown_as_it_was_written_and_exported_as_a_drawing() -> None:
    for rows, shown in ((10, True), (12, False)):
        source = r"\begin{matrix}" + r"\\".join(["a&b&c&d"] * rows) + r"\end{matrix}"
        assert (set_formula(wanted(source, True)) is not None) == shown
        assert formula_svg(source, True, 16.0, "black") is not None


def test_a_turn_that_has_taken_time_sets_no_hard_formula(
    setter: FormulaSetter, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("app.ui.chat.turns.time.thread_time", lambda: clock[0])
    costs = [1.0, 0.0]

    def work() -> float:
        clock[0] += 0.01
        return costs.pop(0)

    formulas.turns().add(qapp, work)
    setter.is_done(wanted(r"\begin{matrix} a & b \end{matrix}", True))
    turn(setter)
    assert (costs, setter.waiting) == ([], 1)
    for left in (1, 0):
        turn(setter)
        assert setter.waiting == left


def test_an_easy_formula_is_set_at_once_while_there_is_time(
    setter: FormulaSetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("app.ui.chat.turns.time.thread_time", lambda: clock[0])

    def slow(_: Wanted) -> None:
        clock[0] += TURN_SECONDS / 2.5

    monkeypatch.setattr(formulas, "set_formula", slow)
    assert [setter.is_done(wanted(f"x_{at}")) for at in range(5)] == [True, True, True, False, False]
    turn(setter)
    assert setter.waiting == 0


def test_what_was_set_is_kept_but_not_for_ever(setter: FormulaSetter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formulas, "CACHED", 3)
    monkeypatch.setattr(Turns, "has_room", True)
    for number in range(5):
        setter.is_done(wanted(f"y_{{{number}}}"))
    assert len(setter._done) == 3
