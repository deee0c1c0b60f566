"""The access token for the Hub: typed here, kept in the system's keyring, never shown again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialogButtonBox, QLineEdit, QWidget

from app.ui.models import words
from app.ui.widgets import words as common_words
from app.ui.widgets.plain import PlainLabel
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

if TYPE_CHECKING:
    from app.library.access_token import TokenStore


class TokenDialog(Sheet):
    """Save a token, or forget the one that is stored."""

    def __init__(self, tokens: TokenStore, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.TOKEN_TITLE, words.TOKEN_TITLE, theme, parent)
        self._tokens = tokens
        self.add_text(words.TOKEN_TEXT, "muted")
        label = PlainLabel(words.TOKEN_LABEL)
        self.edit = QLineEdit()
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.edit.setAccessibleName(words.TOKEN_LABEL)
        label.setBuddy(self.edit)
        self.column.addWidget(label)
        self.column.addWidget(self.edit)
        self.state = self.add_text("")
        self.save = self.add_button(words.TOKEN_SAVE, QDialogButtonBox.ButtonRole.ActionRole, primary=True)
        self.forget = self.add_button(words.TOKEN_FORGET, QDialogButtonBox.ButtonRole.DestructiveRole)
        self.add_reject(common_words.CLOSE)
        self.save.clicked.connect(self.on_save_clicked)
        self.forget.clicked.connect(self.on_forget_clicked)
        self.edit.textChanged.connect(self.on_text_changed)
        stored = tokens.get() is not None
        self._show(words.TOKEN_STORED if stored else words.TOKEN_NONE, stored)
        self.on_text_changed("")
        self.edit.setFocus()

    def on_text_changed(self, text: str) -> None:
        """Something to save?"""
        self.save.setEnabled(bool(text.strip()))

    def on_save_clicked(self) -> None:
        """Keep it; where there is no keyring, say that it does not last."""
        lasts = self._tokens.set(self.edit.text())
        self.edit.clear()
        self._show(words.TOKEN_SAVED if lasts else words.TOKEN_SESSION, True)

    def on_forget_clicked(self) -> None:
        """Remove it everywhere."""
        self._tokens.remove()
        self._show(words.TOKEN_FORGOTTEN, False)
        self.edit.setFocus()

    def _show(self, text: str, stored: bool) -> None:
        self.state.setText(text)
        self.state.setAccessibleName(text)
        self.forget.setEnabled(stored)
