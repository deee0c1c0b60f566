"""A still page: settled words keep their place while a block is written, and when it is committed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.chats.messages import Message, MessageState
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.canvas import CanvasView
from app.ui.chat.canvas_flow import CanvasFlow, Word
from app.ui.chat.canvas_paint import CanvasPainter
from app.ui.chat.canvas_words import Level, levels_of
from app.ui.chat.flow_text import FlowText
from app.ui.chat.open_paragraph import cut_open_paragraph
from app.ui.chat.spoken import SPOKEN_SECONDS, Spoken
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.theme import Theme
from inference.events import DraftUpdated
from tests.helpers.recorded_drafts import RecordedAnswer, hard_answer, ordinary_answers, recorded_answers
from tests.helpers.waiting import wait_until

NEAR = 1.0  # pixels
Place = tuple[str, float, float]


def answer_message(body: str, state: MessageState) -> Message:
    """The answer of a chat."""
    return Message("m", "chat", None, 0, 1, "assistant", state, body, "", None, None, 0, 0)


@pytest.fixture(params=[1.0, 1.5])
def theme(request: pytest.FixtureRequest, qapp: QApplication) -> Theme:
    """At 100 and 150 %."""
    return Theme(LIGHT, request.param, 10.0 * request.param)


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> Iterator[AnswerView]:
    """An answer that is being written."""
    answer = AnswerView(theme, reduce_motion=False)
    qtbot.addWidget(answer)
    answer.resize(800, 1500)
    answer.set_message(answer_message("", MessageState.STREAMING), last=True)
    answer.show()
    yield answer
    answer.canvas.clear()


def moves(answer: RecordedAnswer, theme: Theme, width: float, final_only: bool) -> tuple[int, int]:
    """How many settled words there were in two drafts that follow each other, and how many of them moved.

    `final_only`: of those that are shown as settled; else also of those behind an open place.
    """
    painter = CanvasPainter(theme)
    maker = CanvasFlow(painter.measure, painter.em, painter.shape)
    seen = moved = 0
    before: dict[tuple[int, str], tuple[float, float]] = {}
    for draft in answer.drafts:
        if draft.step == 1:
            maker.reset()
            before = {}
        flow = maker.lay_out(draft.pieces, levels_of(draft.pieces, draft.entropy), width)
        now = {
            (word.index, word.text): (flow.tops[word.line], word.x)
            for word in flow.words
            if word.level == Level.SETTLED and (word.final or not final_only)
        }
        for key, (top, x) in now.items():
            if key in before:
                seen += 1
                moved += abs(before[key][0] - top) > 0.01 or abs(before[key][1] - x) > NEAR
        before = now
    return seen, moved


@pytest.mark.parametrize("width", [800.0, 420.0])
def test_under_one_percent_of_settled_words_move(width: float, theme: Theme) -> None:
    counts = [moves(answer, theme, width, final_only=False) for answer in recorded_answers()]
    seen, moved = map(sum, zip(*counts, strict=True))
    assert seen > 5000
    assert moved < 0.01 * seen


@pytest.mark.parametrize("spread", [4.0, 10.0, 20.0])
def test_what_is_placed_stays_however_wildly_the_rest_settles(spread: float, theme: Theme) -> None:
    """Words behind an open slot may have to close up; they are not shown as settled, and in calm mode not at all."""
    seen, moved = moves(hard_answer(1, spread), theme, 800.0, final_only=True)
    assert seen > 150
    assert moved < 0.01 * seen


def test_no_word_that_is_painted_as_final_moves_in_an_ordinary_answer(theme: Theme) -> None:
    """A word that is almost sure may still become a longer one: what stands behind it is not final."""
    counts = [moves(answer, theme, 800.0, final_only=True) for answer in ordinary_answers()]
    seen, moved = map(sum, zip(*counts, strict=True))
    assert seen > 300
    assert moved == 0


@pytest.mark.parametrize(("spread", "most"), [(4.0, 0.1), (10.0, 0.24)])
def test_slots_give_way_before_settled_words_do(spread: float, most: float, theme: Theme) -> None:
    """Without that nearly twice as many move."""
    seen, moved = moves(hard_answer(1, spread), theme, 800.0, final_only=False)
    assert seen > 1500
    assert moved < most * seen


def canvas_places(view: AnswerView) -> list[Place]:
    """Where the canvas has its words, in the answer."""
    origin = view.canvas.mapTo(view, QPoint(0, 0))
    return [(word.text, origin.x() + word.x, origin.y() + view.canvas.top_of(word)) for word in view.canvas.flow.words]


def body_places(view: AnswerView, texts: list[str]) -> list[Place]:
    """Where the finished text has the same words, which follow each other."""
    parts = iter([part for part in view.body.parts if isinstance(part, FlowText)])
    part, at, places = next(parts), 0, []
    for text in texts:
        while (found := part.document().toPlainText().find(text, at)) < 0:
            part, at = next(parts), 0
        at = found + len(text)
        block = part.document().findBlock(found)
        line = block.layout().lineForTextPosition(found - block.position())
        room = part.document().documentLayout().blockBoundingRect(block)
        x = line.cursorToX(found - block.position())
        x = x[0] if isinstance(x, tuple) else x
        origin = part.viewport().mapTo(view, QPoint(0, 0))
        places.append((text, origin.x() + room.x() + x, origin.y() + room.y() + line.y()))
    return places


def laid_out(view: AnswerView) -> None:
    """Come back when no widget of the answer gets another size."""
    sizes: list[object] = []

    def same() -> bool:
        QApplication.processEvents()
        sizes.append((view.body.geometry(), view.canvas.geometry(), view.sizeHint()))
        return len(sizes) > 4 and sizes[-1] == sizes[-4]

    wait_until(same, "that the answer is laid out")


@pytest.mark.parametrize("number", [0, 1, 3])
def test_no_word_moves_at_the_commit(number: int, view: AnswerView) -> None:
    """Neither where a block ends in the middle of a sentence, nor at the end."""
    answer = recorded_answers()[number]
    source = ""
    for block, text in enumerate(answer.blocks):
        view.show_draft(next(draft for draft in reversed(answer.drafts) if draft.block == block))
        laid_out(view)
        before = canvas_places(view)
        source += text
        if block + 1 < len(answer.blocks):
            view.commit(source)
            laid_out(view)
            after = canvas_places(view)
            assert [place[0] for place in after] == cut_open_paragraph(source)[1].split()
            places = {(text, round(x), round(y)) for text, x, y in after}
            whole = [(text, round(x), round(y)) for text, x, y in before[-30:] if text in {each[0] for each in after}]
            assert len(whole) > 10  # the others are parts of words
            assert set(whole) <= places
            continue
        view.end(answer_message(source, MessageState.DONE), last=True)
        laid_out(view)
        after = body_places(view, [place[0] for place in before])
        assert len(after) > 20
        off = [max(abs(one[1] - two[1]), abs(one[2] - two[2])) for one, two in zip(before, after, strict=True)]
        assert max(off) <= NEAR


def test_a_block_goes_on_in_the_line_of_the_one_before(view: AnswerView) -> None:
    view.commit("First paragraph.\n\nThe cat sat")
    view.show_draft(DraftUpdated(1, 1, 48, (1, 2, 3), (" on", " the", " mat"), (0.01,) * 3, (True,) * 3))
    laid_out(view)
    words = view.canvas.flow.words
    assert [word.text for word in words] == ["The", "cat", "sat", "on", "the", "mat"]
    assert {word.line for word in words} == {0}
    assert view.body.parts[0].document().toPlainText() == "First paragraph."  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("source", "open_part"),
    [
        ("One", "One"),
        ("One.\n\nTwo", "Two"),
        ("One.\n\n", ""),
        ("One.\n\n- item", ""),
        ("One.\n\n1. item", ""),
        ("One.\n\n| a |", ""),
        ("One.\n\nwith **bold**", ""),
        ("```\ncode\n\nmore", ""),
        ("```\ncode\n```\n\nafter", "after"),
        ("x" * 5000, ""),
    ],
)
def test_only_plain_paragraphs_are_left_to_the_canvas(source: str, open_part: str) -> None:
    finished, rest = cut_open_paragraph(source)
    assert (finished + rest, rest) == (source, open_part)


def test_nothing_unsettled_changes_more_than_three_times_a_second(
    qtbot: QtBot, theme: Theme, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("app.ui.chat.canvas.time.monotonic", lambda: now[0])
    canvas = CanvasView(theme)
    qtbot.addWidget(canvas)
    canvas.resize(800, 10)
    canvas.show()
    changes: dict[tuple[int, int], list[float]] = {}
    shown: dict[tuple[int, int], tuple[str, Level]] = {}
    for draft in hard_answer(2, 10.0).drafts:
        canvas.set_draft(draft)
        for _ in range(6):
            for key, look in canvas._looks.items():
                word: Word | None = look.word
                if word is not None and word.level != Level.SETTLED and shown.get(key) != (word.text, word.level):
                    if key in shown:
                        changes.setdefault(key, []).append(now[0])
                    shown[key] = (word.text, word.level)
            now[0] += 0.016
            canvas.on_frame_due()
    canvas.clear()
    assert len(changes) > 30
    for times in changes.values():
        assert all(later - one > 1.0 for one, later in zip(times, times[3:], strict=False))


@pytest.fixture
def spoken(qtbot: QtBot, qapp: QApplication) -> tuple[Spoken, list[str]]:
    """And what it said."""
    canvas = CanvasView(Theme(LIGHT, 1.0, 10.0))
    qtbot.addWidget(canvas)
    said: list[str] = []
    return Spoken(canvas, said.append), said


def test_each_settled_sentence_is_said_once(spoken: tuple[Spoken, list[str]]) -> None:
    speaker, said = spoken
    texts = [
        " It is",
        " It is wet. And",
        " It is wet. And co",
        " It \u2026 wet. And cold.",
        " It is wet. And cold. \u2026 x.",
    ]
    for number, text in enumerate(texts):
        speaker.say(text.__str__, number * SPOKEN_SECONDS)
    speaker.say(" It is wet. And cold. More.".__str__, len(texts) * SPOKEN_SECONDS - 1.0)  # too early
    assert said == ["It is wet.", "And cold."]


def test_what_a_block_left_unsaid_is_said_when_it_is_final(spoken: tuple[Spoken, list[str]]) -> None:
    """Most blocks settle within the two seconds after the newest sentence that was said."""
    speaker, said = spoken
    speaker.say(" It is wet. \u2026".__str__, 0.0)
    speaker.finish(" It is wet. And cold. The cat", last=False)
    assert said == ["It is wet.", "And cold."]
    speaker.begin()
    speaker.say(" sat. \u2026".__str__, SPOKEN_SECONDS)
    speaker.finish(" sat. So", last=False)
    speaker.finish("", last=True)  # nothing came behind it
    assert said[2:] == ["The cat sat.", "So"]


def test_a_sentence_that_became_another_one_is_said_as_it_is(spoken: tuple[Spoken, list[str]]) -> None:
    speaker, said = spoken
    speaker.say("One. It is wet. Two.".__str__, 0.0)
    speaker.finish("One. It is dry. Two.", last=True)
    assert said == ["One. It is wet. Two.", "It is dry. Two."]


@pytest.mark.parametrize("seconds", [0.01, SPOKEN_SECONDS], ids=["quick", "slow"])
@pytest.mark.parametrize("number", [0, 1, 3])
def test_all_of_an_answer_is_heard(
    number: int, seconds: float, view: AnswerView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of one that was written in less than two seconds."""
    now, said = [100.0], list[str]()
    monkeypatch.setattr("app.ui.chat.canvas.time.monotonic", lambda: now[0])
    monkeypatch.setattr(view.canvas._spoken, "_announce", said.append)
    answer, source = recorded_answers()[number], ""
    for block, text in enumerate(answer.blocks):
        for draft in (each for each in answer.drafts if each.block == block):
            view.show_draft(draft)
            now[0] += seconds
        source += text
        view.commit(source)
    view.end(answer_message(source, MessageState.DONE), last=True)
    assert " ".join(said).split() == source.split()


def test_an_answer_without_a_full_stop_is_heard_to_its_end(view: AnswerView, monkeypatch: pytest.MonkeyPatch) -> None:
    said = list[str]()
    monkeypatch.setattr(view.canvas._spoken, "_announce", said.append)
    view.commit("It is wet. And so")
    view.end(answer_message("It is wet. And so", MessageState.DONE), last=True)
    assert said == ["It is wet.", "And so"]
