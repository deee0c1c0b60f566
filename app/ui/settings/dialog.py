"""The settings dialog, made from the declarations: tabs, a search over all of them; every change holds at once.

Another subject adds a panel of its own to a tab with `SettingsCoordinator.add_panel`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QSpinBox,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.base.settings import DECLARATIONS, TABS, Declaration, Settings
from app.bridge.preferences import Preferences
from app.ui.settings import words
from app.ui.settings.row import Editor, SettingRow
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.labels import Sentence
from app.ui.widgets.question import Question
from app.ui.widgets.sheet import pressed_by_return
from app.ui.widgets.theme import ThemeManager

SIZE = (580, 660)
MARGINS = 80  # beside the rows: the page's own, and the scroll bar
_MOST_WORDS = 8  # of a search


@dataclass(frozen=True, slots=True)
class SettingsPanel:
    """What another subject has in the dialog.

    Attributes:
        tab: Where, of `TABS`.
        text: What it is about, for the search.
        make: Makes it for one dialog.
    """

    tab: str
    text: str
    make: Callable[[SettingsDialog], QWidget]


class SettingsDialog(QDialog):
    """A row for each declared setting, and the panels of others; one tab of them, or what a search finds in all tabs.

    Attributes:
        editors: By the setting's name.
        rows: The same.
    """

    def __init__(
        self,
        preferences: Preferences,
        themes: ThemeManager,
        parent: QWidget | None = None,
        panels: Sequence[SettingsPanel] = (),
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(words.SETTINGS)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._preferences, self._themes = preferences, themes
        self._showing = False
        shown = [each for each in DECLARATIONS if each.in_dialog]
        self.rows = {each.name: SettingRow(each) for each in shown}
        self.editors: dict[str, Editor] = {name: row.editor for name, row in self.rows.items()}
        self._panels = [(panel, panel.make(self)) for panel in panels]
        used = {each.tab for each in shown} | {panel.tab for panel in panels}
        self._tabs = [name for name in TABS if name in used]
        self._lay_out()
        for row in self.rows.values():
            row.edited.connect(self.on_editor_changed)
            row.reset_wanted.connect(self.on_reset_wanted)
        scale = preferences.settings.text_scale / 100
        resize_within_screen(self, round(SIZE[0] * scale), round(SIZE[1] * scale))
        preferences.changed.connect(self.on_settings_changed)
        self.on_settings_changed(preferences.settings)
        self.on_shown_changed()

    # -- slots ------------------------------------------------------------------------------------------------------

    def on_settings_changed(self, settings: Settings) -> None:
        """Show what holds, whoever changed it."""
        self._showing = True
        for name, row in self.rows.items():
            row.show_value(getattr(settings, name))
        self.editors["seed"].setEnabled(settings.seed_mode == "fixed")
        self._showing = False

    def on_editor_changed(self) -> None:
        """The user changed something: it holds from now on."""
        if not self._showing:
            self._preferences.set(**{name: row.value for name, row in self.rows.items()})

    def on_shown_changed(self) -> None:
        """Another tab, or another search: what is searched for is looked for in all tabs."""
        wanted = self.search.text().lower().split()[:_MOST_WORDS]
        tab = self._tabs[self.tabs.currentIndex()]
        self.tabs.setVisible(not wanted)
        found = 0
        for heading_tab, heading in self._headings.items():
            here = [row for row in self.rows.values() if row.declaration.tab == heading_tab]
            count = 0
            for row in here:
                visible = row.matches(wanted) if wanted else heading_tab == tab
                row.setVisible(visible)
                count += visible
            for panel, widget in self._panels:
                if panel.tab == heading_tab:
                    text = panel.text.lower()
                    visible = all(word in text for word in wanted) if wanted else heading_tab == tab
                    widget.setVisible(visible)
                    count += visible
            heading.setVisible(bool(wanted) and count > 0)
            found += count
        self._nothing.setVisible(found == 0)
        self._area.verticalScrollBar().setValue(0)

    def on_reset_wanted(self, declaration: Declaration) -> None:
        """Ask before one goes back to its default."""
        detail = words.reset_detail(declaration.title, declaration.say(declaration.default))
        self._ask(words.RESET_TITLE, detail, words.RESET_ONE, (declaration,))

    def on_defaults_clicked(self) -> None:
        """Ask before all is as it was at first; where it is so already, nothing is to be asked."""
        changed = [each for each in DECLARATIONS if each.in_dialog and self._differs(each)]
        if changed:
            detail = words.defaults_detail([each.title for each in changed])
            self._ask(words.DEFAULTS_TITLE, detail, words.DEFAULTS, changed)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _ask(self, title: str, detail: str, agree: str, back: Sequence[Declaration]) -> None:
        def go_back() -> None:
            self._preferences.set(**{each.name: each.default for each in back})

        question = Question(words.SETTINGS, title, detail, agree, self._themes.theme, self)
        question.accepted.connect(go_back)
        question.open()

    def _differs(self, declaration: Declaration) -> bool:
        return bool(getattr(self._preferences.settings, declaration.name) != declaration.default)

    def _lay_out(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText(words.SEARCH)
        self.search.setAccessibleName(words.SEARCH)
        self.search.setClearButtonEnabled(True)
        for clear in self.search.findChildren(QToolButton):
            clear.setAccessibleName(words.SEARCH_CLEAR)
        self.search.setMaxLength(100)
        self.search.textChanged.connect(self.on_shown_changed)
        self.tabs = QTabBar()
        self.tabs.setAccessibleName(words.SETTINGS)
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        for name in self._tabs:
            self.tabs.addTab(TABS[name])
        self.tabs.currentChanged.connect(self.on_shown_changed)
        head = QVBoxLayout()
        head.setContentsMargins(24, 16, 24, 4)
        head.setSpacing(10)
        head.addWidget(self.search)
        head.addWidget(self.tabs)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(self._body())
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setAccessibleName(words.SETTINGS)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addLayout(head)
        page.addWidget(self._area, 1)
        page.addLayout(self._bottom())

    def _body(self) -> QWidget:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(24, 12, 24, 12)
        column.setSpacing(16)
        self._headings: dict[str, Sentence] = {}
        for name in self._tabs:
            heading = self._headings[name] = Sentence(TABS[name], "muted")
            column.addWidget(heading)
            for row in self.rows.values():
                if row.declaration.tab == name:
                    column.addWidget(row)
            for panel, widget in self._panels:
                if panel.tab == name:
                    column.addWidget(widget)
        self._nothing = Sentence(words.NOTHING_FOUND, "muted")
        column.addWidget(self._nothing)
        column.addStretch(1)
        return body

    def _bottom(self) -> QHBoxLayout:
        buttons = QDialogButtonBox()
        self.defaults = buttons.addButton(words.DEFAULTS, QDialogButtonBox.ButtonRole.ResetRole)
        self.close_button = buttons.addButton(words.CLOSE, QDialogButtonBox.ButtonRole.RejectRole)
        self.defaults.setAutoDefault(False)
        self.close_button.setDefault(True)
        for button in (self.defaults, self.close_button):
            button.setAccessibleName(button.text())
        self.defaults.clicked.connect(self.on_defaults_clicked)
        buttons.rejected.connect(self.reject)
        bottom = QHBoxLayout()
        bottom.setContentsMargins(24, 8, 24, 16)
        bottom.addWidget(buttons)
        return bottom

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return takes a number or a search, or presses the button that has the focus; Esc clears a search first."""
        focus = self.focusWidget()
        if event.key() == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
            return
        taken = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(focus, QSpinBox | QLineEdit)
        if not taken and not pressed_by_return(event, self):
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Editors stand beside their names, or all of them below where one has no room there."""
        super().resizeEvent(event)
        room = self.width() - MARGINS
        wide = all(row.fits_beside(room) for row in self.rows.values())
        for row in self.rows.values():
            row.lay_out(wide)
