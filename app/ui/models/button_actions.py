"""What the buttons of the models window do: each asks first where something is fetched or deleted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.library.values import DownloadOffer, ModelStatus, Removal
from app.ui.models import words
from app.ui.models.add_dialogs import AdapterDialog, NameDialog
from app.ui.models.leftovers_dialog import LeftoversDialog
from app.ui.models.licence_dialog import LicenceDialog
from app.ui.models.removal_dialog import RemovalDialog
from app.ui.models.token_dialog import TokenDialog
from app.ui.widgets.outside import open_folder, open_page
from app.ui.widgets.sheet import show_beside
from app.ui.widgets.theme import Theme, ThemeManager

if TYPE_CHECKING:
    from app.bridge.library import Library
    from app.library.values import FoundAdapter


class ButtonActions(QObject):
    """Does what is wanted; `host` is the window that dialogs stand before.

    Signals:
        use_wanted: A `ModelStatus` that shall answer.
        engines_wanted: A `ModelStatus` whose engines shall be shown.
        pause_begun: Id of a download that was told to stop.
        network_wanted: The window that the list of connections shall stand before.
        refused: One sentence: why nothing was begun.
    """

    use_wanted = Signal(object)
    engines_wanted = Signal(object)
    pause_begun = Signal(str)
    network_wanted = Signal(object)
    refused = Signal(str)

    def __init__(self, library: Library, themes: ThemeManager, host: QWidget) -> None:
        super().__init__(host)
        self.host = host
        self._library, self._themes = library, themes
        library.offered.connect(self.on_offered)
        library.removal_known.connect(self.on_removal_known)
        library.adapter_found.connect(self.on_adapter_found)

    def do(self, name: str, model: ModelStatus | None) -> None:
        """One of `words.BUTTONS`, or a button of the window."""
        if model is None:
            {
                "add_name": self.add_by_name,
                "add_folder": self.choose_folder,
                "refresh": self._library.refresh,
                "stop_asking": self._library.stop_asking,
                "token": self.show_token,
                "network": self.show_network,
                "leftovers": self.show_leftovers,
            }[name]()
            return
        match name:
            case "download" | "again":
                self._library.ask(model.repo)
            case "resume" | "repair":
                self._library.resume(model.id)
            case "pause":
                self.pause_begun.emit(model.id)
                self._library.pause(model.id)
            case "verify" | "verify_again":
                self._library.verify(model.id)
            case "stop":
                self._library.stop_work()
            case "remove" | "forget":
                self._library.ask_removal(model)
            case "move":
                self._move(model)
            case "use":
                self.use_wanted.emit(model)
            case "build" | "engines":
                self.engines_wanted.emit(model)
            case "folder":
                self._say(open_folder(model.folder or Path()))
            case "page":
                self._say(open_page(f"{self._library.services.network.endpoint}/{model.repo}"))

    def _say(self, trouble: str) -> None:
        if trouble:
            self.refused.emit(trouble)

    # -- adding -----------------------------------------------------------------------------------------------------

    def add_by_name(self) -> None:
        """Type or paste a name; the licence comes next."""
        dialog = NameDialog(self._theme, self.host)
        dialog.accepted.connect(self.on_name_accepted)
        dialog.open()

    def on_name_accepted(self) -> None:
        """Ask the Hub."""
        dialog = self.sender()
        if isinstance(dialog, NameDialog):
            self._library.ask(dialog.text)

    def choose_folder(self) -> None:
        """A checkpoint, or an adapter."""
        folder = QFileDialog.getExistingDirectory(self.host, words.CHOOSE_FOLDER, str(Path.home()))
        if folder:
            self._library.add_folder(Path(folder))

    def on_adapter_found(self, adapter: FoundAdapter) -> None:
        """Ask for the base."""
        status = self._library.status
        models = status.models if status is not None else ()
        why_not = words.OFFLINE_WHY if self._library.services.network.offline else ""
        dialog = AdapterDialog(adapter, models, why_not, self._theme, self.host)
        dialog.accepted.connect(self.on_merge_accepted)
        dialog.base_wanted.connect(self._library.ask)
        dialog.open()

    def on_merge_accepted(self) -> None:
        """Base and name are known."""
        dialog = self.sender()
        if self._library.work is not None:
            self.refused.emit(words.ONE_AT_A_TIME)
        elif isinstance(dialog, AdapterDialog) and dialog.chosen is not None:
            self._library.merge(dialog.adapter.folder, dialog.chosen, dialog.title)

    # -- downloading and removing -----------------------------------------------------------------------------------

    def on_offered(self, offer: DownloadOffer) -> None:
        """Show the licence."""
        rate = self._library.status.machine.rate if self._library.status is not None else 0.0
        dialog = LicenceDialog(offer, rate, self._theme, self.host)
        dialog.accepted.connect(self.on_licence_accepted)
        dialog.open()

    def on_licence_accepted(self) -> None:
        """Now, and only now, something is fetched."""
        dialog = self.sender()
        if isinstance(dialog, LicenceDialog):
            self._library.accept(dialog.offer)

    def on_removal_known(self, removal: Removal) -> None:
        """Say what goes and what stays."""
        dialog = RemovalDialog(removal, self._theme, self.host)
        dialog.accepted.connect(self.on_removal_accepted)
        dialog.open()

    def on_removal_accepted(self) -> None:
        """The user agreed."""
        dialog = self.sender()
        if isinstance(dialog, RemovalDialog):
            self._library.remove(dialog.removal, dialog.with_engines)

    def _move(self, model: ModelStatus) -> None:
        start = str(model.folder.parent) if model.folder is not None else ""
        parent = QFileDialog.getExistingDirectory(self.host, words.CHOOSE_TARGET, start)
        if parent:
            self._library.move(model.id, Path(parent))

    # -- more windows -----------------------------------------------------------------------------------------------

    def show_token(self) -> None:
        """The access token."""
        show_beside(self.host, TokenDialog, lambda: TokenDialog(self._library.services.tokens, self._theme, self.host))

    def show_network(self) -> None:
        """What is asked, and the switch."""
        self.network_wanted.emit(self.host)

    def show_leftovers(self) -> None:
        """What lies about."""
        show_beside(self.host, LeftoversDialog, lambda: LeftoversDialog(self._library, self._theme, self.host))

    @property
    def _theme(self) -> Theme:
        return self._themes.theme
