"""What a new chat shows: the drop, the tagline, and four questions to begin with."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.base import texts
from app.ui.chat import words
from app.ui.widgets.icons import pixmap_from_svg
from app.ui.widgets.labels import ElidedButton
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.theme import ThemeManager

_WIDTH = 640
_TWO_COLUMNS = 520
_PADDING = 17  # of an example, with its border; the style sheet says the same
_LINK_PADDING = 10


class EmptyState(QScrollArea):
    """Shown in the place of an empty chat.

    Signals:
        example_chosen: The text of an example.
    """

    example_chosen = Signal(str)

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self.setObjectName("chat_view")
        self.setAccessibleName("New chat")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._themes = themes
        self._drop = PlainLabel()
        self._drop.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._drop.setAccessibleName("Dewpoint's drop")
        title = PlainLabel(texts.APP_NAME)
        title.setObjectName("empty_title")
        tagline = PlainLabel(texts.TAGLINE, wrap=True)
        tagline.setObjectName("empty_tagline")
        for label in (title, tagline):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.examples = [self._example(text) for text in words.EXAMPLES]
        self._grid = QGridLayout()
        self._grid.setSpacing(10)
        page = QWidget()
        page.setObjectName("chat_canvas")
        page.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # as wide as the view
        column = QVBoxLayout(page)
        column.setContentsMargins(4, 20, 4, 20)  # the name is large; what is below it keeps more room (`_arrange`)
        column.addStretch(2)
        for widget, space in ((self._drop, 10), (title, 2), (tagline, 26)):
            column.addWidget(widget)
            column.addSpacing(space)
        self._box = QWidget()
        self._box.setLayout(self._grid)
        self._grid.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._box)
        column.setAlignment(self._box, Qt.AlignmentFlag.AlignHCenter)
        self._links = QHBoxLayout()
        self._links.setContentsMargins(0, 8, 0, 0)
        column.addLayout(self._links)
        self._below: list[QWidget] = []
        self._below_column = QVBoxLayout()
        column.addLayout(self._below_column)
        column.addStretch(3)
        self.setWidget(page)
        self._columns = 0
        self._arrange()
        themes.theme_changed.connect(self.on_theme_changed)
        self.on_theme_changed()

    def add_link(self, text: str) -> QPushButton:
        """Another subject's way from here, right under the examples; whoever adds it says where it leads."""
        link = ElidedButton("", _LINK_PADDING)
        link.setObjectName("link")
        link.set_full_text(text)
        link.setAccessibleName(text)
        self._links.addWidget(link, 0, Qt.AlignmentFlag.AlignHCenter)
        return link

    def add_below(self, widget: QWidget) -> None:
        """Another subject's card, under the examples and as wide as they are."""
        row = QHBoxLayout()
        row.setContentsMargins(0, 14, 0, 0)
        row.addStretch(1)
        row.addWidget(widget)
        row.addStretch(1)
        self._below_column.addLayout(row)
        self._below.append(widget)
        self._arrange()

    def on_example_clicked(self) -> None:
        """Pass the text of the button on."""
        button = self.sender()
        if isinstance(button, QPushButton):
            self.example_chosen.emit(button.property("example"))

    def on_theme_changed(self) -> None:
        """New sizes."""
        edge = round(self._themes.theme.ui_points * 7.2)
        self._drop.setPixmap(pixmap_from_svg("dewpoint", QSize(edge, edge), self.devicePixelRatioF()))
        self._arrange()

    def _example(self, text: str) -> QPushButton:
        button = ElidedButton("", _PADDING)
        button.setObjectName("example")
        button.setProperty("example", text)
        button.set_full_text(text)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setAccessibleName(f"Ask: {text}")
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.clicked.connect(self.on_example_clicked)
        return button

    def _arrange(self) -> None:
        room = min(self.viewport().width() - 56, round(_WIDTH * self._themes.theme.scale))
        wide = max(button.sizeHint().width() for button in self.examples) * 2 + 10
        columns = 2 if room >= max(_TWO_COLUMNS, wide) else 1
        for widget in (self._box, *self._below):
            widget.setFixedWidth(max(200, room))
        if columns != self._columns:
            self._columns = columns
            for number, button in enumerate(self.examples):
                self._grid.addWidget(button, number // columns, number % columns)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """One or two columns."""
        super().resizeEvent(event)
        self._arrange()
