"""The settings dialog, made from the declarations; every change holds at once."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.base.settings import DECLARATIONS, Declaration, Settings, Value
from app.bridge.preferences import Preferences
from app.ui.settings import words
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.labels import Sentence
from app.ui.widgets.question import Question
from app.ui.widgets.sheet import pressed_by_return
from app.ui.widgets.theme import ThemeManager

SIZE = (560, 620)
MARGINS = 80  # beside the rows: the page's own, and the scroll bar
_UNITS = {"text_scale": " %", "speed_limit": " MB/s", "answer_tokens": " tokens"}
_NOTHING = {"speed_limit": "No limit", "answer_tokens": "Four blocks"}  # instead of 0
_ONE = {"answer_tokens": " token"}
_STEPS = {"text_scale": 10, "answer_tokens": 256}


class SettingsDialog(QDialog):
    """One row for each declared setting."""

    def __init__(self, preferences: Preferences, themes: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(words.SETTINGS)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._preferences, self._themes = preferences, themes
        self._showing = False
        self._lines: list[tuple[QBoxLayout, Sentence, QWidget]] = []
        self.editors: dict[str, QCheckBox | QComboBox | QSpinBox] = {}
        rows = QWidget()
        column = QVBoxLayout(rows)
        column.setContentsMargins(24, 20, 24, 12)
        column.setSpacing(16)
        for declaration in DECLARATIONS:
            if declaration.in_dialog:
                column.addLayout(self._row(declaration))
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(rows)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setAccessibleName(words.SETTINGS)
        buttons = QDialogButtonBox()
        self.defaults = buttons.addButton(words.DEFAULTS, QDialogButtonBox.ButtonRole.ResetRole)
        self.close_button = buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        self.defaults.setAutoDefault(False)
        self.close_button.setDefault(True)
        for button in (self.defaults, self.close_button):
            button.setAccessibleName(button.text())
        self.defaults.clicked.connect(self.on_defaults_clicked)
        buttons.rejected.connect(self.reject)
        bottom = QHBoxLayout()
        bottom.setContentsMargins(24, 8, 24, 16)
        bottom.addWidget(buttons)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.addWidget(area, 1)
        page.addLayout(bottom)
        scale = preferences.settings.text_scale / 100
        resize_within_screen(self, round(SIZE[0] * scale), round(SIZE[1] * scale))
        preferences.changed.connect(self.on_settings_changed)
        self.on_settings_changed(preferences.settings)

    # -- slots ------------------------------------------------------------------------------------------------------

    def on_settings_changed(self, settings: Settings) -> None:
        """Show what holds, whoever changed it."""
        self._showing = True
        for name, editor in self.editors.items():
            value = getattr(settings, name)
            if isinstance(editor, QCheckBox):
                editor.setChecked(value)
            elif isinstance(editor, QComboBox):
                editor.setCurrentIndex(editor.findData(value))
            else:
                editor.setValue(value)
        self.editors["seed"].setEnabled(settings.seed_mode == "fixed")
        self._showing = False

    def on_editor_changed(self) -> None:
        """The user changed something: it holds from now on."""
        if not self._showing:
            self._preferences.set(**{name: _value_of(editor) for name, editor in self.editors.items()})

    def on_defaults_clicked(self) -> None:
        """Ask before all is as it was at first; where it is so already, nothing is to be asked."""
        changed = [each.title for each in DECLARATIONS if each.in_dialog and self._differs(each)]
        if changed:
            detail = words.defaults_detail(changed)
            theme = self._themes.theme
            question = Question(words.SETTINGS, words.DEFAULTS_TITLE, detail, words.DEFAULTS, theme, self)
            question.accepted.connect(self.on_defaults_agreed)
            question.open()

    def _differs(self, declaration: Declaration) -> bool:
        return bool(getattr(self._preferences.settings, declaration.name) != declaration.default)

    def on_defaults_agreed(self) -> None:
        """Back to how it was at first."""
        self._preferences.set(**{each.name: each.default for each in DECLARATIONS if each.in_dialog})

    # -- inside -----------------------------------------------------------------------------------------------------

    def _row(self, declaration: Declaration) -> QVBoxLayout:
        editor = self._editor(declaration)
        editor.setAccessibleName(declaration.title)
        editor.setAccessibleDescription(declaration.description)
        self.editors[declaration.name] = editor
        title = Sentence(declaration.title)
        title.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        title.setBuddy(editor)
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        line = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        line.addWidget(title, 1)
        line.addWidget(editor)
        self._lines.append((line, title, editor))
        description = Sentence(declaration.description, "muted")
        row = QVBoxLayout()
        row.setSpacing(3)
        row.addLayout(line)
        row.addWidget(description)
        return row

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return takes a number, which Qt has done by now, or presses the button that has the focus."""
        taken = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(self.focusWidget(), QSpinBox)
        if not taken and not pressed_by_return(event, self):
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Editors stand beside their names, or all of them below where one has no room there."""
        super().resizeEvent(event)
        room = self.width() - MARGINS
        wide = all(_width_of(title) + editor.sizeHint().width() <= room for _, title, editor in self._lines)
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        for line, _, editor in self._lines:
            line.setDirection(direction)
            line.setAlignment(editor, Qt.AlignmentFlag(0) if wide else Qt.AlignmentFlag.AlignLeft)

    def _editor(self, declaration: Declaration) -> QCheckBox | QComboBox | QSpinBox:
        if declaration.choices:
            combo = QComboBox()
            for choice in declaration.choices:
                combo.addItem(choice.label, choice.value)
            combo.setMinimumWidth(190)
            combo.view().setAccessibleName(declaration.title)
            combo.currentIndexChanged.connect(self.on_editor_changed)
            return combo
        if declaration.kind is bool:
            check = QCheckBox()
            check.toggled.connect(self.on_editor_changed)
            return check
        spin = QSpinBox()
        spin.lineEdit().setTextMargins(7, 0, 7, 0)  # a style sheet's padding does not reach the inner box
        spin.setRange(declaration.least or 0, declaration.most if declaration.most is not None else 2**31 - 1)
        spin.setSingleStep(_STEPS.get(declaration.name, 1))
        spin.setSpecialValueText(_NOTHING.get(declaration.name, ""))
        _show_unit(spin, declaration.name, spin.value())
        spin.valueChanged.connect(partial(_show_unit, spin, declaration.name))
        spin.setMinimumWidth(190)
        spin.setKeyboardTracking(False)
        spin.valueChanged.connect(self.on_editor_changed)
        return spin


def _width_of(title: Sentence) -> int:
    """Of the whole name in one line, and the gap behind it."""
    return title.fontMetrics().horizontalAdvance(title.text()) + 12


def _show_unit(spin: QSpinBox, name: str, value: int) -> None:
    spin.setSuffix((_ONE if value == 1 else _UNITS).get(name, _UNITS.get(name, "")))


def _value_of(editor: QCheckBox | QComboBox | QSpinBox) -> Value:
    if isinstance(editor, QCheckBox):
        return editor.isChecked()
    if isinstance(editor, QComboBox):
        value: Value = editor.currentData()
        return value
    return editor.value()
