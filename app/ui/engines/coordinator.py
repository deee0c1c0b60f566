"""What the window does about engines: opens the card, and says elsewhere what is going on while the card is closed."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app.base import units
from app.base.errors import ErrorReport
from app.base.paths import AppPaths, same_folder
from app.bridge.engines import Engines
from app.bridge.model import AnsweringModel
from app.engines.values import EngineWork, EngineWorkEnd, Looked
from app.library.answering import ModelPhase
from app.ui.chat.header import HeaderLink
from app.ui.engines import words
from app.ui.engines.card import EngineCard
from app.ui.widgets.notices import Notices
from app.ui.widgets.theme import ThemeManager


class EnginesCoordinator(QObject):
    """Owns the engine card, the link in the header, and the notices about engines.

    Signals:
        opened: The card, each time before it is shown: other subjects add their lines, and look.

    Attributes:
        card: The engine card, once it was opened.
        link: What the header says of engines.
    """

    opened = Signal(object)

    def __init__(
        self,
        window: QWidget,
        actions: dict[str, QAction],
        link: HeaderLink,
        engines: Engines,
        answering: AnsweringModel,
        themes: ThemeManager,
        notices: Notices,
        paths: AppPaths,
    ) -> None:
        super().__init__(window)
        self.card: EngineCard | None = None
        self._window, self.link, self._engines, self._answering = window, link, engines, answering
        self._themes, self._notices, self._paths = themes, notices, paths
        self._tested_again: set[str] = set()
        actions["engines"].triggered.connect(self.on_engines)
        link.clicked.connect(self.on_link_clicked)
        engines.work_changed.connect(self.on_work_changed)
        engines.work_ended.connect(self.on_work_ended)
        engines.looked.connect(self.on_looked)
        engines.removed.connect(self.on_removed)
        engines.problem.connect(self.on_problem)
        answering.choice_changed.connect(self.look_again)

    def on_engines(self) -> None:
        """Open the engine card of the model that answers, or bring it to the front."""
        self.open_card(self._answering.choice.folder, self._answering.choice.name)

    def on_link_clicked(self) -> None:
        """The card of the model whose engines are built."""
        work = self._engines.work
        if work is not None:
            self.open_card(work.status.folder, work.status.model)
        else:
            self.on_engines()

    def open_card(self, folder: Path | None, name: str) -> None:
        """Open the engine card of any model."""
        if self.card is None:
            self.card = EngineCard(self._engines, self._themes, self._window)
        self._engines.look(folder, name)
        self.opened.emit(self.card)
        self.card.show()
        self.card.raise_()
        self.card.activateWindow()

    def look_again(self) -> None:
        """Another model answers, or TensorRT came or went: the card is about that; engines may need a new self-test."""
        if self._card_is_open or any(self._paths.engines.glob("*/engines.json")):
            choice = self._answering.choice
            self._engines.look(choice.folder, choice.name)

    def on_looked(self, looked: Looked) -> None:
        """Engines that passed with another driver are tested again, once, without being asked."""
        for offer in looked.status.offers if looked.status.here else ():
            state, key = offer.state, offer.request.identity.key
            if state.name == "untested" and state.certificate is not None and key not in self._tested_again:
                self._tested_again.add(key)
                self._engines.verify(looked.status, offer)
                return

    def on_work_changed(self, work: EngineWork | None) -> None:
        """The line in the header."""
        fraction = work.progress.fraction if work is not None and work.progress is not None else 0.0
        self.link.show_text(words.engines_link(work.testing, fraction) if work is not None else "")

    def on_work_ended(self, end: EngineWorkEnd) -> None:
        """The open card says how it ended; else a notice does."""
        if end.report is not None and end.report.kind == "bug":
            self._notices.report(end.report)
        elif not self._card_is_open:
            self._notices.show(_end_text(end), stays=end.report is not None or end.failed)
        choice = self._answering.choice
        mine = same_folder(end.work.status.folder, choice.folder)
        if end.ready and mine and self._answering.status.phase == ModelPhase.READY:
            self._answering.load(choice)  # now on the graphics card

    def on_removed(self, freed: int) -> None:
        """Say how much came free."""
        self._notices.show(words.engines_removed(units.size(freed)))

    def on_problem(self, report: ErrorReport) -> None:
        """Something could not be removed or looked at; an open card says so itself, unless it is a bug."""
        if report.kind == "bug" or not self._card_is_open:
            self._notices.report(report)

    @property
    def _card_is_open(self) -> bool:
        return self.card is not None and self.card.isVisible()


def _end_text(end: EngineWorkEnd) -> str:
    if end.report is not None:
        return f"{end.report.text} {end.report.hint}".strip()
    if end.stopped:
        return words.ENGINES_TEST_STOPPED if end.work.testing else words.ENGINES_STOPPED
    if end.failed:
        return words.ENGINES_FAILED
    return words.ENGINES_TESTED if end.work.checks else words.ENGINES_BUILT
