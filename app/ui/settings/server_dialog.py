"""The local server: its switch, address and key to copy, who may reach it, and what is asked of it now."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSpinBox, QVBoxLayout, QWidget

from app.base.settings import Settings
from app.bridge.preferences import Preferences
from app.bridge.server import LocalServer
from app.server.values import RunningRequest, ServerPhase, ServerStatus
from app.ui.settings import words
from app.ui.widgets import words as common_words
from app.ui.widgets.copy_button import CopyButton
from app.ui.widgets.labels import Sentence
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.question import Question
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

LEAST_PORT, MOST_PORT = 1024, 65_535


class ServerPanel(QWidget):
    """Its part of the settings dialog: what it is, and the button that opens its own dialog.

    Signals:
        wanted: The dialog is to be opened.
    """

    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        title = Sentence(words.SERVER)
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        self.button = QPushButton(words.OPEN_SERVER)
        self.button.setAccessibleName(words.OPEN_SERVER)
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self.wanted)
        row = QHBoxLayout()
        row.addWidget(self.button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(title)
        column.addWidget(Sentence(words.SERVER_TEXT, "muted"))
        column.addLayout(row)


class ServerDialog(Sheet):
    """Everything about the local server; each change holds at once."""

    width_ems = 52

    def __init__(
        self, server: LocalServer, preferences: Preferences, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(words.SERVER, words.SERVER, theme, parent)
        self._server, self._preferences = server, preferences
        self.add_text(words.SERVER_TEXT, "muted")
        self.switch = self.add_box(words.SERVER_SWITCH)
        self.state = self.add_text("")
        self.address, self.copy_address = self._line(words.SERVER_ADDRESS, words.COPY_ADDRESS)
        self.key, self.copy_key = self._line(words.SERVER_KEY, words.COPY_KEY)
        self.fresh = QPushButton(words.NEW_KEY)
        self.fresh.setAccessibleName(words.NEW_KEY)
        self.fresh.setAutoDefault(False)
        self.port = QSpinBox()
        self.port.setRange(LEAST_PORT, MOST_PORT)
        self.port.setKeyboardTracking(False)
        self.port.lineEdit().setTextMargins(7, 0, 7, 0)  # a style sheet's padding does not reach the inner box
        self.port.setAccessibleName(words.SERVER_PORT)
        row = QHBoxLayout()
        row.addWidget(self._name(words.SERVER_PORT))
        row.addWidget(self.port)
        row.addStretch(1)
        row.addWidget(self.fresh)
        self.column.addLayout(row)
        self.everywhere = self.add_box(words.SERVER_EVERYWHERE)
        self.add_text(words.SERVER_EVERYWHERE_TEXT, "muted")
        self.nothing = self.add_text(words.NO_REQUESTS, "muted")
        self.requests = QVBoxLayout()
        self.requests.setSpacing(6)
        self.column.addLayout(self.requests)
        self.rows: dict[int, tuple[QFrame, Sentence, QPushButton]] = {}
        self.add_reject(common_words.CLOSE, primary=True)
        self.switch.toggled.connect(self.on_switch_toggled)
        self.everywhere.clicked.connect(self.on_everywhere_clicked)
        self.port.valueChanged.connect(self.on_port_changed)
        self.fresh.clicked.connect(server.new_key)
        preferences.changed.connect(self.on_settings_changed)
        server.status_changed.connect(self.on_status_changed)
        self.on_settings_changed(preferences.settings)
        self.on_status_changed(server.status)

    # -- slots ------------------------------------------------------------------------------------------------------

    def on_switch_toggled(self, on: bool) -> None:
        """It holds at once."""
        self._preferences.set(server_on=on)

    def on_port_changed(self, port: int) -> None:
        """The server starts anew there."""
        self._preferences.set(server_port=port)

    def on_everywhere_clicked(self, wanted: bool) -> None:
        """Other computers are let in only after a question."""
        if not wanted:
            self._preferences.set(server_everywhere=False)
            return
        self.everywhere.setChecked(False)
        question = Question(
            words.SERVER, words.SERVER_EVERYWHERE_TITLE, words.SERVER_EVERYWHERE_DETAIL, words.LET_IN, self.theme, self
        )
        question.accepted.connect(self.on_everywhere_agreed)
        question.open()

    def on_everywhere_agreed(self) -> None:
        """They may reach it."""
        self._preferences.set(server_everywhere=True)

    def on_settings_changed(self, settings: Settings) -> None:
        """Show what holds, whoever changed it."""
        self.switch.setChecked(settings.server_on)
        self.everywhere.setChecked(settings.server_everywhere)
        self.port.setValue(settings.server_port)
        self.key.setText(settings.server_key or words.KEY_LATER)
        self.copy_key.setEnabled(bool(settings.server_key))
        self.fresh.setEnabled(bool(settings.server_key))

    def on_status_changed(self, status: ServerStatus) -> None:
        """Show how it is, and what is asked."""
        said = {
            ServerPhase.OFF: words.SERVER_OFF,
            ServerPhase.STARTING: words.SERVER_STARTING,
            ServerPhase.ON: words.SERVER_IS_ON,
            ServerPhase.FAILED: status.trouble,
        }
        self.state.setText(said[status.phase])
        self.address.setText(f"{status.address}/v1" if status.address else words.ADDRESS_LATER)
        self.copy_address.setEnabled(bool(status.address))
        for number in self.rows.keys() - {each.number for each in status.requests}:
            frame, _, _ = self.rows.pop(number)
            self.requests.removeWidget(frame)
            frame.deleteLater()
        for request in status.requests:
            self._show_request(request)
        self.nothing.setVisible(not status.requests)
        self.fit_height()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _show_request(self, request: RunningRequest) -> None:
        if request.number not in self.rows:
            frame, label, stop = QFrame(), Sentence(), QPushButton(words.STOP_REQUEST)
            frame.setObjectName("model_row")
            stop.setAutoDefault(False)
            stop.clicked.connect(partial(self._server.stop, request.number))
            row = QHBoxLayout(frame)
            row.setContentsMargins(12, 8, 12, 8)
            row.addWidget(label, 1)
            row.addWidget(stop)
            self.requests.addWidget(frame)
            self.rows[request.number] = (frame, label, stop)
        frame, label, stop = self.rows[request.number]
        text = words.request_line(request.label, request.place, request.blocks, int(request.seconds))
        label.setText(text)
        frame.setAccessibleName(text)
        stop.setAccessibleName(f"{words.STOP_REQUEST}: {request.label}")

    def _name(self, name: str) -> PlainLabel:
        """A name before a value; all values stand below each other."""
        label = PlainLabel(name, "muted")
        names = (words.SERVER_ADDRESS, words.SERVER_KEY, words.SERVER_PORT)
        label.setMinimumWidth(max(map(label.fontMetrics().horizontalAdvance, names)) + 6)
        return label

    def _line(self, name: str, copies: str) -> tuple[Sentence, CopyButton]:
        value = Sentence()
        value.setAccessibleName(name)
        button = CopyButton(value.text, copies, self.theme)
        row = QHBoxLayout()
        row.addWidget(self._name(name))
        row.addWidget(value, 1)
        row.addWidget(button)
        self.column.addLayout(row)
        return value, button
