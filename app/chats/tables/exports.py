"""A table as CSV, for spreadsheets, and as Markdown."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from app.chats.tables import texts
from app.chats.tables.values import FileTable, TableCell, TableQuestion

# What a spreadsheet takes for the beginning of a formula, also as wide signs and behind spaces.
_FORMULA = re.compile("[\\s\u200b\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20\u2212]|[\t\r\n\0]")
_MARKS = re.compile(r"([\\`*_\[\]<>|~$&#])")


def as_csv(table: FileTable, percent: str, settled: str, place: str, file: str, note: str) -> bytes:
    """A line for each file, in UTF-8 with a mark; three columns for a decision, four for words.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.

    Args:
        table: What is written.
        percent, settled, place, file, note: Heads of columns, behind the name of the question; `file`: the first one.
    """
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\r\n")
    heads = [file]
    for question in table.questions:
        words = question.kind == "words"
        heads += [question.name, f"{question.name}: {settled if words else percent}"]
        heads += [f"{question.name}: {place}"] if words else []
        heads.append(f"{question.name}: {note}")
    lines.writerow([harmless(head) for head in heads])
    for row, name in zip(table.files, told_apart([row.path for row in table.files]), strict=True):
        cells = [name]
        for question in table.questions:
            cells += _columns(question, row.cells.get(question.id, TableCell()))
        lines.writerow([harmless(cell) for cell in cells])
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")


def as_markdown(table: FileTable, file: str, note: str) -> bytes:
    """A table in which names and words of files are text and nothing else."""
    heads = [file, *(question.name for question in table.questions)]
    lines = [f"# {_plain(table.title)}", "", _line(map(_plain, heads)), _line(["---"] * len(heads))]
    for row, name in zip(table.files, told_apart([row.path for row in table.files]), strict=True):
        cells = [_plain(name)]
        for question in table.questions:
            cell = row.cells.get(question.id, TableCell())
            said = f"{round(cell.share * 100)} %", *_notes(cell)
            cells.append(f"{_plain(cell.value)} ({_plain(', '.join(said))})" if cell.value else _plain(_note(cell)))
        lines.append(_line(cells))
    return ("\n".join([*lines, "", note]) + "\n").encode("utf-8", "replace")


def told_apart(paths: Sequence[Path]) -> list[str]:
    """The files' names; before those that several have, as much of their folders as tells them apart."""
    parts = [1] * len(paths)
    while True:
        names = ["/".join(path.parts[-count:]) for path, count in zip(paths, parts, strict=True)]
        often = Counter(names)
        longer = [
            count + (often[name] > 1 and count < len(path.parts))
            for name, path, count in zip(names, paths, parts, strict=True)
        ]
        if longer == parts:
            return names
        parts = longer


def harmless(text: str) -> str:
    """A cell that no spreadsheet runs."""
    text = text.replace("\0", "")
    return f"'{text}" if _FORMULA.match(text) else text


def _columns(question: TableQuestion, cell: TableCell) -> list[str]:
    share = str(round(cell.share * 100)) if cell.value else ""
    return [cell.value, share, *([cell.place] if question.kind == "words" else []), _note(cell)]


def _note(cell: TableCell) -> str:
    return ", ".join(_notes(cell))


def _notes(cell: TableCell) -> list[str]:
    """What else there is to know of an answer, or why there is none; nothing of a cell that was never asked."""
    said = [texts.IN_PARTS] if cell.in_parts else []
    if cell.problem:
        said.append(texts.asked_in_vain(cell.problem) if cell.value else texts.no_answer(cell.problem))
    return said


def _plain(text: str) -> str:
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
