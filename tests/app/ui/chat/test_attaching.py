"""Documents beside a message: by button, dropped or pasted, whole or the parts that fit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.bridge import documents
from app.chats.apart import ApartWork
from app.chats.documents import texts
from app.chats.documents.reading import read_apart
from app.main import Parts
from app.ui.chat import words
from app.ui.widgets.question import Question
from inference.events import Event, PromptMeasured
from inference.params import GenerationRequest
from tests.app.chats.documents.samples import write_docx, write_pdf
from tests.app.ui.conftest import MakeWindow
from tests.helpers.scripted_process import CANVAS, READY, ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS

ROOM = READY.max_context - CANVAS


@pytest.fixture
def parts(make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """A window; documents are read in its own process."""
    monkeypatch.setattr(documents, "worked_apart", lambda work, stopped: read_apart(work.given))
    return make_window()


def test_by_the_button(parts: Parts, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain.txt").write_text("Plain words")
    names = [str(write_pdf(tmp_path / "a.pdf", ["Herons wait"])), str(tmp_path / "plain.txt")]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (names, ""))
    composer = parts.window.pane.composer
    composer.attach.click()
    qtbot.waitUntil(lambda: "[a.pdf, page 1]\nHerons wait" in composer.text, timeout=WAIT_MS)
    assert "Plain words" in composer.text
    assert "all of it: about" in parts.window.pane.notice.text


def test_the_best_parts_of_a_long_one(parts: Parts, qtbot: QtBot, tmp_path: Path) -> None:
    paragraphs = [f"Filler number {number} " * 40 for number in range(100)]
    paragraphs[70] = "The heron stands in the water."
    composer = parts.window.pane.composer
    composer.set_text("What does the heron do?")
    composer.box.files_given.emit([str(write_docx(tmp_path / "long.docx", paragraphs))])
    qtbot.waitUntil(lambda: "The heron stands in the water." in composer.text, timeout=WAIT_MS)
    assert composer.text.startswith("What does the heron do?\n\n[long.docx, part")
    assert "fits your question best" in parts.window.pane.notice.text
    assert len(composer.text) < 10_000


def test_what_holds_no_text_is_said(parts: Parts, qtbot: QtBot, tmp_path: Path) -> None:
    parts.window.pane.composer.box.files_given.emit([str(write_pdf(tmp_path / "scan.pdf", [""]))])
    said = texts.scanned("scan.pdf", 1)
    qtbot.waitUntil(lambda: said in parts.window.pane.notice.text, timeout=WAIT_MS)
    assert parts.window.pane.composer.text == ""


def questions(parts: Parts) -> list[Question]:
    """Those that are open."""
    return [each for each in parts.window.findChildren(Question) if each.isVisible()]


def as_the_model_counts(monkeypatch: pytest.MonkeyPatch, characters: float = 1.5) -> None:
    """A model whose tokens are short."""

    def measured(_: object, request: GenerationRequest, __: object = None) -> Iterator[Event]:
        yield PromptMeasured(round(len(request.turns[-1].text) / characters), ROOM)

    monkeypatch.setattr(ScriptedModelProcess, "measure", measured)


def secret_text(path: Path) -> Path:
    lines = [f"Line {number} of a report on rain and roads, as long as others." for number in range(900)]
    lines[700] = "The secret word is heron."
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_text_file_is_cut_to_what_fits_the_question(
    parts: Parts, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_the_model_counts(monkeypatch)
    qtbot.waitUntil(lambda: parts.controller.model.room == ROOM, timeout=WAIT_MS)
    composer = parts.window.pane.composer
    composer.set_text("What is the secret word?")
    path = secret_text(tmp_path / "long.txt")
    composer.box.files_given.emit([str(path)])
    qtbot.waitUntil(lambda: bool(questions(parts)), timeout=WAIT_MS)
    (question,) = questions(parts)
    assert question.accessibleName() == words.UNFIT_FILE_TITLE
    next(each for each in question.buttons.buttons() if each.text() == words.UNFIT_FILE_PARTS).click()
    qtbot.waitUntil(lambda: "The secret word is heron." in composer.text, timeout=WAIT_MS)
    assert composer.text.startswith("What is the secret word?\n\n[long.txt, lines ")
    assert len(composer.text) / 1.5 <= ROOM
    assert len(composer.text) / 1.5 > ROOM / 2
    assert "fits your question best is in the message box: lines " in parts.window.pane.notice.text
    counted = round((len("What is the secret word?\n\nlong.txt:\n\n") + len(path.read_text())) / 1.5)
    assert f"has about {counted:,} tokens" in parts.window.pane.notice.text


def test_one_question_at_a_time(parts: Parts, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_the_model_counts(monkeypatch)
    qtbot.waitUntil(lambda: parts.controller.model.room == ROOM, timeout=WAIT_MS)
    composer = parts.window.pane.composer
    for name in ("one.txt", "two.txt"):
        composer.box.files_given.emit([str(secret_text(tmp_path / name))])
    qtbot.waitUntil(lambda: bool(questions(parts)), timeout=WAIT_MS)
    first = questions(parts)
    assert len(first) == 1
    first[0].agree.click()
    qtbot.waitUntil(lambda: bool(questions(parts)) and questions(parts) != first, timeout=WAIT_MS)
    assert len(questions(parts)) == 1
    questions(parts)[0].cancel.click()
    assert composer.text.count("The secret word") == 1


@pytest.mark.parametrize("text", ["Herons wait", ""], ids=["taken", "refused"])
def test_what_is_said_of_a_document_goes_by_itself_and_with_its_chat(
    parts: Parts, qtbot: QtBot, tmp_path: Path, text: str
) -> None:
    notice = parts.window.pane.notice
    parts.window.pane.composer.box.files_given.emit([str(write_pdf(tmp_path / "a.pdf", [text]))])
    qtbot.waitUntil(lambda: "a.pdf" in notice.text and notice.isVisible(), timeout=WAIT_MS)
    assert notice._timer.isActive()
    parts.controller.open_chat(parts.store.create_conversation().id)
    assert not notice.isVisible()


# -- whose box -------------------------------------------------------------------------------------------------------


@pytest.fixture
def gate(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Documents are read as long as it is closed."""
    opened = threading.Event()

    def read_late(work: ApartWork, stopped: object) -> Iterator[dict[str, object]]:
        opened.wait(WAIT_MS / 1000)
        yield from read_apart(work.given)

    monkeypatch.setattr(documents, "worked_apart", read_late)
    yield opened
    opened.set()


