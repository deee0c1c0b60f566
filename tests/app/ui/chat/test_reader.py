"""From a file to a message, from an answer's quote to its place in the file, shown in the reader."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import pytest
from PySide6.QtCore import QUrl
from pytestqt.qtbot import QtBot

from app.bridge import documents
from app.chats.documents.kept import waiting_files
from app.chats.documents.reading import read_apart
from app.chats.files import place_of
from app.main import Parts
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.flow_text import QUOTE, FlowText
from app.ui.chat.reader import words
from app.ui.chat.reader.dialog import ReaderDialog
from app.ui.chat.user_message import UserMessage
from app.ui.widgets.save_dialog import SaveDialog
from tests.app.chats.documents.samples import write_docx, write_pdf
from tests.app.ui.conftest import MakeWindow
from tests.app.ui.test_window_chat import wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess, simple_answer
from tests.helpers.waiting import WAIT_MS

ANSWER = """It says \u201cOtters play all day\u201d, see [a.pdf, page 1], and "nothing else of this".

> Nine swans were counted at the weir."""


@pytest.fixture
def parts(make_window: MakeWindow, process: ScriptedModelProcess, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """A window; documents are read in its own process."""
    monkeypatch.setattr(documents, "worked_apart", lambda work, stopped: read_apart(work.given))
    process.answer = [*simple_answer(ANSWER)]
    return make_window()


def asked_about(parts: Parts, qtbot: QtBot, tmp_path: Path) -> tuple[UserMessage, AnswerView]:
    """A message with two files, and its answer."""
    composer = parts.window.pane.composer
    (tmp_path / "notes.txt").write_text("First.\nNine swans were counted at the weir.\n")
    pdf = write_pdf(tmp_path / "a.pdf", ["Herons wait", "", "Otters play all day"])
    composer.box.files_given.emit([str(pdf), str(tmp_path / "notes.txt")])
    qtbot.waitUntil(lambda: "Otters play" in composer.text and "Nine swans" in composer.text, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: len(waiting_files(parts.store._db)) == 2, timeout=WAIT_MS)
    for path in (pdf, tmp_path / "notes.txt"):
        path.unlink()
    composer.button.click()
    answer = wait_for_answer(qtbot, parts)
    return shown_message(parts), answer


def shown_message(parts: Parts) -> UserMessage:
    (message,) = parts.window.pane.chat.findChildren(UserMessage)
    return message


def links(answer: AnswerView) -> dict[str, str]:
    """The text of each quote, and where its link leads."""
    found: dict[str, str] = {}
    for text in answer.findChildren(FlowText):
        for number, quote in enumerate(text._quotes):
            found[text.toPlainText()[quote.start : quote.end]] = quote.place.label
            assert f"{QUOTE}:{number}" in text.toHtml()
    return found


def readers(parts: Parts) -> list[ReaderDialog]:
    return [each for each in parts.window.findChildren(ReaderDialog) if each.isVisible()]


def test_a_quote_leads_to_its_page(parts: Parts, qtbot: QtBot, tmp_path: Path) -> None:
    _, answer = asked_about(parts, qtbot, tmp_path)
    assert links(answer) == {
        "\u201cOtters play all day\u201d": "a.pdf, page 3",
        "[a.pdf, page 1]": "a.pdf, page 1",
        "Nine swans were counted at the weir.": "notes.txt",
    }
    text = next(each for each in answer.findChildren(FlowText) if "Otters" in each.toPlainText())
    text.anchorClicked.emit(QUrl(f"{QUOTE}:0"))
    (reader,) = readers(parts)
    qtbot.waitUntil(lambda: reader.text.toPlainText() == "Otters play all day", timeout=WAIT_MS)
    (marked,) = reader.text.extraSelections()
    assert marked.cursor.selectedText() == "Otters play all day"
    assert reader.says.text() == "a.pdf, page 3"
    assert (reader.back.isEnabled(), reader.on.isEnabled()) == (True, False)
    text.anchorClicked.emit(QUrl(f"{QUOTE}:1"))
    assert readers(parts) == [reader], "one reader a file"
    assert reader.text.toPlainText() == "Herons wait"
    reader.on.click()
    assert reader.text.toPlainText() == "Otters play all day"


def test_the_lines_of_a_text_file(parts: Parts, qtbot: QtBot, tmp_path: Path) -> None:
    _, answer = asked_about(parts, qtbot, tmp_path)
    text = next(each for each in answer.findChildren(FlowText) if "swans" in each.toPlainText())
    text.anchorClicked.emit(QUrl(f"{QUOTE}:{len(text._quotes) - 1}"))
    (reader,) = readers(parts)
    qtbot.waitUntil(lambda: "Line 2" in reader.says.text(), timeout=WAIT_MS)
    assert reader.text.extraSelections()[0].cursor.selectedText().startswith("Nine swans")


def test_files_of_a_message_open_after_a_restart(
    parts: Parts, make_window: MakeWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_about(parts, qtbot, tmp_path)
    parts.window.close()
    parts.store.close()
    again = make_window()
    message = shown_message(again)
    qtbot.waitUntil(lambda: again.window.pane.chat.last_answer is not None, timeout=WAIT_MS)
    answer = again.window.pane.chat.last_answer
    assert answer is not None
    assert len(links(answer)) == 3
    names = [button.text() for button in message._files.buttons]
    assert sorted(names) == ["a.pdf", "notes.txt"]
    message._files.buttons[names.index("a.pdf")].click()
    (reader,) = readers(again)
    qtbot.waitUntil(lambda: reader.text.toPlainText() == "Herons wait", timeout=WAIT_MS)
    monkeypatch.setattr(SaveDialog, "chosen", lambda *_: tmp_path / "copy.pdf")
    reader.save.click()
    assert (tmp_path / "copy.pdf").read_bytes().startswith(b"%PDF")
    assert reader.says.text() == words.saved("copy.pdf")
    whole = (tmp_path / "copy.pdf").read_bytes()

    def full(source: object, stream: IO[bytes]) -> None:
        stream.write(b"half of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("app.ui.chat.reader.dialog.shutil.copyfileobj", full)
        reader.save.click()
    assert reader.says.text() == words.not_saved("No space left on device")
    assert (tmp_path / "copy.pdf").read_bytes() == whole
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".tmp"] == []
    reader.reject()
    assert readers(again) == []


def test_a_copy_that_is_gone_is_said(parts: Parts, qtbot: QtBot, tmp_path: Path) -> None:
    message, _ = asked_about(parts, qtbot, tmp_path)
    stored = parts.store.messages(parts.controller.chat_id or "")[0]
    for file in stored.files:
        place_of(parts.store.kept.folder, file.digest).unlink()
    message._files.buttons[0].click()
    assert readers(parts) == []
    assert parts.window.pane.notice.text == words.GONE


def test_links_of_a_model_open_no_reader(parts: Parts, qtbot: QtBot, process: ScriptedModelProcess) -> None:
    process.answer = [*simple_answer(f"A [link]({QUOTE}:0) and [another]({QUOTE}:x).")]
    parts.window.pane.composer.set_text("Hello")
    parts.window.pane.composer.button.click()
    answer = wait_for_answer(qtbot, parts)
    for text in answer.findChildren(FlowText):
        for url in (f"{QUOTE}:0", f"{QUOTE}:x", f"{QUOTE}:-1", f"{QUOTE}:99999999"):
            text.anchorClicked.emit(QUrl(url))
    assert readers(parts) == []


def test_word_files_are_read_again_by_their_name(parts: Parts, qtbot: QtBot, tmp_path: Path) -> None:
    composer = parts.window.pane.composer
    composer.box.files_given.emit([str(write_docx(tmp_path / "b.docx", ["Otters play"]))])
    qtbot.waitUntil(lambda: "Otters play" in composer.text, timeout=WAIT_MS)
    composer.button.click()
    wait_for_answer(qtbot, parts)
    shown_message(parts)._files.buttons[0].click()
    (reader,) = readers(parts)
    qtbot.waitUntil(lambda: "Otters play" in reader.text.toPlainText(), timeout=WAIT_MS)
