"""Long answers: read in slices, with a sentence and a button where formatting ends."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.chats.messages import Message, MessageState
from app.ui.chat import words
from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.canvas_flow import MOST_OF_A_PIECE, CanvasFlow
from app.ui.chat.canvas_words import Level
from app.ui.chat.chat_view import ChatView
from app.ui.chat.code_block import CodeBlock
from app.ui.chat.flow_text import FlowText
from app.ui.chat.markdown import Code, ListBlock, Plain, Prose, Quote, Rest, Table, blocks_from_markdown
from app.ui.chat.pages import PAGE_CHARACTERS, page_start
from app.ui.chat.rest_text import RestText
from app.ui.chat.slices import (
    MAX_LINES,
    MOST_WEIGHT,
    NESTED_QUOTES,
    SLICES,
    slices_from_markdown,
    weight_of,
)
from app.ui.chat.turns import turns
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.theme import Theme, ThemeManager
from tests.helpers.segments import segments_from_markdown
from tests.helpers.turns import all_shown, show_markdown

THEME = Theme(LIGHT, 1.0, 10.0)


def test_ordinary_long_answers_are_read_whole() -> None:
    """Empty lines between paragraphs cost little."""
    assert {type(part.content) for part in segments_from_markdown("A **line** of words.\n\n" * 400)} == {Prose}


@pytest.mark.parametrize(
    ("source", "most"),
    [
        ("```\na\n```\n" * 200, 100),
        ("```\n" * 1_000, 100),
        ("> - > - > - a\n" * 490, 200),
        ("|a|\n|-|\n|1|\n\n" * 200, 110),
    ],
)
def test_what_makes_many_widgets_costs_more(source: str, most: int) -> None:
    """Qt's time for another look grows with their number, whatever a part holds."""
    assert 20 <= len(segments_from_markdown(source)) <= most


def blocks_of(source: str, slices: int) -> list[object]:
    """All blocks that slices show, one behind the other."""
    found: list[object] = []
    for part in segments_from_markdown(source, slices):
        found.extend(part.content.blocks if isinstance(part.content, Prose) else [part.content])
    return found


def test_slices_end_between_paragraphs_and_lose_nothing() -> None:
    source = "".join(f"**line**\n{number}\n\n" for number in range(1_000))
    assert blocks_of(source, 99) == list(blocks_from_markdown(source))
    first = segments_from_markdown(source, 2)[-1].content
    assert isinstance(first, Rest)
    assert first.text.startswith("**line**\n")


@pytest.mark.parametrize("fence", ["```py", "~~~~", "1. a\n\n   ```py"])
def test_code_goes_on_as_code_in_the_next_slice(fence: str) -> None:
    lines = "".join(f"* line {number}\n" for number in range(MAX_LINES * 5))
    inset = " " * 3 if fence.startswith("1") else ""
    end = "~~~~" if fence.startswith("~") else inset + "```"
    lines = "".join(f"{inset}{line}" for line in lines.splitlines(keepends=True))
    blocks = blocks_of(f"{fence}\n{lines}{end}\n\n**bold**\n", 99)
    code = [block for block in blocks if isinstance(block, Code)]
    assert len(code) == 2
    assert sum(block.text.count("* line") for block in code) == MAX_LINES * 5
    assert blocks[-1] == blocks_from_markdown("**bold**")[0]


def test_a_line_that_begins_with_code_is_no_code_block() -> None:
    source = "```x``` is code\n\n" + "**line**\n\n" * MAX_LINES
    assert not any(isinstance(block, Code) for block in blocks_of(source, 99))


