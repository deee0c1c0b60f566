"""The window of tables: files down, questions across, cells filled one by one by the model process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.bridge import documents
from app.chats.apart import ApartError, ApartWork
from app.chats.documents.reading import read_apart
from app.chats.tables import texts
from app.chats.tables.values import FileTable, TableCell, TableQuestion
from app.library.answering import ModelChoice, ModelPhase, ServerModel
from app.main import Parts
from app.ui.chat.reader.dialog import ReaderDialog
from app.ui.chat.tables import words
from app.ui.chat.tables.dialog import TablesDialog
from app.ui.chat.tables.question_dialog import TableQuestionDialog
from app.ui.widgets.question import Question
from app.ui.widgets.save_dialog import SaveDialog
from inference.events import Decided, Failed
from inference.operations.requests import DecideRequest
from inference.params import GenerationRequest
from tests.app.chats.documents.samples import write_pdf
from tests.app.ui.conftest import MakeWindow
from tests.app.ui.test_window_chat import ask, wait_for_answer
from tests.helpers.scripted_process import ScriptedModelProcess, committed, draft, finished
from tests.helpers.waiting import WAIT_MS

OTTERS = TableQuestion("a", "Otters", "Is it about otters?")
WHO = TableQuestion("b", "Who", "Who plays all day?", "words")
YES = Decided("Is it about otters?", ("yes", "no"), (0.97, 0.03), "yes", 0.1, 4)


@pytest.fixture
def parts(
    make_window: MakeWindow, process: ScriptedModelProcess, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> Parts:
    """A window; documents are read in its own process."""

    def read(work: ApartWork, stopped: object) -> object:
        if "hostile" in work.given["path"]:
            raise ApartError("It took more memory than it may have.")
        return read_apart(work.given)

    monkeypatch.setattr(documents, "worked_apart", read)
    process.performed = [YES]
    process.answer = [committed("Otters play"), finished("Otters play")]
    made = make_window()
    qtbot.waitUntil(lambda: made.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    return made


def opened(parts: Parts) -> TablesDialog:
    """The window of tables."""
    parts.window.actions_by_name["tables"].trigger()
    return next(each for each in parts.window.findChildren(TablesDialog) if each.isVisible())


def table_of(parts: Parts) -> FileTable:
    assert parts.controller.tables.table is not None
    return parts.controller.tables.table


def drop(dialog: TablesDialog, paths: list[Path]) -> None:
    """Files and folders onto the window."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, left, no_key = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    dialog.dropEvent(QDropEvent(QPointF(5, 5), copy, data, left, no_key))


def some_files(folder: Path) -> list[Path]:
    """A PDF, a text, and one that cannot be read."""
    folder.mkdir()
    write_pdf(folder / "a.pdf", ["Herons wait", "Otters play all day"])
    (folder / "b.txt").write_text("Otters play at night.\n", "utf-8")
    write_pdf(folder / "hostile.pdf", ["x"])
    return [folder / name for name in ("a.pdf", "b.txt", "hostile.pdf")]


def with_files(parts: Parts, qtbot: QtBot, tmp_path: Path) -> TablesDialog:
    """The window, with three files and two questions."""
    dialog = opened(parts)
    some_files(tmp_path / "letters")
    drop(dialog, [tmp_path / "letters"])
    qtbot.waitUntil(lambda: len(table_of(parts).files) == 3, timeout=WAIT_MS)
    parts.controller.tables.set_questions((OTTERS, WHO))
    return dialog


def cells(parts: Parts) -> list[tuple[str, ...]]:
    """What every row holds."""
    found = []
    for file in table_of(parts).files:
        row = [file.cells.get(question.id, TableCell()) for question in table_of(parts).questions]
        found.append(tuple(cell.value or cell.problem for cell in row))
    return found


def ended(parts: Parts) -> Callable[[], bool]:
    return lambda: not parts.controller.tables.running


