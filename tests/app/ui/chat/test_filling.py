"""A very large text comes back into the message box over several turns of the event loop, and whole."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QInputMethodEvent, QKeyEvent, QKeySequence, QTextCursor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.chats.history import HistoryStore
from app.ui.chat.composer import MOST_CHARACTERS, Composer
from app.ui.chat.long_text import MOST_AT_ONCE, MOST_LINES_AT_ONCE, hardened, parts_from_end, parts_of
from app.ui.chat.turns import turns
from app.ui.widgets.theme import ThemeManager
from tests.app.ui.conftest import MakeWindow
from tests.helpers.turns import all_shown

TEXTS = {
    "lines": "".join(f"{number}\n" for number in range(60_000)),
    "a line": "".join(map(str, range(60_000))),
    "words": "word " * 60_000,
    "families": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 30_000,
    "blank lines": "\n" * 60_000,
}


@pytest.fixture
def composer(qapp: QApplication, qtbot: QtBot) -> Composer:
    """An empty one."""
    made = Composer(ThemeManager(qapp, "light"))
    qtbot.addWidget(made)
    made.resize(600, 60)
    made.show()
    return made


def in_the_box(composer: Composer) -> str:
    """What the box itself holds."""
    return hardened(composer.box.document().toRawText().replace("\u2029", "\n"))


@pytest.mark.parametrize("kind", TEXTS)
def test_a_large_text_is_put_in_over_several_turns(composer: Composer, kind: str) -> None:
    """A stored text of a million lines froze every start for three seconds."""
    composer.set_text(TEXTS[kind])
    at_once = in_the_box(composer)
    assert len(at_once) <= 4 * MOST_AT_ONCE
    assert at_once.count("\n") <= 4 * MOST_LINES_AT_ONCE
    assert composer.text == TEXTS[kind], "all of it is sent and stored, whenever"
    looks = [len(at_once)]
    while turns().waiting:
        turns().on_next_turn()
        assert len(in_the_box(composer)) - looks[-1] <= 4 * MOST_AT_ONCE
        looks.append(len(in_the_box(composer)))
        assert composer.text == TEXTS[kind]
    assert len(looks) > 3
    assert in_the_box(composer) == TEXTS[kind]
    assert composer.box.textCursor().atEnd()
    assert composer.box.isUndoRedoEnabled()


def test_a_text_that_is_too_long_is_never_laid_out_however_it_comes(composer: Composer) -> None:
    text = "word " * (MOST_CHARACTERS // 5 + 1)
    told: list[int] = []
    composer.box.too_much.connect(lambda characters, _: told.append(characters))
    method = QInputMethodEvent()
    method.setCommitString(text)
    key = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_unknown, Qt.KeyboardModifier.NoModifier, text)
    for event in (method, key):
        QCoreApplication.sendEvent(composer.box, event)
    composer.type_text(text)
    assert told == [len(text)] * 3
    assert composer.text == ""
    composer.type_text("typed")
    assert composer.text == "typed"


@pytest.mark.parametrize("most", ["MOST_CHARACTERS", "MOST_ROWS"])
def test_there_is_room_in_the_place_of_what_is_selected(
    composer: Composer, monkeypatch: pytest.MonkeyPatch, most: str
) -> None:
    text = "line\n" * 19 + "line"
    monkeypatch.setattr(f"app.ui.chat.composer.{most}", len(text) + 1 if most == "MOST_CHARACTERS" else 21)
    told: list[tuple[int, int]] = []
    composer.box.too_much.connect(lambda characters, rows: told.append((characters, rows)))
    composer.set_text(text)
    assert not composer.box.has_room("more\nand more")
    assert told == [(13, 2)]
    composer.box.selectAll()
    data = QMimeData()
    data.setText(text.upper())
    composer.box.insertFromMimeData(data)
    assert composer.text == text.upper()
    cursor = composer.box.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.Up, QTextCursor.MoveMode.KeepAnchor, 2)
    composer.box.setTextCursor(cursor)
    assert composer.box.has_room("two\nlines")
    assert not composer.box.has_room("four\nlines\n\n\nand more and more")
    assert len(told) == 2


@pytest.mark.parametrize("most", ["MOST_CHARACTERS", "MOST_ROWS"])
def test_what_is_still_to_come_takes_its_room(composer: Composer, monkeypatch: pytest.MonkeyPatch, most: str) -> None:
    text = TEXTS["lines"]
    size = len(text) if most == "MOST_CHARACTERS" else text.count("\n") + 1
    for name in ("MOST_CHARACTERS", "MOST_ROWS"):
        monkeypatch.setattr(f"app.ui.chat.composer.{name}", size + 4 if name == most else 10 * len(text))
    composer.set_text(text)
    assert turns().waiting
    assert composer.box.has_room("a\n")
    for _ in range(2):
        assert not composer.box.has_room("a\nb\nc\nd\n")
        composer.box.selectAll()
        assert not composer.box.has_room(text), "what comes is not selected"
        composer.box.moveCursor(QTextCursor.MoveOperation.End)
        turns().on_next_turn()
    composer.clear()
    assert composer.box.has_room(text)


@pytest.mark.parametrize("kind", TEXTS)
def test_typing_meanwhile_stands_where_it_was_typed(qtbot: QtBot, composer: Composer, kind: str) -> None:
    composer.set_text(TEXTS[kind])
    assert turns().waiting
    composer.type_text("x")
    turns().on_next_turn()
    qtbot.keyClick(composer.box, Qt.Key.Key_Y)
    cursor = composer.box.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.Start)
    there = len(in_the_box(composer))
    cursor.insertText("z")
    expected = f"{TEXTS[kind]}xy"
    expected = f"{expected[:-there]}z{expected[-there:]}"
    assert composer.text == expected
    all_shown()
    assert composer.text == in_the_box(composer) == expected


PASTED = "".join(f"{number}\r\n" for number in range(9_000)) + "\u6f22" * 5_000


def paste_inside(composer: Composer) -> str:
    """Paste many lines in the place of a word; what it says then."""
    composer.type_text("before \U0001f600 word after")
    cursor = composer.box.textCursor()
    cursor.setPosition(10)
    cursor.setPosition(14, QTextCursor.MoveMode.KeepAnchor)
    composer.box.setTextCursor(cursor)
    assert cursor.selectedText() == "word"
    data = QMimeData()
    data.setText(PASTED)
    composer.box.insertFromMimeData(data)
    return f"before \U0001f600 {PASTED} after".replace("\r\n", "\n")


def test_many_lines_are_pasted_over_several_turns(composer: Composer) -> None:
    """Qt takes 100 ms to put 30,000 lines in."""
    told: list[str] = []
    composer.box.textChanged.connect(lambda: told.append(composer.text))
    expected = paste_inside(composer)
    assert turns().waiting
    assert len(in_the_box(composer)) < len(expected)
    assert told[-1].replace("\r\n", "\n") == composer.text.replace("\r\n", "\n") == expected
    while turns().waiting:
        assert composer.text.replace("\r\n", "\n") == expected
        turns().on_next_turn()
    assert in_the_box(composer) == composer.text == expected
    assert composer.box.isUndoRedoEnabled()
    for _ in range(2):
        composer.box.undo()
        assert composer.text == in_the_box(composer) == "before \U0001f600 word after"
        composer.box.redo()
        assert composer.text == in_the_box(composer) == expected


@pytest.mark.parametrize("turned", range(3))
def test_undo_takes_all_of_a_paste_away_while_it_comes(qtbot: QtBot, composer: Composer, turned: int) -> None:
    expected = paste_inside(composer)
    for _ in range(turned):
        turns().on_next_turn()
    assert turns().waiting
    undo, redo = QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo
    qtbot.keySequence(composer.box, QKeySequence(undo))
    all_shown()
    assert composer.text == in_the_box(composer) == "before \U0001f600 word after"
    qtbot.keySequence(composer.box, QKeySequence(redo))
    assert composer.text == in_the_box(composer) == expected


@pytest.mark.parametrize("how", ["menu", "keys", "type", "set", "paste"])
def test_what_is_done_with_a_selection_while_a_text_comes_is_done_with_all_of_it(
    qtbot: QtBot, composer: Composer, how: str
) -> None:
    """The beginning, which was still to come, stayed behind."""
    if how == "set":
        composer.set_text("".join(f"{number}\n" for number in range(25_000)))
    else:
        paste_inside(composer)
    assert turns().waiting
    box = composer.box
    if how == "menu":
        box.contextMenuEvent(QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(), QPoint()))
        box.selectAll()
        box.cut()
    elif how == "type":
        cursor = box.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.Start, QTextCursor.MoveMode.KeepAnchor)
        box.setTextCursor(cursor)
        qtbot.keyClick(box, Qt.Key.Key_N)
    elif how == "paste":
        qtbot.keySequence(box, QKeySequence(QKeySequence.StandardKey.SelectAll))
        new = QMimeData()
        new.setText("new")
        box.insertFromMimeData(new)
    else:
        qtbot.keySequence(box, QKeySequence(QKeySequence.StandardKey.SelectAll))
        qtbot.keyClick(box, Qt.Key.Key_Delete)
    all_shown()
    assert composer.text == in_the_box(composer) == {"type": "n after", "paste": "new"}.get(how, "")


def test_a_menus_undo_takes_all_of_a_paste_away(composer: Composer) -> None:
    paste_inside(composer)
    composer.box.undo()
    all_shown()
    assert composer.text == in_the_box(composer) == "before \U0001f600 word after"


def test_line_ends_are_those_of_the_box_at_once(composer: Composer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent at once had carriage returns, and lone ones went past the limit of rows."""
    paste_inside(composer)
    assert "\r" not in composer.text
    composer.clear()
    told: list[tuple[int, int]] = []
    composer.box.too_much.connect(lambda *numbers: told.append(numbers))
    monkeypatch.setattr("app.ui.chat.composer.MOST_ROWS", 100)
    many = QMimeData()
    many.setText("a\r" * 200)
    composer.box.insertFromMimeData(many)
    assert (composer.text, len(told)) == ("", 1)


