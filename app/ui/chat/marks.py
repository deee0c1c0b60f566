"""Marking what was found in the texts of a message."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from app.chats.search.query import folded

MOST_MARKS = 500  # in one text


def places(text: str, wanted: str) -> list[tuple[int, int]]:
    """Where `wanted` stands in `text`, whatever case and accents: UTF-16 units, as Qt counts."""
    wanted = folded(wanted)
    if not wanted:
        return []
    short = {sign: folded(sign) for sign in set(text)}
    whole = folded(text) if text.isascii() else "".join([short[sign] for sign in text])
    found: list[int] = []
    place = whole.find(wanted)
    while place >= 0 and len(found) < 2 * MOST_MARKS:
        found += place, place + len(wanted)
        place = whole.find(wanted, found[-1])
    if found and any(len(each) != 1 or sign > "\uffff" for sign, each in short.items()):
        found = _in_units(text, short, found)
    return list(zip(found[::2], found[1::2], strict=True))


def _in_units(text: str, short: dict[str, str], places: list[int]) -> list[int]:
    """Beginnings and ends in the folded text, in order, in UTF-16 units of `text`: letters are marked whole."""
    found: list[int] = []
    at = units = 0  # behind the letters so far: in the folded text, and in `text`
    left = iter(places)
    wanted = next(left, None)
    for sign in text:
        first, at, size = at, at + len(short[sign]), 2 if sign > "\uffff" else 1
        while wanted is not None and wanted < at:
            within = wanted > first and len(found) % 2 == 1  # the end of what is found
            found.append(units + size if within else units)
            wanted = next(left, None)
        if wanted is None:
            return found
        units += size
    return found + [units] * (len(places) - len(found))


def mark(message: QWidget, wanted: str, color: QColor) -> tuple[QTextEdit | QPlainTextEdit, QTextCursor] | None:
    """Mark every place in a message's texts, and give the first; "" takes the marks away."""
    first: tuple[QTextEdit | QPlainTextEdit, QTextCursor] | None = None
    texts: list[QTextEdit | QPlainTextEdit] = [*message.findChildren(QTextEdit), *message.findChildren(QPlainTextEdit)]
    for edit in texts:
        selections = []
        for start, end in places(edit.toPlainText(), wanted) if wanted and edit.isVisibleTo(message) else []:
            cursor = QTextCursor(edit.document())
            cursor.setPosition(start)
            cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
            selection = QTextEdit.ExtraSelection()
            shade = QTextCharFormat()
            shade.setBackground(color)
            selection.cursor, selection.format = cursor, shade
            selections.append(selection)
            first = first or (edit, cursor)
        edit.setExtraSelections(selections)
    return first


def selected_line(messages: Sequence[QWidget]) -> str:
    """What is selected in one of the messages, if it is one line."""
    edits = [edit for message in messages for edit in message.findChildren(QTextEdit)]
    selected = next((text for edit in edits if (text := edit.textCursor().selectedText())), "")
    return selected if len(selected) < 200 and "\u2029" not in selected else ""
