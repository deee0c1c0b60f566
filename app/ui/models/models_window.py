"""The models window: this computer, which model suits it, and a card for each model with what can be done with it.

It shows what `Library` says and passes on what the user wants; closing it stops nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from app.base.paths import is_folder
from app.library.values import LibraryStatus
from app.network.errors import host
from app.ui.models import words
from app.ui.models.buttons import Now
from app.ui.models.model_list import ModelList
from app.ui.widgets import words as common_words
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.labels import ElidedLabel, Sentence, Strip
from app.ui.widgets.plain import set_tip, tip
from app.ui.widgets.sheet import PanelHost
from app.ui.widgets.theme import Theme

if TYPE_CHECKING:
    from app.bridge.engines import Engines
    from app.bridge.library import Library
    from app.engines.values import EngineWork
    from app.library.queue import Ended
    from app.library.values import ModelWork, Transferring

SIZE = (760, 760)


class ModelsWindow(PanelHost):
    """All models.

    Signals:
        wanted: Name of what the user wants (of `model_words.BUTTONS`, or "add_name", "add_folder", "refresh",
            "stop_asking", "token", "network", "leftovers"), and a `ModelStatus` or None.
        dropped: Path of a folder that was dropped.
    """

    wanted = Signal(str, object)
    dropped = Signal(object)

    def __init__(self, library: Library, engines: Engines, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(words.TITLE)
        self.setAccessibleName(words.TITLE)
        self.setAcceptDrops(True)
        self._library, self._engines = library, engines
        self._in_use: Path | None = None
        self._busy = ""
        self._asking = False
        self._pausing: set[str] = set()
        self.strip = Strip(common_words.CLOSE)
        self.list = ModelList()
        self.page_column = self.list.column
        self.asking = ElidedLabel()
        self.asking.setProperty("role", "faint")
        self.asking.setMinimumWidth(1)
        self.stop_asking = self._button(common_words.CANCEL, "stop_asking", link=True)
        self.stop_asking.setAccessibleName(words.STOP_ASKING)
        self.stop_asking.hide()
        self.offline = Sentence(words.OFFLINE_LINE)
        self.offline.setObjectName("offline_line")
        self.leftovers = Sentence(role="faint")
        self.add = self._button(words.ADD, "")
        self.refresh_list = self._button(words.REFRESH, "refresh")
        self.token = self._button(words.TOKEN, "token", link=True)
        self.network = self._button(words.NETWORK, "network", link=True)
        self.show_leftovers = self._button(words.SHOW, "leftovers", link=True)
        self.show_leftovers.setAccessibleName(words.LEFTOVERS)
        self.close_button = QPushButton(common_words.CLOSE)
        self.close_button.setAccessibleName(common_words.CLOSE)
        self.close_button.setAutoDefault(False)
        self._make_menu()
        self._lay_out()
        self._connect()
        resize_within_screen(self, round(SIZE[0] * theme.scale), round(SIZE[1] * theme.scale))
        self.close_button.setFocus()
        self.refresh()

    # -- what the window is told ------------------------------------------------------------------------------------

    def show_in_use(self, folder: Path | None, busy: str) -> None:
        """Which model answers, and why another one cannot be used at this moment ("" if it can)."""
        if (folder, busy) != (self._in_use, self._busy):
            self._in_use, self._busy = folder, busy
            self.refresh()

    def say(
        self, text: str, hint: str = "", tone: str = "calm", action: str = "", do: Callable[[], None] | None = None
    ) -> None:
        """News above the list."""
        self.strip.say(text, hint, tone, action, do)

    def withdraw(self, *texts: str) -> None:
        """Take news away that is no longer true."""
        self.strip.withdraw(*texts)

    def show_model(self, model_id: str) -> None:
        """Bring a model into view as soon as it is in the list."""
        self.list.reveal(model_id)

    def mark_pausing(self, model_id: str) -> None:
        """A download was told to stop."""
        self._pausing.add(model_id)
        self.refresh()

    # -- what comes back --------------------------------------------------------------------------------------------

    def on_status_changed(self, status: LibraryStatus) -> None:
        """A look."""
        self._pausing = {one for one in self._pausing if self._is_transferring(one)}
        self.refresh()

    def on_transfer_changed(self, transfer: Transferring | None) -> None:
        """News of a download; after its end a look follows, and until then its row stays as it is."""
        if transfer is not None:
            self._refresh_rows()

    def on_download_ended(self, ended: Ended) -> None:
        """It need not be paused any more."""
        self._pausing.discard(ended.model_id)

    def on_work_changed(self, work: ModelWork | EngineWork | None) -> None:
        """News of a check, a move, a merge, or of engines."""
        self._refresh_rows()

    def on_asking_changed(self, asking: bool) -> None:
        """The Hub is asked."""
        self._asking = asking
        self.refresh()

    def on_problem(self) -> None:
        """Whatever was begun has not happened."""
        self._pausing.clear()
        self.refresh()

    def refresh(self) -> None:
        """Show what is known now."""
        status = self._library.status
        offline = status is not None and status.offline
        why = words.OFFLINE_WHY if offline else words.ASKING_WHY if self._asking else ""
        self.refresh_list.setEnabled(not why)
        set_tip(self.refresh_list, why)
        self.by_name.setEnabled(not why)
        self.by_name.setToolTip(tip(why))
        folder = self._library.looked_into
        asked = words.asking(host(self._library.services.network.endpoint))
        self.asking.set_full_text((words.looking_into(folder.name) if folder else asked) if self._asking else "")
        self.stop_asking.setVisible(self._asking)
        self.offline.setVisible(offline)
        left = status.leftovers if status is not None else ()
        self.leftovers.show_text(words.leftovers(len(left), sum(each.size for each in left)) if left else "")
        self.show_leftovers.setVisible(bool(left))
        self._refresh_rows()

    # -- what the user does -----------------------------------------------------------------------------------------

    def on_pressed(self, name: str, model_id: str) -> None:
        """A button of a row."""
        model = self._library.status.model(model_id) if self._library.status is not None else None
        if name == "details":
            self.list.toggle_details(model_id)
            self._refresh_rows()
        elif model is not None:
            self.strip.pass_by()
            self.wanted.emit(name, model)

    def on_button_clicked(self) -> None:
        """A button of the window, or a line of its menu."""
        sender = self.sender()
        if sender is not None:
            self.strip.pass_by()
            self.wanted.emit(sender.property("does"), None)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _refresh_rows(self) -> None:
        status = self._library.status
        if status is None:
            return
        now = Now(
            machine=status.machine,
            advised=status.advice.id,
            offline=status.offline,
            asking=self._asking,
            transfer=self._library.transfer,
            work=self._library.work,
            engine_work=self._engines.work,
            in_use=self._in_use,
            busy=self._busy,
            pausing=frozenset(self._pausing),
        )
        states = {model.id: self._library.state_of(model) for model in status.models}
        if self.list.show_models(status, states, now):
            self._set_tab_order()

    def _set_tab_order(self) -> None:
        head = [self.add, self.refresh_list, self.stop_asking, self.token, self.strip.action, self.strip.close_button]
        order: list[QWidget] = [*head, *self.list.tab_order(), self.show_leftovers, self.network, self.close_button]
        for one, following in itertools.pairwise(order):
            QWidget.setTabOrder(one, following)

    def _is_transferring(self, model_id: str) -> bool:
        return self._library.transfer is not None and self._library.transfer.model_id == model_id

    def _button(self, label: str, does: str, link: bool = False) -> QPushButton:
        button = QPushButton(label)
        button.setAccessibleName(label)
        button.setAutoDefault(False)
        button.setProperty("does", does)
        if link:
            button.setObjectName("link")
            button.setCursor(Qt.CursorShape.PointingHandCursor)
        if does:
            button.clicked.connect(self.on_button_clicked)
        return button

    def _make_menu(self) -> None:
        menu = QMenu(self.add)
        menu.setAccessibleName(words.ADD)
        menu.setToolTipsVisible(True)
        self.by_name, self.by_folder = menu.addAction(words.ADD_NAME), menu.addAction(words.ADD_FOLDER)
        for action, does in ((self.by_name, "add_name"), (self.by_folder, "add_folder")):
            action.setProperty("does", does)
            action.triggered.connect(self.on_button_clicked)
        self.add.setMenu(menu)

    def _lay_out(self) -> None:
        head, left, foot = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        head.setContentsMargins(24, 16, 16, 10)
        head.setSpacing(8)
        for widget in (self.add, self.refresh_list):
            head.addWidget(widget)
        head.addWidget(self.asking)
        head.addWidget(self.stop_asking)
        head.addStretch(1)
        head.addWidget(self.token)
        above = QVBoxLayout()
        above.setContentsMargins(24, 0, 24, 0)
        above.setSpacing(8)
        above.addWidget(self.strip)
        above.addWidget(self.offline)
        left.setContentsMargins(24, 4, 16, 0)
        left.addWidget(self.leftovers, 1)
        left.addWidget(self.show_leftovers)
        foot.setContentsMargins(16, 6, 24, 16)
        foot.addWidget(self.network)
        foot.addStretch(1)
        foot.addWidget(self.close_button)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addLayout(head)
        page.addLayout(above)
        page.addWidget(self.list, 1)
        page.addLayout(left)
        page.addLayout(foot)

    def _connect(self) -> None:
        library = self._library
        library.status_changed.connect(self.on_status_changed)
        library.transfer_changed.connect(self.on_transfer_changed)
        library.download_ended.connect(self.on_download_ended)
        library.work_changed.connect(self.on_work_changed)
        library.asking_changed.connect(self.on_asking_changed)
        library.problem.connect(self.on_problem)
        self._engines.work_changed.connect(self.on_work_changed)
        self.list.pressed.connect(self.on_pressed)
        self.close_button.clicked.connect(self.reject)

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """One folder may be dropped."""
        if _folder_of(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add it."""
        folder = _folder_of(event)
        if folder is not None:
            event.acceptProposedAction()
            self.dropped.emit(folder)


def _folder_of(event: QDropEvent) -> Path | None:
    urls = event.mimeData().urls()
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    folder = Path(urls[0].toLocalFile())
    return folder if is_folder(folder) else None
