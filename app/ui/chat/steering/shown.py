"""All of an answer's text as it is shown, over the widgets that show it."""

from __future__ import annotations

from itertools import accumulate

from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.long_text import hardened, plain_text
from app.ui.widgets.text_layout import units_in

Edit = QTextEdit | QPlainTextEdit


class ShownText:
    """A look at an answer; it holds until something else is shown.

    Attributes:
        text: All of it, a line's end between two widgets.
    """

    def __init__(self, body: AnswerBody) -> None:
        self._edits = [edit for part in body.parts for edit in _edits_of(part)]
        texts = [hardened(plain_text(edit.document())) for edit in self._edits]
        self._starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
        self.text = "\n".join(texts)

    def selected(self, edit: Edit) -> tuple[int, int] | None:
        """Where in `text` the selection of a widget begins and ends."""
        cursor = edit.textCursor()
        return self._span(edit, cursor.selectionStart(), cursor.selectionEnd())

    def at(self, edit: Edit, units: int) -> int | None:
        """Where in `text` a place of a widget's document is, as Qt counts it."""
        found = self._span(edit, units, units)
        return found[0] if found is not None else None

    def cursor(self, first: int, last: int) -> tuple[Edit, QTextCursor] | None:
        """A cursor that selects a part of `text`; None if it reaches over two widgets, or into broken lines."""
        for number, edit in enumerate(self._edits):
            start, end = self._starts[number], self._starts[number + 1] - 1
            if not start <= first < last <= end:
                continue
            text = plain_text(edit.document())
            if len(text) != end - start:  # it has marks where long lines are broken
                return None
            cursor = QTextCursor(edit.document())
            cursor.setPosition(units_in(text[: first - start]))
            cursor.setPosition(units_in(text[: last - start]), QTextCursor.MoveMode.KeepAnchor)
            return edit, cursor
        return None

    def _span(self, edit: Edit, first: int, last: int) -> tuple[int, int] | None:
        if edit not in self._edits:
            return None
        start, raw = self._starts[self._edits.index(edit)], edit.document().toRawText()
        return start + _characters(raw, first), start + _characters(raw, last)


def _edits_of(part: QWidget) -> list[Edit]:
    if isinstance(part, QTextEdit | QPlainTextEdit):
        return [part]
    return [*part.findChildren(QTextEdit), *part.findChildren(QPlainTextEdit)]


def _characters(raw: str, units: int) -> int:
    """A place in a document, as Qt counts, in characters without what breaks long lines."""
    text = raw.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "replace")
    return len(hardened(text.replace("\u2029", "\n")))