def test_the_rest_says_what_it_is_and_is_formatted_on_a_click(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    body.resize(600, 400)
    body.show()
    show_markdown(body, "**line**\n\n" * (MAX_LINES * SLICES * 2))
    prose, *_, rest = body.parts
    assert isinstance(rest, RestText)
    assert rest.findChild(PlainLabel).text() == words.NOT_FORMATTED
    assert rest.text.toPlainText().startswith("**line**")
    seen = 0
    while isinstance(rest := body.parts[-1], RestText):
        qtbot.mouseClick(rest.button, Qt.MouseButton.LeftButton)
        all_shown()
        seen += 1
        assert seen < 9
    assert seen == 2
    assert body.parts[0] is prose
    assert all(isinstance(part, FlowText) and "**" not in part.toPlainText() for part in body.parts)


def test_an_answer_of_many_parts_is_shown_over_several_turns(qtbot: QtBot) -> None:
    """What is done in one turn is counted in units of work: no answer is laid out in one go."""
    for source in (
        "This is **bold** and a `code` with a word. " * 6 + "\n\n",
        "$$x = \\frac{a}{b}$$\n\n",
        "```py\nx = 1\n```\n",
        "|a|b|\n|-|-|\n|1|2|\n\n",
        "> - > - > - a\n",
        "[a](http://x) " * 100 + "\n\n",
    ):
        body = AnswerBody(THEME)
        qtbot.addWidget(body)
        body.set_markdown(source * 300)
        at_once = len(body.parts)
        assert turns().waiting
        all_shown()
        assert len(body.parts) > 2 * at_once


def test_an_ordinary_answer_is_there_at_once(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    body.set_markdown("Some **words**.\n\n- one\n- two\n\n| a |\n|---|\n| b |\n\nThe end.")
    assert not turns().waiting
    assert len(body.parts) == 3


def test_slices_and_widgets_are_bounded_in_work() -> None:
    source = "".join(f"{number}. item [a](http://b.example)\n" for number in range(1, 2_000))
    for piece in slices_from_markdown(source):
        for segment in piece:
            if isinstance(segment.content, Prose):
                assert weight_of(segment.content.blocks) <= MOST_WEIGHT + 2
    lists = [part.content.blocks[0] for part in segments_from_markdown(source) if isinstance(part.content, Prose)]
    starts = [block.start for block in lists if isinstance(block, ListBlock)]
    counts = [len(block.items) for block in lists if isinstance(block, ListBlock)]
    assert starts == [1 + sum(counts[:at]) for at in range(len(counts))]


def test_deep_quotes_are_frames_and_no_tables_in_tables() -> None:
    """Qt lays out a table inside a table twice: fourteen quotes took 600 ms."""
    for depth in range(1, 14):
        (segment,) = segments_from_markdown(">" * depth + " deep")
        frames, inside = len(segment.frames), 0
        (block,) = segment.content.blocks if isinstance(segment.content, Prose) else (None,)
        while isinstance(block, Quote):
            inside += 1
            (block,) = block.blocks
        assert frames + inside == depth or not isinstance(segment.content, Prose)
        assert inside <= NESTED_QUOTES


def test_the_newest_answer_of_a_chat_is_shown_first(
    qtbot: QtBot, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ui.chat.turns.time.thread_time", lambda: 0.0)  # units alone: a busy machine takes longer
    view = ChatView(ThemeManager(qapp, "light"), drafts="full", reduce_motion=False)
    qtbot.addWidget(view)
    view.show()
    body = ("This is **bold** and a `code` with a word. " * 6 + "\n\n") * 30
    state = MessageState.DONE
    view.show_messages(
        tuple(Message(f"m{at}", "c", None, 0, 1, "assistant", state, body, "", None, None, 0, 0) for at in range(6))
    )
    shown = [bool(item.body.parts) for item in view.items if isinstance(item, AnswerView)]
    assert shown[-1]
    assert not shown[0]
    all_shown()
    assert all(item.body.parts for item in view.items if isinstance(item, AnswerView))
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()


def test_a_page_of_a_chat_is_bounded_in_text() -> None:
    def messages(body: str) -> tuple[Message, ...]:
        state = MessageState.DONE
        return tuple(Message(f"{at}", "c", None, 0, 1, "user", state, body, "", None, None, 0, 0) for at in range(90))

    assert page_start(messages("x"), 90) == 60
    assert page_start(messages("x" * PAGE_CHARACTERS), 90) == 88
    assert page_start(messages("x" * (PAGE_CHARACTERS // 5)), 90) == 85


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ("", "", [Plain]),
        ("", "\nand more", [Plain, Prose]),
        ("first = 1\n", "", [Code, Plain]),
    ],
)
def test_code_of_one_very_long_line_leaves_no_empty_box(before: str, after: str, kinds: list[type]) -> None:
    text = f"```python\n{before}{'(' * 200_000}\n```{after}"
    assert [type(part.content) for part in segments_from_markdown(text)] == kinds
    last = segments_from_markdown(f"```python\n{'(' * 200_000}\nlast = 1\n```")
    assert [type(part.content) for part in last] == [Plain, Code]
    for empty in ("```python\n```", "```python\n"):  # whoever writes an empty block sees it
        assert [type(part.content) for part in segments_from_markdown(empty)] == [Code]


def test_colours_of_code_that_take_long_are_left_out(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's lexer takes a quadratic time for brackets: 10,000 of them took 0.7 s."""
    monkeypatch.setattr("app.ui.chat.highlight.MOST_SECONDS", 0.0)
    block = CodeBlock(THEME)
    qtbot.addWidget(block)
    block.set_code(Code(("(" * 900 + "\n") * 10, "py"))
    all_shown()
    assert len(list(block._highlighter._rows)) < 10


def test_a_giant_token_of_a_draft_is_cut() -> None:
    """A vocabulary may hold whole books; measuring one took a time that grew with its square."""
    measured: list[int] = []

    def measure(text: str) -> float:
        measured.append(len(text))
        return 7.0 * len(text)

    flow = CanvasFlow(measure, 10.0, lambda cells, leftward, width: None)  # type: ignore[arg-type, return-value]
    levels = [Level.NOISE, Level.LOOSE, Level.FIRM, Level.SETTLED]
    for text in ("a" * 400_000, "a " * 200_000, "\n" * 400_000):
        flow.lay_out((text,) * 4, levels, 700.0)
    assert max(measured) <= 4 * MOST_OF_A_PIECE
    assert len(measured) < 10_000


def test_the_marks_of_a_line_cost_no_more_than_their_number() -> None:
    """Half a second went into one line of ten thousand of them."""
    began = time.thread_time()
    short = segments_from_markdown(">" * 5_000 + " a\n")
    middle = time.thread_time()
    long = segments_from_markdown(">" * 10_000 + " a\n")
    assert time.thread_time() - middle < 3 * (middle - began) + 0.1
    assert short
    assert long


@pytest.mark.parametrize("text", ["$x$ and " * 400, "- " + "$y$ " * 400, "> " + "$x$ " * 400, "# " + "$x$ " * 400])
def test_a_paragraph_of_very_many_formulas_is_shown_as_it_was_written(text: str) -> None:
    """Qt sets a paragraph in one go: 900 formulas took half a second."""
    kinds = [type(part.content) for part in segments_from_markdown(text)]
    assert Plain in kinds
    plain = next(part.content for part in segments_from_markdown(text) if isinstance(part.content, Plain))
    assert plain.text.count("$") == 2 * 400


@pytest.mark.parametrize(("rows", "kind"), [(20, Table), (60, Plain)])
def test_a_table_of_very_many_formulas_is_shown_as_it_was_written(rows: int, kind: type) -> None:
    text = "| a | b |\n|---|---|\n" + "".join(f"| $x_{row}$ | {'$y$ ' * 6} |\n" for row in range(rows))
    assert [type(part.content) for part in segments_from_markdown(text)] == [kind]


def test_paragraphs_of_many_formulas_go_into_several_widgets() -> None:
    text = "\n\n".join("$x$ and " * 90 for _ in range(10))
    assert len(list(segments_from_markdown(text))) == 10
