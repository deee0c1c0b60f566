"""Above the chat: the button for the chat list, the model's name and how it is doing."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.bridge.model_keeper import ModelPhase, ModelState
from app.ui import words
from app.ui.elided import ElidedLabel
from app.ui.icons import themed_icon
from app.ui.theme import ThemeManager

_BUSY = (ModelPhase.LOADING, ModelPhase.WRITING, ModelPhase.STOPPING)


class Header(QWidget):
    """Model name and state.

    Signals:
        sidebar_toggled: The user wants to hide or show the chat list.
        engines_requested: The user wants to see what is being built.
    """

    sidebar_toggled = Signal()
    engines_requested = Signal()

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Model")
        self._themes = themes
        self.toggle = QToolButton()
        self.toggle.setAccessibleName("Hide or show the chat list")
        self.toggle.setToolTip("Hide or show the chat list (Ctrl+B)")
        self.toggle.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.name = ElidedLabel()
        self.name.setObjectName("model_name")
        self.state = QLabel()
        self.state.setObjectName("model_state")
        self.engines = QPushButton()
        self.engines.setObjectName("link")
        self.engines.setAccessibleName("Engines")
        self.engines.setCursor(Qt.CursorShape.PointingHandCursor)
        self.engines.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 7, 20, 7)
        row.setSpacing(10)
        row.addWidget(self.toggle)
        column = QVBoxLayout()
        column.setSpacing(1)
        column.addWidget(self.name)
        column.addWidget(self.state)
        row.addLayout(column, 1)
        row.addWidget(self.engines)
        self.engines.clicked.connect(self.on_engines_clicked)
        self.toggle.clicked.connect(self.on_toggle_clicked)
        themes.theme_changed.connect(self.on_theme_changed)
        self.on_theme_changed()

    def show_state(self, state: ModelState) -> None:
        """Show how the model is doing."""
        self.name.set_full_text(state.name)
        text = _words_of(state)
        self.state.setText(text)
        self.state.setAccessibleName(f"State of the model: {text}")
        self.state.setToolTip(state.error or state.stage or state.why)
        tone = "error" if state.phase == ModelPhase.FAILED else "busy" if state.phase in _BUSY else "calm"
        if self.state.property("tone") != tone:
            self.state.setProperty("tone", tone)
            self.state.style().unpolish(self.state)
            self.state.style().polish(self.state)

    def show_engines(self, text: str) -> None:
        """What is being done with engines; nothing if `text` is empty."""
        self.engines.setText(text)
        self.engines.setAccessibleName(text)
        self.engines.setVisible(bool(text))

    def on_engines_clicked(self) -> None:
        """Passed on."""
        self.engines_requested.emit()

    def on_toggle_clicked(self) -> None:
        """Passed on."""
        self.sidebar_toggled.emit()

    def on_theme_changed(self) -> None:
        """New colours and sizes."""
        theme = self._themes.theme
        edge = round(theme.ui_points * 1.8)
        self.toggle.setIcon(themed_icon("sidebar", theme.color("muted"), edge))
        self.toggle.setIconSize(QSize(edge, edge))


def _words_of(state: ModelState) -> str:
    match state.phase:
        case ModelPhase.LOADING:
            return words.loading_state(state.fraction)
        case ModelPhase.READY:
            return words.ready_state(state.device, state.why)
        case ModelPhase.WRITING:
            return words.WRITING
        case ModelPhase.STOPPING:
            return words.STOPPING
        case ModelPhase.FAILED:
            return state.error or words.NOT_LOADED
