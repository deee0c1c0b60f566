"""A text field for texts of any size: they are put in over several turns, their long lines in pieces.

Qt lays a line out anew with each key, however long it is, and asks all fonts for each letter that none of them has.
"""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QMimeData, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from app.ui.chat.long_text import hardened, parts_from_end, plain_text, selected_text, softened
from app.ui.chat.turns import turns

FILL_UNITS = 60.0  # of work for a part of a large text
MOST_LINES_PASTED = 5_000  # at once: Qt takes 3 us for each
_KEY = QKeySequence.StandardKey
_OF_ALL = (_KEY.Undo, _KEY.Redo, _KEY.SelectAll, _KEY.Copy, _KEY.Cut)


class LargeEdit(QPlainTextEdit):
    """The text field; `whole_text` and `set_whole_text` take the place of Qt's `toPlainText` and `setPlainText`.

    Attributes:
        still_to_come: What of a text that is put in bit by bit is not there yet; it belongs before what is.

    Signals:
        filled: All of a text that was put in bit by bit is there.
    """

    filled = Signal()

    still_to_come = ""
    _parts: Iterator[tuple[int, str]] = iter(())
    _place: QTextCursor  # of what is still to come

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

        One undo takes all of it away.
        """
        self.finish_paste()
        if text.count("\n") <= MOST_LINES_PASTED or self.still_to_come:
            self.insertPlainText(softened(text))
            return
        parts = parts_from_end(text)
        left, part = next(parts)
        self._coming(text[:left], self.textCursor().selectionStart())
        self.insertPlainText(part)
        self._begin_filling(parts)

    def finish_paste(self) -> None:
        """All that is still to come of what was put in, now."""
        while self.still_to_come and self.document().isUndoRedoEnabled():  # a whole text may take seconds
            self._fill()

    def _coming(self, text: str, at: int) -> None:
        self._place = QTextCursor(self.document())
        self._place.setPosition(at)
        self._place.setKeepPositionOnInsert(True)
        self.still_to_come = text

    def _cursor_at_place(self) -> QTextCursor:
        cursor = QTextCursor(self.document())  # one that keeps its position selects what is put in, line after line
        cursor.setPosition(self._place.position())
        return cursor

    def _begin_filling(self, parts: Iterator[tuple[int, str]]) -> None:
        self._parts = parts
        turns().begin(self, self._fill, "fill")

    def _fill(self) -> float:
        """Put in one more part; nobody is told, for the whole text stays the same."""
        left, part = next(self._parts, (0, ""))
        if not part:
            self.stop_filling()
            self.filled.emit()
            return 0.0
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
        return FILL_UNITS

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Undo, and what is done with all of the text, is about all of what is being put in."""
        if any(map(event.matches, _OF_ALL)):
            self.finish_paste()
        super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Plain text alone is pasted."""
        self.put_in(source.text())

    def createMimeDataFromSelection(self) -> QMimeData:
        """What is copied: long lines as they were."""
        data = QMimeData()
        data.setText(hardened(selected_text(self.textCursor())))
        return data
