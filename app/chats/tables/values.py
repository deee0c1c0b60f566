"""A table over files as plain values: files go down, questions go across."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from app.base.files import parse_json
from inference.operations.requests import MOST_SCORE

AnswerKind = Literal["yes_no", "label", "score", "words"]
ANSWER_KINDS: tuple[AnswerKind, ...] = get_args(AnswerKind)
MOST_ROWS = 1_000
MOST_QUESTIONS = 20
MOST_LABELS = 26
LONGEST_NAME = 60
LONGEST_QUESTION = 2_000
LONGEST_LABEL = 60
_LONGEST = 20_000  # of one text of a cell


@dataclass(frozen=True, slots=True)
class TableQuestion:
    """A column.

    Attributes:
        id: Of the question; its answers are kept under it.
        name: Head of the column.
        text: The question.
        kind: "yes_no"; "label": one of `labels`; "score": a number from 1 to `most`; "words": words of the file.
        labels: What there is to choose from.
        most: The highest number.
    """

    id: str
    name: str
    text: str
    kind: AnswerKind = "yes_no"
    labels: tuple[str, ...] = ()
    most: int = 5

    def __post_init__(self) -> None:
        if self.kind not in ANSWER_KINDS:
            raise ValueError(f"kind must be one of {ANSWER_KINDS}, not {self.kind!r}")
        if not 2 <= self.most <= MOST_SCORE:
            raise ValueError(f"most must be within 2..{MOST_SCORE}, not {self.most!r}")
        if self.kind == "label" and not 2 <= len(set(self.labels)) == len(self.labels) <= MOST_LABELS:
            raise ValueError(f"labels must be 2 to {MOST_LABELS} different ones, not {self.labels!r}")


@dataclass(frozen=True, slots=True)
class TableCell:
    """An answer about one file, or why there is none.

    Attributes:
        value: The answer; "" where there is none.
        share: Of a decision: what of its belief the model gives to the answer. Of words: how settled they are, e to
            minus the mean entropy of their places. From 0 to 1; no measured frequency of being right.
        others: Of a decision: the other answers with their shares, the likeliest first.
        mean: Of a score: the mean of all numbers by their shares.
        place: Where in the file the words stand, or what fits the question best.
        in_parts: The file was too long, and the parts that fit the question best were asked.
        model: Who answered.
        problem: Why there is no answer, or none that is newer than `value`.
    """

    value: str = ""
    share: float = 0.0
    others: tuple[tuple[str, float], ...] = ()
    mean: float | None = None
    place: str = ""
    in_parts: bool = False
    model: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TableFile:
    """A row.

    Attributes:
        id: Of the row.
        path: Where the file lies; it is read there each time.
        cells: Answers by the ids of their questions.
    """

    id: str
    path: Path
    cells: Mapping[str, TableCell] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileTable:
    """A whole table."""

    id: str
    title: str
    questions: tuple[TableQuestion, ...] = ()
    files: tuple[TableFile, ...] = ()

    def open_cells(self) -> tuple[tuple[str, str], ...]:
        """Ids of file and question of all cells without an answer, file after file."""
        return tuple(
            (file.id, question.id)
            for file in self.files
            for question in self.questions
            if not file.cells.get(question.id, TableCell()).value
        )


def questions_json(questions: tuple[TableQuestion, ...]) -> str:
    """As they are stored."""
    return json.dumps([dataclasses.asdict(question) for question in questions], ensure_ascii=False)


def questions_from(text: str) -> tuple[TableQuestion, ...]:
    """What is stored; what is no question (a file may be damaged) is left out."""
    found = []
    for each in _parsed(text, list)[:MOST_QUESTIONS]:
        try:
            labels = tuple(str(label)[:LONGEST_LABEL] for label in each["labels"])
            texts = (str(each["id"]), str(each["name"])[:LONGEST_NAME], str(each["text"])[:LONGEST_QUESTION])
            found.append(TableQuestion(*texts, each["kind"], labels, int(each["most"])))
        except (TypeError, ValueError, KeyError, OverflowError):
            continue
    return tuple(found)


def cells_json(cells: Mapping[str, TableCell]) -> str:
    """As they are stored."""
    return json.dumps({name: dataclasses.asdict(cell) for name, cell in cells.items()}, ensure_ascii=False)


def cells_from(text: str) -> dict[str, TableCell]:
    """What is stored; what is no cell is left out."""
    found: dict[str, TableCell] = {}
    for name, each in _parsed(text, dict).items():
        try:
            others = tuple((str(label)[:LONGEST_LABEL], _share(share)) for label, share in each["others"])
            mean = None if each["mean"] is None else float(each["mean"])
            texts = {key: str(each[key])[:_LONGEST] for key in ("value", "place", "model", "problem")}
            share, parts = _share(each["share"]), bool(each["in_parts"])
            found[str(name)] = TableCell(share=share, others=others, mean=mean, in_parts=parts, **texts)
        except (TypeError, ValueError, KeyError, OverflowError):
            continue
    return found


def _share(value: Any) -> float:
    return min(1.0, max(0.0, float(value)))


def _parsed(text: str, kind: type) -> Any:
    try:
        found = parse_json(text)
    except ValueError:
        return kind()
    return found if isinstance(found, kind) else kind()
