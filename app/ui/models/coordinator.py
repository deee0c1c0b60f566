"""What the window does about models: opens their page, and says elsewhere what is going on while the page is closed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog, QWidget

from app.base.settings import Settings
from app.bridge.chat import ChatController
from app.bridge.preferences import Preferences
from app.library.answering import ModelChoice, ModelPhase, starter_choice
from app.library.values import LibraryStatus, ModelState, ModelStatus
from app.ui.chat import words
from app.ui.models import words as model_words
from app.ui.models.button_actions import ModelDeeds
from app.ui.models.models_window import ModelsWindow
from app.ui.models.news import ModelNews
from app.ui.widgets.theme import ThemeManager

if TYPE_CHECKING:
    from app.bridge.engines import Engines
    from app.bridge.gpu import GpuAddon
    from app.library.values import ModelWork, Transferring

FIRST_LOOK_MS = 1_200  # after the window takes input: the first answer and the model come first
MEGABYTE = 1_000_000


class ModelSlots(ModelNews):
    """The part of the window that deals with the list of models."""

    _controller: ChatController
    _engines: Engines
    _gpu: GpuAddon
    _preferences: Preferences
    _themes: ThemeManager
    if TYPE_CHECKING:

        def open_model(self, folder: Path) -> None:
            """Of the part that deals with menus."""

        def open_engines(self, folder: Path | None, name: str) -> None:
            """Of the part that deals with engines."""

        def add_gpu_panel(self, dialog: QWidget) -> None:
            """Of the part that deals with TensorRT for RTX."""

    def connect_models(self) -> None:
        """Listen to the keeper."""
        keeper, header = self._library, self.pane.header
        self.deeds = ModelDeeds(keeper, self._preferences, self._themes, self)
        self._opening = self._news = None
        self._first_look = QTimer(self)
        self._first_look.setSingleShot(True)
        self._first_look.setInterval(FIRST_LOOK_MS)
        self._first_look.timeout.connect(keeper.look)
        keeper.status_changed.connect(self.on_status_changed)
        keeper.transfer_changed.connect(self.on_transfer_changed)
        keeper.download_ended.connect(self.on_download_ended)
        keeper.work_changed.connect(self.on_model_work_changed)
        keeper.work_ended.connect(self.on_model_work_ended)
        keeper.added.connect(self.on_model_added)
        keeper.freed.connect(self.on_model_freed)
        keeper.refreshed.connect(self.on_list_refreshed)
        keeper.problem.connect(self.on_library_problem)
        self._engines.work_ended.connect(self.on_engines_changed)
        self._engines.removed.connect(self.on_engines_changed)
        self._controller.model.state_changed.connect(self.on_answering_model_changed)
        self._controller.model.refused.connect(self.on_model_refused)
        self._controller.busy_changed.connect(self.on_answering_model_changed)
        self._preferences.changed.connect(self.on_network_settings_changed)
        self.deeds.use_wanted.connect(self.use_model)
        self.deeds.refused.connect(self.on_refused)
        self.deeds.engines_wanted.connect(self.on_model_engines_wanted)
        self.pane.notice.acted.connect(self.on_notice_acted)
        self.pane.empty.advice.models_wanted.connect(self.on_models)
        self.pane.empty.advice.refused.connect(self.on_advice_refused)
        header.models_requested.connect(self.on_models)
        self.on_network_settings_changed(self._preferences.settings)

    # -- what the user does -----------------------------------------------------------------------------------------

    def on_models(self) -> None:
        """Open the models window, or bring it to the front."""
        window = self.models_window
        if window is None:
            window = self.models_window = ModelsWindow(self._library, self._engines, self._themes.theme, self)
            window.wanted.connect(self.deeds.do)
            window.dropped.connect(self._library.add_folder)
            window.strip.acted.connect(self.on_notice_acted)
            window.finished.connect(self.on_models_closed)
            self.deeds.pause_begun.connect(window.mark_pausing)
            self.add_gpu_panel(window)
        self._first_look.stop()
        self._library.look()
        self._gpu.look()
        self.deeds.host = window
        self.on_answering_model_changed()
        window.show()
        window.raise_()
        window.activateWindow()
        self._show_link()

    def on_models_closed(self) -> None:
        """What goes on is said in the header from now on."""
        self.deeds.host = self
        if self.models_window is not None:
            self.models_window.strip.hide()
        self._show_link()

    def on_network(self) -> None:
        """What is asked, and the switch."""
        self.deeds.show_network()

    def on_open_model(self) -> None:
        """Choose a checkpoint folder: it comes into the list and answers."""
        folder = QFileDialog.getExistingDirectory(self, "Open model folder", self._preferences.settings.model_folder)
        if folder:
            self._opening = Path(folder)
            self._library.add_folder(self._opening)

    def use_model(self, model: ModelStatus) -> None:
        """Let a model answer; the one that is there stays if that fails."""
        starter = model.kind == "starter"
        self._controller.model.load(starter_choice() if starter else ModelChoice(model.folder, "auto", model.title))

    def on_model_engines_wanted(self, model: ModelStatus) -> None:
        """The engine card, of this model."""
        self.open_engines(model.folder, model.title)

    def on_advice_refused(self) -> None:
        """Not now, and never again by itself."""
        self._preferences.set(first_advice=False)
        self._show_advice()

    # -- what comes from the keeper ---------------------------------------------------------------------------------

    def on_status_changed(self, status: LibraryStatus) -> None:
        """A look."""
        self._show_link()
        self._show_advice()

    def on_transfer_changed(self, transfer: Transferring | None) -> None:
        """The line in the header; between two downloads it stays until the look after the first one."""
        if transfer is not None:
            self._show_link()

    def on_model_work_changed(self, work: ModelWork | None) -> None:
        """The line in the header."""
        self._show_link()

    def on_model_added(self, model_id: str) -> None:
        """Show it in the list; use it if it was opened in the menu."""
        if self.models_window is not None:
            self.models_window.show_model(model_id)
        folder, self._opening = self._opening, None
        if folder is not None:
            self.open_model(folder)

    def on_engines_changed(self) -> None:
        """Engines were built or removed: sizes and states are others."""
        if self._library.status is not None:
            self._library.look()

    def on_answering_model_changed(self) -> None:
        """Another model answers, or it is busy."""
        if self.models_window is not None:
            keeper = self._controller.model
            busy = model_words.LOADING_WHY if keeper.state.phase == ModelPhase.LOADING else ""
            if self._controller.busy:
                busy = words.BUSY_HERE if self._controller.busy_here else words.BUSY_ELSEWHERE
            failed = keeper.state.phase == ModelPhase.FAILED
            self.models_window.show_in_use(None if failed else keeper.choice.folder, busy)

    def on_network_settings_changed(self, settings: Settings) -> None:
        """Both hold at once."""
        self._library.set_offline(settings.offline)
        self._library.set_speed_limit(settings.speed_limit * MEGABYTE)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _show_link(self) -> None:
        self.pane.header.show_models("" if self._models_open else self._link())

    def _link(self) -> str:
        """What goes on with models, for the header."""
        transfer, work, status = self._library.transfer, self._library.work, self._library.status
        if transfer is not None:
            return model_words.download_link(transfer.fraction, transfer.seconds_left)
        if work is not None:
            return model_words.work_link(work.task, work.fraction)
        paused = (model.state == ModelState.PAUSED and model.problem for model in (status.models if status else ()))
        return model_words.DOWNLOAD_PAUSED if any(paused) else ""

    def _show_advice(self) -> None:
        """On the page of a new chat, as long as there is nothing but the starter model."""
        status = self._library.status
        alone = status is not None and all(model.kind in ("starter", "catalogue") for model in status.models)
        wanted = alone and self._preferences.settings.first_advice
        self.pane.empty.advice.show_status(status if wanted else None)
