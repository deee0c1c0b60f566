"""Files on the message box: their text arrives, and never a `file:///...`."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QTextCursor
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.chats import texts
from app.main import Parts
from app.ui.chat import words
from app.ui.chat.attaching import LONG_TEXT
from app.ui.chat.composer import MessageBox
from app.ui.widgets.question import Question
from tests.helpers.waiting import WAIT_MS


def hold(target: QWidget, *paths: Path) -> QMimeData:
    """Hold files above a widget, as a file manager does."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    entered = QDragEnterEvent(QPoint(5, 5), *_copied(data))
    QApplication.sendEvent(target, entered)
    assert entered.isAccepted()
    return data


def let_go(target: QWidget, data: QMimeData) -> None:
    """Drop them there."""
    QApplication.sendEvent(target, QDropEvent(QPointF(5, 5), *_copied(data)))


def drop(parts: Parts, *paths: Path, target: QWidget | None = None) -> None:
    """Drop files on the box (or another widget)."""
    target = target or parts.window.pane.composer.box.viewport()
    let_go(target, hold(target, *paths))


def _copied(data: QMimeData) -> tuple[Qt.DropAction, QMimeData, Qt.MouseButton, Qt.KeyboardModifier]:
    return Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def file(folder: Path, name: str, text: str) -> Path:
    """A text file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_dropped_file_is_its_text(parts: Parts, tmp_path: Path) -> None:
    drop(parts, file(tmp_path, "notes.txt", "Dew on \N{DROPLET} grass"))
    composer = parts.window.pane.composer
    assert composer.text == "Dew on \N{DROPLET} grass"
    composer.box.undo()
    assert composer.text == ""


def test_a_file_may_be_dropped_anywhere_on_the_chat(parts: Parts, tmp_path: Path) -> None:
    drop(parts, file(tmp_path, "notes.txt", "from above"), target=parts.window.pane)
    assert parts.window.pane.composer.text == "from above"


def test_a_pasted_file_is_its_text(parts: Parts, tmp_path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file(tmp_path, "notes.txt", "pasted")))])
    QApplication.clipboard().setMimeData(data)
    parts.window.pane.composer.box.paste()
    assert parts.window.pane.composer.text == "pasted"


def test_an_address_stays_an_address(parts: Parts) -> None:
    data = QMimeData()
    data.setUrls([QUrl("https://example.org/a")])
    parts.window.pane.composer.box.insertFromMimeData(data)
    assert parts.window.pane.composer.text == "https://example.org/a"


def asked(qtbot: QtBot, parts: Parts) -> Question:
    """The question that is open, as soon as the model has counted the text."""

    def shown() -> list[Question]:
        return [each for each in parts.window.findChildren(Question) if each.isVisible()]

    qtbot.waitUntil(lambda: bool(shown()), timeout=WAIT_MS)
    return shown()[-1]


def test_a_long_text_is_asked_about(qtbot: QtBot, parts: Parts, tmp_path: Path) -> None:
    text = "x" * (LONG_TEXT + 1)
    for agreed in (False, True):
        drop(parts, file(tmp_path, "long.txt", text))
        question = asked(qtbot, parts)
        assert parts.window.pane.composer.text == ""
        (question.agree if agreed else question.cancel).click()
        assert parts.window.pane.composer.text == (text if agreed else "")


def test_what_has_no_text_is_said_and_the_rest_arrives(parts: Parts, tmp_path: Path) -> None:
    binary = tmp_path / "a.png"
    binary.write_bytes(b"\x89PNG\0")
    drop(parts, file(tmp_path, "notes.txt", "text"), binary, tmp_path)
    said = parts.window.pane.notice.text
    assert said == f"{texts.dropped_binary('a.png')} {texts.dropped_folder(tmp_path.name)}"
    assert parts.window.pane.composer.text == "text"


@pytest.mark.parametrize("how", ["typed", "sent", "other chat"])
def test_what_was_refused_is_no_news_of_the_next_message(parts: Parts, tmp_path: Path, how: str) -> None:
    chat = parts.store.add_user_message(None, "Other").conversation_id
    composer, notice = parts.window.pane.composer, parts.window.pane.notice
    drop(parts, file(tmp_path, "notes.txt", "text"), tmp_path)
    assert notice.isVisible()
    if how == "typed":
        composer.insert("!")
    elif how == "sent":
        composer.on_send_requested()
        assert parts.controller.busy
    else:
        parts.controller.open_chat(chat)
    assert not notice.isVisible()


@pytest.mark.parametrize("agreed", [True, False])
def test_what_was_refused_beside_a_long_text_is_said_after_the_question(
    qtbot: QtBot, parts: Parts, tmp_path: Path, agreed: bool
) -> None:
    drop(parts, file(tmp_path, "long.txt", "x" * (LONG_TEXT + 1)), tmp_path)
    question = asked(qtbot, parts)
    (question.agree if agreed else question.cancel).click()
    assert parts.window.pane.notice.text == texts.dropped_folder(tmp_path.name)
    assert parts.window.pane.notice.isVisible()


def test_many_refusals_are_counted() -> None:
    assert words.refused_files(["A.", "B.", "C.", "D.", "E."]) == "A. B. C. 2 more could not be read."


# -- beside other text -------------------------------------------------------------------------------------------------


def put_in(parts: Parts, typed: str) -> MessageBox:
    """Type a text; "|" is where the cursor stands, or both ends of what is selected."""
    composer = parts.window.pane.composer
    before, *rest = typed.split("|")
    composer.set_text("".join((before, *rest)))
    cursor = composer.box.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.Start)
    cursor.movePosition(QTextCursor.MoveOperation.NextCharacter, n=len(before))
    for selected in rest[:-1]:
        cursor.movePosition(QTextCursor.MoveOperation.NextCharacter, QTextCursor.MoveMode.KeepAnchor, len(selected))
    composer.box.setTextCursor(cursor)
    return composer.box


FILE = "a.py:\n\ndef f():"


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("the end|", f"the end\n\n{FILE}"),
        ("the end\n|", f"the end\n\n{FILE}"),
        ("the end\n\n|", f"the end\n\n{FILE}"),
        ("the \N{DROPLET} en|d", f"the \N{DROPLET} end\n\n{FILE}"),
        ("the en|d\nand more", f"the end\n\n{FILE}\n\nand more"),
        ("|the end", f"{FILE}\n\nthe end"),
        ("|\n\nthe end", f"{FILE}\n\nthe end"),
        ("one\n|\ntwo", f"one\n\n{FILE}\n\ntwo"),
        ("one |this| two", f"one \n\n{FILE}\n\n two"),
        (" \n|", " \ndef f():\n"),
    ],
)
def test_a_file_beside_other_text_is_a_paragraph_below_its_name(
    parts: Parts, tmp_path: Path, typed: str, text: str
) -> None:
    box = put_in(parts, typed)
    drop(parts, file(tmp_path, "a.py", "def f():\n"), target=parts.window.pane)
    assert parts.window.pane.composer.text == text
    box.undo()
    assert parts.window.pane.composer.text == typed.replace("|", "")


def test_a_second_file_is_a_paragraph_below_its_name(parts: Parts, tmp_path: Path) -> None:
    for name, text in (("a.txt", "one\n"), ("b.txt", "two\n"), ("c.txt", "three")):
        drop(parts, file(tmp_path, name, text), target=parts.window.pane)
    assert parts.window.pane.composer.text == "one\n\nb.txt:\n\ntwo\n\nc.txt:\n\nthree"


def test_a_long_line_is_not_broken_by_a_file(qtbot: QtBot, parts: Parts, tmp_path: Path) -> None:
    line = "word " * 2_000
    box = put_in(parts, f"{line}\nend")
    box.moveCursor(QTextCursor.MoveOperation.Start)
    for _ in range(2):
        box.moveCursor(QTextCursor.MoveOperation.NextBlock)
    drop(parts, file(tmp_path, "a.py", "def f():\n"), target=parts.window.pane)
    composer = parts.window.pane.composer
    qtbot.waitUntil(lambda: composer.text == f"{line}\n\n{FILE}\n\nend", timeout=WAIT_MS)


def test_a_file_that_is_dropped_on_the_text_breaks_no_word(parts: Parts, tmp_path: Path) -> None:
    put_in(parts, "the end|")
    drop(parts, file(tmp_path, "a.py", "def f():\n"))
    assert parts.window.pane.composer.text in (f"the end\n\n{FILE}", f"{FILE}\n\nthe end")


def test_what_cannot_be_read_changes_nothing(parts: Parts, tmp_path: Path) -> None:
    put_in(parts, "the |end|")
    drop(parts, tmp_path, target=parts.window.pane)
    assert parts.window.pane.composer.text == "the end"


@pytest.mark.parametrize("above", ["box", "pane"])
@pytest.mark.parametrize("end", ["leaves", "dropped"])
def test_the_message_box_shows_that_it_takes_files(parts: Parts, tmp_path: Path, above: str, end: str) -> None:
    composer = parts.window.pane.composer
    target = composer.box.viewport() if above == "box" else parts.window.pane
    held = hold(target, file(tmp_path, "a.py", "text"))
    assert (composer.property("files"), composer.box.placeholderText()) == (True, words.PLACEHOLDER_DROP)
    if end == "leaves":
        QApplication.sendEvent(target, QDragLeaveEvent())
    else:
        let_go(target, held)
    assert (composer.property("files"), composer.box.placeholderText()) == (False, words.PLACEHOLDER)


def test_text_that_is_held_above_the_message_box_is_no_file(parts: Parts) -> None:
    data = QMimeData()
    data.setText("words")
    composer = parts.window.pane.composer
    entered = QDragEnterEvent(QPoint(5, 5), *_copied(data))
    QApplication.sendEvent(composer.box.viewport(), entered)
    assert entered.isAccepted()
    assert not composer.property("files")
    QApplication.sendEvent(composer.box.viewport(), QDragLeaveEvent())