def test_all_of_a_paste_is_cut_while_it_comes(qtbot: QtBot, composer: Composer) -> None:
    expected = paste_inside(composer)
    assert turns().waiting
    for key in (QKeySequence.StandardKey.SelectAll, QKeySequence.StandardKey.Cut):
        qtbot.keySequence(composer.box, QKeySequence(key))
    assert QApplication.clipboard().text() == expected
    all_shown()
    assert composer.text == in_the_box(composer) == ""


def test_what_is_typed_or_pasted_while_a_paste_comes_stands_behind_it(composer: Composer) -> None:
    expected = paste_inside(composer)
    composer.type_text("x")
    turns().on_next_turn()
    paste_again = QMimeData()
    paste_again.setText(PASTED)
    composer.box.insertFromMimeData(paste_again)
    expected = expected.replace(" after", f"x{PASTED} after").replace("\r\n", "\n")
    assert composer.text.replace("\r\n", "\n") == expected
    all_shown()
    assert composer.text == in_the_box(composer) == expected


def test_another_text_takes_its_place(composer: Composer) -> None:
    composer.set_text(TEXTS["lines"])
    composer.set_text("short")
    all_shown()
    assert composer.text == in_the_box(composer) == "short"
    composer.set_text(TEXTS["lines"])
    composer.clear()
    all_shown()
    assert composer.text == in_the_box(composer) == ""
    assert composer.box.isUndoRedoEnabled()


