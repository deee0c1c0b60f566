"""Backups, seen from the window: what is in one, and its chats in the place of those of now, in a thread."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.base.paths import AppPaths
from app.bridge.background import BackgroundThread, News, Task, TaskEnded, TaskEvent
from app.bridge.chat import ChatController
from app.chats.backup import BackupFile, listed_backups
from app.chats.migrations import EDIT_SLOT, NEW_SLOT
from app.chats.recovery.bringing_back import BackupPreview, BroughtBack, bring_back, preview_backup

POLITE_SECONDS = 3.0


class Restoring(QObject):
    """One thing at a time; a newer preview takes the place of the one before.

    Signals:
        previewed: A `BackupPreview` of the newest that was asked about.
        brought_back: A `BroughtBack`; the chats are not the ones that were listed before.
        failed: An `ErrorReport`; nothing was changed.
        began, ended: The chats are being replaced, during which nothing can be written into them.
    """

    previewed = Signal(object)
    brought_back = Signal(object)
    failed = Signal(object)
    began = Signal()
    ended = Signal()

    def __init__(self, paths: AppPaths, controller: ChatController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._paths, self._controller = paths, controller
        self._numbers = itertools.count(1)
        self._newest = self._replacing = 0
        self._left: str | None = None  # the chat that was in view, and is gone with the others
        self._cancel = threading.Event()
        self._thread = BackgroundThread("backups brought back", self)
        self._thread.event_arrived.connect(self.on_event)

    @property
    def busy(self) -> bool:
        """Whether something is at work."""
        return self._thread.busy

    def backups(self) -> tuple[BackupFile, ...]:
        """Those in the data folder, the newest first."""
        return listed_backups(self._paths.backups)

    def preview(self, backup: Path) -> None:
        """Look what is in one; `previewed` or `failed` follows."""
        self._cancel.set()
        self._controller.unsent.flush()
        slots = self._slots_in_view()
        self._do(lambda: self._preview(backup, slots))

    def bring_back(self, backup: Path) -> bool:
        """Put its chats in the place of those of now, which become a backup first.

        What is typed is stored before that, and stays in its box, or in the new chat's. False, and nothing is done,
        while an answer is written; else `began`, `brought_back` or `failed`, and `ended` follow.
        """
        if self._controller.busy:
            return False
        self._controller.hold()
        slots = self._slots_in_view()
        cancel = self._cancel = threading.Event()
        self._do(lambda: self._bring_back(backup, slots, cancel))
        self._replacing = self._newest
        self.began.emit()
        return True

    def cancel_all(self) -> None:
        """The window closes: let everything end soon."""
        self._cancel.set()
        self._thread.close()

    def shut_down(self) -> bool:
        """Wait for that; False if the thread hangs in the system and is given up."""
        return self._thread.end(POLITE_SECONDS)

    def on_event(self, arrived: TaskEvent) -> None:
        """Something has come of it."""
        match arrived.event:
            case BackupPreview() as found if arrived.number == self._newest:
                self.previewed.emit(found)
            case BroughtBack() as done:
                self._look_at_replaced()
                self.brought_back.emit(done)
            case TaskEnded(report=report):
                if arrived.number == self._replacing:
                    self._end_replacing()
                if report is not None and arrived.number == self._newest:
                    self.failed.emit(report)

    def _slots_in_view(self) -> tuple[str, ...]:
        """Of the texts that stay where they are, or go to the new chat."""
        return (self._controller.chat_id or NEW_SLOT, NEW_SLOT, *map(EDIT_SLOT.__add__, self._controller.edits()))

    def _end_replacing(self) -> None:
        self._replacing = 0
        if self._controller.held:
            self._controller.let_go(replaced=False)
        self.ended.emit()

    def _look_at_replaced(self) -> None:
        """All chats are others now; the one that is shown stays, if it is among them, or the one before comes back."""
        controller = self._controller
        known = {conversation.id for conversation in controller.let_go(replaced=True)}
        shown = controller.chat_id
        if shown is not None and shown not in known:
            self._left, shown = shown, None
        elif shown is None and self._left in known and not controller.unsent.text_of(None):
            shown, self._left = self._left, None
        controller.open_chat(shown)
        controller.search.look_again()

    def _do(self, start: News) -> None:
        self._newest = next(self._numbers)
        self._thread.do(Task(self._newest, start, threading.Event()))

    # -- in the thread ----------------------------------------------------------------------------------------------

    def _preview(self, backup: Path, slots: tuple[str, ...]) -> Generator[object, None, None]:
        yield preview_backup(backup, self._paths.data_file, slots)

    def _bring_back(
        self, backup: Path, slots: tuple[str, ...], cancel: threading.Event
    ) -> Generator[object, None, None]:
        yield bring_back(backup, self._paths.data_file, self._paths.backups, cancel.is_set, slots)
