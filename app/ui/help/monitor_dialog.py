"""Help > This machine: how answers are made, the cards, and the rest of the computer, with the last minute as graphs.

It looks while it can be seen, and not when it is hidden or minimised.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.bridge.monitor import Monitor
from app.machine.monitor.shown import Line, card_lines, head, speed_lines, system_lines
from app.machine.monitor.values import CardReading, Reading
from app.ui.help import words
from app.ui.help.graph import Graph
from app.ui.widgets import words as common_words
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.labels import Sentence
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

SIZE = (660, 720)
HOT = 100.0  # degrees at the upper edge
_POWER = 400.0  # watts at the upper edge where a card does not tell its limit


class _Section(QFrame):
    """A title, graphs, and lines of a name and a text; it is made anew only where other lines are told."""

    def __init__(self, title: str, theme: Theme, graphs: Sequence[Graph] = ()) -> None:
        super().__init__()
        self.setObjectName("model_row")
        self.setAccessibleName(title)
        self.graphs = graphs
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 14)
        column.setSpacing(8)
        self._title = Sentence(title)
        self._title.setObjectName("model_title")
        column.addWidget(self._title)
        if graphs:
            pairs = QGridLayout()
            pairs.setSpacing(8)
            for number, graph in enumerate(graphs):
                pairs.addWidget(graph, *divmod(number, 2))
            column.addLayout(pairs)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        column.addLayout(self._grid)
        self._values: list[Sentence] = []
        self.lines: tuple[Line, ...] = ()

    @property
    def title(self) -> str:
        """As shown."""
        return self._title.text()

    def show_lines(self, lines: tuple[Line, ...]) -> None:
        """What is told now."""
        if [name for name, _ in lines] != [name for name, _ in self.lines]:
            self._make(lines)
        for label, (name, text), before in zip(self._values, lines, self.lines or lines, strict=False):
            if text != before[1]:
                label.setText(text)
                label.setAccessibleName(f"{name}: {text}")
        self.lines = lines

    def _make(self, lines: tuple[Line, ...]) -> None:
        self.lines = ()
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self._values = []
        for row, (name, text) in enumerate(lines):
            value = Sentence(text)
            value.setAccessibleName(f"{name}: {text}")
            self._grid.addWidget(PlainLabel(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, row, 1)
            self._values.append(value)


class MonitorDialog(Sheet):
    """Asks nothing; the last section to change is drawn anew, no more."""

    own_size = True
    scrolls = False

    def __init__(self, monitor: Monitor, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.MONITOR, words.MONITOR, theme, parent)
        self._monitor = monitor
        body = QWidget()
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(10)
        self._note = Sentence("", "muted")
        self._note.hide()
        self.answer = _Section(words.NEWEST_ANSWER, theme)
        self.computer = _Section(
            words.COMPUTER, theme,
            (Graph(words.PROCESSOR_GRAPH, " %", 100, theme), Graph(words.MEMORY_GRAPH, " %", 100, theme)),
        )  # fmt: skip
        self.cards: list[_Section] = []
        for widget in (self.answer, self._note, self.computer):
            self._column.addWidget(widget)
        self._column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(words.MONITOR)
        area.setWidget(body)
        self.column.addWidget(area, 1)
        self.copy_button = CopyButton(self.report, words.COPY_WHAT_MONITOR, theme, words.COPY_MONITOR)
        self.copy_button.setAutoDefault(False)
        self.buttons.addButton(self.copy_button, self.buttons.ButtonRole.ActionRole)
        self.add_reject(common_words.CLOSE, primary=True)
        monitor.changed.connect(self.on_changed)
        resize_within_screen(self, round(SIZE[0] * theme.scale), round(SIZE[1] * theme.scale))
        self.on_changed()

    def on_changed(self) -> None:
        """One more look, or news of an answer."""
        self.answer.show_lines(speed_lines(self._monitor.speed))
        reading = self._monitor.reading
        if reading is None:
            return
        self._note.show_text(head(reading))
        self.computer.show_lines(system_lines(reading.system))
        minute = self._monitor.minute
        for graph, name in zip(self.computer.graphs, ("load", "memory"), strict=True):
            graph.show_series(minute.series(name), 100)
        self._show_cards(reading)

    def report(self) -> str:
        """What is copied."""
        lines = [words.MONITOR]
        for section in (self.answer, *self.cards, self.computer):
            lines += ["", section.title, *(f"  {name}: {text}" for name, text in section.lines)]
        if self.reading_note:
            lines.insert(1, self.reading_note)
        return "\n".join(lines)

    @property
    def reading_note(self) -> str:
        """What is said before all figures."""
        return head(self._monitor.reading) if self._monitor.reading is not None else ""

    # -- inside -----------------------------------------------------------------------------------------------------

    def _show_cards(self, reading: Reading) -> None:
        if [section.title for section in self.cards] != [card.name for card in reading.cards]:
            for section in self.cards:
                self._column.removeWidget(section)
                section.deleteLater()
            self.cards = [self._new_card(card) for card in reading.cards]
            for number, section in enumerate(self.cards):
                self._column.insertWidget(2 + number, section)
        for number, (section, card) in enumerate(zip(self.cards, reading.cards, strict=True)):
            section.show_lines(card_lines(card))
            most = (100.0, 100.0, HOT, card.power_limit or _POWER)
            for graph, name, upper in zip(section.graphs, words.CARD_SERIES, most, strict=True):
                graph.show_series(self._monitor.minute.series(f"card {number} {name}"), upper)

    def _new_card(self, card: CardReading) -> _Section:
        graphs = [Graph(name, unit, 100, self.theme) for name, unit in words.CARD_GRAPHS]
        return _Section(card.name, self.theme, graphs)

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """It can be seen: look."""
        super().showEvent(event)
        self._monitor.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """It cannot be seen: look no more."""
        super().hideEvent(event)
        self._monitor.stop()

    def changeEvent(self, event: QEvent) -> None:
        """The same where it is minimised."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            if self.isMinimized():
                self._monitor.stop()
            elif self.isVisible():
                self._monitor.start()
