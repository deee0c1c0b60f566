"""A start whose chat file another program holds: it is said at once, and the program opens when the file is free."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QTimer

from app.base.errors import AppError, StoppedError
from app.chats.errors import StoreBusyError
from app.chats.history import HistoryStore
from app.ui.chat import words
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

LOOK_MS = 1_000
PATIENCE = 0.05  # seconds that a look waits, in the window's thread


def opened_when_free(path: Path, backups: Path, theme: Theme) -> HistoryStore:
    """The history; while another program holds its file, a dialog says so.

    Raises:
        StoppedError: The user would not wait.
        StoreError: It cannot be opened for another reason.
    """

    def open_it() -> HistoryStore:
        return HistoryStore.open(path, backups, PATIENCE)

    try:
        return open_it()
    except StoreBusyError:
        dialog = HeldFile(path, open_it, theme)
        dialog.exec()
        if dialog.problem is not None:
            raise dialog.problem from None
        if dialog.store is None:
            raise StoppedError() from None
        return dialog.store


class HeldFile(Sheet):
    """Says that the file is held, and tries again until it is not; the other way out is to quit.

    Attributes:
        store: The history, as soon as it is open.
        problem: What else keeps it from being opened.
    """

    def __init__(self, path: Path, open_it: Callable[[], HistoryStore], theme: Theme) -> None:
        super().__init__(words.HELD, words.HELD_TITLE, theme)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # it is asked what became of it
        self._open_it = open_it
        self.store: HistoryStore | None = None
        self.problem: AppError | None = None
        self.add_text(words.held_detail(str(path)))
        self.quit = self.add_reject(words.QUIT, primary=True)
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._look.timeout.connect(self.on_look_due)
        self._look.start()

    def on_look_due(self) -> None:
        """Try once more."""
        try:
            self.store = self._open_it()
        except StoreBusyError:
            return
        except AppError as exc:
            self.problem = exc
        self._look.stop()
        self.accept()
