"""Letters that no font has are set in the text's own font, and a text is laid out once for all that changes in it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QFont, QTextCursor, QTextDocument
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.chats.messages import Message, MessageState
from app.ui.chat.chat_view import ChatView
from app.ui.chat.code_block import CodeBlock, CodeText
from app.ui.chat.flow_text import FlowText
from app.ui.chat.long_text import LongText
from app.ui.chat.markdown import Code
from app.ui.chat.turns import turns
from app.ui.widgets import font_search
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.font_search import MOST_LACKING, find, lacking_runs, showable
from app.ui.widgets.text_layout import insert_text, laid_out_once, width_of
from app.ui.widgets.theme import Theme, ThemeManager
from tests.helpers.turns import all_shown
from tests.helpers.waiting import WAIT_MS

THEME = Theme(LIGHT, 1.0, 10.0)
NONE = "\U0010fffd"  # for private use, at the very end: no font has it
ALONE = QFont.StyleStrategy.NoFontMerging


@pytest.fixture
def lacking(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Letters that no font has: those that a test says."""
    found = {"\ue000", NONE}
    monkeypatch.setattr(font_search, "_lacking", found)
    return found


def alone_in(document: QTextDocument) -> str:
    """What of a document is set in its own font alone."""
    found, block = "", document.begin()
    while block.isValid():
        pieces = block.begin()
        while not pieces.atEnd():
            piece = pieces.fragment()
            found += piece.text() if piece.charFormat().fontStyleStrategy() == ALONE else ""
            pieces += 1
        block = block.next()
    return found


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("plain", []),
        ("\u6f22\u5b57", []),
        ("\ue000", [(0, 1)]),
        ("a\ue000 b \ue000\u6f22\ue000c", [(1, 6), (7, 8)]),
        (f"\U0001f600{NONE}\u0301x{NONE}\u200d\u6f22", [(2, 9)]),
        ("\u0301\ue000", [(1, 2)]),
        ("\ue000 a\u20d7 \ue000", [(0, 1), (5, 6)]),
        ("\ue000\u0301 1\ufe0f\u20e3", [(0, 2)]),
        ("\ue000\u6f22 \ue000", [(0, 1), (3, 4)]),
    ],
)
def test_runs_of_letters_that_no_font_has(lacking: set[str], text: str, runs: list[tuple[int, int]]) -> None:
    """In UTF-16 units; ASCII and marks between them belong to them, other letters end them."""
    assert lacking_runs(text) == runs


def test_what_no_font_has_is_found_with_the_letters(lacking: set[str]) -> None:
    lacking.clear()
    find(THEME.body_font(), f"\u00e9{NONE}\u200d\u0301\ufe0f")
    assert NONE in lacking
    assert lacking.isdisjoint("\u00e9\u200d\u0301\ufe0f")  # a joiner or a mark goes with its letter, whoever has it


def test_every_text_sets_them_alone(lacking: set[str], qtbot: QtBot) -> None:
    said = f"Eins {NONE * 3} zwei \u00e9 {NONE}"
    flow, long, code = FlowText(THEME), LongText(THEME), CodeBlock(THEME)
    for text in (flow, long, code):
        qtbot.addWidget(text)
    flow.set_content(said)
    long.set_content(said)
    code.set_code(Code(said, ""))
    (shown,) = code.findChildren(CodeText)
    all_shown()
    for document in (flow.document(), long.document(), shown.document()):
        assert alone_in(document) == NONE * 4, document.toPlainText()
        assert document.isLayoutEnabled()
    for each in (flow, long, code):
        each.hold_layout()
        each.set_theme(Theme(LIGHT, 1.5, 15.0))
    all_shown()
    for document in (flow.document(), long.document(), shown.document()):
        assert alone_in(document) == NONE * 4
        assert document.isLayoutEnabled()


def test_a_text_put_behind_another_marks_its_own(lacking: set[str]) -> None:
    document = QTextDocument("\U0001f600 a ")
    cursor = QTextCursor(document)
    cursor.movePosition(QTextCursor.MoveOperation.End)
    insert_text(cursor, f"b{NONE}c")
    assert document.toRawText() == f"\U0001f600 a b{NONE}c"
    assert alone_in(document) == NONE


@pytest.mark.parametrize("end", ["\r\n", "\r", "\u2029", "\u2028", "\0", "\ufdd0", "\n"])
def test_ends_of_lines_move_no_mark(lacking: set[str], qtbot: QtBot, end: str) -> None:
    """Qt makes one of two, and what stands behind them moves."""
    said = f"a{end * 3}b{NONE}"
    code, long, flow = CodeBlock(THEME), LongText(THEME), FlowText(THEME)
    for text in (code, long, flow):
        qtbot.addWidget(text)
    code.set_code(Code(said, ""))
    long.set_content(said)
    flow.set_content(said)
    all_shown()
    (shown,) = code.findChildren(CodeText)
    for document in (shown.document(), long.document(), flow.document()):
        assert alone_in(document) == NONE


