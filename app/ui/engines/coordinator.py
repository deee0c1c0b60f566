"""What the window does about engines: opens the card, and says elsewhere what is going on while the card is closed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMainWindow, QWidget

from app.base import units
from app.base.errors import ErrorReport
from app.base.paths import AppPaths
from app.bridge.chat import ChatController
from app.bridge.engines import Engines
from app.bridge.gpu import GpuAddon
from app.engines.values import EngineWork, EngineWorkEnd, Looked
from app.library.answering import ModelPhase
from app.ui.engines import words
from app.ui.engines.card import EngineCard
from app.ui.models.buttons import same_folder
from app.ui.widgets.theme import ThemeManager

if TYPE_CHECKING:
    from app.ui.chat.pane import ChatPane

    _Base = QMainWindow
else:
    _Base = object


class EngineSlots(_Base):
    """The part of the window that deals with engines."""

    _controller: ChatController
    _engines: Engines
    _gpu: GpuAddon
    _themes: ThemeManager
    pane: ChatPane
    _paths: AppPaths
    _tested_again: set[str]
    engine_card: EngineCard | None = None
    if TYPE_CHECKING:

        def on_problem(self, report: ErrorReport) -> None:
            """The window's own."""

        def add_gpu_panel(self, dialog: QWidget) -> None:
            """Of the part that deals with TensorRT for RTX."""

    def connect_engines(self) -> None:
        """Listen to the keeper."""
        self._tested_again = set()
        self._engines.work_changed.connect(self.on_engine_work_changed)
        self._engines.work_ended.connect(self.on_engine_work_ended)
        self._engines.looked.connect(self.on_engines_looked)
        self._engines.removed.connect(self.on_engines_removed)
        self._engines.problem.connect(self.on_engine_problem)
        self._controller.model.choice_changed.connect(self.on_engine_model_changed)
        self.pane.header.engines_requested.connect(self.on_engines_link)

    def on_engines(self) -> None:
        """Open the engine card of the model that answers, or bring it to the front."""
        self.open_engines(self._controller.model.choice.folder, self._controller.model.choice.name)

    def on_engines_link(self) -> None:
        """The card of the model whose engines are built."""
        work = self._engines.work
        if work is not None:
            self.open_engines(work.status.folder, work.status.model)
        else:
            self.on_engines()

    def open_engines(self, folder: Path | None, name: str) -> None:
        """Open the engine card of any model."""
        if self.engine_card is None:
            self.engine_card = EngineCard(self._engines, self._themes, self)
            self.add_gpu_panel(self.engine_card)
        self._engines.look(folder, name)
        self._gpu.look()
        self.engine_card.show()
        self.engine_card.raise_()
        self.engine_card.activateWindow()

    def on_engine_model_changed(self) -> None:
        """Another model answers: the card is about that one; its engines may need a new self-test."""
        if self._card_is_open or any(self._paths.engines.glob("*/engines.json")):
            self._look()

    def on_engines_looked(self, looked: Looked) -> None:
        """Engines that passed with another driver are tested again, once, without being asked."""
        for offer in looked.status.offers if looked.status.here else ():
            state, key = offer.state, offer.request.identity.key
            if state.name == "untested" and state.certificate is not None and key not in self._tested_again:
                self._tested_again.add(key)
                self._engines.verify(looked.status, offer)
                return

    def on_engine_work_changed(self, work: EngineWork | None) -> None:
        """The line in the header."""
        fraction = work.progress.fraction if work is not None and work.progress is not None else 0.0
        self.pane.header.show_engines(words.engines_link(work.testing, fraction) if work is not None else "")

    def on_engine_work_ended(self, end: EngineWorkEnd) -> None:
        """The open card says how it ended; else a notice does."""
        if end.report is not None and end.report.kind == "bug":
            self.on_problem(end.report)
        elif not self._card_is_open:
            self.pane.notice.show_text(_end_text(end), stays=end.report is not None or end.failed)
        choice = self._controller.model.choice
        mine = same_folder(end.work.status.folder, choice.folder)
        if end.ready and mine and self._controller.model.state.phase == ModelPhase.READY:
            self._controller.model.load(choice)  # now on the graphics card

    def on_engines_removed(self, freed: int) -> None:
        """Say how much came free."""
        self.pane.notice.show_text(words.engines_removed(units.size(freed)))

    def on_engine_problem(self, report: ErrorReport) -> None:
        """Something could not be removed or looked at; an open card says so itself, unless it is a bug."""
        if report.kind == "bug" or not self._card_is_open:
            self.on_problem(report)

    @property
    def _card_is_open(self) -> bool:
        return self.engine_card is not None and self.engine_card.isVisible()

    def _look(self) -> None:
        choice = self._controller.model.choice
        self._engines.look(choice.folder, choice.name)


def _end_text(end: EngineWorkEnd) -> str:
    if end.report is not None:
        return f"{end.report.text} {end.report.hint}".strip()
    if end.stopped:
        return words.ENGINES_TEST_STOPPED if end.work.testing else words.ENGINES_STOPPED
    if end.failed:
        return words.ENGINES_FAILED
    return words.ENGINES_TESTED if end.work.checks else words.ENGINES_BUILT
