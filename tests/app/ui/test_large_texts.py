"""Large texts in the real window: pasted, sent, resized and opened again, and never laid out as one line."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QTextEdit
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.chat import words
from app.ui.chat.composer import MOST_CHARACTERS, MOST_ROWS
from app.ui.chat.long_text import PIECE, hardened, softened
from app.ui.chat.user_message import MOST_CHARACTERS as MOST_UNFOLDED
from app.ui.widgets.plain import LONGEST, LONGEST_LINE, LONGEST_TIP, one_line, shown, tip
from tests.app.ui.conftest import MakeWindow
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS

TEXTS = {"letters": "a" * 200_000, "lines": "line of text\n" * 25_000}


def longest_block(parts: Parts) -> int:
    """UTF-16 units of the longest line that any text field of the window lays out."""
    longest = 0
    fields = [*parts.window.findChildren(QPlainTextEdit), *parts.window.findChildren(QTextEdit)]
    for field in fields:
        block = field.document().begin()
        while block.isValid():
            longest = max(longest, block.length())
            block = block.next()
    return longest


@pytest.mark.parametrize("kind", TEXTS)
def test_a_large_text_is_sent_and_comes_back(
    qtbot: QtBot, make_window: MakeWindow, process: ScriptedModelProcess, kind: str
) -> None:
    parts = make_window()
    composer = parts.window.pane.composer
    data = QMimeData()
    data.setText(TEXTS[kind])
    composer.box.insertFromMimeData(data)
    QApplication.processEvents()
    assert longest_block(parts) <= PIECE + 8
    qtbot.keyClick(composer.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(process.requests) and not parts.controller.busy, timeout=WAIT_MS)
    parts.window.resize(800, 700)
    QApplication.processEvents()
    sent = TEXTS[kind].strip("\n")
    assert process.requests[0].turns[-1].text == sent
    assert parts.store.messages(parts.controller.chat_id or "")[0].body == sent
    assert longest_block(parts) <= MOST_UNFOLDED + 8
    assert len(parts.window.windowTitle()) < 200
    parts.window.close()
    again = make_window()
    qtbot.waitUntil(lambda: len(again.window.pane.chat.items) == 2, timeout=WAIT_MS)
    assert longest_block(again) <= MOST_UNFOLDED + 8


@pytest.mark.parametrize("text", ["a" * (MOST_CHARACTERS + 1), "a\n" * MOST_ROWS], ids=["letters", "lines"])
def test_more_than_a_message_takes_is_not_put_in(make_window: MakeWindow, text: str) -> None:
    """A million lines froze the window for three seconds."""
    parts = make_window()
    composer = parts.window.pane.composer
    data = QMimeData()
    data.setText(text)
    composer.box.insertFromMimeData(data)
    composer.insert(text)
    assert composer.text == ""
    said = words.too_much_text(len(text), text.count("\n") + 1, MOST_CHARACTERS, MOST_ROWS)
    assert parts.window.notices._toast.text == said
    assert " in 1 lines" not in said
    composer.type_text("short")
    assert composer.text == "short"


def test_html_that_is_pasted_or_dropped_is_its_text_or_nothing(make_window: MakeWindow) -> None:
    parts = make_window()
    box = parts.window.pane.composer.box
    data = QMimeData()
    data.setHtml("<img src='file:///nowhere.png'><b>x</b>")
    assert not box.canInsertFromMimeData(data)
    box.insertFromMimeData(data)
    assert box.toPlainText() == ""
    data.setText("<b>x</b>")
    box.insertFromMimeData(data)
    assert box.toPlainText() == "<b>x</b>"


@pytest.mark.parametrize("kind", ["marks", "joiners", "words"])
def test_pieces_of_a_text_of_marks_cost_no_more_than_their_size(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a letter ends is looked for in a few steps."""
    looks: list[int] = []

    def belongs(line: str, at: int) -> bool:
        looks.append(at)
        return True

    monkeypatch.setattr("app.ui.chat.long_text._belongs", belongs)
    text = {"marks": "\u0301", "joiners": "\u200d", "words": "word "}[kind] * 40_000
    assert hardened(softened(text)) == text
    assert len(looks) < len(text) / 2


def test_a_title_of_megabytes_is_cut_before_it_is_looked_at() -> None:
    title = "x" * 5_000_000
    assert len(shown(title)) == LONGEST
    assert len(one_line(title)) == LONGEST_LINE
    assert len(tip("<b>" + title)) < 10 * LONGEST_TIP
