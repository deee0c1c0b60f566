"""What is asked before the program closes over text that could not be stored: nothing is lost silently."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QDialogButtonBox, QFileDialog, QWidget

from app.base.files import write_whole
from app.bridge.unsent import Unsaved
from app.ui.chat import words
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

LOOK_MS = 2_000
_RULE = "\n\n" + "-" * 40 + "\n\n"


class UnsavedDialog(Sheet):
    """Try again, save it elsewhere, close anyway, or stay; it also tries by itself, and closes when all is stored.

    Signals:
        close_wanted: Nothing is left to lose, or the user does not mind.
    """

    close_wanted = Signal()

    def __init__(
        self, found: Unsaved, unsaved: Callable[[], Unsaved], theme: Theme, parent: QWidget | None = None
    ) -> None:
        """Ask about `found`; `unsaved` tries once more to store it, and says what is left."""
        super().__init__(words.UNSAVED, words.UNSAVED_TITLE, theme, parent)
        self._unsaved = unsaved
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
        self._count(found)
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._look.timeout.connect(self.on_look_due)
        self.finished.connect(self._look.stop)
        self._look.start()

    def on_look_due(self) -> None:
        """Perhaps it can be stored by now."""
        left = self._unsaved()
        if left.texts:
            self._count(left)
        else:
            self.on_done()

    def on_again(self) -> None:
        """Perhaps there is room now."""
        left = self._unsaved()
        if left.texts:
            self._count(left)
            self._say(words.STILL_UNSAVED)
        else:
            self.on_done()

    def on_elsewhere(self) -> None:
        """As a text file, in a place that the user chooses."""
        start = str(Path.home() / words.UNSAVED_FILE)
        self._look.stop()  # nothing closes under the system's dialog
        name, _ = QFileDialog.getSaveFileName(self, words.SAVE_ELSEWHERE, start, words.TEXT_FILES)
        self._look.start()
        if not name:
            return
        try:
            write_whole(Path(name), _RULE.join(self._unsaved().texts).encode("utf-8", "replace"), private=True)
        except OSError as exc:
            self._say(words.not_written(name, exc.strerror or type(exc).__name__))
            return
        self.on_done()

    def on_done(self) -> None:
        """Close the program."""
        self.accept()
        self.close_wanted.emit()

    def _count(self, left: Unsaved) -> None:
        reason, hint = (left.report.text, left.report.hint) if left.report is not None else ("", "")
        self._detail.setText(words.unsaved_detail(len(left.texts), sum(map(len, left.texts)), reason, hint))

    def _say(self, text: str) -> None:
        self._said.show_text(text)
        self.fit_height()
