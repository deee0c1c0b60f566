"""One setting in the dialog: its name, its editor, its default beside it where it differs, and what it does."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QCheckBox, QComboBox, QPushButton, QSpinBox, QVBoxLayout, QWidget

from app.base.settings import Declaration, Value
from app.ui.settings import words
from app.ui.widgets.labels import Sentence
from app.ui.widgets.plain import set_tip

Editor = QCheckBox | QComboBox | QSpinBox
EDITOR_WIDTH = 190


class SettingRow(QWidget):
    """Made from a declaration.

    Signals:
        edited: The user changed the value.
        reset_wanted: The button that goes back to the default was pressed.
    """

    edited = Signal()
    reset_wanted = Signal(object)

    def __init__(self, declaration: Declaration) -> None:
        super().__init__()
        self.declaration = declaration
        self.editor = self._new_editor()
        self.editor.setAccessibleName(declaration.title)
        self.editor.setAccessibleDescription(declaration.description)
        self._title = Sentence(declaration.title)
        self._title.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self._title.setBuddy(self.editor)
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self.reset = QPushButton(words.RESET_ONE)
        self.reset.setProperty("role", "quiet")
        self.reset.setAutoDefault(False)
        self.reset.setAccessibleName(words.reset_name(declaration.title))
        set_tip(self.reset, words.reset_tip(declaration.say(declaration.default)))
        self.reset.clicked.connect(self.on_reset_clicked)
        self._line = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._line.addWidget(self._title, 1)
        self._line.addWidget(self.reset)
        self._line.addWidget(self.editor)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(self._line)
        column.addWidget(Sentence(declaration.description, "muted"))

    @property
    def value(self) -> Value:
        """What the editor holds."""
        if isinstance(self.editor, QCheckBox):
            return self.editor.isChecked()
        if isinstance(self.editor, QComboBox):
            value: Value = self.editor.currentData()
            return value
        return self.editor.value()

    def show_value(self, value: Value) -> None:
        """Show what holds."""
        if isinstance(self.editor, QCheckBox):
            self.editor.setChecked(bool(value))
        elif isinstance(self.editor, QComboBox):
            self.editor.setCurrentIndex(self.editor.findData(value))
        else:
            self.editor.setValue(int(value))
        differs = value != self.declaration.default
        if not differs and self.reset.hasFocus():
            self.editor.setFocus()
        self.reset.setVisible(differs)

    def matches(self, wanted: list[str]) -> bool:
        """Whether all these small letters are in what it says."""
        text = " ".join((self.declaration.title, self.declaration.description, self.declaration.say_allowed())).lower()
        return all(word in text for word in wanted)

    def fits_beside(self, room: int) -> bool:
        """Whether name, button and editor have room in one line."""
        name = self._title.fontMetrics().horizontalAdvance(self._title.text()) + 12
        return name + self.reset.sizeHint().width() + self.editor.sizeHint().width() <= room

    def lay_out(self, beside: bool) -> None:
        """The editor beside its name, or below."""
        direction = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        self._line.setDirection(direction)
        for widget in (self.editor, self.reset):
            self._line.setAlignment(widget, Qt.AlignmentFlag(0) if beside else Qt.AlignmentFlag.AlignLeft)

    def on_reset_clicked(self) -> None:
        """Back to the default: whoever owns the row asks first."""
        self.reset_wanted.emit(self.declaration)

    def on_changed(self) -> None:
        """The user, or whoever shows a value."""
        self.edited.emit()

    def _new_editor(self) -> Editor:
        declaration = self.declaration
        if declaration.choices:
            combo = QComboBox()
            for choice in declaration.choices:
                combo.addItem(choice.label, choice.value)
            combo.setMinimumWidth(EDITOR_WIDTH)
            combo.view().setAccessibleName(declaration.title)
            combo.currentIndexChanged.connect(self.on_changed)
            return combo
        if declaration.kind is bool:
            check = QCheckBox()
            check.toggled.connect(self.on_changed)
            return check
        spin = QSpinBox()
        spin.lineEdit().setTextMargins(7, 0, 7, 0)  # a style sheet's padding does not reach the inner box
        spin.setRange(declaration.least or 0, declaration.most if declaration.most is not None else 2**31 - 1)
        spin.setSingleStep(declaration.step)
        spin.setSpecialValueText(declaration.nothing)
        _show_unit(spin, declaration, spin.value())
        spin.valueChanged.connect(partial(_show_unit, spin, declaration))
        spin.setMinimumWidth(EDITOR_WIDTH)
        spin.setKeyboardTracking(False)
        spin.valueChanged.connect(self.on_changed)
        return spin


def _show_unit(spin: QSpinBox, declaration: Declaration, value: int) -> None:
    spin.setSuffix(declaration.one if value == 1 and declaration.one else declaration.unit)
