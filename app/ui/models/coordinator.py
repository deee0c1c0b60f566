"""What the window does about models: opens their page, chooses what answers, and says elsewhere what goes on.

While the page is closed, the header says what is being done, and notices say how it ended; the empty chat gives advice.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QWidget

from app.base.errors import ErrorReport
from app.base.settings import Settings
from app.bridge.chat import ChatController
from app.bridge.engines import Engines
from app.bridge.library import Library
from app.bridge.preferences import Preferences
from app.library.answering import ModelChoice, ModelPhase, starter_choice
from app.library.queue import Ended
from app.library.values import LibraryStatus, ModelState, ModelStatus, ModelWork, ModelWorkEnd, Transferring
from app.ui.chat import words as chat_words
from app.ui.chat.header import HeaderLink
from app.ui.models import words
from app.ui.models.advice import FirstAdvice
from app.ui.models.button_actions import ButtonActions
from app.ui.models.models_window import ModelsWindow
from app.ui.widgets.notices import Notices
from app.ui.widgets.theme import ThemeManager

FIRST_LOOK_MS = 1_200  # after the window takes input: the first answer and the model come first
MEGABYTE = 1_000_000


class ModelsCoordinator(QObject):
    """Owns the models window, the link in the header, the advice, and the notices about models.

    Signals:
        opened: The models window, each time before it is shown: other subjects add their lines, and look.
        engines_wanted: Folder and name of a model whose engines shall be shown.

    Attributes:
        page: The models window, once it was opened.
        link: What the header says of models.
        advice: The card on the page of a new chat.
        buttons: What its buttons do.
        first_look: The timer of the first look at models.
    """

    opened = Signal(object)
    engines_wanted = Signal(object, str)

    def __init__(
        self,
        window: QWidget,
        actions: dict[str, QAction],
        link: HeaderLink,
        advice: FirstAdvice,
        library: Library,
        engines: Engines,
        controller: ChatController,
        preferences: Preferences,
        themes: ThemeManager,
        notices: Notices,
    ) -> None:
        super().__init__(window)
        self.page: ModelsWindow | None = None
        self.buttons = ButtonActions(library, themes, window)
        self._window, self._actions, self.link, self.advice = window, actions, link, advice
        self._library, self._engines, self._controller = library, engines, controller
        self._preferences, self._themes, self._notices = preferences, themes, notices
        self._opening: Path | None = None  # chosen in the menu: used as soon as it is in the list
        self.first_look = QTimer(self)
        self.first_look.setSingleShot(True)
        self.first_look.setInterval(FIRST_LOOK_MS)
        self.first_look.timeout.connect(library.look)
        self._connect()
        self.on_network_settings_changed(preferences.settings)
        self.show_possible()

    def _connect(self) -> None:
        library, model = self._library, self._controller.model
        for name, slot in (
            ("models", self.show_page),
            ("open_model", self.on_open_model),
            ("starter_model", self.on_starter_model),
        ):
            self._actions[name].triggered.connect(slot)
        self.link.clicked.connect(self.show_page)
        self.advice.models_wanted.connect(self.show_page)
        self.advice.refused.connect(self.on_advice_refused)
        library.status_changed.connect(self.on_status_changed)
        library.transfer_changed.connect(self.on_transfer_changed)
        library.download_ended.connect(self.on_download_ended)
        library.work_changed.connect(self.on_work_changed)
        library.work_ended.connect(self.on_work_ended)
        library.added.connect(self.on_model_added)
        library.freed.connect(self.on_freed)
        library.refreshed.connect(self.on_list_refreshed)
        library.problem.connect(self.on_problem)
        library.asking_changed.connect(self.on_asking_changed)
        self._engines.work_ended.connect(self.look_again)
        self._engines.removed.connect(self.look_again)
        model.status_changed.connect(self.on_answering_changed)
        model.choice_changed.connect(self.on_choice_changed)
        model.refused.connect(self.on_model_refused)
        self._controller.busy_changed.connect(self.on_answering_changed)
        self._preferences.changed.connect(self.on_network_settings_changed)
        self.buttons.use_wanted.connect(self.use_model)
        self.buttons.refused.connect(self._notices.say)
        self.buttons.engines_wanted.connect(self.on_engines_wanted)

    # -- what the user does -----------------------------------------------------------------------------------------

    def show_page(self) -> None:
        """Open the models window, or bring it to the front."""
        if self.page is None:
            self.page = self._new_page()
        self.first_look.stop()
        self._library.look()
        self.opened.emit(self.page)
        self.buttons.host = self.page
        self._show_in_use()
        self.page.show()
        self.page.raise_()
        self.page.activateWindow()
        self._show_link()
        self._measure()

    def on_page_closed(self) -> None:
        """What goes on is said in the header from now on."""
        self.buttons.host = self._window
        if self.page is not None:
            self.page.strip.pass_by()
        self._show_link()

    def on_open_model(self) -> None:
        """Choose a checkpoint folder: it comes into the list and answers."""
        start = self._preferences.settings.model_folder
        folder = QFileDialog.getExistingDirectory(self._window, words.OPEN_FOLDER, start)
        if folder:
            self._opening = Path(folder)
            self._library.add_folder(self._opening)

    def on_starter_model(self) -> None:
        """Back to the starter model."""
        if not (self._controller.model.choice.starter and self._controller.model.usual.starter):
            self._controller.load_everywhere(starter_choice())
        self.show_possible()

    def use_model(self, model: ModelStatus) -> None:
        """Let a model answer; the one that is there stays if that fails."""
        starter = model.kind == "starter"
        choice = starter_choice() if starter else ModelChoice(model.folder, "auto", model.title)
        self._controller.load_everywhere(choice)

    def open_model(self, folder: Path) -> None:
        """Load the model in `folder`; the one that is there stays if that fails."""
        self._controller.load_everywhere(ModelChoice(folder, "auto", folder.name))

    def on_engines_wanted(self, model: ModelStatus) -> None:
        """The engine card, of this model."""
        self.engines_wanted.emit(model.folder, model.title)

    def on_advice_refused(self) -> None:
        """Not now, and never again by itself."""
        self._preferences.set(first_advice=False)
        self._show_advice()

    # -- what is done with models -----------------------------------------------------------------------------------

    def on_status_changed(self, status: LibraryStatus) -> None:
        """A look."""
        self._show_link()
        self._show_advice()
        self._measure()

    def on_transfer_changed(self, transfer: Transferring | None) -> None:
        """The line in the header; between two downloads it stays until the look after the first one."""
        if transfer is not None:
            self._show_link()

    def on_work_changed(self, work: ModelWork | None) -> None:
        """The line in the header."""
        self._show_link()

    def on_model_added(self, model_id: str) -> None:
        """Show it in the list; use it if it was opened in the menu."""
        if self.page is not None:
            self.page.show_model(model_id)
        folder, self._opening = self._opening, None
        if folder is not None:
            self.open_model(folder)

    def look_again(self) -> None:
        """Engines were built or removed, or TensorRT came or went: sizes, states and verdicts are others."""
        if self._library.status is not None:
            self._library.look()

    # -- how it ended -----------------------------------------------------------------------------------------------

    def on_download_ended(self, ended: Ended) -> None:
        """Say so, and offer to use it."""
        model = self._model(ended.model_id)
        title = model.title if model is not None else words.THE_MODEL
        if ended.installed:
            self._say_installed(title, model)
        elif ended.report is not None and ended.report.kind == "bug":
            self._notices.report(ended.report)
        elif ended.report is not None and not self._notices.place_is_open:  # the open window shows it in the row
            self._notices.show(f"{title}: {ended.report.text} {ended.report.hint}".strip(), stays=True)

    def on_work_ended(self, end: ModelWorkEnd) -> None:
        """Say how a check, a move or a merge ended."""
        model = self._model(end.work.model_id)
        title = model.title if model is not None else words.THE_MODEL
        if end.report is not None:
            self.on_problem(end.report)
        elif end.stopped:
            stopped = {"verify": words.VERIFY_STOPPED, "move": words.MOVE_STOPPED}
            self._notices.say(stopped.get(end.work.kind, words.MERGE_STOPPED))
        elif end.work.kind == "verify":
            bad = end.work.damaged
            self._notices.say(
                words.damaged(title, bad) if bad else words.all_right(title), tone="bad" if bad else "good"
            )
        elif end.work.kind == "merge":
            self._notices.say(" ".join((words.MERGED, *end.work.notes)), tone="good")
        else:
            self._notices.say(words.moved(title), tone="good")

    def on_freed(self, freed: int) -> None:
        """Something is gone."""
        self._notices.say(words.freed(freed))

    def on_list_refreshed(self) -> None:
        """New sizes."""
        self._notices.say(words.REFRESHED)

    def on_asking_changed(self, asking: bool) -> None:
        """What was cancelled is not used when it comes into the list later."""
        if not asking:
            self._opening = None

    def on_problem(self, report: ErrorReport) -> None:
        """The open window says it; else a notice does."""
        self._opening = None
        self._show_link()
        self._notices.say_report(report)

    def on_model_refused(self, report: ErrorReport) -> None:
        """A model cannot be used: said above the message box, and where the user clicked, too."""
        self._notices.report(report)
        if report.kind == "known" and self._notices.place_is_open:
            self._notices.say_report(report)

    # -- the model that answers -------------------------------------------------------------------------------------

    def on_answering_changed(self) -> None:
        """Another model answers, or it is busy."""
        self._show_in_use()
        self.show_possible()
        self._measure()

    def on_choice_changed(self) -> None:
        """Another model answers; it is taken again next time, unless it is the model of one chat."""
        choice = self._controller.model.choice
        if choice.backend == "auto" and choice == self._controller.model.usual:
            self._preferences.set(model_folder="" if choice.starter else str(choice.folder))
        self._notices.withdraw(words.installed(choice.name))  # and the offer to use it
        self.show_possible()

    def on_network_settings_changed(self, settings: Settings) -> None:
        """Both hold at once."""
        self._library.set_offline(settings.offline)
        self._library.set_speed_limit(settings.speed_limit * MEGABYTE)

    def show_possible(self) -> None:
        """Enable what is possible now."""
        for name in ("open_model", "starter_model"):
            self._actions[name].setEnabled(not self._controller.busy)
        self._actions["starter_model"].setChecked(self._controller.model.choice.starter)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _new_page(self) -> ModelsWindow:
        page = ModelsWindow(self._library, self._engines, self._themes.theme, self._window)
        page.wanted.connect(self.buttons.do)
        page.dropped.connect(self._library.add_folder)
        page.finished.connect(self.on_page_closed)
        self.buttons.pause_begun.connect(page.mark_pausing)
        self._notices.place = page
        return page

    def _model(self, model_id: str) -> ModelStatus | None:
        return self._library.status.model(model_id) if self._library.status is not None else None

    def _say_installed(self, title: str, model: ModelStatus | None) -> None:
        """Beside a new model stands what to do with it next."""
        if model is None:
            self._notices.say(words.installed(title), tone="good")
            return
        build = words.needs_engines(model.fit) and not model.engines
        label, name = (words.BUILD, "build") if build else (words.USE_IT, "use")
        do = partial(self.buttons.do, name, model)
        self._notices.say(words.installed(title), tone="good", action=label, do=do)

    def _show_in_use(self) -> None:
        if self.page is not None:
            model = self._controller.model
            busy = words.LOADING_WHY if model.status.phase == ModelPhase.LOADING else ""
            if self._controller.busy:
                busy = chat_words.BUSY_HERE if self._controller.busy_here else chat_words.BUSY_ELSEWHERE
            failed = model.status.phase == ModelPhase.FAILED
            self.page.show_in_use(None if failed else model.choice.folder, busy)

    def _measure(self) -> None:
        """The processor, for somebody who looks at the page, while no model needs it."""
        model = self._controller.model.status
        if self._notices.place_is_open and not self._controller.busy and model.phase != ModelPhase.LOADING:
            self._library.measure()

    def _show_link(self) -> None:
        self.link.show_text("" if self._notices.place_is_open else self._link_text())

    def _link_text(self) -> str:
        """What goes on with models, for the header."""
        transfer, work, status = self._library.transfer, self._library.work, self._library.status
        if transfer is not None:
            return words.download_link(transfer.fraction, transfer.seconds_left)
        if work is not None:
            return words.work_link(work.kind, work.fraction)
        paused = (model.state == ModelState.PAUSED and model.problem for model in (status.models if status else ()))
        return words.DOWNLOAD_PAUSED if any(paused) else ""

    def _show_advice(self) -> None:
        """On the page of a new chat, as long as there is nothing but the starter model."""
        status = self._library.status
        alone = status is not None and all(model.kind in ("starter", "catalogue") for model in status.models)
        wanted = alone and self._preferences.settings.first_advice
        self.advice.show_status(status if wanted else None)
