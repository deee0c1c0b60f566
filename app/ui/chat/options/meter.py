"""How full the model's context is, below the message box: a bar, and in words what will be left out."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from app.bridge.context import ContextUse
from app.ui.chat.options import words
from app.ui.widgets.plain import PlainLabel, set_tip
from app.ui.widgets.theme import ThemeManager

NEARLY_FULL = 0.85
_BAR = (4.4, 0.5)  # width and height, in letters of the controls


class _Bar(QWidget):
    """The share that is taken."""

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self._themes = themes
        self.share = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.fit()

    def fit(self) -> None:
        """As large as the letters beside it want it."""
        points = self._themes.theme.ui_points * 96 / 72
        self.setFixedSize(round(_BAR[0] * points), max(4, round(_BAR[1] * points)))

    def paintEvent(self, event: QPaintEvent) -> None:
        """A filled part of a rounded line."""
        theme = self._themes.theme
        name = "danger" if self.share > 1 else "warning" if self.share >= NEARLY_FULL else "accent"
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        radius = self.height() / 2
        painter.setBrush(theme.color("border"))
        painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        if self.share > 0:
            width = max(self.height(), self.width() * min(1.0, self.share))
            painter.setBrush(theme.color(name))
            painter.drawRoundedRect(QRectF(0, 0, width, self.height()), radius, radius)
        painter.end()


class ContextMeter(QWidget):
    """Says it; nothing while it is not known."""

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self._use: ContextUse | None = None
        self._has_room = True
        self._bar, self.label = _Bar(themes), PlainLabel(role="faint")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 4, 0)
        row.setSpacing(6)
        row.addWidget(self._bar)
        row.addWidget(self.label)
        themes.theme_changed.connect(self.on_theme_changed)
        self.show_use(None)

    def show_use(self, use: ContextUse | None) -> None:
        """Another state."""
        self._use = use
        self.setVisible(use is not None and self._has_room)
        if use is None:
            return
        self._bar.share = use.tokens / max(1, use.most)
        self._bar.update()
        told_of = (use.tokens, use.most, use.left_out, use.system_too_long)
        self.label.setText(words.context_line(*told_of))
        told = words.context_told(*told_of)
        set_tip(self, told)
        self.setAccessibleName(told)

    def set_room(self, words_too: bool, bar: bool) -> None:
        """Whether there is room for more than the bar, and for that; what it says is in its tool tip, too."""
        self.label.setVisible(words_too)
        self._has_room = bar
        self.setVisible(self._use is not None and bar)

    def on_theme_changed(self) -> None:
        """Other sizes; colours are asked for when it is painted."""
        self._bar.fit()
        self._bar.update()
