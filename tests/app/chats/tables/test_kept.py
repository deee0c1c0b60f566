"""Tables in the history: kept, changed, damaged, recovered, brought back with a backup; and as files for others."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chats.errors import ChatGoneError
from app.chats.history import HistoryStore
from app.chats.tables.exports import as_csv, as_markdown, harmless, told_apart
from app.chats.tables.values import MOST_ROWS, FileTable, TableCell, TableFile, TableQuestion
from tests.app.chats.support import fill, open_damaged, sql

SIGNED, WHO = TableQuestion("a", "Signed", "Is it signed?"), TableQuestion("b", "Who", "Who signed?", "words")
YES = TableCell("yes", 0.98, (("no", 0.02),), model="Starter")


def filled(store: HistoryStore, files: int = 3) -> str:
    """A table with an answer in each row."""
    table_id = store.tables.create("Contracts")
    store.tables.set_questions(table_id, (SIGNED, WHO))
    for row in store.tables.add_files(table_id, [Path(f"/files/{number}.pdf") for number in range(files)]):
        store.tables.set_cells(row.id, {"a": YES, "b": TableCell(f"Ann of {row.path.stem}", 0.9)})
    return table_id


def test_a_table_is_there_after_a_restart(store: HistoryStore) -> None:
    table_id = filled(store)
    store.tables.rename(table_id, "  Two\nlines ")
    store.tables.rename(table_id, " ")
    store.close()
    with HistoryStore.open(store.path) as again:
        assert again.tables.titles() == ((table_id, "Two lines"),)
        table = again.tables.table(table_id)
        assert (table.questions, [file.path.name for file in table.files]) == (
            (SIGNED, WHO),
            ["0.pdf", "1.pdf", "2.pdf"],
        )
        assert table.files[1].cells == {"a": YES, "b": TableCell("Ann of 1", 0.9)}
        assert table.open_cells() == ()


def test_answers_to_a_question_that_goes_go_with_it(store: HistoryStore) -> None:
    table_id = filled(store)
    other = TableQuestion("c", "Signed", "Is it signed by two?")
    store.tables.set_questions(table_id, (other, WHO))
    table = store.tables.table(table_id)
    assert [set(file.cells) for file in table.files] == [{"b"}] * 3
    assert table.open_cells() == tuple((file.id, "c") for file in table.files)
    assert "yes" not in str(sql(store.path, "SELECT cells_json FROM file_row"))


def test_what_is_deleted_is_gone(store: HistoryStore) -> None:
    kept, gone = filled(store), filled(store)
    first = store.tables.table(kept).files[0]
    store.tables.remove_files([first.id])
    store.tables.delete(gone)
    assert [each for each, _ in store.tables.titles()] == [kept]
    assert sql(store.path, "SELECT COUNT(*) FROM file_row") == [(2,)]
    with pytest.raises(ChatGoneError):
        store.tables.table(gone)
    store.tables.set_cells(first.id, {"a": YES})  # a late answer to a file that went
    assert sql(store.path, "SELECT COUNT(*) FROM file_row") == [(2,)]


def test_a_table_takes_so_many_files(store: HistoryStore) -> None:
    table_id = filled(store)
    fresh = store.tables.add_files(table_id, [Path(f"/more/{number}") for number in range(MOST_ROWS)])
    assert len(fresh) == MOST_ROWS - 3
    assert len(store.tables.table(table_id).files) == MOST_ROWS


def test_a_damaged_history_gives_its_tables_back(store: HistoryStore, data_file: Path) -> None:
    fill(store, 2, 2)
    table_id = filled(store, 30)
    store.close()
    data = bytearray(data_file.read_bytes())
    data[100:1500] = b"\0" * 1400  # the schema: what is left are the pages
    report, _ = open_damaged(data_file, bytes(data))
    assert report is not None
    with HistoryStore.open(data_file) as again:
        table = again.tables.table(table_id)
        assert (table.title, table.questions, len(table.files)) == ("Contracts", (SIGNED, WHO), 30)
        assert all(file.cells["a"] == YES for file in table.files)


@settings(max_examples=40)
@given(st.text("=+-@ \t\r\n\0'\"a\uff1d\uff0b\u200b\ufeff", max_size=4))
def test_no_cell_is_a_formula(text: str) -> None:
    shown = harmless(text).lstrip()
    assert shown[:1] not in ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-2", "@SUM(A1)", "\t=1", " =1", "\r=1", "\n@x", "\0=1", "\uff1dHYPERLINK()"]
)
def test_what_a_spreadsheet_would_run_begins_with_an_apostrophe(text: str) -> None:
    assert harmless(text).startswith("'")


LINK = TableCell('=HYPERLINK("http://x")', 0.5, place="page 2")
TABLE = FileTable(
    "t", "A | *table*", (SIGNED, WHO),
    (
        TableFile("f", Path("/x/=cmd|'calc'!A1.pdf"), {"a": YES, "b": LINK}),
        TableFile("g", Path("/x/plain, \"quoted\".txt"), {"b": TableCell(problem="It is damaged.")}),
    ),
)  # fmt: skip


def test_csv_is_read_by_others_and_runs_nothing() -> None:
    data = as_csv(TABLE, "%", "settled", "place", "File", "note")
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows == [
        ["File", "Signed", "Signed: %", "Signed: note", "Who", "Who: settled", "Who: place", "Who: note"],
        ["'=cmd|'calc'!A1.pdf", "yes", "98", "", '\'=HYPERLINK("http://x")', "50", "page 2", ""],
        ['plain, "quoted".txt', "", "", "", "", "", "", "no answer: It is damaged."],
    ]


def test_markdown_holds_names_and_words_as_text() -> None:
    lines = as_markdown(TABLE, "File", "Shares.").decode().splitlines()
    assert lines[0] == r"# A \| \*table\*"
    assert lines[2:4] == ["| File | Signed | Who |", "| --- | --- | --- |"]
    assert lines[4].count(" | ") == 2
    assert r"=cmd\|'calc'!A1.pdf" in lines[4]
    assert "yes (98 %)" in lines[4]
    assert lines[5].endswith("|  | no answer: It is damaged. |")


def test_an_export_says_what_was_asked_by_parts_and_asked_again_in_vain() -> None:
    cell = TableCell("yes", 0.98, in_parts=True, problem="The model ended.")
    table = FileTable("t", "T", (SIGNED,), (TableFile("f", Path("/x/a.pdf"), {"a": cell}),))
    note = "parts, asked again, in vain: The model ended."
    assert f'yes,98,"{note}"' in as_csv(table, "%", "settled", "place", "File", "note").decode()
    assert f"| yes (98 %, {note}) |" in as_markdown(table, "File", "Shares.").decode()


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    paths = [Path(each) for each in ("/a/x/one.pdf", "/b/x/one.pdf", "/b/y/one.pdf", "/b/two.pdf", "/b/two.pdf")]
    assert told_apart(paths)[:3] == ["a/x/one.pdf", "b/x/one.pdf", "y/one.pdf"]
    assert told_apart(paths[2:4]) == ["one.pdf", "two.pdf"]
    assert len(told_apart(paths)) == 5
    table = FileTable("t", "T", (), tuple(TableFile(str(path), path) for path in paths[1:3]))
    for data in (as_csv(table, "%", "settled", "place", "File", "note"), as_markdown(table, "File", "")):
        assert "x/one.pdf" in data.decode()
        assert "y/one.pdf" in data.decode()


def test_no_two_tables_have_one_title(store: HistoryStore) -> None:
    first, second, third = (store.tables.create("Letters") for _ in range(3))
    assert store.tables.titles() == ((third, "Letters 3"), (second, "Letters 2"), (first, "Letters"))
    store.tables.rename(second, "Letters")
    store.tables.rename(first, "Letters")
    assert dict(store.tables.titles()) == {first: "Letters", second: "Letters 2", third: "Letters 3"}
