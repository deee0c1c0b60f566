"""A text field for texts of any size: they are put in over several turns, their long lines in pieces.

Qt lays a line out anew with each key, however long it is, and asks all fonts for each letter that none of them has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from PySide6.QtCore import QMimeData, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QTextCursor,
)
from PySide6.QtWidgets import QPlainTextEdit

from app.ui.chat.long_text import hardened, parts_from_end, plain_text, selected_text, softened
from app.ui.chat.turns import turns
from app.ui.widgets.copied import copied_as

FILL_UNITS = 60.0  # of work for a part of a large text
MOST_LINES_PASTED = 5_000  # at once: Qt takes 3 us for each
MOST_LINES_AT_LAST = 30_000  # that are put in at once where something is to be done with all of them
_LINE_ENDS = re.compile("\r\n?|\u2029")  # that Qt makes ends of lines, beside "\n"
_KEY = QKeySequence.StandardKey
_OF_ALL = (_KEY.Undo, _KEY.Redo, _KEY.SelectAll, _KEY.Copy, _KEY.Cut)


def with_line_feeds(text: str) -> str:
    """The text as Qt will have it: one sign for the end of each line."""
    return _LINE_ENDS.sub("\n", text) if "\r" in text or "\u2029" in text else text  # mostly nothing is to be done


class LargeEdit(QPlainTextEdit):
    """The text field; `whole_text` and `set_whole_text` take the place of Qt's `toPlainText` and `setPlainText`.

    Attributes:
        still_to_come: What of a text that is put in bit by bit is not there yet; it belongs before what is.

    Signals:
        filled: All of a text that was put in bit by bit is there.
    """

    filled = Signal()

    still_to_come = ""

    def __init__(self) -> None:
        super().__init__()
        self._parts: Iterator[tuple[int, str]] = iter(())
        self._place = 0  # of what is still to come
        self.document().contentsChange.connect(self.on_contents_change)

    def whole_text(self) -> str:
        """What it says; no-break spaces and the like as they are, which Qt's own plain text makes ordinary ones."""
        if not self.still_to_come:
            return hardened(plain_text(self.document()))
        before, behind = QTextCursor(self.document()), self._cursor_at_place()
        before.setPosition(behind.position(), QTextCursor.MoveMode.KeepAnchor)
        behind.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        return hardened(selected_text(before)) + self.still_to_come + hardened(selected_text(behind))

    def set_whole_text(self, text: str) -> None:
        """Put text in, the cursor behind it: its end at once, the rest of a very large one soon.

        What is typed meanwhile stands behind it, for the rest is put before what is there.
        """
        parts = parts_from_end(text)
        left, part = next(parts, (0, ""))
        self.stop_filling()
        self._coming(text[:left], 0)
        self.setPlainText(part)
        self.moveCursor(QTextCursor.MoveOperation.End)
        if left:
            self.document().setUndoRedoEnabled(False)
            self._begin_filling(parts)

    def stop_filling(self) -> None:
        """What is still to come is wanted no longer."""
        turns().end(self, "fill")
        self.still_to_come = ""
        self.document().setUndoRedoEnabled(True)

    def put_in(self, text: str) -> None:
        """Put text where the cursor stands, its long lines in pieces, and the beginning of very many lines soon.

        One undo takes all of it away. Whatever is done meanwhile is done with all of it.
        """
        text = with_line_feeds(text)
        self.finish_paste()
        if text.count("\n") <= MOST_LINES_PASTED or self.still_to_come:
            super().insertPlainText(softened(text))
            return
        parts = parts_from_end(text)
        left, part = next(parts)
        self._coming(text[:left], self.textCursor().selectionStart())
        super().insertPlainText(part)
        self._begin_filling(parts)

    def finish_paste(self) -> None:
        """All that is still to come of what was put in, now."""
        if self.document().isUndoRedoEnabled():
            self.finish_filling()

    def finish_filling(self) -> None:
        """All that is still to come, now; a whole text that older versions let grow may take seconds, and is not."""
        if self.still_to_come.count("\n") <= MOST_LINES_AT_LAST:
            while self.still_to_come:
                self._fill()

    def _coming(self, text: str, at: int) -> None:
        self._place, self.still_to_come = at, text

    def _cursor_at_place(self) -> QTextCursor:
        cursor = QTextCursor(self.document())
        cursor.setPosition(self._place)
        return cursor

    def on_contents_change(self, at: int, removed: int, added: int) -> None:
        """What is still to come stays before what stands behind it. (A cursor of Qt's kept here ends in a crash.)"""
        if at < self._place:
            self._place = max(at, self._place - removed) + added

    def _begin_filling(self, parts: Iterator[tuple[int, str]]) -> None:
        self._parts = parts
        turns().begin(self, self._fill, "fill")

    def _fill(self) -> float:
        """Put in one more part; nobody is told, for the whole text stays the same."""
        left, part = next(self._parts)
        bar = self.verticalScrollBar()
        below = bar.maximum() - bar.value()
        self.blockSignals(True)
        cursor = self._cursor_at_place()
        cursor.joinPreviousEditBlock()
        cursor.insertText(part)
        cursor.endEditBlock()
        self.blockSignals(False)
        self.still_to_come = self.still_to_come[:left]
        bar.setValue(bar.maximum() - below)
        if left:
            return FILL_UNITS
        self.stop_filling()
        self.filled.emit()
        return 0.0

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """What is typed, and done with what is selected, comes behind a paste and is about all of the text."""
        self.finish_paste()
        if self.textCursor().hasSelection() or any(map(event.matches, _OF_ALL)):
            self.finish_filling()
        super().keyPressEvent(event)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """The same."""
        self.finish_paste()
        super().inputMethodEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The same."""
        self.finish_paste()
        super().mousePressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """What its menu does is done with all of the text."""
        self.finish_filling()
        super().contextMenuEvent(event)

    def insertPlainText(self, text: str) -> None:
        """The same."""
        self.finish_paste()
        super().insertPlainText(text)

    def undo(self) -> None:
        """Take back all of a paste."""
        self.finish_paste()
        super().undo()

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Plain text alone is pasted."""
        self.put_in(source.text())

    def createMimeDataFromSelection(self) -> QMimeData:
        """What is copied: long lines as they were."""
        return copied_as(super().createMimeDataFromSelection(), hardened(selected_text(self.textCursor())))
