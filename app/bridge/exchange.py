"""Chats to files and from files, beside the window: one thing at a time, in a thread of its own.

An import lies ready between its two steps: it is read and counted, and taken in when the user agrees. Whatever ends it
before that leaves the chats as they are.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.base.paths import AppPaths
from app.bridge.background import BackgroundThread, News, Task, TaskEnded, TaskEvent
from app.chats.exporting.snapshot import snapshot
from app.chats.exporting.writing import Exported, ExportFormat, export_chats
from app.chats.importing.importer import Imported, ReadyImport, leftovers, remove_leftovers

POLITE_SECONDS = 6.0


class Exchange(QObject):
    """Exports and imports.

    Signals:
        exported: An `Exported`, when it is written.
        read: How many chats were found so far in the file that is imported (int).
        counted: An `Imported`: what taking it in would add.
        imported: An `Imported`: what was added; the chats are not the ones that were listed before.
        failed: An `ErrorReport`; nothing was changed.
        stopped: The user stopped it; nothing was changed.
    """

    exported = Signal(object)
    read = Signal(int)
    counted = Signal(object)
    imported = Signal(object)
    failed = Signal(object)
    stopped = Signal()

    def __init__(self, paths: AppPaths, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._paths = paths
        self._numbers = itertools.count(1)
        self._thread = BackgroundThread("chats in and out", self, at_end=self._forget)
        self._thread.event_arrived.connect(self.on_event)
        self._cancel = threading.Event()
        self._ready: ReadyImport | None = None
        if leftovers(paths.data_file):
            self._do(self._remove_leftovers)

    @property
    def busy(self) -> bool:
        """Whether something is at work."""
        return self._thread.busy

    def export(self, chat_ids: Sequence[str] | None, kind: ExportFormat, out: Path) -> None:
        """Write some chats, or all (None), to a file."""
        self._do(lambda: self._export(chat_ids, kind, out, self._cancel))

    def read_import(self, path: Path) -> None:
        """Read a file and count what it would add; the answer is `counted`."""
        self._do(lambda: self._read(path, self._cancel))

    def take_import(self) -> None:
        """Take in what was counted; the answer is `imported`."""
        self._do(lambda: self._take(self._cancel))

    def forget_import(self) -> None:
        """Stop reading or taking in, or forget what lies ready."""
        self._cancel.set()
        self._do(self._close_ready)

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
            case TaskEnded(stopped, report):
                if report is not None:
                    self.failed.emit(report)
                elif stopped:
                    self.stopped.emit()
            case Exported() as done:
                self.exported.emit(done)
            case Imported(done=True) as done:
                self.imported.emit(done)
            case Imported() as counted:
                self.counted.emit(counted)
            case int(count):
                self.read.emit(count)

    def _do(self, start: News) -> None:
        self._cancel = cancel = threading.Event()
        self._thread.do(Task(next(self._numbers), start, cancel))

    # -- in the thread ----------------------------------------------------------------------------------------------

    def _export(
        self, chat_ids: Sequence[str] | None, kind: ExportFormat, out: Path, cancel: threading.Event
    ) -> Generator[object, None, None]:
        with snapshot(self._paths.data_file) as found:
            chats = found.conversations() if chat_ids is None else found.chosen(chat_ids)
            with closing(export_chats(found, chats, kind, out, cancel.is_set)) as steps:
                done = next(steps)
                for done in steps:  # noqa: B007 - the last one is told
                    yield None
            yield done

    def _read(self, path: Path, cancel: threading.Event) -> Generator[object, None, None]:
        self._forget()
        ready = ReadyImport(self._paths.data_file, self._paths.backups)
        try:
            yield from ready.read(path, cancel.is_set)
            counted = ready.count()
        except BaseException:
            ready.close()
            raise
        self._ready = ready
        yield counted

    def _take(self, cancel: threading.Event) -> Generator[object, None, None]:
        if self._ready is not None:
            try:
                yield self._ready.take(cancel.is_set)
            finally:
                self._forget()

    def _remove_leftovers(self) -> Generator[object, None, None]:
        remove_leftovers(self._paths.data_file)
        yield None

    def _close_ready(self) -> Generator[object, None, None]:
        self._forget()
        yield None

    def _forget(self) -> None:
        if self._ready is not None:
            self._ready.close()
            self._ready = None
