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
    plain, starts, at = [], [], 0
    for sign in text:
        short = folded(sign)
        plain.append(short)
        starts += [at] * len(short)
        at += 2 if ord(sign) > 0xFFFF else 1
    whole = "".join(plain)
    found: list[tuple[int, int]] = []
    place = whole.find(wanted)
    while place >= 0 and len(found) < MOST_MARKS:
        end = place + len(wanted)
        found.append((starts[place], starts[end] if end < len(starts) else at))
        place = whole.find(wanted, end)
    return found


def mark(message: QWidget, wanted: str, color: QColor) -> tuple[QTextEdit | QPlainTextEdit, QTextCursor] | None:
    """Mark every place in a message's texts, and give the first; "" takes the marks away."""
    first: tuple[QTextEdit | QPlainTextEdit, QTextCursor] | None = None
    texts: list[QTextEdit | QPlainTextEdit] = [*message.findChildren(QTextEdit), *message.findChildren(QPlainTextEdit)]
    for edit in texts:
        selections = []
        for start, end in places(edit.toPlainText(), wanted) if edit.isVisibleTo(message) else []:
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
