"""What lies in the models folder and belongs to no model: take it back, or delete it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.library.values import Leftover, LibraryStatus
from app.ui.models import words
from app.ui.widgets import words as common_words
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.labels import Sentence
from app.ui.widgets.question import Question
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

if TYPE_CHECKING:
    from app.bridge.library import Library

SIZE = (600, 420)


class LeftoversDialog(Sheet):
    """A line with two buttons for each; the list follows each look."""

    own_size = True
    scrolls = False

    def __init__(self, library: Library, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.LEFTOVERS, words.LEFTOVERS, theme, parent)
        self._library = library
        self._asked: Leftover | None = None
        self._shown: tuple[Leftover, ...] | None = None
        self.text = self.add_text(words.LEFTOVERS_TEXT, "muted")
        self._body = QWidget()
        self._rows = QVBoxLayout(self._body)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setAccessibleName(words.LEFTOVERS)
        area.setWidget(self._body)
        self.column.addWidget(area, 1)
        self.add_reject(common_words.CLOSE, primary=True)
        library.status_changed.connect(self.on_status_changed)
        resize_within_screen(self, round(SIZE[0] * theme.scale), round(SIZE[1] * theme.scale))
        if library.status is not None:
            self.on_status_changed(library.status)

    def on_status_changed(self, status: LibraryStatus) -> None:
        """Other leftovers."""
        if status.leftovers == self._shown:
            return
        self._shown = status.leftovers
        while self._rows.count() > 1:
            item = self._rows.takeAt(0)
            row = item.widget() if item is not None else None
            if row is not None:
                row.hide()
                row.deleteLater()
        for number, leftover in enumerate(status.leftovers):
            self._rows.insertWidget(number, self._row(leftover, number))
        self.text.setText(words.LEFTOVERS_TEXT if status.leftovers else words.NO_LEFTOVERS)

    def on_take_back_clicked(self) -> None:
        """Into the list."""
        leftover = self._of_sender()
        if leftover is not None:
            self._library.adopt(leftover)

    def on_delete_clicked(self) -> None:
        """Ask first."""
        leftover = self._asked = self._of_sender()
        if leftover is not None:
            detail = words.delete_detail(leftover.text, leftover.size, leftover.files, leftover.kept)
            title = words.delete_leftover(leftover.path.name)
            question = Question(words.LEFTOVERS, title, detail, words.DELETE, self.theme, self)
            question.accepted.connect(self.on_deletion_agreed)
            question.open()

    def on_deletion_agreed(self) -> None:
        """The user is sure."""
        if self._asked is not None:
            self._library.clear(self._asked)

    def _of_sender(self) -> Leftover | None:
        button = self.sender()
        number = button.property("number") if button is not None else None
        return self._shown[number] if self._shown is not None and isinstance(number, int) else None

    def _row(self, leftover: Leftover, number: int) -> QFrame:
        row = QFrame()
        row.setObjectName("model_row")
        row.setAccessibleName(leftover.text)
        column = QVBoxLayout(row)
        column.setContentsMargins(14, 10, 14, 10)
        column.addWidget(Sentence(leftover.text))
        column.addWidget(Sentence(words.leftover_detail(leftover.path, leftover.size), "faint"))
        line = QHBoxLayout()
        line.addStretch(1)
        labels = [(words.TAKE_BACK, self.on_take_back_clicked)] if leftover.whole else []
        if leftover.files or not leftover.whole:
            labels.append((f"{words.DELETE} \u2026", self.on_delete_clicked))
        for label, slot in labels:
            button = QPushButton(label)
            button.setAutoDefault(False)
            button.setAccessibleName(f"{label}: {leftover.path.name}")
            button.setProperty("number", number)
            button.clicked.connect(slot)
            line.addWidget(button)
        column.addLayout(line)
        return row
