"""Above the chat: the button for the chat list, the model's name and how it is doing."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.library.answering import AnsweringStatus, ModelPhase
from app.ui.chat import words
from app.ui.widgets.icons import themed_icon
from app.ui.widgets.labels import ElidedButton, ElidedLabel
from app.ui.widgets.plain import set_tip, without_keys
from app.ui.widgets.theme import ThemeManager

_BUSY = (ModelPhase.LOADING, ModelPhase.WRITING, ModelPhase.STOPPING)


class HeaderLink(QPushButton):
    """What goes on with one subject, and the way to it."""

    def __init__(self, subject: str) -> None:
        super().__init__()
        self._subject = subject
        self.setObjectName("link")
        self.setAccessibleName(subject)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.hide()

    def show_text(self, text: str) -> None:
        """Say it; nothing is shown if there is nothing to say."""
        self.setText(without_keys(text))
        self.setAccessibleName(text or self._subject)
        self.setVisible(bool(text))


class Header(QWidget):
    """Model name and state.

    Signals:
        sidebar_toggled: The user wants to hide or show the chat list.
        name_clicked: The user wants to see the models.
    """

    sidebar_toggled = Signal()
    name_clicked = Signal()

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Model")
        self._themes = themes
        self.toggle = QToolButton()
        self.toggle.setAccessibleName("Hide or show the chat list")
        set_tip(self.toggle, "Hide or show the chat list (Ctrl+B)")
        self.toggle.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.name = ElidedButton(words.MODELS_LINK)
        self.name.setObjectName("model_name")
        self.name.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the icon stands behind the name
        self.state = ElidedLabel()
        self.state.setObjectName("model_state")
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(10, 7, 20, 7)
        row.setSpacing(10)
        row.addWidget(self.toggle)
        column = QVBoxLayout()
        column.setSpacing(0)
        first = QHBoxLayout()
        first.addWidget(self.name)
        first.addStretch(1)
        column.addLayout(first)
        column.addWidget(self.state)
        row.addLayout(column, 1)
        self.name.clicked.connect(self.name_clicked)
        self.toggle.clicked.connect(self.sidebar_toggled)
        themes.theme_changed.connect(self.on_theme_changed)
        self.on_theme_changed()

    def show_status(self, status: AnsweringStatus) -> None:
        """Show how the model is doing."""
        self.name.set_full_text(status.name)
        text = _words_of(status)
        self.state.set_full_text(text, status.error or status.stage or status.why)
        self.state.setAccessibleName(f"State of the model: {text}")
        tone = "error" if status.phase == ModelPhase.FAILED else "busy" if status.phase in _BUSY else "calm"
        if self.state.property("tone") != tone:
            self.state.setProperty("tone", tone)
            self.state.style().unpolish(self.state)
            self.state.style().polish(self.state)

    def add_link(self, subject: str) -> HeaderLink:
        """A link on the right, for what goes on with a subject; whoever adds it says what stands there."""
        link = HeaderLink(subject)
        self._row.addWidget(link)
        return link

    def on_theme_changed(self) -> None:
        """New colours and sizes."""
        theme = self._themes.theme
        edge = round(theme.ui_points * 1.8)
        self.toggle.setIcon(themed_icon("sidebar", theme.color("muted"), edge))
        self.toggle.setIconSize(QSize(edge, edge))
        small = round(theme.ui_points * 1.1)
        self.name.setIcon(themed_icon("arrow-dark" if theme.dark else "arrow-light", theme.color("muted"), small))
        self.name.setIconSize(QSize(small, small))


def _words_of(status: AnsweringStatus) -> str:
    match status.phase:
        case ModelPhase.LOADING:
            return words.loading_state(status.fraction)
        case ModelPhase.READY:
            return words.ready_state(status.device, status.why)
        case ModelPhase.WRITING:
            return words.WRITING
        case ModelPhase.STOPPING:
            return words.STOPPING
        case ModelPhase.FAILED:
            return status.error or words.NOT_LOADED
