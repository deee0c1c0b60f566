"""Text documents are laid out once for all that changes in them, and letters that no font has take no time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtGui import QFont, QFontMetricsF, QTextCharFormat, QTextCursor, QTextDocument, QTextLayout

from app.ui.widgets.font_search import lacking_runs


def units_in(text: str) -> int:
    """The length of a text in UTF-16 units, as Qt counts."""
    return len(text) + sum(letter > "\uffff" for letter in text)


@contextmanager
def laid_out_once(document: QTextDocument) -> Iterator[None]:
    """Change a document: Qt lays it out at the end, and not for its font, its text and its formats each."""
    document.setLayoutEnabled(False)
    try:
        yield
    finally:
        document.setLayoutEnabled(True)


def mark_lacking(document: QTextDocument, start: int = 0) -> None:
    """Set letters that no font has in the text's own font alone.

    Otherwise Qt asks all fonts of the system for each of them whenever their lines are laid out: 15 us with 290 fonts,
    fifty times what a letter takes.

    Args:
        document: That holds the text; it makes one line end of two characters, and leaves some out.
        start: Where letters are looked at from, in UTF-16 units.
    """
    alone = _alone()
    cursor = QTextCursor(document)
    cursor.setPosition(start)
    cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
    for begin, end in lacking_runs(cursor.selectedText()):
        cursor.setPosition(start + begin)
        cursor.setPosition(start + end, QTextCursor.MoveMode.KeepAnchor)
        cursor.mergeCharFormat(alone)


def insert_text(cursor: QTextCursor, text: str) -> None:
    """Put a text behind what is there, its letters that no font has marked; it is laid out once."""
    start = cursor.position()
    cursor.beginEditBlock()
    cursor.insertText(text, QTextCharFormat())
    mark_lacking(cursor.document(), start)
    cursor.endEditBlock()


def width_of(text: str, font: QFont) -> float:
    """How wide a text is in one line, in pixels."""
    formats = lacking_formats(text)
    if not formats:
        return QFontMetricsF(font).horizontalAdvance(text)
    layout = QTextLayout(text, font)
    layout.setFormats(formats)
    layout.beginLayout()
    line = layout.createLine()
    line.setLineWidth(1e6)
    layout.endLayout()
    return line.naturalTextWidth()


def lacking_formats(text: str) -> list[QTextLayout.FormatRange]:
    """The same for a layout of its own."""
    found: list[QTextLayout.FormatRange] = []
    for begin, end in lacking_runs(text):
        part = QTextLayout.FormatRange()
        part.start, part.length, part.format = begin, end - begin, _alone()
        found.append(part)
    return found


def _alone() -> QTextCharFormat:
    alone = QTextCharFormat()
    alone.setFontStyleStrategy(QFont.StyleStrategy.NoFontMerging)
    return alone
