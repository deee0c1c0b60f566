"""What only the window of tables says."""

from __future__ import annotations

from app.base.texts import name_of
from app.chats.tables.values import AnswerKind, TableCell, TableQuestion

TITLE = "Ask many files"
TEXT = (
    "The model decides each cell, or finds words that stand in the file. Percentages are how it divides its belief, or "
    "how settled the words are: neither says how often it is right."
)
TABLE = "Table"
TABLE_MENU = "New, rename, delete"
NEW, RENAME, DELETE = "New table", "Rename \u2026", "Delete \u2026"
RENAME_TITLE = "Rename the table"
RENAME_AGREE = "Rename"
DELETE_TITLE = "Delete this table?"
DELETE_DETAIL = "Its questions and answers are gone then. The files stay where they are."
ADD_FILES, ADD_FOLDER, ADD_QUESTION = "Add files \u2026", "Add a folder \u2026", "Add a question \u2026"
FILES_PATTERN = "Text, PDF, Word (*.txt *.md *.pdf *.docx *.csv *.html *.json *.log);;All files (*)"
ASK, STOP = "Ask", "Stop"
GRID = "Table of files and questions"
NAMES = "Names of the files"
CELL = "All of the cell"
FILE = "File"
NO_ANSWER = "no answer"
ASKING = "asking \u2026"
SHOW_IN_FILE = "Show in the file"
ASK_AGAIN = "Ask again"
EDIT_QUESTION = "Edit the question \u2026"
REMOVE_QUESTION = "Remove the question"
REMOVE_FILES = "Remove from the table"
REMOVE_TITLE = "Remove what was answered?"
REMOVE_AGREE = "Remove"
SAVE = "Save as \u2026"
SAVE_CSV, SAVE_MARKDOWN = "CSV, for spreadsheets \u2026", "Markdown \u2026"
CSV_KIND, MARKDOWN_KIND = "Spreadsheet (*.csv)", "Markdown (*.md)"
PERCENT, SETTLED, PLACE, NOTE = "share of belief in %", "settled in %", "place", "note"
QUESTION = "Question"
EDIT_TITLE, NEW_TITLE = "Edit the question", "A question to every file"
EDIT_NOTE = "Where another question or other answers are asked for, the column is emptied."
NAME, NAME_EXAMPLE = "Head of the column", "Signed"
QUESTION_TEXT, QUESTION_EXAMPLE = "Question", "Is this contract signed?"
KIND = "Kind of answer"
KINDS: dict[AnswerKind, str] = {
    "yes_no": "Yes or no",
    "label": "One of some answers",
    "score": "A score",
    "words": "Words of the file",
}
LABELS, LABELS_EXAMPLE = "Answers, a line each", "invoice\noffer\nreminder"
MOST = "From 1 to"
TAKE = "Take"
TWO_LABELS = "Give at least two different answers, a line each."
MANY_LABELS = "Give at most 26 answers."
TWICE = "Another column has this head: choose a different one."
FULL = "A table takes 20 questions."


def answer_line(cell: TableCell, question: TableQuestion) -> str:
    """Below an answer: how far it is the model's."""
    percent = f"{round(cell.share * 100)} %"
    parts = [f"settled {percent}" if question.kind == "words" else percent]
    if cell.mean is not None:
        parts.append(f"mean {cell.mean:.1f}")
    if cell.in_parts:
        parts.append("parts")
    return " \u00b7 ".join(parts)


def told(name: str, question: TableQuestion, cell: TableCell | None) -> str:
    """All of a cell, in sentences."""
    head = f"{name_of(name)}, {question.name}:"
    if cell is None:
        return f"{head} not asked yet."
    if not cell.value:
        return f"{head} {NO_ANSWER}. {cell.problem}"
    percent = f"{round(cell.share * 100)} %"
    if question.kind == "words":
        said = [f"{head} \u201c{cell.value}\u201d, settled to {percent}."]
    else:
        others = ", ".join(f"{label} {round(share * 100)} %" for label, share in cell.others)
        mean = f", mean {cell.mean:.1f}" if cell.mean is not None else ""
        said = [f"{head} {cell.value}, with {percent} of the model\u2019s belief ({others}{mean})."]
    if cell.in_parts:
        said.append("The file is too long: its parts that fit the question best were asked.")
    if cell.place:
        said.append(f"Place: {cell.place}.")
    if cell.model:
        said.append(f"Answered by {cell.model}.")
    if cell.problem:
        said.append(f"Asked again, in vain: {cell.problem}")
    return " ".join(said)


def question_tip(question: TableQuestion) -> str:
    """On the head of a column."""
    kind = KINDS[question.kind]
    if question.kind == "label":
        kind = f"{kind}: {', '.join(question.labels)}"
    elif question.kind == "score":
        kind = f"{kind} from 1 to {question.most}"
    return f"{question.text}\n{kind}"


def remove_detail(answers: int) -> str:
    """Answers go with what is removed."""
    return "One answer goes with it." if answers == 1 else f"{answers:,} answers go with it."


def file_name(title: str) -> str:
    """What is proposed for an export."""
    return "".join(sign if sign.isalnum() or sign in " -_" else "_" for sign in title).strip() or TABLE
