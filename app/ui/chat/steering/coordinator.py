"""What the window does to steer the canvas."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow

from app.bridge.chat import ChatController
from app.bridge.preferences import Preferences
from app.ui.chat.pane import ChatPane
from app.ui.chat.steering.filled import FilledWords
from app.ui.chat.steering.forming import Forming
from app.ui.chat.steering.other_words import OtherWords
from app.ui.chat.steering.rewriting import CanUndo, Rewriting
from app.ui.chat.steering.tour import Tour
from app.ui.widgets.notices import Notices
from app.ui.widgets.theme import ThemeManager


class SteeringCoordinator(QObject):
    """Composes it.

    Attributes:
        rewriting: Words that are written anew.
        forming: Blanks, and forms of whole answers.
        filled: Which words were filled in.
        other_words: Another word in the place of one.
        tour: All of it, step by step.
    """

    def __init__(
        self,
        window: QMainWindow,
        actions: dict[str, QAction],
        pane: ChatPane,
        controller: ChatController,
        preferences: Preferences,
        themes: ThemeManager,
        notices: Notices,
        can_undo: CanUndo,
    ) -> None:
        super().__init__(window)
        self.rewriting = Rewriting(
            pane, actions["rewrite"], controller, preferences, themes, notices, can_undo, self
        )  # fmt: skip
        self.forming = Forming(pane, actions["form"], controller, themes, window)
        self.filled = FilledWords(pane.chat, controller, themes, self)
        self.other_words = OtherWords(
            pane.chat, actions["how_settled"], self.rewriting, controller, preferences, themes, notices, self
        )
        self.rewriting.looks_changed.connect(self.filled.look_again)
        self.tour = Tour(pane, actions["tour"], self.rewriting, controller, self)
