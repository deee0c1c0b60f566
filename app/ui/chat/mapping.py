"""What the window does about the map: shows it or not, and links its cells to the words of the answer."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from app.base.settings import Settings
from app.bridge.chat import ChatController
from app.bridge.preferences import Preferences
from app.ui.chat.answer_view import AnswerView
from app.ui.chat.pane import ChatPane
from inference.events import DraftUpdated


class Mapping(QObject):
    """Brings drafts to the map, and hovering from one to the other."""

    def __init__(
        self,
        action: QAction,
        pane: ChatPane,
        controller: ChatController,
        preferences: Preferences,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._action, self._pane, self._map = action, pane, pane.map
        self._preferences = preferences
        self._answer: AnswerView | None = None
        action.triggered.connect(self.on_toggled)
        self._map.closed.connect(self.on_toggled)
        self._map.grid.pointed.connect(self.on_cell_pointed)
        pane.chat.draft_shown.connect(self.on_draft_shown)
        pane.chat.pointed.connect(self._map.grid.highlight)
        controller.answer_grown.connect(self.on_committed)
        controller.answer_ended.connect(self.on_committed)
        controller.chat_shown.connect(self.on_chat_shown)
        preferences.changed.connect(self.on_settings_changed)
        self.on_settings_changed(preferences.settings)

    def on_toggled(self) -> None:
        """Show or hide it, for good."""
        self._preferences.set(show_map=not self._preferences.settings.show_map)

    def on_settings_changed(self, settings: Settings) -> None:
        """They hold at once."""
        self._pane.set_map_wanted(settings.show_map)
        self._action.setChecked(settings.show_map)

    def on_draft_shown(self, draft: DraftUpdated, answer: AnswerView) -> None:
        """An answer shows a step."""
        self._answer = answer
        if not self._preferences.settings.show_map:
            return
        if answer.replay is None:
            self._map.show_live(draft)
        else:
            frame = answer.replay_frame
            self._map.show_replayed(draft, answer.replay.curve(frame), answer.replay.held(frame))

    def on_cell_pointed(self, place: int) -> None:
        """The word of a cell is marked."""
        if self._answer is not None:
            self._answer.canvas.highlight(place)

    def on_committed(self) -> None:
        """The block is final."""
        self._map.grid.show_committed()

    def on_chat_shown(self) -> None:
        """Another chat: nothing of it was seen yet."""
        self._answer = None
        self._map.clear()
