"""Tables over files in the history: a row for each table, one for each of its files. The files stay where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path

from sqlite_utils import Database

from app.chats.errors import ChatGoneError
from app.chats.ids import new_id, now_ms
from app.chats.messages import title_from_text
from app.chats.order import Writing
from app.chats.tables import texts
from app.chats.tables.values import (
    LONGEST_NAME,
    MOST_ROWS,
    FileTable,
    TableCell,
    TableFile,
    TableQuestion,
    cells_from,
    cells_json,
    questions_from,
    questions_json,
)
from inference.text.surrogates import storable


class KeptTables:
    """All tables, on one connection; every change is one transaction."""

    def __init__(self, db: Database, writing: Writing) -> None:
        self._db, self._writing = db, writing

    def titles(self) -> tuple[tuple[str, str], ...]:
        """Id and title of each, the newest first."""
        found = self._db.execute("SELECT id, title FROM file_table ORDER BY seq DESC")
        return tuple((str(row[0]), str(row[1])) for row in found)

    def table(self, table_id: str) -> FileTable:
        """One of them, with all its answers.

        Raises:
            ChatGoneError: It is gone.
        """
        sql = "SELECT title, questions_json FROM file_table WHERE id = ?"
        row = self._db.execute(sql, [table_id]).fetchone()
        if row is None:
            raise ChatGoneError(texts.TABLE_GONE, texts.TABLE_GONE_HINT)
        sql = "SELECT id, path, cells_json FROM file_row WHERE table_id = ? ORDER BY position, seq LIMIT ?"
        files = self._db.execute(sql, [table_id, MOST_ROWS])
        rows = tuple(TableFile(str(id_), Path(str(path)), cells_from(str(cells))) for id_, path, cells in files)
        return FileTable(table_id, str(row[0]), questions_from(str(row[1])), rows)

    def create(self, title: str) -> str:
        """An empty one; gives its id. A title that another one has gets a number."""
        fresh, now = new_id(), now_ms()
        line = title_from_text(storable(title), LONGEST_NAME) or texts.NEW_TABLE
        with self._writing():
            self._db.execute(
                "INSERT INTO file_table (created_at, updated_at, id, title, questions_json) VALUES (?, ?, ?, ?, '[]')",
                [now, now, fresh, self._free(line)],
            )
        return fresh

    def rename(self, table_id: str, title: str) -> None:
        """Give it another title; an empty one changes nothing, one that another table has gets a number."""
        line = title_from_text(storable(title), LONGEST_NAME)
        if line:
            with self._writing():
                self._db.execute("UPDATE file_table SET title = ? WHERE id = ?", [self._free(line, table_id), table_id])

    def _free(self, title: str, table_id: str = "") -> str:
        """The title, or with the first number that no other table has behind it."""
        taken = {name for each, name in self.titles() if each != table_id}
        numbered = (f"{title} {number}" for number in count(2))
        return title if title not in taken else next(name for name in numbered if name not in taken)

    def delete(self, table_id: str) -> None:
        """For good; its files stay."""
        with self._writing():
            self._db.execute("DELETE FROM file_row WHERE table_id = ?", [table_id])
            self._db.execute("DELETE FROM file_table WHERE id = ?", [table_id])

    def set_questions(self, table_id: str, questions: tuple[TableQuestion, ...]) -> None:
        """All of them, in their order; answers to any others go."""
        known = {question.id for question in questions}
        with self._writing():
            sql = "UPDATE file_table SET questions_json = ?, updated_at = ? WHERE id = ?"
            self._db.execute(sql, [storable(questions_json(questions)), now_ms(), table_id])
            sql = "SELECT id, cells_json FROM file_row WHERE table_id = ?"
            for row_id, text in self._db.execute(sql, [table_id]).fetchall():
                cells = cells_from(str(text))
                if cells.keys() - known:
                    self.set_cells(str(row_id), {name: cell for name, cell in cells.items() if name in known})

    def add_files(self, table_id: str, paths: Iterable[Path]) -> tuple[TableFile, ...]:
        """Put files below those that are there; gives the new rows. A table of `MOST_ROWS` takes no more."""
        sql = "SELECT COUNT(*), COALESCE(MAX(position), 0) FROM file_row WHERE table_id = ?"
        there, last = self._db.execute(sql, [table_id]).fetchone()
        rows = tuple(TableFile(new_id(), path) for path in paths)[: max(0, MOST_ROWS - int(there))]
        with self._writing():
            self._db.conn.executemany(
                "INSERT INTO file_row (position, table_id, id, path, cells_json) VALUES (?, ?, ?, ?, '{}')",
                [(int(last) + at, table_id, row.id, str(row.path)) for at, row in enumerate(rows, 1)],
            )
        return rows

    def remove_files(self, file_ids: Iterable[str]) -> None:
        """Take rows out of their table."""
        with self._writing():
            self._db.conn.executemany("DELETE FROM file_row WHERE id = ?", [(each,) for each in file_ids])

    def set_cells(self, file_id: str, cells: Mapping[str, TableCell]) -> None:
        """All answers about one file."""
        with self._writing():
            text = storable(cells_json(cells))
            self._db.execute("UPDATE file_row SET cells_json = ? WHERE id = ?", [text, file_id])
