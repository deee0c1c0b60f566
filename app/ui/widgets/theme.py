"""Colours and fonts of the window: two palettes, one text scale, and who decides between them.

A `Theme` is a value: every widget reads colours and fonts from it and repaints when `ThemeManager.theme_changed`
says so. The manager follows the system's colour scheme unless the user chose one.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QFontMetricsF, QPalette
from PySide6.QtWidgets import QApplication

from app.ui.widgets.colours import DARK, LIGHT, Tokens
from app.ui.widgets.icons import icon_file
from app.ui.widgets.stylesheet import stylesheet_from_tokens

UI_POINTS = 10.0
BODY_FACTOR = 1.12
LINE_EMS = 1.6
PARAGRAPH_GAP = 0.6


@dataclass(frozen=True, slots=True)
class Theme:
    """One look.

    Attributes:
        tokens: Named colours.
        scale: Text scale, 1.0 to 2.0.
        ui_points: Font size of controls in points, scale included.
    """

    tokens: Tokens
    scale: float
    ui_points: float

    @property
    def dark(self) -> bool:
        """True for the dark palette."""
        return self.tokens.dark

    @property
    def body_points(self) -> float:
        """Font size of messages in points."""
        return self.ui_points * BODY_FACTOR

    def color(self, name: str) -> QColor:
        """A token as a QColor."""
        return QColor(getattr(self.tokens, name))

    def font(self, factor: float = 1.0, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
        """The system's sans font at `factor` times the size of controls."""
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
        font.setPointSizeF(self.ui_points * factor)
        font.setWeight(weight)
        return font

    def body_font(self) -> QFont:
        """Font of messages."""
        return self.font(BODY_FACTOR)

    def line_height(self) -> int:
        """Distance of two lines of a message in pixels: the same for every font, however tall it says it is."""
        metrics = QFontMetricsF(self.body_font())
        return max(round(LINE_EMS * QFontInfo(self.body_font()).pixelSize()), math.ceil(metrics.height()))

    def line_percent(self) -> int:
        """The same in percent of the font's own height, as Qt's text documents want it."""
        return round(100 * self.line_height() / QFontMetricsF(self.body_font()).height())

    def line_pitch(self) -> float:
        """Distance of two lines of a message where it is laid out by Qt, to the fraction of a pixel."""
        return math.ceil(QFontMetricsF(self.body_font()).height()) * self.line_percent() / 100

    def mono_font(self) -> QFont:
        """Font of code."""
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(self.ui_points)
        font.setStyleHint(QFont.StyleHint.Monospace)
        return font


def paragraph_gap(theme: Theme) -> int:
    """Room between two paragraphs of a message, in pixels."""
    return round(theme.body_points * 96 / 72 * PARAGRAPH_GAP)


def palette_from_tokens(tokens: Tokens) -> QPalette:
    """The Qt palette for everything that the style sheet does not name."""
    role = QPalette.ColorRole
    pairs = {
        role.Window: tokens.window,
        role.WindowText: tokens.text,
        role.Base: tokens.surface,
        role.AlternateBase: tokens.sidebar,
        role.Text: tokens.text,
        role.Button: tokens.surface,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.danger,
        role.PlaceholderText: tokens.faint,
        role.Highlight: tokens.selection,
        role.HighlightedText: tokens.text,
        role.Link: tokens.accent,
        role.LinkVisited: tokens.accent,
        role.ToolTipBase: tokens.tooltip,
        role.ToolTipText: tokens.tooltip_text,
        role.Accent: tokens.accent,
        role.Light: tokens.raised,
        role.Midlight: tokens.border,
        role.Mid: tokens.border,
        role.Dark: tokens.faint,
        role.Shadow: tokens.border,
    }
    palette = QPalette()
    for key, value in pairs.items():
        palette.setColor(key, QColor(value))
    disabled = QPalette.ColorGroup.Disabled
    for key in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(disabled, key, QColor(tokens.faint))
    return palette


class ThemeManager(QObject):
    """Applies the theme to the application and tells widgets about changes.

    Signals:
        theme_changing: It is about to change.
        theme_changed: The new theme is in `theme`.

    Attributes:
        seconds: Of this thread, that the newest change took before widgets were told.
    """

    theme_changing = Signal()
    theme_changed = Signal()

    def __init__(self, application: QApplication, appearance: str = "system", text_scale: int = 100) -> None:
        super().__init__()
        self._application = application
        self._appearance = appearance
        self._text_scale = text_scale
        general = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
        self.seconds = 0.0
        self._base_points = max(general.pointSizeF(), UI_POINTS)
        application.setStyle("Fusion")
        application.styleHints().colorSchemeChanged.connect(self.on_system_scheme_changed)
        self._theme = self._make_theme()
        self._apply()

    @property
    def theme(self) -> Theme:
        """The look that is applied now."""
        return self._theme

    def set_appearance(self, appearance: str) -> None:
        """Choose "system", "light" or "dark"."""
        self._appearance = appearance
        scheme = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(appearance, Qt.ColorScheme.Unknown)
        self._application.styleHints().setColorScheme(scheme)
        self._refresh()

    def set_text_scale(self, percent: int) -> None:
        """Text size in percent, 100 to 200."""
        self._text_scale = percent
        self._refresh()

    def on_system_scheme_changed(self) -> None:
        """The desktop switched between light and dark."""
        self._refresh()

    def system_is_dark(self) -> bool:
        """Whether the desktop asks for a dark look."""
        return self._application.styleHints().colorScheme() == Qt.ColorScheme.Dark

    def _make_theme(self) -> Theme:
        dark = self._appearance == "dark" or (self._appearance == "system" and self.system_is_dark())
        scale = min(max(self._text_scale, 100), 200) / 100
        return Theme(DARK if dark else LIGHT, scale, self._base_points * scale)

    def _refresh(self) -> None:
        theme = self._make_theme()
        if theme == self._theme:
            return
        self._theme = theme
        began = time.thread_time()
        self.theme_changing.emit()
        self._apply()
        self.seconds = time.thread_time() - began
        self.theme_changed.emit()

    def _apply(self) -> None:
        # From one sheet to another Qt goes over every widget for each of its ancestors; from none to one, once.
        self._application.setStyleSheet("")
        self._application.setPalette(palette_from_tokens(self._theme.tokens))
        self._application.setFont(self._theme.font())
        check = icon_file("check-dark" if self._theme.dark else "check-light")
        arrow = icon_file("arrow-dark" if self._theme.dark else "arrow-light")
        sheet = stylesheet_from_tokens(self._theme.tokens, self._theme.ui_points, self._theme.body_points, arrow, check)
        self._application.setStyleSheet(sheet)
