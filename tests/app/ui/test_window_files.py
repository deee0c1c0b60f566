"""Files on the message box: their text arrives, and never a `file:///...`."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.chats import texts
from app.main import Parts
from app.ui.chat import words
from app.ui.chat.sending import LONG_TEXT
from app.ui.widgets.question import Question


def drop(parts: Parts, *paths: Path, target: QWidget | None = None) -> None:
    """Drop files on the box (or another widget), as a file manager does."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    target = target or parts.window.pane.composer.box.viewport()
    actions, button, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entered = QDragEnterEvent(QPoint(5, 5), actions, data, button, keys)
    QApplication.sendEvent(target, entered)
    assert entered.isAccepted()
    QApplication.sendEvent(target, QDropEvent(QPointF(5, 5), actions, data, button, keys))


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


def test_a_long_text_is_asked_about(parts: Parts, tmp_path: Path) -> None:
    text = "x" * (LONG_TEXT + 1)
    for agreed in (False, True):
        drop(parts, file(tmp_path, "long.txt", text))
        question = [each for each in parts.window.findChildren(Question) if each.isVisible()][-1]
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
    parts: Parts, tmp_path: Path, agreed: bool
) -> None:
    drop(parts, file(tmp_path, "long.txt", "x" * (LONG_TEXT + 1)), tmp_path)
    (question,) = (each for each in parts.window.findChildren(Question) if each.isVisible())
    (question.agree if agreed else question.cancel).click()
    assert parts.window.pane.notice.text == texts.dropped_folder(tmp_path.name)
    assert parts.window.pane.notice.isVisible()


def test_many_refusals_are_counted() -> None:
    assert words.refused_files(["A.", "B.", "C.", "D.", "E."]) == "A. B. C. 2 more could not be read."
