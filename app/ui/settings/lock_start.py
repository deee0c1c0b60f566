"""The lock at the start of the window, and between two windows: asking for the password, encrypting, decrypting."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QWidget

from app.base.errors import ErrorReport, StoppedError
from app.base.paths import AppPaths
from app.bridge.background import BackgroundThread, Task, TaskEnded, TaskEvent
from app.chats.conversion import finish_conversion, lock_history, lock_strays, unlock_history
from app.chats.errors import StoreLockedError, translated
from app.chats.key_file import bring_key_file_back, is_locked, keep_key_copy, unwrapped
from app.chats.lock import texts
from app.chats.lock.keys import KEY_FILE, PASSWORD_VARIABLE, hold, key_of
from app.ui.settings import words
from app.ui.settings.lock_dialog import LockChange, opened_with_password
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

POLITE_SECONDS = 3.0


def unlock_at_start(paths: AppPaths, theme: Theme, asks: bool = True) -> None:
    """Hold the key of a locked data folder before anything of it is read.

    Without `asks` nobody is there to be asked, and the environment must say the password.

    Raises:
        StoppedError: The user would not say it.
        StoreError: What a kill left cannot be finished, the key file is damaged, or plain chats that were put there
            cannot be locked.
    """
    finish_conversion(paths.data_file, paths.backups)
    with translated(paths.data_file):
        bring_key_file_back(paths.data_file)
    if not is_locked(paths.base) or key_of(paths.base) is not None:
        return
    key_file = paths.base / KEY_FILE
    if asks:
        key = opened_with_password(key_file, theme, words.ASK_PASSWORD_TEXT, words.QUIT)
        if key is None:
            raise StoppedError
    elif (password := os.environ.get(PASSWORD_VARIABLE)) is not None:
        key = unwrapped(key_file, password)
    else:
        raise StoreLockedError(texts.LOCKED, texts.LOCKED_HINT)
    hold(paths.base, key)
    keep_key_copy(paths.base)
    lock_strays(paths.data_file, paths.backups)


class Converting(Sheet):
    """Says what is done, while it is done in a thread; it closes itself.

    Attributes:
        report: Why it could not be done; None if it was.
    """

    def __init__(self, change: LockChange, paths: AppPaths, theme: Theme, parent: QWidget | None = None) -> None:
        title = words.SET_LOCK_TITLE if change.locking else words.REMOVE_LOCK_TITLE
        super().__init__(title, title, theme, parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # it is asked what became of it
        self.add_text(words.LOCKING_NOW if change.locking else words.UNLOCKING_NOW)
        self.report: ErrorReport | None = None
        self._through = False
        self._thread = BackgroundThread("the lock", self)
        self._thread.event_arrived.connect(self.on_event)
        work = lock_history if change.locking else unlock_history

        def convert() -> Generator[object, None, None]:
            work(paths.data_file, paths.backups, change.password)
            yield None

        self._thread.do(Task(1, convert, threading.Event()))

    def on_event(self, arrived: TaskEvent) -> None:
        """It is through, or could not be done."""
        if isinstance(arrived.event, TaskEnded):
            self.report = arrived.event.report
            self._through = True
            self._thread.close()
            self._thread.end(POLITE_SECONDS)
            self.accept()

    def reject(self) -> None:
        """It cannot be left before it is through."""
        if self._through:
            super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        """The same."""
        if not self._through:
            event.ignore()


def carried_out(change: LockChange, paths: AppPaths, theme: Theme) -> str:
    """Do what was agreed to, with a dialog that says so; gives what the next window shall say."""
    dialog = Converting(change, paths, theme)
    dialog.exec()
    if dialog.report is not None:
        begun = is_locked(paths.base) == change.locking  # it failed behind the step that decides
        said = words.LOCK_GOES_ON if begun else words.still_so(not change.locking)
        return f"{said} {dialog.report.text} {dialog.report.hint if begun else ''}".strip()
    return words.LOCKED_NOW if change.locking else words.UNLOCKED_NOW
