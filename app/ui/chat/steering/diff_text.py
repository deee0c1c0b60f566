"""A paragraph in which a part is replaced: what went is struck through, what came stands on a tint."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QTextCharFormat, QTextCursor

from app.ui.chat.flow_text import FlowText
from app.ui.chat.steering.diff import TextChange
from app.ui.widgets.text_layout import units_in
from app.ui.widgets.theme import Theme


class DiffText(FlowText):
    """Shows it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._before = 0  # UTF-16 units, as Qt counts
        self._changes: Sequence[TextChange] = ()

    def set_changes(self, before: str, changes: Sequence[TextChange], behind: str) -> None:
        """The text before the part, the part with what changed in it, the text behind.

        A space stands between what went and what came in its place.
        """
        spaced: list[TextChange] = []
        for change in changes:
            if change.kind == "in" and spaced and spaced[-1].kind == "out" and not spaced[-1].text[-1].isspace():
                spaced.append(TextChange("same", " "))
            spaced.append(change)
        self._before, self._changes = units_in(before), spaced
        self.set_content(before + "".join(each.text for each in spaced) + behind)

    def _mark(self) -> None:
        cursor, at = QTextCursor(self.document()), self._before
        for change in self._changes:
            end = at + units_in(change.text)
            if change.kind != "same":
                cursor.setPosition(at)
                cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
                cursor.mergeCharFormat(self._look(change))
            at = end

    def _look(self, change: TextChange) -> QTextCharFormat:
        look = QTextCharFormat()
        if change.kind == "out":
            look.setForeground(self._theme.color("muted"))
            look.setFontStrikeOut(True)
        else:
            look.setBackground(self._theme.color("selection"))
        return look
