"""One model in the models window: a card that is changed in place, never built anew."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.models import words
from app.ui.models.buttons import Button
from app.ui.models.row_status import Bar, RowStatus
from app.ui.widgets.labels import ElidedLabel, Pill, Sentence, TroubleFrame, set_tone, turn
from app.ui.widgets.plain import PlainLabel, set_tip, tip

STEPS = 1000  # of the progress bar
MOST_BUTTONS = 2  # beside "More"


class ModelRow(QFrame):
    """One model.

    Signals:
        pressed: Name of what the user wants, and the model's id.
    """

    pressed = Signal(str, str)

    def __init__(self, model_id: str) -> None:
        super().__init__()
        self.setObjectName("model_row")
        self.model_id = model_id
        self.status: RowStatus | None = None
        self.title, self.origin = ElidedLabel(), ElidedLabel()
        self.title.setObjectName("model_title")
        self.origin.setProperty("role", "faint")
        self.state, self.mark = Pill(), Pill()
        self.dot, self.fit = PlainLabel("\u25cf"), Sentence()
        self.dot.setObjectName("fit_dot")
        self.about, self.sizes = Sentence(role="muted"), Sentence(role="faint")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, STEPS)
        self.progress, self.note = Sentence(role="faint"), Sentence()
        self.trouble = TroubleFrame()
        self.facts = ModelFacts()
        self._buttons = [self._new_button() for _ in range(MOST_BUTTONS)]
        self.more = QPushButton(words.MORE)
        self.more.setAutoDefault(False)
        self.menu = QMenu(self.more)
        self.menu.setToolTipsVisible(True)
        self.more.setMenu(self.menu)
        self._lay_out()

    def _lay_out(self) -> None:
        head, below, fit = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(self.title, 1)
        head.addWidget(self.state)
        below.setSpacing(10)
        below.addWidget(self.origin, 1)
        below.addWidget(self.mark)
        fit.setSpacing(7)
        fit.addWidget(self.dot, 0, Qt.AlignmentFlag.AlignTop)
        fit.addWidget(self.fit, 1)
        row, texts = QHBoxLayout(), QVBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for button in (*self._buttons, self.more):
            row.addWidget(button)
        texts.setSpacing(3)
        for line in (self.progress, self.note, self.sizes):
            texts.addWidget(line)
        texts.addStretch(1)
        self._foot = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._foot.setSpacing(12)
        self._foot.addLayout(texts, 1)
        self._foot.addLayout(row)
        self._foot.setAlignment(row, Qt.AlignmentFlag.AlignBottom)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(5)
        column.addLayout(head)
        column.addLayout(below)
        column.addSpacing(3)
        column.addLayout(fit)
        column.addWidget(self.about)
        column.addSpacing(2)
        for widget in (self.trouble, self.facts, self.bar):
            column.addWidget(widget)
        column.addLayout(self._foot)

    # -- showing ----------------------------------------------------------------------------------------------------

    def show_status(self, status: RowStatus) -> None:
        """Change what is different."""
        before, self.status = self.status, status
        if before == status:
            return
        self.setAccessibleName(status.spoken)
        self._show_texts(status)
        self._show_bar(status.bar)
        self.trouble.show_report(status.problem)
        if before is None or before.facts != status.facts:
            self.facts.show_facts(status.facts)
        if before is None or before.buttons != status.buttons or before.title != status.title:
            self._show_buttons(status)
        if before is None or before.menu != status.menu or before.title != status.title:
            self._show_menu(status)

    def _show_texts(self, status: RowStatus) -> None:
        if self.title.full_text != status.title:
            self.title.set_full_text(status.title)
        if self.origin.full_text != status.origin:
            self.origin.set_full_text(status.origin)
        self.state.show_text(*status.state)
        self.mark.show_text(status.mark, "strong" if status.mark == words.IN_USE else "good")
        verdict, text, tone = status.fit
        self.dot.setAccessibleName(verdict)
        set_tip(self.dot, verdict)
        set_tone(self.dot, tone)
        self.fit.setText(text)
        self.about.show_text(status.about)
        self.sizes.show_text(status.sizes)

    def _show_bar(self, bar: Bar | None) -> None:
        self.bar.setVisible(bar is not None)
        self.progress.show_text(bar.text if bar is not None else "")
        self.note.show_text(bar.note if bar is not None else "")
        if bar is not None:
            self.bar.setValue(round(STEPS * bar.fraction))
            self.bar.setAccessibleName(bar.text)
            set_tone(self.bar, "calm" if bar.calm or bar.note else "busy")

    def _show_buttons(self, status: RowStatus) -> None:
        """The same buttons with other labels, so that the focus stays where it is."""
        for number, button in enumerate(self._buttons):
            shown = number < len(status.buttons)
            if shown:
                self._show_button(button, status.buttons[number], status.title)
            if not shown and button.hasFocus():
                self.more.setFocus()
            button.setVisible(shown)
        self.more.setAccessibleName(f"{words.MORE}: {status.title}")

    def _new_button(self) -> QPushButton:
        button = QPushButton()
        button.setAccessibleName("Action")
        button.setAutoDefault(False)
        button.clicked.connect(self.on_clicked)
        return button

    def _show_button(self, button: QPushButton, spec: Button, title: str) -> None:
        button.setObjectName("row_button")
        button.setProperty("does", spec.name)
        button.setText(spec.label)
        button.setAccessibleName(f"{spec.label}: {title}")
        set_tip(button, spec.why)
        if spec.why and button.hasFocus():
            self.more.setFocus()
        button.setEnabled(not spec.why)
        set_tone(button, "primary" if spec.primary and not spec.why else "", "role")

    def _show_menu(self, status: RowStatus) -> None:
        """The lines stay where they are while the menu is open, unless there are others."""
        actions = self.menu.actions()
        if [action.data() for action in actions] != [line.name for line in status.menu]:
            self.menu.clear()
            actions = [self._new_action(line.name) for line in status.menu]
        self.menu.setAccessibleName(f"{words.MORE}: {status.title}")
        for action, line in zip(actions, status.menu, strict=True):
            action.setText(line.label)
            action.setEnabled(not line.why)
            action.setToolTip(tip(line.why))

    def _new_action(self, name: str) -> QAction:
        action = self.menu.addAction("")
        action.setData(name)
        action.triggered.connect(self.on_triggered)
        return action

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Buttons stand beside the last lines, or below them where there is no room."""
        super().resizeEvent(event)
        turn(self._foot, self)

    # -- pressing ---------------------------------------------------------------------------------------------------

    def buttons(self) -> list[QPushButton]:
        """Those that are shown, without "More"."""
        return [button for button in self._buttons if not button.isHidden()]

    def tab_order(self) -> list[QPushButton]:
        """Its controls, as Tab goes through them."""
        return [*self._buttons, self.more]

    def on_clicked(self) -> None:
        """A button."""
        button = self.sender()
        if isinstance(button, QPushButton):
            self.pressed.emit(button.property("does"), self.model_id)

    def on_triggered(self) -> None:
        """A line of the menu."""
        action = self.sender()
        if isinstance(action, QAction):
            self.pressed.emit(action.data(), self.model_id)


class ModelFacts(QWidget):
    """Name and value in two columns; the labels are made when they are needed first."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 6, 0, 2)
        self._grid.setHorizontalSpacing(18)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(1, 1)
        self._labels: list[tuple[PlainLabel, Sentence]] = []
        self.hide()

    def show_facts(self, facts: tuple[tuple[str, str], ...]) -> None:
        """Show these; nothing if there are none."""
        while len(self._labels) < len(facts):
            name, value = PlainLabel(role="muted"), Sentence()
            self._grid.addWidget(name, len(self._labels), 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, len(self._labels), 1)
            self._labels.append((name, value))
        for number, (name, value) in enumerate(self._labels):
            shown = number < len(facts)
            name.setText(facts[number][0] if shown else "")
            value.setText(facts[number][1] if shown else "")
            value.setAccessibleName(f"{facts[number][0]}: {facts[number][1]}" if shown else "")
            name.setVisible(shown)
            value.setVisible(shown)
        self.setVisible(bool(facts))
