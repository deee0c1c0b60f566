"""A message of the user: a soft bubble on the right, and above it a switch where its place has several messages.

A long one is folded: its beginning, and a button that shows all of it in a box that scrolls.
"""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.chats.messages import Message
from app.ui.chat import words
from app.ui.chat.file_buttons import FileButtons
from app.ui.chat.flow_text import FlowText
from app.ui.chat.long_text import LongText, odd_letters
from app.ui.chat.message_buttons import MenuButton, MessageButton
from app.ui.chat.sibling_switch import SiblingSwitch
from app.ui.widgets.look_later import in_view, pass_over, take_look
from app.ui.widgets.theme import Theme

_WIDEST = 0.78
_SIDE, _TOP = 16, 10
MOST_CHARACTERS, MOST_LINES = 4_000, 60  # of a message that is shown whole
MOST_ODD = 2_000  # letters that perhaps no font has, which take Qt thirty times as long
_SHOWN_CHARACTERS, _SHOWN_LINES = 1_000, 12


class UserMessage(QWidget):
    """Shows text exactly as it was typed.

    Signals:
        sibling_requested: The user wants to see another message at this place (message id, -1 or +1).
        action_requested: Message id, and "edit" or "menu".
        place_wanted: One of its files was clicked (a `FilePlace`).
    """

    sibling_requested = Signal(str, int)
    action_requested = Signal(str, str)
    place_wanted = Signal(object)

    def __init__(self, message: Message, theme: Theme) -> None:
        super().__init__()
        self.message_id = message.id
        self._source = message.body
        self._theme = theme
        self._text = FlowText(theme)
        self._text.setAccessibleName("Your message")
        self._bubble = QFrame()
        self._bubble.setObjectName("bubble")
        self._inner = QVBoxLayout(self._bubble)
        self._inner.addWidget(self._text)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.siblings: SiblingSwitch | None = None
        if message.sibling_count > 1:
            self.siblings = SiblingSwitch("message", theme)
            column.addWidget(self.siblings, 0, Qt.AlignmentFlag.AlignRight)
            self.siblings.sibling_requested.connect(self.sibling_requested)
            self.siblings.set_message(message)
        self._edit, self._menu = MessageButton("edit", words.EDIT_MENU, theme), MenuButton(theme)
        self._edit.clicked.connect(self.on_edit_clicked)
        self._menu.clicked.connect(self.on_menu_clicked)
        row = QHBoxLayout()
        row.setSpacing(2)
        row.addStretch(1)
        for button in (self._menu, self._edit):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._bubble)
        column.addLayout(row)
        self._files = FileButtons(message.files, theme)
        self._files.place_wanted.connect(self.place_wanted)
        column.addWidget(self._files)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Your message")
        self._whole: LongText | None = None
        self._fold: QPushButton | None = None
        if is_long(message.body):
            self._fold = QPushButton()
            self._fold.setObjectName("fold")
            self._fold.setProperty("role", "quiet")
            self._fold.setCursor(Qt.CursorShape.PointingHandCursor)
            self._fold.clicked.connect(self.on_fold_clicked)
            self._inner.addWidget(self._fold, 0, Qt.AlignmentFlag.AlignLeft)
            self._name_fold()
        self._text.rendered.connect(self._fit)
        self._text.set_content(beginning(message.body))

    def source(self) -> str:
        """The text."""
        return self._source

    def hold_layout(self) -> None:
        """See `FlowText`; what is out of view takes the look later."""
        self._text.hold_layout()
        if self._whole is not None:
            self._whole.hold_layout()
        if self._whole is not None or not in_view(self):  # Qt goes over all lines at each step
            pass_over(self)

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        take_look(self)
        self._text.set_theme(theme)
        self._edit.set_theme(theme)
        self._menu.set_theme(theme)
        self._files.set_theme(theme)
        if self._whole is not None:
            self._whole.set_theme(theme)
        if self.siblings is not None:
            self.siblings.set_theme(theme)

    def on_edit_clicked(self) -> None:
        """Edit it."""
        self.action_requested.emit(self.message_id, "edit")

    def on_menu_clicked(self) -> None:
        """What can be done with it besides."""
        self.action_requested.emit(self.message_id, "menu")

    def on_fold_clicked(self) -> None:
        """Show all of it, or its beginning again."""
        if self._whole is None:
            self._whole = LongText(self._theme)
            self._whole.setAccessibleName("Your message")
            self._inner.insertWidget(1, self._whole)
            self._whole.hide()
        folded = self._whole.isHidden()
        self._text.setVisible(not folded)
        self._whole.setVisible(folded)
        if folded:
            self._fit()
            self._whole.set_content(self._source)
        self._name_fold()

    def _name_fold(self) -> None:
        assert self._fold is not None
        folded = self._whole is None or self._whole.isHidden()
        self._fold.setText(words.show_all(len(self._source)) if folded else words.SHOW_LESS)
        self._fold.setAccessibleName(self._fold.text())

    def _fit(self) -> None:
        extra = self._theme.line_height() - math.ceil(QFontMetricsF(self._theme.body_font()).height())
        self._inner.setContentsMargins(_SIDE, _TOP, _SIDE, max(2, _TOP - extra))
        buttons = sum(button.sizeHint().width() + 4 for button in (self._edit, self._menu))
        room = max(120, min(int(self.width() * _WIDEST), self.width() - buttons) - 2 * _SIDE)
        self._text.setFixedWidth(min(self._text.ideal_width(), room))
        if self._whole is not None:
            self._whole.setFixedWidth(room)

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Use at most a part of the column."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._fit()


def is_long(text: str) -> bool:
    """Whether a message is folded."""
    return len(text) > MOST_CHARACTERS or text.count("\n") >= MOST_LINES or odd_letters(text) > MOST_ODD


def beginning(text: str) -> str:
    """What is shown of a message before all of it is asked for."""
    if not is_long(text):
        return text
    lines = text[:_SHOWN_CHARACTERS].split("\n")[:_SHOWN_LINES]
    return "\n".join(lines).rstrip() + " \u2026"
