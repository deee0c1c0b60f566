"""Tables over files, filled cell by cell: a file is read beside the window, then asked by the model process.

The files are asked one after another, each with all its questions. An answer in a chat goes first: the cell that is
being asked then is asked again behind it. What cannot be answered says so in its cell, and the next one is asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence, Set
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.base.errors import AppError, ErrorReport, report_from_exception
from app.bridge.answer import Answering
from app.bridge.documents import Documents
from app.bridge.length import UNKNOWN_ROOM, LengthCheck
from app.bridge.model import AnsweringModel
from app.bridge.operations import Operations
from app.chats.documents.values import CHARACTERS_A_TOKEN, ReadDocument
from app.chats.errors import translated
from app.chats.history import HistoryStore
from app.chats.tables import texts
from app.chats.tables.asking import AskedText, decided_cell, request_for, text_for, words_cell
from app.chats.tables.values import FileTable, TableCell, TableFile, TableQuestion
from inference.events import BlockCommitted, Decided, Event, Failed, Finished
from inference.text.surrogates import storable

_QUESTION_TOKENS = 400  # that the question, its labels and the template take
_MOST_LOSSES = 3  # of the model process, one after another


class FileTables(QObject):
    """The table that is shown, and the run that fills it.

    Signals:
        changed: Another table is shown, or it has other questions or files.
        cell_changed: Ids of the file and the question whose `TableCell` is another one.
        progressed: How many cells of this run are done, how many there are, and a sentence.
        ended: The run is over; a sentence.
        problem: Something cannot be stored or read (an `ErrorReport`).

    Attributes:
        table: The table; None before one is opened.
        files: Reads documents and folders for tables.
        asking: Ids of the file and the question that is asked now.
    """

    changed = Signal()
    cell_changed = Signal(str, str)
    progressed = Signal(int, int, str)
    ended = Signal(str)
    problem = Signal(object)

    def __init__(
        self,
        store: HistoryStore,
        operations: Operations,
        length: LengthCheck,
        answering: Answering,
        model: AnsweringModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._operations, self._length, self._answering = store, operations, length, answering
        self._model = model
        self.table: FileTable | None = None
        self.asking: tuple[str, str] | None = None
        self.files = Documents(store.kept.folder, self)
        self.files.read.connect(self.on_read)
        self.files.failed.connect(self.on_failed)
        answering.ended.connect(self.on_answer_ended)
        self._queue: list[tuple[str, str]] = []
        self._count = self._done = self._without = self._lost = 0
        self._run = 0  # number of the run; what belongs to another one is ignored
        self._reading, self._asked = 0, 0  # numbers of the file that is read, of the operation
        self._document: tuple[str, ReadDocument] | None = None  # with the id of its file
        self._blocks: list[BlockCommitted] = []

    @property
    def running(self) -> bool:
        """Whether cells are asked, or wait."""
        return bool(self._queue)

    @property
    def refusal(self) -> str:
        """Why the model that answers cannot fill a table; "" if it can."""
        if self._model.wanted.server is not None:
            return texts.ONLY_HERE
        return "" if self._model.ready is not None or self._model.loading else texts.NO_MODEL

    # -- tables -----------------------------------------------------------------------------------------------------

    def titles(self) -> tuple[tuple[str, str], ...]:
        """Ids and titles of all tables, the newest first."""
        found: list[tuple[tuple[str, str], ...]] = []
        self._try(lambda: found.append(self._store.tables.titles()))
        return found[0] if found else ()

    def open(self, table_id: str | None) -> None:
        """Show a table; None shows the newest, and makes one where there is none."""
        self.stop()
        known = [each for each, _ in self.titles()]
        if table_id is None or table_id not in known:
            table_id = known[0] if known else None
        opened: list[FileTable] = []

        def read() -> None:
            opened.append(self._store.tables.table(table_id or self._store.tables.create(texts.NEW_TABLE)))

        self._try(read)
        self._show(opened[0] if opened else None)

    def create(self, title: str) -> None:
        """Make another table, and show it."""
        fresh: list[str] = []
        if self._try(lambda: fresh.append(self._store.tables.create(title))):
            self.open(fresh[0])

    def rename(self, title: str) -> None:
        """Another title for the table that is shown."""
        table = self.table
        if table is not None and self._try(lambda: self._store.tables.rename(table.id, title)):
            self._reload()

    def delete(self) -> None:
        """The table that is shown goes for good; its files stay."""
        table = self.table
        self.stop()
        if table is not None and self._try(lambda: self._store.tables.delete(table.id)):
            self.open(None)

    def set_questions(self, questions: Sequence[TableQuestion]) -> None:
        """Other questions; a question that asks something else has another id, and no answers.

        A run goes on: where one that waited to be asked went, those that are new are asked of every file.
        """
        table = self.table
        if table is None or not self._try(lambda: self._store.tables.set_questions(table.id, tuple(questions))):
            return
        before, now = {each.id for each in table.questions}, {each.id for each in questions}
        waited = any(question_id not in now for _, question_id in self._queue)
        fresh = [each.id for each in questions if waited and each.id not in before]
        instead = [(file.id, question_id) for file in table.files for question_id in fresh]
        self._show_and_go_on({each for each in self._queue if each[1] not in now}, instead)

    def add_files(self, paths: Sequence[Path]) -> tuple[int, tuple[str, ...]]:
        """Put files into the table: how many it had already, and the names of those that cannot be kept."""
        table = self.table
        if table is None:
            return 0, ()
        known = {file.path for file in table.files}
        fresh = [path for path in dict.fromkeys(path.absolute() for path in paths) if path not in known]
        odd = tuple(path.name for path in fresh if storable(str(path)) != str(path))
        fresh = [path for path in fresh if storable(str(path)) == str(path)]
        if fresh and self._try(lambda: self._store.tables.add_files(table.id, fresh)):
            self._reload()
        return len(paths) - len(fresh) - len(odd), odd

    def remove_files(self, file_ids: Sequence[str]) -> None:
        """Take files out of the table."""
        gone = set(file_ids)
        if gone and self._try(lambda: self._store.tables.remove_files(file_ids)):
            self._show_and_go_on({each for each in self._queue if each[0] in gone}, ())

    def file(self, file_id: str) -> TableFile | None:
        """A row."""
        return next((each for each in self.table.files if each.id == file_id), None) if self.table else None

    def question(self, question_id: str) -> TableQuestion | None:
        """A column."""
        return next((each for each in self.table.questions if each.id == question_id), None) if self.table else None

    # -- the run ----------------------------------------------------------------------------------------------------

    def ask(self, cells: Sequence[tuple[str, str]]) -> None:
        """Ask some cells, by the ids of file and question, file after file; those of a run that goes on wait behind."""
        fresh = [each for each in cells if each not in self._queue]
        if self._queue or not fresh:
            self._queue += fresh
            self._count += len(fresh)
            return
        self._run += 1
        self._queue, self._count, self._done, self._without, self._lost = fresh, len(fresh), 0, 0, 0
        self._next()

    def stop(self) -> None:
        """Ask no more; what was answered stays."""
        if self._queue:
            self._end(texts.STOPPED)

    def cancel_all(self) -> None:
        """The window closes."""
        self._queue, self._run = [], self._run + 1
        self.files.cancel_all()

    def shut_down(self) -> bool:
        """Wait for the file that is being read."""
        return self.files.shut_down()

    def on_answer_ended(self, *_: object) -> None:
        """An answer in a chat came first."""
        if self._queue and self.asking is None and not self._reading:
            self._next()

    def on_read(self, number: int, document: ReadDocument) -> None:
        """A file can be asked."""
        if number == self._reading and self._queue:
            self._reading = 0
            self._document = (self._queue[0][0], document)
            self._next()

    def on_failed(self, number: int, report: ErrorReport) -> None:
        """It cannot, nor can any of its questions be answered."""
        if number != self._reading or not self._queue:
            return
        self._reading = 0
        file_id = self._queue[0][0]
        problem = f"{report.text} {report.hint}".strip()
        for each in [cell for cell in self._queue if cell[0] == file_id]:
            self._keep(each, TableCell(problem=problem))
        self._next()

    def _next(self) -> None:
        """Ask the first cell that waits; its file is read first."""
        self.asking = None
        if not self._queue or self.refusal:
            self._end(self.refusal or texts.done(self._done, self._without))
            return
        if self._answering.busy:
            self._tell(texts.WAITING_FOR_ANSWER)
            return
        file, question = self.file(self._queue[0][0]), self.question(self._queue[0][1])
        if file is None or question is None:
            self._queue.pop(0)
            self._count -= 1
            self._next()
        elif self._document is None or self._document[0] != file.id:
            self._tell(texts.reading(file.path.name))
            self._reading = self.files.begin_again(file.path, file.path.name)
        else:
            self.asking = (file.id, question.id)
            self.cell_changed.emit(*self.asking)
            self._tell(texts.progress(self._done + 1, self._count, file.path.name, question.name))
            tokens = self._model.room or UNKNOWN_ROOM
            extra = len(question.text) + sum(len(label) + 2 for label in question.labels)
            room = round(max(tokens - _QUESTION_TOKENS, tokens // 2) * CHARACTERS_A_TOKEN) - extra
            self._fit(self._document[1], question, room)

    def _fit(self, document: ReadDocument, question: TableQuestion, characters: int) -> None:
        """Have the model count what it may not take, and ask less of the file until it does."""
        asked = text_for(document, question, characters) if characters > 0 else None
        if asked is None:
            self._answered(TableCell(problem=texts.NO_TEXT_FITS))
            return
        message = f"{asked.text}\n\n{question.text} {' '.join(question.labels)}"
        ask = partial(self._ask, document, question, asked)
        run, cell = self._run, self.asking

        def counted(tokens: int, most: int) -> None:
            if (run, cell) != (self._run, self.asking):
                return
            if tokens > most:
                self._fit(document, question, min(characters, len(asked.text)) * most * 9 // (10 * tokens))
            else:
                ask()

        if self._length.surely_fits(message) or not self._length.count(message, counted):
            ask()

    def _ask(self, document: ReadDocument, question: TableQuestion, asked: AskedText) -> None:
        self._blocks = []
        tell = partial(self._on_event, self._run, document, asked)
        self._asked = self._operations.begin(request_for(question, asked.text), tell)

    def _on_event(self, run: int, document: ReadDocument, asked: AskedText, event: Event) -> None:
        if run != self._run or self.asking is None:
            return
        model = self._model.asked().name
        match event:
            case BlockCommitted():
                self._blocks.append(event)
            case Decided():
                self._lost = 0
                self._answered(decided_cell(event, asked, model))
            case Finished(reason="cancelled"):  # an answer in a chat goes first
                self._next()
            case Finished():
                self._lost = 0
                self._answered(words_cell(event, self._blocks, document, asked, model))
            case Failed():
                self._lost = self._lost + 1 if event.engine_lost else 0
                self._answered(TableCell(model=model, problem=f"{event.user_text} {event.hint}".strip()))

    def _answered(self, cell: TableCell) -> None:
        asked, self.asking = self.asking, None
        if asked is not None:
            self._keep(asked, cell)
        if self._lost >= _MOST_LOSSES:
            self._end(texts.MODEL_LOST)
        else:
            self._next()

    def _keep(self, asked: tuple[str, str], cell: TableCell) -> None:
        """An answer, or why there is none, into its cell and onto the disk."""
        self._queue = [each for each in self._queue if each != asked]
        self._done += 1
        self._without += bool(cell.problem)
        file = self.file(asked[0])
        if file is None or self.table is None:
            return
        before = file.cells.get(asked[1])
        if cell.problem and before is not None and before.value:  # an answer is lost by no try to have another one
            cell = dataclasses.replace(before, problem=cell.problem)
        fresh = dataclasses.replace(file, cells={**file.cells, asked[1]: cell})
        files = tuple(fresh if each.id == file.id else each for each in self.table.files)
        self.table = dataclasses.replace(self.table, files=files)
        self._try(lambda: self._store.tables.set_cells(fresh.id, fresh.cells))
        self.cell_changed.emit(*asked)

    def _show_and_go_on(self, gone: Set[tuple[str, str]], instead: Sequence[tuple[str, str]]) -> None:
        """The table has other files or questions: cells that went are not asked, the run goes on with the others."""
        interrupted = bool(self._queue) and self._queue[0] in gone  # it is read, asked, or waits for an answer
        left = [*(each for each in self._queue if each not in gone), *instead]
        self._count += len(left) - len(self._queue)
        self._queue = left
        if interrupted:
            self._forget_work()
        self._reload()
        if interrupted and (left or self._done):
            self._next()
        elif interrupted:
            self._end(texts.STOPPED)

    def _forget_work(self) -> None:
        """Nobody waits any more for the file that is read, nor for the cell that is asked."""
        self.asking = None
        self.files.forget(self._reading)
        self._reading = 0
        self._operations.forget(self._asked)

    def _end(self, said: str) -> None:
        """Forget the run."""
        asked, self._queue, self._document = self.asking, [], None
        self._run += 1
        self._forget_work()
        if asked is not None:
            self.cell_changed.emit(*asked)
        self.ended.emit(said)

    def _tell(self, said: str) -> None:
        self.progressed.emit(self._done, self._count, said)

    def _show(self, table: FileTable | None) -> None:
        self.table = table
        self.changed.emit()

    def _reload(self) -> None:
        table = self.table
        opened: list[FileTable] = []
        if table is not None and self._try(lambda: opened.append(self._store.tables.table(table.id))):
            self._show(opened[0])

    def _try(self, do: Callable[[], object]) -> bool:
        """Do something with the history; what goes wrong is told."""
        try:
            with translated(self._store.path):
                do()
        except AppError as exc:
            self.problem.emit(report_from_exception(exc))
            return False
        return True
