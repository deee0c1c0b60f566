"""Large texts: broken in pieces that can be put together again, folded in the chat, and never laid out as one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.base.graphemes import graphemes
from app.chats.messages import Message, MessageState, title_from_text
from app.ui.chat.code_block import CodeBlock
from app.ui.chat.composer import Composer
from app.ui.chat.long_text import (
    MARK,
    MOST_AT_ONCE,
    MOST_ODD_AT_ONCE,
    PIECE,
    LongText,
    hardened,
    parts_from_end,
    parts_of,
    softened,
)  # fmt: skip
from app.ui.chat.markdown import Code
from app.ui.chat.user_message import MOST_CHARACTERS, MOST_LINES, UserMessage, beginning, is_long
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.theme import Theme, ThemeManager
from tests.helpers.turns import all_shown
from tests.helpers.waiting import WAIT_MS

THEME = Theme(LIGHT, 1.0, 10.0)
LARGE = {
    "letters": "a" * 200_000,
    "words": "word " * 40_000,
    "ideographs": "\u6f22" * 60_000,
    "marks": "e\u0301" * 50_000,
    "families": "\U0001f469\u200d\U0001f467" * 20_000,
    "lines": "line\n" * 20_000,
}


def longest_block(document: QTextDocument) -> int:
    """UTF-16 units of the longest line that Qt lays out."""
    longest, block = 0, document.begin()
    while block.isValid():
        longest = max(longest, block.length())
        block = block.next()
    return longest


def user_message(body: str) -> UserMessage:
    """A message of the user."""
    return UserMessage(Message("m", "c", None, 0, 1, "user", MessageState.DONE, body, "", None, None, 0, 0), THEME)


@pytest.mark.parametrize("kind", LARGE)
def test_pieces_make_the_text_again(kind: str) -> None:
    text = LARGE[kind]
    soft = softened(text)
    assert hardened(soft) == text
    assert max(len(line) for line in soft.split("\n")) <= PIECE + 3


def test_pieces_end_between_words_and_never_inside_a_letter() -> None:
    assert all(line.rstrip("\u2060\u200b").endswith(" ") for line in softened("word " * 4_000).split("\n")[:-1])
    assert not any(line.startswith("\u0301") for line in softened("x" + "e\u0301" * 5_000).split("\n"))
    assert not any(line[0] in "\u200d\U0001f467" for line in softened(LARGE["families"][1:]).split("\n")[1:-1] if line)


@given(st.text(max_size=60), st.integers(min_value=1, max_value=200))
def test_any_text_comes_back(text: str, times: int) -> None:
    assert hardened(softened(text * times)) == text * times


def test_pieces_that_the_user_joins_or_cuts_leave_no_marks(qapp: QApplication, qtbot: QtBot) -> None:
    composer = Composer(ThemeManager(qapp, "light"))
    qtbot.addWidget(composer)
    composer.set_text("a" * 5_000)
    cursor = composer.box.textCursor()
    cursor.setPosition(composer.box.document().begin().next().position())
    cursor.deletePreviousChar()  # the line break of the first mark
    assert composer.text == "a" * 5_000
    cursor.insertText("\n")
    assert composer.text.replace("\n", "") == "a" * 5_000


@pytest.mark.parametrize("kind", LARGE)
def test_what_is_pasted_is_sent_as_it_was(qapp: QApplication, qtbot: QtBot, kind: str) -> None:
    composer = Composer(ThemeManager(qapp, "light"))
    qtbot.addWidget(composer)
    composer.show()
    data = QMimeData()
    data.setText(LARGE[kind])
    composer.box.insertFromMimeData(data)
    assert composer.text == LARGE[kind]
    assert longest_block(composer.box.document()) <= 2 * PIECE + 8
    all_shown()
    composer.box.selectAll()
    assert composer.box.createMimeDataFromSelection().text() == LARGE[kind]
    composer.clear()
    composer.set_text(LARGE[kind])
    assert composer.text == LARGE[kind]
    assert longest_block(composer.box.document()) <= 2 * PIECE + 8


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_message_is_folded(qtbot: QtBot, kind: str) -> None:
    message = user_message(LARGE[kind])
    qtbot.addWidget(message)
    message.resize(600, 400)
    message.show()
    assert message.source() == LARGE[kind]
    assert longest_block(message._text.document()) < MOST_CHARACTERS
    assert message._whole is None
    button = message.findChild(QPushButton, "fold")
    assert f"{len(LARGE[kind]):,}" in button.text()
    button.click()
    whole = message.findChild(LongText)
    assert whole.isVisible()
    assert not message._text.isVisible()
    assert whole.height() < 900
    all_shown()
    assert longest_block(whole.document()) <= 2 * PIECE + 8
    whole.selectAll()
    assert whole.createMimeDataFromSelection().text() == LARGE[kind]
    assert button.text() == "Show less"
    button.click()
    assert message._text.isVisible()
    assert not whole.isVisible()


@pytest.mark.parametrize("text", ["a\n" * 60_000, "\u6f22" * 1_100_000])
def test_of_a_huge_text_the_beginning_is_shown_and_how_much_is_left(qtbot: QtBot, text: str) -> None:
    box = LongText(Theme(LIGHT, 1.0, 10.0))
    qtbot.addWidget(box)
    box.set_content(text)
    all_shown()
    shown, _, said = hardened(box.toPlainText()).rpartition("\n\n")
    assert text.startswith(shown)
    assert len(shown) > 90_000
    assert said.startswith(f"({len(text) - len(shown):,} more characters are not shown")


def test_ordinary_messages_are_not_folded(qtbot: QtBot) -> None:
    body = "An ordinary message.\n" * 20
    message = user_message(body)
    qtbot.addWidget(message)
    assert message.findChild(QPushButton, "fold") is None
    assert message._text.toPlainText() == body
    assert not is_long("x" * MOST_CHARACTERS)
    assert is_long("x" * (MOST_CHARACTERS + 1))
    assert is_long("\n" * MOST_LINES)
    assert len(beginning("word " * 10_000)) < 1_100


def test_long_lines_of_code_are_broken_and_copied_whole(qtbot: QtBot) -> None:
    code = "x = '" + "a" * 100_000 + "'"
    block = CodeBlock(THEME)
    qtbot.addWidget(block)
    block.resize(500, 200)
    block.show()
    block.set_code(Code(code, "py"))
    field = block.findChild(QPlainTextEdit)
    assert block.source() == code
    assert longest_block(field.document()) <= 2 * PIECE + 8
    field.selectAll()
    assert field.createMimeDataFromSelection().text() == code


def short_rows(box: LongText) -> int:
    """Pieces of one line whose last row leaves more room than a word or two need."""
    found, block = 0, box.document().begin()
    while block.isValid():
        box.document().documentLayout().blockBoundingRect(block)
        layout = block.layout()
        last = layout.lineAt(layout.lineCount() - 1)
        found += block.next().isValid() and last.naturalTextWidth() < box.viewport().width() * 0.75
        block = block.next()
    return found


@pytest.mark.parametrize("kind", ["letters", "words", "ideographs", "marks", "families"])
def test_a_long_line_fills_its_rows_at_any_width(qtbot: QtBot, kind: str) -> None:
    box = LongText(THEME)
    qtbot.addWidget(box)
    box.resize(600, 400)
    box.show()
    box.set_content(LARGE[kind])
    assert short_rows(box) > 0 or kind in ("letters", "marks", "ideographs")  # those fill their rows by chance
    qtbot.waitUntil(lambda: short_rows(box) == 0, timeout=WAIT_MS)
    box.resize(417, 400)
    qtbot.waitUntil(lambda: box._broken_for == box.viewport().width() and short_rows(box) == 0, timeout=WAIT_MS)
    all_shown()
    assert longest_block(box.document()) <= 2 * PIECE + 8
    box.selectAll()
    assert box.createMimeDataFromSelection().text() == LARGE[kind]


def test_titles_of_large_messages_are_short() -> None:
    for text in LARGE.values():
        assert len(list(graphemes(title_from_text(text)))) <= 48


def test_a_box_without_a_width_is_as_high_as_it_will_be(qtbot: QtBot) -> None:
    """Before it has one Qt lays out each piece in one line, so that 24 lines were 48,000 letters."""
    box = LongText(THEME)
    qtbot.addWidget(box)
    box.set_content("\u00e9" * 60_000)
    all_shown()
    assert box.height() >= 24 * (box.fontMetrics().height() - 2)
    assert hardened(box.toPlainText()) == "\u00e9" * 60_000


@pytest.mark.parametrize(
    ("letter", "most"), [("\u6f22", MOST_ODD_AT_ONCE), ("\u0e01", MOST_ODD_AT_ONCE), ("\u00e9", MOST_AT_ONCE)]
)
def test_odd_letters_come_in_smaller_parts(letter: str, most: int) -> None:
    text = letter * 70_000
    parts = list(parts_of(softened(text)))
    assert hardened("".join(parts)) == text
    assert most / 2 < max(map(len, parts)) <= most + len(MARK)
    from_end = list(parts_from_end(text))
    assert hardened("".join(part for _, part in reversed(from_end))) == text
    assert most / 2 < max(len(hardened(part)) for _, part in from_end) <= most
