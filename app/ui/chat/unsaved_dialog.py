"""What is asked before the program closes over text that could not be stored: nothing is lost silently."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QDialogButtonBox, QWidget

from app.base.files import named_target, write_whole
from app.bridge.unsent import Unsaved
from app.ui.chat import words
from app.ui.widgets.save_dialog import SaveDialog
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

LOOK_MS = 2_000
_RULE = "\n\n" + "-" * 40 + "\n\n"


class Keeper(Protocol):
    """Keeps the chats."""

    def unsaved(self) -> Unsaved:
        """Try once more to store what is not; gives what is left."""

    def write_anew(self) -> None:
        """Write the chat file anew that is gone."""


class UnsavedDialog(Sheet):
    """Try again, save it elsewhere, close anyway, or stay; it also tries by itself, and closes when all is stored.

    A chat file that is gone is written anew at a click, never by itself: whoever deleted it may have meant to.

    Signals:
        close_wanted: Nothing is left to lose, or the user does not mind.
    """

    close_wanted = Signal()

    def __init__(self, found: Unsaved, keeper: Keeper, theme: Theme, parent: QWidget | None = None) -> None:
        """Ask about `found`, which `keeper` could not store."""
        super().__init__(words.UNSAVED, words.UNSAVED_TITLE, theme, parent)
        self._keeper = keeper
        self._detail = self.add_text("")
        self._said = self.add_text("", role="muted")
        self._said.hide()
        action = QDialogButtonBox.ButtonRole.ActionRole
        self.again = self.add_button(words.TRY_SAVING_AGAIN, action, primary=True)
        self.elsewhere = self.add_button(words.SAVE_ELSEWHERE, action)
        self.anyway = self.add_button(words.CLOSE_ANYWAY, QDialogButtonBox.ButtonRole.DestructiveRole)
        self.stay = self.add_reject(words.STAY_OPEN)
        self.buttons.setOrientation(Qt.Orientation.Vertical)  # four do not stand beside each other in large letters
        self.again.clicked.connect(self.on_again)
        self.elsewhere.clicked.connect(self.on_elsewhere)
        self.anyway.clicked.connect(self.on_done)
        self._left = found
        self._show()
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._look.timeout.connect(self.on_look_due)
        self.finished.connect(self._look.stop)
        self._look.start()

    def on_look_due(self) -> None:
        """Perhaps it can be stored by now."""
        self._try()

    def on_again(self) -> None:
        """Perhaps there is room now."""
        if self._left.file_gone:
            self._keeper.write_anew()
        if not self._try():
            self._say(words.STILL_UNSAVED)

    def on_elsewhere(self) -> None:
        """As a text file, in a place that the user chooses."""
        start = str(Path.home() / words.UNSAVED_FILE)
        self._look.stop()  # nothing closes under the system's dialog
        path = SaveDialog.chosen(self, words.SAVE_ELSEWHERE, start, words.TEXT_FILES)
        self._look.start()
        if path is None or self._try():  # stored meanwhile: the file of that name stays what it is
            return
        try:
            data = _RULE.join(self._left.texts).encode("utf-8", "replace")
            write_whole(named_target(path), data, private=True)
        except OSError as exc:
            self._say(words.not_written(str(path), exc.strerror or type(exc).__name__))
            return
        if self._left.file_gone:
            self._say(words.saved_elsewhere(str(path)))
        else:
            self.on_done()

    def on_done(self) -> None:
        """Close the program."""
        self.accept()
        self.close_wanted.emit()

    def _try(self) -> bool:
        """Try to store it; closes if that has worked."""
        self._left = self._keeper.unsaved()
        if self._left.anything:
            self._show()
            return False
        self.on_done()
        return True

    def _show(self) -> None:
        left = self._left
        reason, hint = (left.report.text, left.report.hint) if left.report is not None else ("", "")
        length = sum(map(len, left.texts))
        self._detail.setText(words.unsaved_detail(len(left.texts), length, reason, hint, left.file_gone))
        again = words.WRITE_ANEW if left.file_gone else words.TRY_SAVING_AGAIN
        self.again.setText(again)
        self.again.setAccessibleName(again)
        self.elsewhere.setVisible(bool(left.texts))

    def _say(self, text: str) -> None:
        self._said.show_text(text)
        self.fit_height()
