"""A text field for texts of any size: they are put in over several turns, their long lines in pieces.

Qt lays a line out anew with each key, however long it is, and asks all fonts for each letter that none of them has.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from PySide6.QtCore import QMimeData, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from app.ui.chat.long_text import hardened, parts_from_end, plain_text, selected_text, softened
from app.ui.chat.turns import turns

FILL_UNITS = 60.0  # of work for a part of a large text


class LargeEdit(QPlainTextEdit):
    """The text field; `whole_text` and `set_whole_text` take the place of Qt's `toPlainText` and `setPlainText`.

    Attributes:
        still_to_come: The beginning of a text that is put in bit by bit, as far as it is not there yet.

    Signals:
        filled: All of a text that was put in bit by bit is there.
    """

    filled = Signal()

    still_to_come = ""

    def whole_text(self) -> str:
        """What it says; no-break spaces and the like as they are, which Qt's own plain text makes ordinary ones."""
        return self.still_to_come + hardened(plain_text(self.document()))

    def set_whole_text(self, text: str) -> None:
        """Put text in, the cursor behind it: its end at once, the rest of a very large one soon.

        What is typed meanwhile stands behind it, for the rest is put before what is there.
        """
        parts = parts_from_end(text)
        left, part = next(parts, (0, ""))
        self.stop_filling()
        self.still_to_come = text[:left]
        self.setPlainText(part)
        self.moveCursor(QTextCursor.MoveOperation.End)
        if left:
            self.document().setUndoRedoEnabled(False)
            turns().begin(self, partial(self._fill, parts), "fill")

    def stop_filling(self) -> None:
        """What is still to come is wanted no longer."""
        turns().end(self, "fill")
        self.still_to_come = ""
        self.document().setUndoRedoEnabled(True)

    def put_in(self, text: str) -> None:
        """Put text where the cursor stands, its long lines in pieces."""
        self.insertPlainText(softened(text))

    def _fill(self, parts: Iterator[tuple[int, str]]) -> float:
        """Put in one more part; nobody is told, for the whole text stays the same."""
        left, part = next(parts, (0, ""))
        if not part:
            self.stop_filling()
            self.filled.emit()
            return 0.0
        bar = self.verticalScrollBar()
        below = bar.maximum() - bar.value()
        self.blockSignals(True)
        QTextCursor(self.document()).insertText(part)
        self.blockSignals(False)
        self.still_to_come = self.still_to_come[:left]
        bar.setValue(bar.maximum() - below)
        return FILL_UNITS

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Plain text alone is pasted."""
        self.put_in(source.text())

    def createMimeDataFromSelection(self) -> QMimeData:
        """What is copied: long lines as they were."""
        data = QMimeData()
        data.setText(hardened(selected_text(self.textCursor())))
        return data