def test_what_was_waited_for_takes_the_newest_size(
    lacking: set[str], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another text came while letters were looked for in the new size: it kept the old one, and no layout, for ever."""
    monkeypatch.setattr(font_search, "_met", {})
    large = Theme(LIGHT, 1.5, 15.0)
    said = "".join(map(chr, range(0x0900, 0x2100, 0x10)))
    text = LongText(THEME)
    qtbot.addWidget(text)
    text.show()
    text.set_content(said)
    all_shown()
    text.hold_layout()
    turns().spend(1.0)  # there is no more room in this turn
    text.set_theme(large)
    text.set_content(said + "more")
    all_shown()
    assert text.document().isLayoutEnabled()
    assert text.document().defaultFont() == text.font()
    assert text.font().pointSizeF() == large.body_font().pointSizeF()
    assert text.toPlainText().endswith("more")


def test_the_width_of_a_text(lacking: set[str]) -> None:
    font = THEME.mono_font()
    assert width_of("plain", font) == pytest.approx(width_of("p", font) * 5, abs=2)
    assert width_of(NONE * 10, font) > width_of(NONE, font) * 9


def test_a_document_is_laid_out_after_an_error_too(qapp: QApplication) -> None:
    document = QTextDocument()
    with pytest.raises(ValueError, match="x"), laid_out_once(document):
        raise ValueError("x")
    assert document.isLayoutEnabled()


def test_a_label_shows_few_of_them_as_they_are(lacking: set[str]) -> None:
    font = THEME.body_font()
    find(font, f"{NONE}\u00e9")
    few, many = NONE * MOST_LACKING, NONE * (MOST_LACKING + 1)
    assert showable(f"\u00e9{few}", font) == (f"\u00e9{few}", False)
    text, more = showable(f"\u00e9{many}", font)
    assert not more
    assert text == "\u00e9" + "\ufffd\ufffd" * (MOST_LACKING + 1)


def test_texts_wait_while_the_look_changes(qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Qt laid out each of them several times on the way to another style sheet: 2,000 lines of code in 200 ms."""
    themes = ThemeManager(qapp, "light")
    view = ChatView(themes, drafts="full", reduce_motion=False)
    qtbot.addWidget(view)
    view.resize(700, 500)
    view.show()
    body = "Eins\n\n```\nzwei\n```\n\n|a|b|\n|-|-|\n|1|2|\n"
    state = MessageState.DONE
    view.show_messages(
        (
            Message("m1", "c", None, 0, 1, "user", state, "word " * 2_000, "", None, None, 0, 0),
            Message("m2", "c", None, 0, 1, "assistant", state, body, "thought", None, None, 0, 0),
        )
    )
    all_shown()
    documents = [text.document() for kind in (FlowText, CodeText) for text in view.findChildren(kind)]
    assert len(documents) >= 4
    apply, seen = themes._apply, []

    def applied() -> None:
        seen.append([document.isLayoutEnabled() for document in documents])
        apply()

    monkeypatch.setattr(themes, "_apply", applied)
    view.mark("m2", "eins")
    for change in (lambda: themes.set_appearance("dark"), lambda: themes.set_text_scale(150)):
        change()
        all_shown()
        assert all(document.isLayoutEnabled() for document in documents)
        marked = [mark for text in view.findChildren(FlowText) for mark in text.extraSelections()]
        assert [mark.cursor.selectedText() for mark in marked] == ["Eins"]
        assert marked[0].format.background().color() == themes.theme.color("selection")
    assert seen == [[False] * len(documents)] * 2
    view.show_messages(())
    themes.set_text_scale(100)
    themes.set_appearance("light")


def test_hidden_bars_have_another_look_when_they_are_shown(qapp: QApplication, qtbot: QtBot) -> None:
    themes = ThemeManager(qapp, "light")
    codes = CodeBlock(themes.theme), CodeBlock(themes.theme)
    for code in codes:
        qtbot.addWidget(code)
        code.resize(300, 200)
        code.set_code(Code("x = 1", "py"))
        code.show()
    bars = [code.findChildren(CodeText)[0].horizontalScrollBar() for code in codes]

    def show_bar(number: int) -> None:
        codes[number].set_code(Code("x = 1 + 2 + 3 " * 40, "py"))
        qtbot.waitUntil(bars[number].isVisible, timeout=WAIT_MS)

    show_bar(0)
    told = Told()
    for bar in bars:
        bar.installEventFilter(told)
    for code in codes:
        code.hold_layout()
    themes.set_appearance("dark")
    for code in codes:
        code.set_theme(themes.theme)
    show_bar(1)
    assert [bar for bar, kind in told.events if kind == QEvent.Type.StyleChange and bar is bars[1]] == []
    assert [bar for bar, kind in told.events if kind == QEvent.Type.StyleChange and bar is bars[0]]
    dark = [bar.grab().toImage() for bar in bars]
    assert dark[0] == dark[1]
    themes.set_appearance("light")
    assert bars[0].grab().toImage() == bars[1].grab().toImage() != dark[0]


class Told(QObject):
    """What bars are told."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[QObject, QEvent.Type]] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Called by Qt."""
        self.events.append((watched, event.type()))
        return False