def give(parts: Parts, *paths: Path) -> None:
    parts.window.pane.composer.box.files_given.emit([str(path) for path in paths])


def a_chat(parts: Parts, text: str) -> str:
    """A chat with a message, which is shown."""
    chat = parts.store.add_user_message(None, text).conversation_id
    parts.controller.open_chat(chat)
    return chat


def test_a_document_lands_in_the_box_of_the_chat_that_it_was_given_to(
    parts: Parts, qtbot: QtBot, tmp_path: Path, gate: threading.Event
) -> None:
    one, two = a_chat(parts, "One"), a_chat(parts, "Two")
    parts.controller.open_chat(one)
    composer, notice = parts.window.pane.composer, parts.window.pane.notice
    qtbot.keyClicks(composer.box, "What waits?")
    give(parts, write_pdf(tmp_path / "a.pdf", ["Herons wait"]), write_docx(tmp_path / "b.docx", ["Otters play"]))
    parts.controller.open_chat(two)
    qtbot.keyClicks(composer.box, "for two")
    gate.set()
    qtbot.waitUntil(lambda: texts.elsewhere("b.docx", "One") in notice.text, timeout=WAIT_MS)
    assert composer.text == "for two"
    parts.controller.open_chat(one)
    assert composer.text.startswith("What waits?\n\n[a.pdf, page 1]\nHerons wait\n\n[b.docx, part 1]")
    assert "all of it: about" in notice.text
    parts.controller.unsent.flush()
    assert "Herons wait" in parts.store.unsent_text(one)
    assert parts.store.unsent_text(two) == "for two"


def test_a_document_of_a_new_chat_goes_with_it(
    parts: Parts, qtbot: QtBot, tmp_path: Path, gate: threading.Event
) -> None:
    other = a_chat(parts, "Other")
    parts.controller.open_chat(None)
    composer = parts.window.pane.composer
    give(parts, write_pdf(tmp_path / "a.pdf", ["Herons wait"]))
    parts.controller.open_chat(other)
    parts.controller.open_chat(None)
    composer.set_text("The first message")
    composer.button.click()
    chat = parts.controller.chat_id
    assert chat not in (None, other)
    parts.controller.open_chat(None)
    gate.set()
    qtbot.waitUntil(lambda: "Herons wait" in parts.controller.unsent.text_of(chat), timeout=WAIT_MS)
    assert composer.text == ""
    assert "The first message" in parts.window.pane.notice.text


def test_a_document_of_a_chat_that_is_deleted_meanwhile(
    parts: Parts, qtbot: QtBot, tmp_path: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(parts.window.notices, "show", lambda text, **_: said.append(text))
    chat, gone = a_chat(parts, "Deleted"), a_chat(parts, "Gone")
    give(parts, write_pdf(tmp_path / "b.pdf", ["Otters play"]))
    parts.controller.open_chat(chat)
    give(parts, write_pdf(tmp_path / "a.pdf", ["Herons wait"]))
    parts.controller.delete(gone)
    parts.store.remove_for_good([gone])
    parts.controller.delete(chat)
    gate.set()
    qtbot.waitUntil(lambda: texts.elsewhere("a.pdf", "Deleted") in said, timeout=WAIT_MS)
    assert texts.chat_gone("b.pdf") in said
    assert parts.controller.unsent.text_of(gone) == ""
    assert parts.window.pane.composer.text == ""
    parts.window.actions_by_name["undo"].trigger()
    assert "Herons wait" in parts.window.pane.composer.text


def test_a_text_file_that_is_counted_while_the_chat_is_switched(
    parts: Parts, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = threading.Event()

    def measured(_: object, request: GenerationRequest, __: object = None) -> Iterator[Event]:
        counted.wait(WAIT_MS / 1000)
        yield PromptMeasured(10, ROOM)

    monkeypatch.setattr(ScriptedModelProcess, "measure", measured)
    qtbot.waitUntil(lambda: parts.controller.model.room == ROOM, timeout=WAIT_MS)
    one, two = a_chat(parts, "One"), a_chat(parts, "Two")
    parts.controller.open_chat(one)
    give(parts, secret_text(tmp_path / "long.txt"))
    parts.controller.open_chat(two)
    counted.set()
    qtbot.waitUntil(lambda: bool(questions(parts)), timeout=WAIT_MS)
    questions(parts)[0].agree.click()
    assert parts.window.pane.composer.text == ""
    assert "secret word" in parts.controller.unsent.text_of(one)
    assert texts.elsewhere("long.txt", "One") in parts.window.pane.notice.text


def test_the_window_closes_while_a_document_is_read(
    parts: Parts, qtbot: QtBot, tmp_path: Path, gate: threading.Event
) -> None:
    chat = a_chat(parts, "One")
    qtbot.keyClicks(parts.window.pane.composer.box, "typed")
    give(parts, write_pdf(tmp_path / "a.pdf", ["Herons wait"]))
    gate.set()
    parts.window.close()
    assert parts.store.unsent_text(chat).startswith("typed")
