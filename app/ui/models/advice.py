"""On the page of a new chat, as long as only the starter model is there: what was found, and which model suits."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from app.library.values import LibraryStatus
from app.ui.models import words
from app.ui.widgets.labels import Sentence


class FirstAdvice(QFrame):
    """A quiet card; hidden until something is known, and after the user said "Not now".

    Signals:
        models_wanted: Show the models.
        check_wanted: Look at this computer.
        refused: Not now.
    """

    models_wanted = Signal()
    check_wanted = Signal()
    refused = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("first_advice")
        self.card, self.advice = Sentence(), Sentence(role="muted")
        self.card.setObjectName("engine_part")
        self.show_button, self.refuse = QPushButton(words.SHOW_MODELS), QPushButton(words.NOT_NOW)
        self.check_button = QPushButton(words.CHECK_COMPUTER)
        self.refuse.setProperty("role", "quiet")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for button in (self.refuse, self.check_button, self.show_button):
            button.setAccessibleName(button.text())
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 12, 10)
        column.setSpacing(4)
        column.addWidget(self.card)
        column.addWidget(self.advice)
        column.addLayout(row)
        self.show_button.clicked.connect(self.models_wanted)
        self.check_button.clicked.connect(self.check_wanted)
        self.refuse.clicked.connect(self.refused)
        self.hide()

    def show_status(self, status: LibraryStatus | None) -> None:
        """Say it; None hides the card. Where no model would run, the user may look why."""
        self.setVisible(status is not None)
        if status is None:
            return
        runs = bool(status.advice.id)
        machine = status.machine
        self.card.show_text(
            words.found(words.machine_head(machine)) if machine.card else machine.why_no_card.rstrip(".")
        )
        self.advice.setText(status.advice.text)
        self.check_button.setVisible(not runs)
        self.refuse.setText(words.NOT_NOW if runs else words.HIDE)
        self.refuse.setAccessibleName(self.refuse.text())
        self.setAccessibleName(f"{self.card.text()}. {self.advice.text()}")
