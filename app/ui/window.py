"""The main window: composes the panels and one coordinator for each subject, and ends everything when it closes."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt, Signal
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow

from app.base import texts
from app.base.paths import AppPaths
from app.bridge.chat import ChatController
from app.bridge.documents import Documents
from app.bridge.engines import Engines
from app.bridge.exchange import Exchange
from app.bridge.first_window import StartRequest
from app.bridge.gpu import GpuAddon
from app.bridge.library import Library
from app.bridge.monitor import Monitor
from app.bridge.preferences import Preferences
from app.bridge.restoring import Restoring
from app.bridge.updates import Updates
from app.chats.files import FOLDER
from app.library.answering import ModelChoice
from app.ui.actions import make_actions
from app.ui.chat.attaching import Attaching
from app.ui.chat.chat_list import Sidebar
from app.ui.chat.coordinator import ChatCoordinator
from app.ui.chat.exchange.coordinator import ExchangeCoordinator
from app.ui.chat.pane import ChatPane
from app.ui.chat.panels import Panels
from app.ui.chat.reader.coordinator import ReadingFiles
from app.ui.chat.steering.coordinator import SteeringCoordinator
from app.ui.chat.tables.coordinator import TablesCoordinator
from app.ui.chat.type_ahead import TypeAhead
from app.ui.chat.unsaved_dialog import UnsavedDialog
from app.ui.engines import words as engine_words
from app.ui.engines.coordinator import EnginesCoordinator
from app.ui.gpu.coordinator import GpuCoordinator
from app.ui.help.coordinator import HelpCoordinator
from app.ui.help.machine_coordinator import MachineCoordinator
from app.ui.help.palette.coordinator import PaletteCoordinator
from app.ui.models import words as model_words
from app.ui.models.add_server import AddingServers
from app.ui.models.advice import FirstAdvice
from app.ui.models.coordinator import ModelsCoordinator
from app.ui.settings.backups_dialog import BringingBack
from app.ui.settings.coordinator import SettingsCoordinator
from app.ui.settings.lock_dialog import Locking
from app.ui.updates.coordinator import UpdatesCoordinator
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.icons import app_icon
from app.ui.widgets.notices import Notices
from app.ui.widgets.theme import ThemeManager

FIRST_SIZE = (1120, 760)


class MainWindow(QMainWindow):
    """The window.

    Signals:
        input_ready: It is shown and takes input, once.
        closed: It was closed; everything is saved.

    Attributes:
        sidebar, pane: The two panels; `panels` lays them out.
        actions_by_name: The actions of the menus.
        notices: Where news is said.
        chats, exchange, models, adding, engines, gpu, updates, settings, help, machine, go_to, steering, reading,
            tables: One coordinator a subject.
    """

    input_ready = Signal()
    closed = Signal()

    def __init__(
        self,
        controller: ChatController,
        engines: Engines,
        library: Library,
        gpu: GpuAddon,
        monitor: Monitor,
        updates: Updates,
        preferences: Preferences,
        themes: ThemeManager,
        paths: AppPaths,
    ) -> None:
        super().__init__()
        self._controller, self._preferences, self._updates = controller, preferences, updates
        self._exchange = Exchange(paths, self)
        self._documents = Documents(paths.base / FOLDER, self)
        self._restoring = Restoring(paths, controller, self)
        self._was_shown = False
        self._themes = themes
        self._asked: UnsavedDialog | None = None  # what is asked before it closes
        self.setWindowTitle(texts.APP_NAME)
        self.setWindowIcon(app_icon())
        self.setAccessibleName(texts.APP_NAME)
        self.sidebar = Sidebar(themes)
        self.pane = ChatPane(themes, preferences.settings)
        self._lay_out(themes)
        actions = self.actions_by_name = make_actions(self.menuBar())
        notices = self.notices = Notices(self.pane.notice, themes, self)
        model_link = self.pane.header.add_link(model_words.TITLE)
        engine_link = self.pane.header.add_link(engine_words.ENGINES)
        advice = FirstAdvice()
        self.pane.empty.add_below(advice)
        self.chats = ChatCoordinator(self, actions, self.sidebar, self.pane, controller, preferences, themes, notices)
        self.steering = SteeringCoordinator(
            self, actions, self.pane, controller, preferences, themes, notices, self.chats.can_undo
        )
        Attaching(self.chats.sending, self.pane.composer, actions["attach"], self._documents, controller, themes, self)
        self.exchange = ExchangeCoordinator(
            self, actions, self.sidebar.list, self._exchange, controller, themes, notices
        )
        self.engines = EnginesCoordinator(self, actions, engine_link, engines, controller.model, themes, notices, paths)
        self.models = ModelsCoordinator(
            self, actions, model_link, advice, library, engines, controller, preferences, themes, notices
        )
        self.adding = AddingServers(self, actions["add_server"], library, controller, preferences, themes)
        self.gpu = GpuCoordinator(self, gpu, preferences, themes, notices)
        self.updates = UpdatesCoordinator(self, actions, updates, preferences, themes, notices)
        self.help = HelpCoordinator(self, actions, gpu, library.services.network, preferences, themes, notices, paths)
        self.machine = MachineCoordinator(self, actions, monitor, controller.model, library.services, themes)
        files = (self._exchange, self._documents, self._restoring, self.adding.servers, controller.tables)
        self._background = (library, gpu, monitor, updates, engines, *files, self.machine.benchmark)
        self._restore_geometry()
        self.settings = SettingsCoordinator(self, actions, preferences, themes, notices, controller.server)
        self.bringing_back = BringingBack(self, self.settings, self._restoring, themes, notices)
        self.locking = Locking(self, self.settings, paths, controller, themes, notices)
        self.chats.options.use_library(library)
        self.go_to = PaletteCoordinator(self, actions, self.sidebar, controller, library, themes)
        TypeAhead(self, self.pane.composer, self.sidebar.list)
        self._route()
        self.pane.composer.setFocus()

    def _route(self) -> None:
        """What one subject wants of another."""
        themes, wanted = self._themes, self.actions_by_name["tables"]
        self.reading = ReadingFiles(self.pane.chat, self._documents, themes, self.notices, self)
        self.tables = TablesCoordinator(self, wanted, self._controller.tables, themes)
        self.tables.place_wanted.connect(self.reading.show_place)
        self._restoring.brought_back.connect(self.tables.on_brought_back)
        self.actions_by_name["quit"].triggered.connect(self.close)
        self._restoring.brought_back.connect(self.pane.undo_bar.dismiss)  # it is about chats that are gone
        self._restoring.ended.connect(self.pane.composer.setFocus)
        self.pane.header.sidebar_toggled.connect(self.panels.toggle)
        chat_list = self.actions_by_name["chat_list"]
        chat_list.triggered.connect(self.panels.toggle)
        self.panels.sidebar_shown.connect(chat_list.setChecked)
        self.pane.header.name_clicked.connect(self.models.show_page)
        self.models.advice.check_wanted.connect(self.help.on_doctor)
        self.models.engines_wanted.connect(self.engines.open_card)
        self.models.buttons.network_wanted.connect(self.help.show_network)
        self.models.opened.connect(self.gpu.on_dialog_opened)
        self.engines.opened.connect(self.gpu.on_dialog_opened)
        self.help.trial_wanted.connect(self.gpu.show_trial)
        self.go_to.chat_wanted.connect(self.chats.on_chat_chosen)
        self.go_to.search_wanted.connect(self.chats.finding.look_for)
        self.go_to.setting_wanted.connect(self.settings.show_setting)
        self.go_to.model_wanted.connect(self.models.use_model)
        self.gpu.changed.connect(self.engines.look_again)
        self.gpu.changed.connect(self.models.look_again)

    def _lay_out(self, themes: ThemeManager) -> None:
        self.panels = Panels(self.sidebar, self.pane, self._preferences, themes)
        self.setCentralWidget(self.panels)
        self.setMinimumSize(560, 420)

    def _restore_geometry(self) -> None:
        saved = QByteArray.fromBase64(self._preferences.settings.window_geometry.encode("ascii", "ignore"))
        if saved.isEmpty() or not self.restoreGeometry(saved):
            resize_within_screen(self, *FIRST_SIZE)

    def on_started_again(self, request: StartRequest) -> None:
        """The program was started once more: come to the front, and do what that start was asked for."""
        os.environ.update(request.activation)
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        model = self._controller.model
        wanted = model.choice
        if request.model:
            wanted = ModelChoice(Path(request.model), request.backend, Path(request.model).name)
        elif request.backend != "auto":
            wanted = dataclasses.replace(model.usual, backend=request.backend)
        if (wanted.folder, wanted.backend) != (model.choice.folder, model.choice.backend):
            model.load(wanted)

    def on_stay_wanted(self) -> None:
        """The question before closing was answered with no."""
        self._asked = None

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """The first time: it takes input now."""
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            self.models.first_look.start()
            self._updates.start()
            self.input_ready.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Save, end the model process and a build, go; the window is gone from the screen at once.

        What cannot be saved is asked about first; who closes once more meanwhile (the desktop, which ends) wants it so.
        """
        if self._asked is None and (unsaved := self._controller.unsaved()).anything:
            event.ignore()
            self.show()
            self._asked = UnsavedDialog(unsaved, self._controller, self._themes.theme, self)
            self._asked.close_wanted.connect(self.close)
            self._asked.rejected.connect(self.on_stay_wanted)
            self._asked.open()
            return
        geometry = bytes(self.saveGeometry().toBase64().data()).decode("ascii")
        self._preferences.set(window_geometry=geometry)
        for window in (*self.findChildren(QDialog), self):
            window.hide()
        self.models.first_look.stop()
        for subject in self._background:
            subject.cancel_all()  # all of them first: then their ends are waited for at the same time
        self._controller.shut_down()
        for subject in self._background:
            subject.shut_down()
        self._preferences.flush()
        self.closed.emit()
        event.accept()
        QApplication.quit()
