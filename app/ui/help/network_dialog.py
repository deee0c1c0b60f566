"""Every reason for which the program opens a connection, and the switch that forbids them all."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.base.settings import Settings
from app.bridge.preferences import Preferences
from app.network.purposes import NetworkUse
from app.ui.help import words
from app.ui.widgets import words as common_words
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.labels import Sentence
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

SIZE = (660, 620)


class NetworkDialog(Sheet):
    """A card for each reason."""

    own_size = True
    scrolls = False

    def __init__(
        self, uses: Sequence[NetworkUse], preferences: Preferences, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(words.NETWORK_TITLE, words.NETWORK_TITLE, theme, parent)
        self._preferences = preferences
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        for text in (words.NETWORK_TEXT, words.NETWORK_CHATS):
            column.addWidget(Sentence(text, "muted"))
        for use in uses:
            column.addWidget(_card(use))
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(words.NETWORK_TITLE)
        area.setWidget(body)
        self.column.addWidget(area, 1)
        self.offline = self.add_box(words.STAY_OFFLINE)
        self.offline.setAccessibleDescription(words.STAY_OFFLINE_TEXT)
        self.add_text(words.STAY_OFFLINE_TEXT, "muted")
        self.add_reject(common_words.CLOSE, primary=True)
        self.offline.toggled.connect(self.on_offline_toggled)
        preferences.changed.connect(self.on_settings_changed)
        self.on_settings_changed(preferences.settings)
        resize_within_screen(self, round(SIZE[0] * theme.scale), round(SIZE[1] * theme.scale))

    def on_offline_toggled(self, offline: bool) -> None:
        """It holds at once."""
        self._preferences.set(offline=offline)

    def on_settings_changed(self, settings: Settings) -> None:
        """Whoever changed it."""
        self.offline.setChecked(settings.offline)


def _card(use: NetworkUse) -> QFrame:
    card = QFrame()
    card.setObjectName("model_row")
    card.setAccessibleName(f"{use.name}. {words.WHEN}: {use.when}. {words.WHO}: {use.host}. {words.SENT}: {use.sends}.")
    grid = QGridLayout(card)
    grid.setContentsMargins(16, 12, 16, 12)
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(4)
    grid.setColumnStretch(1, 1)
    head = Sentence(use.name)
    head.setObjectName("model_title")
    grid.addWidget(head, 0, 0, 1, 2)
    for number, (name, value) in enumerate(
        ((words.WHEN, use.when), (words.WHO, use.host), (words.SENT, use.sends)), start=1
    ):
        label = PlainLabel(name, "muted")
        grid.addWidget(label, number, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(Sentence(value), number, 1)
    return card
