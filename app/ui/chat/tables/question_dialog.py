"""One question of a table: what is asked, and of what kind its answers are."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit, QSpinBox, QWidget

from app.chats.ids import new_id
from app.chats.tables.values import (
    ANSWER_KINDS,
    LONGEST_LABEL,
    LONGEST_NAME,
    LONGEST_QUESTION,
    MOST_LABELS,
    TableQuestion,
)
from app.ui.chat.tables import words
from app.ui.widgets import words as common_words
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme
from inference.operations.requests import MOST_SCORE

_ROWS = 5


class TableQuestionDialog(Sheet):
    """Edits one.

    Signals:
        taken: The `TableQuestion`; it has another id where it asks for something else.
    """

    taken = Signal(object)
    width_ems = 46

    def __init__(
        self, question: TableQuestion | None, heads: Collection[str], theme: Theme, parent: QWidget | None = None
    ) -> None:
        """Nothing is changed yet.

        Args:
            question: The one that is edited; None for a new one.
            heads: Heads of the other columns.
            theme: Fonts and colours.
            parent: The window.
        """
        title = words.NEW_TITLE if question is None else words.EDIT_TITLE
        super().__init__(words.QUESTION, title, theme, parent)
        self._before, self._heads = question, {head.casefold() for head in heads}
        self.text = QLineEdit("" if question is None else question.text)
        self.text.setMaxLength(LONGEST_QUESTION)
        self.text.setPlaceholderText(words.QUESTION_EXAMPLE)
        self.name = QLineEdit("" if question is None else question.name)
        self.name.setMaxLength(LONGEST_NAME)
        self.name.setPlaceholderText(words.NAME_EXAMPLE)
        self.kind = QComboBox()
        for kind in ANSWER_KINDS:
            self.kind.addItem(words.KINDS[kind], kind)
        self.kind.view().setAccessibleName(words.KIND)
        self.labels = QPlainTextEdit()
        self.labels.setTabChangesFocus(True)
        self.labels.setPlaceholderText(words.LABELS_EXAMPLE)
        self.labels.setFont(theme.font())
        self.labels.setFixedHeight(self.labels.fontMetrics().lineSpacing() * _ROWS + 16)
        self.most = QSpinBox()
        self.most.setRange(2, MOST_SCORE)
        self.most.setValue(5)
        editors = ((words.QUESTION_TEXT, self.text), (words.NAME, self.name), (words.KIND, self.kind))
        self._captions: dict[QWidget, PlainLabel] = {}
        for caption, editor in (*editors, (words.LABELS, self.labels), (words.MOST, self.most)):
            self._add(caption, editor)
        self.error = self.add_text("", "muted")
        self.agree = self.add_accept(words.TAKE, primary=True)
        self.add_reject(common_words.CANCEL)
        if question is not None:
            self.kind.setCurrentIndex(ANSWER_KINDS.index(question.kind))
            self.labels.setPlainText("\n".join(question.labels))
            self.most.setValue(question.most)
        for changed in (self.text.textChanged, self.name.textChanged, self.labels.textChanged):
            changed.connect(self.on_changed)
        self.kind.currentIndexChanged.connect(self.on_kind_changed)
        self.on_kind_changed()
        self.text.setFocus()

    def on_kind_changed(self, *_: object) -> None:
        """Show what this kind needs."""
        kind = self.kind.currentData()
        for editor, needed in ((self.labels, kind == "label"), (self.most, kind == "score")):
            editor.setVisible(needed)
            self._captions[editor].setVisible(needed)
        self.on_changed()
        self.fit_height()

    def on_changed(self, *_: object) -> None:
        """Say what is missing."""
        labels, error = self._labels(), ""
        if self.kind.currentData() == "label" and self.labels.toPlainText().strip():
            error = words.TWO_LABELS if len(labels) < 2 else words.MANY_LABELS if len(labels) > MOST_LABELS else ""
        if self._head().casefold() in self._heads:
            error = words.TWICE
        needed = self.kind.currentData() != "label" or 2 <= len(labels) <= MOST_LABELS
        note = words.EDIT_NOTE if self._before is not None else ""
        self.error.show_text(error or note)
        self.agree.setEnabled(bool(self.text.text().strip()) and needed and not error)
        self.fit_height()

    def accept(self) -> None:
        """Tell."""
        if not self.agree.isEnabled():
            return
        kind = self.kind.currentData()
        labels = tuple(self._labels()) if kind == "label" else ()
        fresh = TableQuestion(new_id(), self._head(), self.text.text().strip(), kind, labels, self.most.value())
        before = self._before
        if before is not None and _same(before, fresh):
            fresh = TableQuestion(before.id, fresh.name, fresh.text, kind, labels, fresh.most)
        self.taken.emit(fresh)
        super().accept()

    def _head(self) -> str:
        """As typed, else the question's beginning."""
        return " ".join((self.name.text().strip() or self.text.text().strip()).split())[:LONGEST_NAME]

    def _labels(self) -> list[str]:
        lines = (" ".join(line.split())[:LONGEST_LABEL] for line in self.labels.toPlainText().split("\n"))
        return list(dict.fromkeys(line for line in lines if line))

    def _add(self, caption: str, editor: QWidget) -> None:
        label = PlainLabel(caption)
        label.setBuddy(editor)
        editor.setAccessibleName(caption)
        self.column.addWidget(label)
        self.column.addWidget(editor)
        self._captions[editor] = label


def _same(one: TableQuestion, other: TableQuestion) -> bool:
    """Whether both ask for the same."""
    most = one.kind != "score" or one.most == other.most
    return (one.text, one.kind, one.labels) == (other.text, other.kind, other.labels) and most
