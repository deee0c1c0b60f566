"""Adding a server: its address and key, its models, and which of them shall answer."""

from __future__ import annotations

import contextlib

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialogButtonBox, QHBoxLayout, QLineEdit, QWidget

from app.base.errors import AppError, ErrorReport
from app.bridge.chat import ChatController
from app.bridge.library import Library
from app.bridge.preferences import Preferences
from app.bridge.remote import ServerModels
from app.library.access_token import TokenStore
from app.library.answering import ModelChoice, ServerModel
from app.network.errors import host
from app.server.remote import texts
from app.server.remote.addresses import readable_on_the_way, server_address
from app.server.remote.values import ServerFound
from app.ui.models import words
from app.ui.widgets import words as common_words
from app.ui.widgets.combo import ElidedComboBox
from app.ui.widgets.plain import PlainLabel, one_line
from app.ui.widgets.sheet import Sheet, show_beside
from app.ui.widgets.theme import Theme, ThemeManager


class AddServerDialog(Sheet):
    """Looks at a server's models, and lets one of them answer.

    Signals:
        chosen: The `ServerModel` that shall answer.
    """

    chosen = Signal(object)

    def __init__(
        self, servers: ServerModels, preferences: Preferences, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(words.SERVER_TITLE, words.SERVER_TITLE, theme, parent)
        self._servers, self._preferences = servers, preferences
        self._found: ServerFound | None = None
        self._asked = ""  # the address that is looked at, or was
        self.add_text(words.SERVER_TEXT, "muted")
        settings = preferences.settings
        self.address = self._line(words.SERVER_ADDRESS, settings.server_asked)
        self.address.setPlaceholderText(words.SERVER_EXAMPLE)
        self.warning = self.add_text("")
        self.key = self._line(words.SERVER_KEY, "")
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.key.setPlaceholderText(words.SERVER_KEY_EXAMPLE)
        self.state = self.add_text("", "muted")
        self.models = ElidedComboBox(16)
        self.models.setAccessibleName(words.SERVER_MODEL)
        self.models.view().setAccessibleName(words.SERVER_MODEL)
        self.models.setEnabled(False)
        row = QHBoxLayout()
        label = PlainLabel(words.SERVER_MODEL)
        label.setBuddy(self.models)
        row.addWidget(label)
        row.addWidget(self.models, 1)
        self.column.addLayout(row)
        self.look = self.add_button(words.SERVER_LOOK, QDialogButtonBox.ButtonRole.ActionRole, primary=True)
        self.use = self.add_button(words.SERVER_USE, QDialogButtonBox.ButtonRole.ActionRole)
        self.forget = self.add_button(words.SERVER_FORGET, QDialogButtonBox.ButtonRole.DestructiveRole)
        self.add_reject(common_words.CLOSE)
        self.look.clicked.connect(self.on_look_clicked)
        self.use.clicked.connect(self.on_use_clicked)
        self.forget.clicked.connect(self.on_forget_clicked)
        self.address.textChanged.connect(self.on_address_changed)
        servers.found.connect(self.on_found)
        servers.refused.connect(self.on_refused)
        self.finished.connect(servers.give_up)
        self.on_address_changed(self.address.text())
        self.address.setFocus()

    # -- slots ------------------------------------------------------------------------------------------------------

    def on_address_changed(self, text: str) -> None:
        """Another server: what is known is of the one before."""
        self._servers.give_up()
        self._found = None
        self.models.clear()
        self.models.setEnabled(False)
        self.use.setEnabled(False)
        self.look.setEnabled(bool(text.strip()))
        self.forget.setEnabled(bool(text.strip()))
        try:
            address = server_address(text) if text.strip() else ""
        except AppError:
            address = ""
        self._warn(words.readable(host(address)) if address and readable_on_the_way(address) else "")
        self._say("")

    def on_look_clicked(self) -> None:
        """Ask the server which models it has."""
        if self._preferences.settings.offline:
            self._say(words.SERVER_OFFLINE, "error")
            return
        try:
            self._asked = server_address(self.address.text())
        except AppError as exc:
            self._say(f"{exc.user_text} {exc.hint}", "error")
            return
        self.models.setEnabled(False)
        self.use.setEnabled(False)
        self._say(words.looking(host(self._asked)))
        self._servers.ask(self._asked, self._key())

    def on_found(self, found: ServerFound) -> None:
        """Its models."""
        if found.address != self._asked:
            return
        self._found = found
        self.models.clear()
        for model in found.models:
            self.models.addItem(one_line(model.name))
        last = [model.name for model in found.models]
        wanted = self._preferences.settings.server_model
        self.models.setCurrentIndex(last.index(wanted) if wanted in last else 0)
        self.models.setEnabled(True)
        self.use.setEnabled(True)
        self.use.setFocus()
        self._say(words.server_found(len(found.models), found.left_out, host(found.address)))

    def on_refused(self, report: ErrorReport) -> None:
        """There is no answer."""
        self._say(f"{report.text} {report.hint}".strip(), "error")

    def on_use_clicked(self) -> None:
        """Let it answer; the key is kept where the system keeps keys."""
        if self._found is None:
            return
        model = self._found.models[max(0, self.models.currentIndex())]
        typed = self.key.text().strip()
        lasts = not typed or TokenStore(self._found.address).set(typed)
        self._preferences.set(server_asked=self._found.address, server_model=model.name)
        self.chosen.emit(ServerModel(self._found.address, model.name, model.context, "" if lasts else typed))
        if lasts:
            self.accept()
        else:
            self.key.clear()
            self._say(words.SERVER_KEY_SESSION)

    def on_forget_clicked(self) -> None:
        """The key goes from the keyring, the address from the settings."""
        with contextlib.suppress(AppError):
            TokenStore(server_address(self.address.text())).remove()
        self._preferences.set(server_asked="", server_model="")
        self.key.clear()
        self.address.clear()
        self._say(words.SERVER_FORGOTTEN)
        self.address.setFocus()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _key(self) -> str:
        return self.key.text().strip() or TokenStore(self._asked).get() or ""

    def _line(self, name: str, text: str) -> QLineEdit:
        edit = QLineEdit(text)
        edit.setAccessibleName(name)
        label = PlainLabel(name)
        label.setBuddy(edit)
        self.column.addWidget(label)
        self.column.addWidget(edit)
        return edit

    def _warn(self, text: str) -> None:
        self.warning.setText(text)
        self.warning.setVisible(bool(text))
        self.fit_height()

    def _say(self, text: str, role: str = "muted") -> None:
        self.state.setText(text)
        self.state.setAccessibleName(text)
        self.state.setVisible(bool(text))
        self.fit_height()


class AddingServers(QObject):
    """The dialog, and the model that was chosen in it.

    Attributes:
        servers: Asks servers which models they have.
    """

    def __init__(
        self,
        window: QWidget,
        action: QAction,
        library: Library,
        controller: ChatController,
        preferences: Preferences,
        themes: ThemeManager,
    ) -> None:
        super().__init__(window)
        self.servers = ServerModels(library.services, self)
        self._window, self._controller = window, controller
        self._preferences, self._themes = preferences, themes
        action.triggered.connect(self.show_dialog)

    def show_dialog(self) -> None:
        """Open it, or bring it to the front."""
        show_beside(self._window, AddServerDialog, self._new_dialog)

    def on_chosen(self, server: ServerModel) -> None:
        """Let it answer; the model that is there stays if that fails."""
        name = texts.name(server.model, host(server.address))
        self._controller.model.load(ModelChoice(None, "server", name, server=server))

    def _new_dialog(self) -> AddServerDialog:
        dialog = AddServerDialog(self.servers, self._preferences, self._themes.theme, self._window)
        dialog.chosen.connect(self.on_chosen)
        return dialog
