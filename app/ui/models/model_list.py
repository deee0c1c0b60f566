"""The scrolling part of the models window: this computer, the advice, and the models under two headings."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QFrame, QScrollArea, QVBoxLayout, QWidget

from app.library.values import LibraryStatus, ModelState, ModelStatus
from app.ui.models import words
from app.ui.models.buttons import Now
from app.ui.models.row import ModelRow
from app.ui.models.row_status import row_status
from app.ui.widgets.labels import Sentence
from app.ui.widgets.plain import PlainLabel


class MachinePanel(QFrame):
    """The graphics card, what is around it, and which model suits."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("machine_panel")
        self.card, self.around, self.advice = Sentence(words.LOOKING), Sentence(role="muted"), Sentence()
        self.card.setObjectName("engine_headline")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(4)
        for widget in (self.card, self.around, self.advice):
            column.addWidget(widget)
        self.around.hide()
        self.advice.hide()

    def show_status(self, status: LibraryStatus) -> None:
        """What a look found."""
        self.card.setText(words.machine_head(status.machine))
        self.around.show_text(words.machine_line(status.machine, status.advice.text))
        self.advice.show_text(status.advice.text)
        self.setAccessibleName(f"{self.card.text()}. {self.around.text()}. {self.advice.text()}")


class ModelList(QScrollArea):
    """A card for each model; cards are kept as long as their model is there.

    Signals:
        pressed: Name of what the user wants, and the model's id.
    """

    pressed = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("model_area")
        self.setAccessibleName(words.TITLE)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.machine = MachinePanel()
        self.rows: dict[str, ModelRow] = {}
        self._models: dict[str, ModelStatus] = {}
        self._details: set[str] = set()
        self._wanted = ""
        self._order: tuple[str, ...] = ()
        self._headings = {True: PlainLabel(words.HERE), False: PlainLabel(words.TO_DOWNLOAD)}
        body = QWidget()
        body.setObjectName("model_body")
        self.column = QVBoxLayout(body)
        self.column.setContentsMargins(24, 4, 24, 12)
        self.column.setSpacing(10)
        self.column.addWidget(self.machine)
        for heading in self._headings.values():
            heading.setObjectName("list_heading")
            heading.hide()
            self.column.addWidget(heading)
        self.column.addStretch(1)
        self.setWidget(body)
        self._reveal = QTimer(self)
        self._reveal.setSingleShot(True)
        self._reveal.timeout.connect(self.on_reveal_due)

    def show_models(self, status: LibraryStatus, states: dict[str, ModelState], now: Now) -> bool:
        """Show every model as it is; True if there are other rows than before, or in another order."""
        self.machine.show_status(status)
        order = tuple(model.id for model in status.models)
        arranged = order != self._order
        if arranged:
            self._arrange(status, order)
        self._models = {model.id: model for model in status.models}
        for model in status.models:
            shown = row_status(model, states[model.id], now, model.id in self._details)
            self.rows[model.id].show_status(shown)
        if self._wanted in self.rows:
            self._reveal.start()
        return arranged

    def tab_order(self) -> list[QWidget]:
        """The controls of all rows, as Tab goes through them."""
        return [control for one in self._order for control in self.rows[one].tab_order()]

    def toggle_details(self, model_id: str) -> None:
        """Show or hide them from the next `show_models` on."""
        self._details ^= {model_id}

    def reveal(self, model_id: str) -> None:
        """Bring a row into view as soon as it is there."""
        self._wanted = model_id
        if model_id in self.rows:
            self._reveal.start()

    def on_reveal_due(self) -> None:
        """The row has its place now."""
        row = self.rows.get(self._wanted)
        self._wanted = ""
        if row is not None:
            self.ensureWidgetVisible(row, 0, 12)
            (row.buttons() or [row.more])[0].setFocus()

    def _arrange(self, status: LibraryStatus, order: tuple[str, ...]) -> None:
        """Make rows for new models, drop those of models that are gone, and put all in their order."""
        focused = next(
            (row for row in self.rows.values() if row.isAncestorOf(QApplication.focusWidget() or self)), None
        )
        for gone in set(self.rows) - set(order):
            self._drop(gone, focused, status)
        for model in status.models:
            if model.id not in self.rows:
                row = self.rows[model.id] = ModelRow(model.id)
                row.pressed.connect(self.pressed)
        here = [model.id for model in status.models if model.kind != "catalogue"]
        there = [model.id for model in status.models if model.kind == "catalogue"]
        place = self.column.indexOf(self.machine) + 1
        for local, ids in ((True, here), (False, there)):
            widgets: list[QWidget] = [self._headings[local], *(self.rows[one] for one in ids)]
            self._headings[local].setVisible(bool(ids))
            for widget in widgets:
                if self.column.indexOf(widget) != place:
                    self.column.insertWidget(place, widget)
                    if widget is not self._headings[local]:
                        widget.show()  # now, not in a later turn of the event loop
                place += 1
        self._order = order

    def _drop(self, gone: str, focused: ModelRow | None, status: LibraryStatus) -> None:
        row, before = self.rows.pop(gone), self._models.get(gone)
        if row is focused and before is not None and not self._wanted:  # a download begins: its row has another id
            same = (model.id for model in status.models if before.repo and model.repo == before.repo)
            self._wanted = next(same, "")
        self.column.removeWidget(row)
        row.hide()
        row.deleteLater()
        self._details.discard(gone)