def test_a_table_is_filled_and_is_there_after_a_restart(
    parts: Parts, make_window: MakeWindow, qtbot: QtBot, tmp_path: Path, process: ScriptedModelProcess
) -> None:
    dialog = with_files(parts, qtbot, tmp_path)
    assert dialog.ask.isEnabled()
    dialog.ask.click()
    assert dialog.ask.text() == words.STOP
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    trouble = "It took more memory than it may have."
    assert cells(parts) == [("yes", "Otters play"), ("yes", "Otters play"), (trouble, trouble)]
    assert dialog.said.text() == texts.done(6, 2)
    asked = [each for each in process.operations if isinstance(each, DecideRequest)]
    assert [each.question for each in asked] == ["Is it about otters?"] * 2
    assert "[a.pdf, page 2]\nOtters play all day" in asked[0].text
    parts.window.close()
    parts.store.close()
    again = make_window()
    opened(again)
    assert cells(again) == [("yes", "Otters play"), ("yes", "Otters play"), (trouble, trouble)]
    assert table_of(again).open_cells() == tuple((table_of(again).files[2].id, each) for each in "ab")


def test_a_cell_says_how_far_it_is_the_models_and_leads_to_its_words(
    parts: Parts, qtbot: QtBot, tmp_path: Path
) -> None:
    dialog = with_files(parts, qtbot, tmp_path)
    dialog.ask.click()
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    dialog.grid.setFocus()
    dialog.grid.choose(0, 1)
    assert "97 % of the model\u2019s belief (no 3 %)" in dialog.told.toPlainText()
    assert "Answered by Scripted model." in dialog.told.toPlainText()
    QTest.keyClick(dialog.grid, Qt.Key.Key_Right)
    assert "\u201cOtters play\u201d, settled to 100 %. Place: page 2." in dialog.told.toPlainText()
    QTest.keyClick(dialog.grid, Qt.Key.Key_Return)
    (reader,) = [each for each in parts.window.findChildren(ReaderDialog) if each.isVisible()]
    qtbot.waitUntil(lambda: reader.text.toPlainText() == "Otters play all day", timeout=WAIT_MS)
    (marked,) = reader.text.extraSelections()
    assert marked.cursor.selectedText() == "Otters play"
    QTest.keyClick(dialog.grid, Qt.Key.Key_Left)
    dialog.grid.choose(2, 1)
    assert "no answer. It took more memory" in dialog.told.toPlainText()


def test_stop_keeps_what_was_answered_and_ask_goes_on(
    parts: Parts, qtbot: QtBot, tmp_path: Path, process: ScriptedModelProcess
) -> None:
    dialog = with_files(parts, qtbot, tmp_path)
    process.performed = [draft(["x"]), YES]
    process.gate.clear()
    dialog.ask.click()
    qtbot.waitUntil(lambda: parts.controller.tables.asking is not None, timeout=WAIT_MS)
    assert dialog.grid.model().index(0, 1).data() == words.ASKING
    dialog.ask.click()
    assert dialog.said.text() == texts.STOPPED
    assert cells(parts) == [("", "")] * 3
    process.gate.set()
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    dialog.ask.click()
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    assert cells(parts)[:2] == [("yes", "Otters play")] * 2


def test_an_answer_in_a_chat_goes_first(
    parts: Parts, qtbot: QtBot, tmp_path: Path, process: ScriptedModelProcess
) -> None:
    dialog = with_files(parts, qtbot, tmp_path)
    said: list[str] = []
    parts.controller.tables.progressed.connect(lambda done, count, text: said.append(text))
    process.performed = [draft(["x"]), YES]
    process.gate.clear()
    dialog.ask.click()
    qtbot.waitUntil(lambda: parts.controller.tables.asking is not None, timeout=WAIT_MS)
    ask(qtbot, parts, "Hi")
    qtbot.waitUntil(lambda: parts.controller.busy, timeout=WAIT_MS)
    process.gate.set()
    wait_for_answer(qtbot, parts)
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    assert cells(parts)[:2] == [("yes", "Otters play")] * 2
    assert texts.WAITING_FOR_ANSWER in said, "the cell that gave way was asked again"


