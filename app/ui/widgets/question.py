"""A question before something is removed: what happens, and two buttons."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.ui.widgets import words
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme


class Question(Sheet):
    """Accepted if the user agrees; Cancel is the default."""

    def __init__(
        self, subject: str, title: str, detail: str, agree: str, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(subject, title, theme, parent)
        self.add_text(detail)
        self.agree = self.add_accept(agree)
        self.cancel = self.add_reject(words.CANCEL, primary=True)
        self.cancel.setFocus()
