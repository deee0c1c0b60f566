"""A list of what was looked at: how it is, what it is, and what was found, a line each; it scrolls."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.ui.widgets.labels import Pill, Sentence
from app.ui.widgets.plain import PlainLabel


class FindingList(QScrollArea):
    """Lines come one after another."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(name)
        self.count = 0
        self._start()

    def add(self, pill_text: str, tone: str, name: str, text: str, hint: str = "") -> None:
        """One more line."""
        self.count += 1
        row, top = self.count, Qt.AlignmentFlag.AlignTop
        pill = Pill()
        pill.show_text(pill_text, tone)
        pill.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout()
        column.setSpacing(2)
        said = Sentence(text)
        said.setAccessibleName(f"{name}, {pill_text}: {text} {hint}".strip())
        column.addWidget(said)
        if hint:
            column.addWidget(Sentence(hint, "muted"))
        self._grid.addWidget(pill, row, 0, top)
        self._grid.addWidget(PlainLabel(name, "muted"), row, 1, top)
        self._grid.addLayout(column, row, 2)

    def clear(self) -> None:
        """No lines any more."""
        if self.count:
            self.count = 0
            self._start()

    def _start(self) -> None:
        body = QWidget()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(10)
        self._grid.setColumnStretch(2, 1)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 8, 0)
        column.addLayout(self._grid)
        column.addStretch(1)
        self.setWidget(body)  # Qt deletes the one before
