"""What is said of tables over files: why something is not asked, and what was exported."""

from __future__ import annotations

from app.base.texts import name_of

NEW_TABLE = "New table"
TABLE_GONE = "This table is no longer there."
TABLE_GONE_HINT = "It was deleted, or a backup without it was brought back."
ONLY_HERE = "A model on a server cannot fill a table: choose one that runs on this computer."
NO_MODEL = "No model is loaded: choose one in the menu Model."
NO_QUESTIONS = "There is no question yet: add one."
NO_FILES = "There are no files yet: add some, or drop them here."
ALL_ANSWERED = "Every cell has its answer; to ask one again, choose it, and press Ctrl+R."
MODEL_LOST = (
    "The model process ended three times in a row, and the rest is not asked. Try again, or choose another model."
)
NOTHING_FOUND = "The model found no words."
NO_TEXT_FITS = "Not even a part of this file fits beside the question."
STOPPED = "Stopped; what was answered stays."
WAITING_FOR_ANSWER = "An answer in a chat goes first; the table goes on behind it."


def done(asked: int, failed: int) -> str:
    """The run is over."""
    cells = "One cell was" if asked == 1 else f"{asked:,} cells were"
    if not failed:
        return f"{cells} asked, and all have answers."
    without = "one has" if failed == 1 else f"{failed:,} have"
    return f"{cells} asked; {without} no answer, and say why."


def progress(number: int, count: int, name: str, question: str) -> str:
    """What is asked now."""
    return f"{number:,} of {count:,}: {name_of(question)}, {name_of(name)}"


def reading(name: str) -> str:
    """A file is read before it is asked."""
    return f"Reading {name_of(name)} \u2026"


def odd_name(name: str) -> str:
    """A path that is no text cannot be kept."""
    return f"The name of {name_of(name)} is no text in UTF-8: rename it, and add it again."


def left_out(count: int) -> str:
    """A folder held other files."""
    return "One file of another kind was left out." if count == 1 else f"{count:,} files of other kinds were left out."


def too_many(most: int) -> str:
    """The table is full, or the folder holds more."""
    return f"A table takes {most:,} files at the most; the others were left out."


def nothing_in(folder: str) -> str:
    """No file of a folder can be asked."""
    return f"{name_of(folder)} holds no text, PDF or Word files."


def not_listed(folder: str, reason: str) -> str:
    """A folder cannot be read."""
    return f"{name_of(folder)} cannot be read: {reason}."


def known_already(count: int) -> str:
    """Files that were added once more."""
    return "One file is in the table already." if count == 1 else f"{count:,} files are in the table already."


IN_PARTS = "parts"


def no_answer(problem: str) -> str:
    """In an export: it was asked, and there is none."""
    return f"no answer: {problem}"


def asked_in_vain(problem: str) -> str:
    """In an export: the answer is an older one."""
    return f"asked again, in vain: {problem}"


def exported(rows: int, name: str) -> str:
    """It is written."""
    lines = "One row" if rows == 1 else f"{rows:,} rows"
    return f"{lines} saved as {name_of(name)}."


def not_exported(reason: str) -> str:
    """It is not."""
    return f"The table was not saved: {reason}."