def test_all_of_it_is_sent_before_all_of_it_is_there(qtbot: QtBot, composer: Composer) -> None:
    composer.set_text(TEXTS["a line"])
    sent: list[str] = []
    composer.sent.connect(sent.append)
    qtbot.keyClick(composer.box, Qt.Key.Key_Return)
    assert sent == [TEXTS["a line"]]


def test_the_end_stays_in_view(composer: Composer) -> None:
    composer.set_text(TEXTS["lines"])
    bar = composer.box.verticalScrollBar()
    for _ in range(3):
        turns().on_next_turn()
        assert bar.value() == bar.maximum()
    all_shown()
    assert bar.value() == bar.maximum()


def test_a_start_puts_it_in_and_stores_nothing(make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_window()
    first.store.keep_unsent(None, TEXTS["lines"])
    first.window.close()
    first.store.close()
    monkeypatch.delattr(HistoryStore, "keep_unsent")
    second = make_window()
    composer = second.window.pane.composer
    assert composer.box.document().blockCount() <= 4 * MOST_LINES_AT_ONCE
    assert composer.text == TEXTS["lines"]
    all_shown()
    second.controller.unsent.flush()
    assert composer.text == in_the_box(composer) == TEXTS["lines"]


def test_another_chat_keeps_its_own_text(make_window: MakeWindow) -> None:
    parts = make_window()
    parts.store.keep_unsent(None, TEXTS["lines"])
    chat = parts.store.add_user_message(None, "x").conversation_id
    composer = parts.window.pane.composer
    for _ in range(2):
        parts.controller.open_chat(chat)
        assert composer.text == ""
        parts.controller.open_chat(None)
        assert composer.text == TEXTS["lines"]
    parts.controller.open_chat(chat)
    all_shown()
    assert composer.text == ""
    assert parts.store.unsent_text(None) == TEXTS["lines"]


@given(st.text(alphabet=st.sampled_from("ab \n\r\u0301\u200d\U0001f468"), max_size=40), st.integers(1, 3_000))
def test_any_text_comes_in_parts_and_whole(text: str, times: int) -> None:
    parts = list(parts_from_end(text * times))
    assert hardened("".join(part for _, part in reversed(parts))) == text * times
    assert all(len(part) <= 2 * MOST_AT_ONCE and part.count("\n") <= 3 * MOST_LINES_AT_ONCE for _, part in parts)
    assert not any(part.startswith("\n") and rest and (text * times)[rest - 1] == "\r" for rest, part in parts)


@pytest.mark.parametrize(
    "text", ["\r" * 30_000, "a" * 999 + "\r\n" + "\r" * 5_000, ("\r" * 7 + "\n") * 4_000, "a\r\n" * 9_000]
)
def test_line_ends_of_all_kinds_come_in_parts(text: str) -> None:
    """Qt makes a line of each; one of two characters is not cut."""
    for parts in (list(parts_of(text)), [part for _, part in parts_from_end(text)][::-1]):
        assert hardened("".join(parts)) == text
        assert all(len(part.splitlines()) <= 4 * MOST_LINES_AT_ONCE for part in parts)
        assert not any(part.endswith("\r") and hardened(after).startswith("\n") for part, after in pairwise(parts))
