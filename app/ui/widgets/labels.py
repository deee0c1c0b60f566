"""Labels for sentences, small marks, and frames that say what is wrong or done; shared by the models window's parts."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.base.errors import ErrorReport

LEAST_WIDTH = 60


class Sentence(QLabel):
    """Plain text over as many lines as it needs; one long word (a path) does not make the window wider."""

    def __init__(self, text: str = "", role: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setMinimumWidth(LEAST_WIDTH)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        if role:
            self.setProperty("role", role)

    def show_text(self, text: str) -> None:
        """Say it; nothing is shown if there is nothing to say."""
        self.setText(text)
        self.setVisible(bool(text))


class Pill(QLabel):
    """A word or two on a tinted ground."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("pill")
        self.setTextFormat(Qt.TextFormat.PlainText)

    def show_text(self, text: str, tone: str) -> None:
        """Say it in one of the tones "calm", "good", "busy", "warn", "bad", "strong"."""
        self.setText(text)
        self.setVisible(bool(text))
        set_tone(self, tone)


class TroubleFrame(QFrame):
    """What is wrong with a model, and what to do."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("trouble")
        self.text, self.hint = Sentence(), Sentence(role="muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(2)
        column.addWidget(self.text)
        column.addWidget(self.hint)
        self.hide()

    def show_report(self, report: ErrorReport | None) -> None:
        """Say it; nothing is shown without a report."""
        self.setVisible(report is not None)
        if report is not None:
            self.text.setText(report.text)
            self.hint.show_text(report.hint)
            self.setAccessibleName(f"{report.text} {report.hint}".strip())


class Strip(QFrame):
    """News at the head of a window, until it is closed or something else is said.

    Signals:
        acted: The button of the news was pressed.
    """

    acted = Signal()

    def __init__(self, close: str) -> None:
        super().__init__()
        self.setObjectName("strip")
        self.text, self.hint = Sentence(), Sentence(role="muted")
        self.action, self.close_button = QPushButton(), QPushButton(close)
        for button in (self.action, self.close_button):
            button.setAutoDefault(False)
            button.setProperty("role", "quiet")
            button.setAccessibleName(button.text() or "Action")
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(self.text)
        column.addWidget(self.hint)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 8, 8)
        row.addLayout(column, 1)
        row.addWidget(self.action, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        self.close_button.clicked.connect(self.hide)
        self.action.clicked.connect(self.on_action_clicked)
        self.hide()

    def say(self, text: str, hint: str = "", tone: str = "calm", action: str = "") -> None:
        """Say it, with a button if there is something to do."""
        self.text.setText(text)
        self.hint.show_text(hint)
        self.action.setText(action)
        self.action.setAccessibleName(action or "Action")
        self.action.setVisible(bool(action))
        self.setAccessibleName(f"{text} {hint}".strip())
        set_tone(self, tone)
        self.show()

    def on_action_clicked(self) -> None:
        """Passed on."""
        self.hide()
        self.acted.emit()


def set_tone(widget: QWidget, tone: str, name: str = "tone") -> None:
    """Let the style sheet see another tone; nothing is polished where it is the same."""
    if widget.property(name) != tone:
        widget.setProperty(name, tone)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
