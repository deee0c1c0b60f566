"""A licence to read and to accept, below whatever stands above it; nothing is fetched before."""

from __future__ import annotations

from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QWidget

from app.base.errors import ErrorReport
from app.ui.widgets.first_size import resize_within_screen
from app.ui.widgets.labels import TroubleFrame
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

LONGEST_LINE = 1000  # characters: Qt lays out a line in a time that grows with its square


def _in_short_lines(text: str) -> str:
    """The text with lines that are longer than any licence's broken anywhere."""
    if len(text) <= LONGEST_LINE:
        return text
    return "\n".join(
        "\n".join(line[start : start + LONGEST_LINE] for start in range(0, len(line) or 1, LONGEST_LINE))
        for line in text.split("\n")
    )


class LicenceSheet(Sheet):
    """Accepted if the user accepts the licence and presses the button."""

    own_size = True

    def __init__(self, title: str, head: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(title, head, theme, parent)
        self._theme_now = theme

    def add_licence(
        self, text: str, labels: tuple[str, str, str, str], problem: ErrorReport | None, size: tuple[int, int]
    ) -> QPushButton:
        """The licence and what follows it; returns the button that accepts.

        Args:
            text: Of the licence.
            labels: Name of the text, of the check box, of the button that accepts, of the one that does not.
            problem: Shown in the place of box and button, if there is one.
            size: Of the window, at the system's text size.
        """
        theme = self._theme_now
        name, accept, go, cancel = labels
        self.text = QPlainTextEdit(_in_short_lines(text))
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(name)
        self.text.setFont(theme.mono_font())
        self.text.setMinimumHeight(round(theme.ui_points * 9))
        self.column.addWidget(self.text, 1)
        self.trouble = TroubleFrame()
        self.column.addWidget(self.trouble)
        self.box = self.add_box(accept)
        button = self.add_accept(go, primary=True)
        self.cancel = self.add_reject(cancel)
        button.setEnabled(False)
        self.trouble.show_report(problem)
        for widget in (self.box, button):
            widget.setVisible(problem is None)
        self.box.toggled.connect(button.setEnabled)
        resize_within_screen(self, round(size[0] * theme.scale), round(size[1] * theme.scale))
        self.text.setFocus()
        return button
