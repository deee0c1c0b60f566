"""Long answers: read in slices, with a sentence and a button where formatting ends."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.ui.chat import words
from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.flow_text import FlowText
from app.ui.chat.markdown import MAX_LINES, Code, Prose, Rest, blocks_from_markdown, segments_from_markdown
from app.ui.chat.rest_text import RestText
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.theme import Theme

THEME = Theme(LIGHT, 1.0, 10.0)


def test_ordinary_long_answers_are_read_whole() -> None:
    """Empty lines between paragraphs cost little."""
    assert [type(part.content) for part in segments_from_markdown("A **line** of words.\n\n" * 400)] == [Prose]


def blocks_of(source: str, slices: int) -> list[object]:
    """All blocks that slices show, one behind the other."""
    found: list[object] = []
    for part in segments_from_markdown(source, slices):
        found.extend(part.content.blocks if isinstance(part.content, Prose) else [part.content])
    return found


def test_slices_end_between_paragraphs_and_lose_nothing() -> None:
    source = "".join(f"**line**\n{number}\n\n" for number in range(1_000))
    assert blocks_of(source, 9) == list(blocks_from_markdown(source))
    first = segments_from_markdown(source)[-1].content
    assert isinstance(first, Rest)
    assert first.text.startswith("**line**\n")


@pytest.mark.parametrize("fence", ["```py", "~~~~", "1. a\n\n   ```py"])
def test_code_goes_on_as_code_in_the_next_slice(fence: str) -> None:
    lines = "".join(f"* line {number}\n" for number in range(MAX_LINES * 5))
    inset = " " * 3 if fence.startswith("1") else ""
    end = "~~~~" if fence.startswith("~") else inset + "```"
    lines = "".join(f"{inset}{line}" for line in lines.splitlines(keepends=True))
    blocks = blocks_of(f"{fence}\n{lines}{end}\n\n**bold**\n", 9)
    code = [block for block in blocks if isinstance(block, Code)]
    assert len(code) == 2
    assert sum(block.text.count("* line") for block in code) == MAX_LINES * 5
    assert blocks[-1] == blocks_from_markdown("**bold**")[0]


def test_a_line_that_begins_with_code_is_no_code_block() -> None:
    source = "```x``` is code\n\n" + "**line**\n\n" * MAX_LINES
    assert not any(isinstance(block, Code) for block in blocks_of(source, 9))


def test_the_rest_says_what_it_is_and_is_formatted_on_a_click(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    body.resize(600, 400)
    body.show()
    body.set_markdown("**line**\n\n" * (MAX_LINES * 2))
    prose, rest = body.parts
    assert isinstance(rest, RestText)
    assert rest.findChild(PlainLabel).text() == words.NOT_FORMATTED
    assert rest.text.toPlainText().startswith("**line**")
    seen = 0
    while isinstance(rest := body.parts[-1], RestText):
        qtbot.mouseClick(rest.button, Qt.MouseButton.LeftButton)
        seen += 1
        assert seen < 9
    assert seen == 2
    assert body.parts[0] is prose
    assert all(isinstance(part, FlowText) and "**" not in part.toPlainText() for part in body.parts)