def test_it_goes_on_after_errors_and_gives_up_a_model_that_dies(
    parts: Parts, qtbot: QtBot, tmp_path: Path, process: ScriptedModelProcess
) -> None:
    dialog = with_files(parts, qtbot, tmp_path)
    process.performed = [Failed("This form is too large.", "", known=True)]
    dialog.ask.click()
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    assert cells(parts)[:2] == [("This form is too large.", "Otters play")] * 2
    lost = Failed("The model process ended.", "Try again.", known=True, engine_lost=True)
    process.performed = process.answer = [lost]
    dialog.grid.selectAll()
    QTest.keyClick(dialog.grid, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    assert dialog.said.text() == texts.MODEL_LOST
    kept = table_of(parts).files[0].cells["b"]
    assert (kept.value, kept.problem) == ("Otters play", "The model process ended. Try again."), "no answer is lost"


def test_long_files_are_asked_by_their_parts(
    parts: Parts, qtbot: QtBot, tmp_path: Path, process: ScriptedModelProcess
) -> None:
    dialog = opened(parts)
    (tmp_path / "long.txt").write_text("\n\n".join([*["Nothing of note. " * 90] * 30, "Otters play."]), "utf-8")
    drop(dialog, [tmp_path / "long.txt"])
    qtbot.waitUntil(lambda: len(table_of(parts).files) == 1, timeout=WAIT_MS)
    parts.controller.tables.set_questions((OTTERS,))
    measured = process.measure

    def measure(request: GenerationRequest, cancel: object = None) -> object:  # a token a character: more than guessed
        process.measured = len(request.turns[0].text)
        return measured(request, cancel)

    process.measure = measure  # type: ignore[method-assign,assignment]
    dialog.ask.click()
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    (file,) = table_of(parts).files
    assert (file.cells["a"].value, file.cells["a"].in_parts) == ("yes", True)
    (asked,) = process.operations
    assert isinstance(asked, DecideRequest)
    assert "Otters play." in asked.text
    room = parts.controller.model.room
    assert room is not None
    assert len(asked.text) <= room, "less of it, until the model's own count fits"
    dialog.grid.choose(0, 1)
    assert "too long: its parts that fit the question best were asked" in dialog.told.toPlainText()


def test_a_model_on_a_server_is_refused_before(parts: Parts) -> None:
    parts.controller.model._choice = ModelChoice(None, "server", "far", server=ServerModel("http://127.0.0.1:1", "m"))
    dialog = opened(parts)
    assert not dialog.ask.isEnabled()
    assert dialog.said.text() == texts.ONLY_HERE


def test_what_is_missing_is_said(parts: Parts, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = opened(parts)
    assert (dialog.ask.isEnabled(), dialog.said.text()) == (False, texts.NO_FILES)
    parts.controller.tables.add_files([tmp_path / "gone.txt", tmp_path / "gone.txt"])
    assert (dialog.ask.isEnabled(), dialog.said.text()) == (False, texts.NO_QUESTIONS)
    parts.controller.tables.set_questions((OTTERS,))
    dialog.ask.click()
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    assert "gone.txt" in cells(parts)[0][0]
    assert parts.controller.tables.add_files([tmp_path / "gone.txt", tmp_path / "\udcff"]) == (1, ("\udcff",))


def test_questions_are_typed_with_their_kinds(parts: Parts, qtbot: QtBot) -> None:
    dialog = opened(parts)
    dialog.add_question.click()
    (asks,) = dialog.findChildren(TableQuestionDialog)
    assert not asks.agree.isEnabled()
    asks.text.setText("What kind of letter is it?")
    asks.kind.setCurrentIndex(1)
    assert not asks.agree.isEnabled()
    asks.labels.setPlainText("invoice\n\ninvoice ")
    assert asks.error.text() == words.TWO_LABELS
    asks.labels.setPlainText("invoice\nother")
    asks.name.setText("Kind")
    asks.agree.click()
    (question,) = table_of(parts).questions
    assert (question.name, question.kind, question.labels) == ("Kind", "label", ("invoice", "other"))
    dialog.add_question.click()
    asks = dialog.findChildren(TableQuestionDialog)[-1]
    asks.text.setText("Other")
    asks.name.setText("kind")
    assert (asks.error.text(), asks.agree.isEnabled()) == (words.TWICE, False)


@pytest.mark.parametrize(("text", "kept"), [("Is it about otters?", True), ("Is it about herons?", False)])
def test_another_question_empties_its_column(parts: Parts, qtbot: QtBot, tmp_path: Path, text: str, kept: bool) -> None:
    dialog = with_files(parts, qtbot, tmp_path)
    first = table_of(parts).files[0]
    parts.store.tables.set_cells(first.id, {"a": TableCell("yes", 0.9)})
    parts.controller.tables.open(table_of(parts).id)
    dialog.grid.choose(0, 1)
    dialog.on_edit_question()
    (asks,) = dialog.findChildren(TableQuestionDialog)
    asks.text.setText(text)
    asks.name.setText("Another head")
    asks.agree.click()
    assert table_of(parts).questions[0].name == "Another head"
    assert (cells(parts)[0][0] == "yes") is kept


def test_filling_goes_on_when_a_question_is_edited(
    parts: Parts, qtbot: QtBot, tmp_path: Path, process: ScriptedModelProcess
) -> None:
    dialog, tables = with_files(parts, qtbot, tmp_path), parts.controller.tables
    process.performed = [draft(["x"]), YES]
    process.gate.clear()
    dialog.ask.click()
    qtbot.waitUntil(lambda: tables.asking is not None, timeout=WAIT_MS)
    assert dialog.said.text() == texts.progress(1, 6, "a.pdf", "Otters")
    herons = TableQuestion("c", "Herons", "Is it about herons?")
    tables.set_questions((replace(OTTERS, name="Otter"), WHO))  # another head alone
    assert (dialog.ask.text(), dialog.said.text()) == (words.STOP, texts.progress(1, 6, "a.pdf", "Otters"))
    tables.set_questions((herons, WHO))
    assert dialog.ask.text() == words.STOP
    process.gate.set()
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    assert cells(parts)[:2] == [("yes", "Otters play")] * 2
    asked = [each.question for each in process.operations if isinstance(each, DecideRequest)]
    assert asked == ["Is it about otters?"] + ["Is it about herons?"] * 2
    assert dialog.said.text() == texts.done(6, 2)


def test_filling_goes_on_without_a_file_that_is_taken_out(
    parts: Parts, qtbot: QtBot, tmp_path: Path, process: ScriptedModelProcess
) -> None:
    dialog, tables = with_files(parts, qtbot, tmp_path), parts.controller.tables
    process.performed = [draft(["x"]), YES]
    process.gate.clear()
    dialog.ask.click()
    tables.remove_files([table_of(parts).files[0].id])  # it is being read
    qtbot.waitUntil(lambda: tables.asking is not None, timeout=WAIT_MS)
    assert tables.asking == (table_of(parts).files[0].id, "a")
    tables.remove_files([table_of(parts).files[1].id])  # waits
    process.gate.set()
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    assert cells(parts) == [("yes", "Otters play")]
    texts_asked = [each.text for each in process.operations if isinstance(each, DecideRequest)]
    assert ["night" in each for each in texts_asked] == [True], "nothing of the other file"
    assert dialog.said.text() == texts.done(2, 0)
    tables.ask([(table_of(parts).files[0].id, "a")])
    tables.remove_files([table_of(parts).files[0].id])
    assert (tables.running, tables.asking, dialog.ask.text()) == (False, None, words.ASK)
    assert dialog.said.text() == texts.STOPPED


def test_files_are_taken_out_by_key_and_asked_about_with_answers(parts: Parts, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = with_files(parts, qtbot, tmp_path)
    dialog.grid.choose(2, 0)
    QTest.keyClick(dialog.grid, Qt.Key.Key_Delete)
    assert [file.path.name for file in table_of(parts).files] == ["a.pdf", "b.txt"]
    dialog.ask.click()
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    dialog.grid.choose(0, 0)
    QTest.keyClick(dialog.grid, Qt.Key.Key_Delete)
    (question,) = dialog.findChildren(Question)
    question.agree.click()
    assert [file.path.name for file in table_of(parts).files] == ["b.txt"]
    dialog.on_remove_question()
    assert [each.name for each in table_of(parts).questions] == ["Otters", "Who"], "the column of names is no question"


@pytest.mark.parametrize("key", [Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier])
def test_a_table_that_is_shown_anew_selects_one_cell_whatever_key_is_held(
    parts: Parts, qtbot: QtBot, tmp_path: Path, key: Qt.KeyboardModifier
) -> None:
    dialog = with_files(parts, qtbot, tmp_path)
    dialog.grid.choose(2, 0)
    QTest.keyPress(dialog.grid, Qt.Key.Key_F9, key)
    dialog.grid.choose(1, 0)
    assert [index.row() for index in dialog.grid.selectedIndexes()] == [1]
    dialog.grid.show_table()
    assert [index.row() for index in dialog.grid.selectedIndexes()] == [1]


def test_tables_beside_each_other(parts: Parts, qtbot: QtBot) -> None:
    dialog = opened(parts)
    first = table_of(parts).id
    parts.controller.tables.rename("Letters")
    dialog.on_new()
    assert table_of(parts).id != first
    assert [dialog.combo.itemText(at) for at in range(2)] == [texts.NEW_TABLE, "Letters"]
    dialog.on_new()
    assert dialog.combo.itemText(0) == f"{texts.NEW_TABLE} 2", "lines of the list can be told apart"
    parts.controller.tables.delete()
    dialog.combo.setCurrentIndex(1)
    dialog.combo.activated.emit(1)
    assert table_of(parts).id == first
    dialog.on_delete()
    (question,) = dialog.findChildren(Question)
    question.agree.click()
    assert [title for _, title in parts.controller.tables.titles()] == [texts.NEW_TABLE]
    assert table_of(parts).id != first


def test_it_is_saved_for_others(parts: Parts, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = with_files(parts, qtbot, tmp_path)
    dialog.ask.click()
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    for as_csv, name in ((True, "out.csv"), (False, "out.md")):
        monkeypatch.setattr(SaveDialog, "chosen", lambda *_, name=name: tmp_path / name)
        dialog.on_save(as_csv)
        assert dialog.said.text() == texts.exported(3, name)
        assert "Otters play" in (tmp_path / name).read_text("utf-8")
    monkeypatch.setattr(SaveDialog, "chosen", lambda *_: tmp_path / "none" / "out.csv")
    dialog.on_save(True)
    assert dialog.said.text().startswith("The table was not saved: ")


def test_files_and_folders_are_chosen(
    parts: Parts, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = opened(parts)
    files = some_files(tmp_path / "letters")
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(files[0])], ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "letters"))
    dialog.add_files.click()
    qtbot.waitUntil(lambda: len(table_of(parts).files) == 1, timeout=WAIT_MS)
    dialog.add_folder.click()
    qtbot.waitUntil(lambda: len(table_of(parts).files) == 3, timeout=WAIT_MS)
    assert dialog.said.text() == texts.known_already(1)


def test_closing_stops_and_the_menu_of_a_cell_opens_by_key(parts: Parts, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = with_files(parts, qtbot, tmp_path)
    dialog.grid.choose(0, 1)
    dialog.on_cell_menu(QPoint(0, 0))
    dialog.on_table_menu()
    dialog.on_save_menu()
    process_running = parts.controller.tables
    dialog.ask.click()
    assert process_running.running
    dialog.reject()
    assert not process_running.running


def test_a_second_score_has_its_mean(parts: Parts, qtbot: QtBot, tmp_path: Path, process: ScriptedModelProcess) -> None:
    dialog = with_files(parts, qtbot, tmp_path)
    parts.controller.tables.set_questions((TableQuestion("s", "Score", "How good?", "score", most=3),))
    process.performed = [replace(YES, labels=("1", "2", "3"), shares=(0.2, 0.2, 0.6), label="3", mean=2.4)]
    dialog.ask.click()
    qtbot.waitUntil(ended(parts), timeout=WAIT_MS)
    assert (
        words.answer_line(table_of(parts).files[0].cells["s"], table_of(parts).questions[0]) == "60 % \u00b7 mean 2.4"
    )


def test_the_names_stay_in_sight(parts: Parts, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = with_files(parts, qtbot, tmp_path)
    grid, names = dialog.grid, dialog.grid.names
    many = [TableQuestion(f"q{at}", f"Question {at}", "Is it so?") for at in range(12)]
    parts.controller.tables.set_questions(many)
    grid.choose(0, 12)
    bar = grid.horizontalScrollBar()
    assert bar.value() > 0
    assert names.isVisible()
    at, far = names.visualRect(names.model().index(1, 0)).center(), bar.value()
    QTest.mouseClick(names.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert (grid.current(), bar.value()) == ((table_of(parts).files[1].id, ""), far)
    assert grid.hasFocus(), "keys go on from there"
    QTest.keyClick(grid, Qt.Key.Key_Right)
    assert grid.currentIndex().column() == 1
    assert grid.visualRect(grid.currentIndex()).left() >= names.width(), "out from below the names"
    wanted: list[object] = []
    dialog.place_wanted.connect(lambda place, path: wanted.append(path.name))
    QTest.mouseDClick(names.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert wanted == ["b.txt"]
    grid.setColumnWidth(0, grid.viewport().width())
    assert not names.isVisible(), "names that take all the room are scrolled with the rest"


def test_two_lines_of_a_cell_are_seen_whole(parts: Parts) -> None:
    told = opened(parts).told
    wanted = 2 * told.fontMetrics().lineSpacing() + 2 * told.document().documentMargin()
    assert told.viewport().height() >= wanted
