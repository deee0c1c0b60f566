"""The form of all answers of a chat: a JSON schema, or the answers to choose from; errors are shown where they are."""

from __future__ import annotations

import json
import re
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QTextEdit, QWidget

from app.base.files import parse_json
from app.chats.options import LONGEST_FORM, choices_of
from app.ui.chat.large_edit import LargeEdit
from app.ui.chat.long_text import MARK
from app.ui.chat.steering import words
from app.ui.widgets import words as common_words
from app.ui.widgets.labels import Sentence
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme
from inference.events import Event, Failed

_ROWS = 14
_LONG_NUMBER = re.compile(r"(?<!\d)\d{4000}")  # Python reads 4,300 digits
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{\]}]', re.DOTALL)


class FormDialog(Sheet):
    """Edits one.

    Signals:
        check_wanted: The model shall say whether it can keep this text's form.
        chosen: The text, which it can keep.

    Args:
        kind: "schema" or "choice".
        text: What there is already.
        theme: Fonts and colours.
        parent: The window.
    """

    check_wanted = Signal(str)
    chosen = Signal(str)
    width_ems = 52

    def __init__(self, kind: str, text: str, theme: Theme, parent: QWidget) -> None:
        super().__init__(words.FORM, words.FORM_TITLES[kind], theme, parent)
        self._kind = kind
        self.add_text(words.FORM_TEXTS[kind], "muted")
        self.edit = LargeEdit()
        self.edit.setAccessibleName(words.FORM_TITLES[kind])
        self.edit.setPlaceholderText(words.FORM_EXAMPLES[kind])
        self.edit.setTabChangesFocus(True)
        self.edit.setFont(theme.mono_font() if kind == "schema" else theme.font())
        self.edit.setFixedHeight(self.edit.fontMetrics().lineSpacing() * _ROWS + 16)
        self.edit.set_whole_text(text)
        self.column.addWidget(self.edit)
        self.error = Sentence()
        self.error.hide()
        self.column.addWidget(self.error)
        self.load = QPushButton(words.LOAD_SCHEMA)
        self.load.setVisible(kind == "schema")
        self.load.clicked.connect(self.on_load)
        row = QHBoxLayout()
        row.addWidget(self.load)
        row.addStretch(1)
        self.column.addLayout(row)
        self.agree = self.add_accept(words.USE_FORM, primary=True)
        self.add_reject(common_words.CANCEL)
        self.edit.textChanged.connect(self.on_text_changed)
        self.on_text_changed()
        self.edit.setFocus()

    @property
    def text(self) -> str:
        """What is typed."""
        return self.edit.whole_text().strip()

    def on_text_changed(self) -> None:
        """Say at once what can be seen without the model."""
        if not self.text:
            self.agree.setEnabled(False)
            self._show_error("", None)
            return
        if len(self.text) > LONGEST_FORM:
            self._show_error(words.form_too_long(len(self.text), LONGEST_FORM), None)
        elif self._kind == "choice":
            self._show_error("" if len(choices_of(self.text)) > 1 else words.TWO_CHOICES, None)
        else:
            self._look_at_json()
        self.agree.setEnabled(self.error.isHidden())

    def on_load(self) -> None:
        """Take the schema of a file."""
        name, _ = QFileDialog.getOpenFileName(self, words.LOAD_SCHEMA, "", words.SCHEMA_FILES)
        if not name:
            return
        path = Path(name)
        try:
            if not path.is_file() or path.stat().st_size > 4 * LONGEST_FORM:
                self._show_error(words.no_schema_file(path.name), None)
                return
            self.edit.set_whole_text(path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError):
            self._show_error(words.no_schema_file(path.name), None)

    def accept(self) -> None:
        """The model looks at it first."""
        if self.agree.isEnabled():
            self.agree.setEnabled(False)
            self.check_wanted.emit(self.text)

    def on_checked(self, text: str, event: Event) -> None:
        """It can be kept, or not, and why; nothing of a text that is no longer there."""
        if text != self.text:
            return
        self.agree.setEnabled(True)
        if isinstance(event, Failed):
            self._show_error(f"{event.user_text} {event.hint}".strip(), self._pointed_at(event.user_text))
            self.agree.setEnabled(False)
            return
        self.chosen.emit(self.text)
        super().accept()

    def _look_at_json(self) -> None:
        try:
            parse_json(self.edit.whole_text())
        except json.JSONDecodeError as exc:
            self._show_error(words.json_error(exc.lineno, exc.colno, exc.msg), exc.pos)
        except ValueError:  # it is JSON: of too many digits, or too deep
            text = self.edit.whole_text()
            number = _LONG_NUMBER.search(text)
            at = number.start() if number is not None else _deepest(text)
            say = words.json_number_too_long if number is not None else words.json_too_deep
            self._show_error(say(text.count("\n", 0, at) + 1), at)
        else:
            self._show_error("", None)

    def _pointed_at(self, said: str) -> int | None:
        """Where in the text a JSON pointer of a sentence leads."""
        pointer = next((word for word in said.split() if word.startswith(("#", "/"))), "")
        text, at = self.edit.whole_text(), -1
        for name in pointer.strip("#.,:").split("/"):
            key = json.dumps(name.replace("~1", "/").replace("~0", "~"), ensure_ascii=False)
            found = text.find(key, at + 1) if name else -1
            at = found if found >= 0 else at
        return at if at >= 0 else None

    def _show_error(self, text: str, place: int | None) -> None:
        self.error.show_text(text)
        selections = []
        if place is not None and MARK not in self.edit.toPlainText():  # else it stands elsewhere
            cursor = QTextCursor(self.edit.document())
            cursor.setPosition(min(place, self.edit.document().characterCount() - 1))
            cursor.select(QTextCursor.SelectionType.LineUnderCursor)
            selection = QTextEdit.ExtraSelection()
            look = QTextCharFormat()
            look.setBackground(self.theme.color("danger_soft"))
            look.setUnderlineColor(self.theme.color("danger"))
            look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            selection.cursor, selection.format = cursor, look
            selections.append(selection)
        self.edit.setExtraSelections(selections)
        self.fit_height()


def _deepest(text: str) -> int:
    """Where in JSON its deepest object or list begins, in characters."""
    depth, most, place = 0, 0, 0
    for found in _NESTING.finditer(text):
        depth += (found[0] in "[{") - (found[0] in "]}")
        if depth > most:
            most, place = depth, found.start()
    return place
