"""Documents that are attached, read beside the window."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.bridge.background import BackgroundThread, Task, TaskEnded, TaskEvent
from app.chats.apart import ApartError, ApartWork, worked_apart
from app.chats.documents import texts
from app.chats.documents.pages import pages_of_text
from app.chats.documents.values import DocumentPart, ReadDocument, is_document, media_type_of
from app.chats.dropped import DroppedFileError, text_of_file
from app.chats.files import keep_pieces, pieces_of
from app.chats.messages import MessageFile
from app.chats.tables.folders import FolderFiles, files_in
from inference.text.surrogates import storable

READER = "app.chats.documents.reading:read_apart"
SECONDS = 120.0
POLITE_SECONDS = 3.0


class Documents(QObject):
    """Reads one document after another.

    Each file that is attached is kept beside the chats, before it is read.

    Signals:
        read: Its number, and a `ReadDocument`.
        kept: The number of a file that was kept, and a `MessageFile`.
        listed: The number of files and folders that were looked at, and a `FolderFiles`.
        failed: Its number, and why it has no text that can be taken (an `ErrorReport`).

    Attributes:
        folder: Where they are kept.
    """

    read = Signal(int, object)
    kept = Signal(int, object)
    listed = Signal(int, object)
    failed = Signal(int, object)

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder
        self._numbers = itertools.count(1)
        self._cancels: dict[int, threading.Event] = {}
        self._thread = BackgroundThread("documents", self)
        self._thread.event_arrived.connect(self.on_event)

    @property
    def busy(self) -> bool:
        """Whether one is being read, or waits."""
        return self._thread.busy

    def begin(self, path: Path) -> int:
        """Keep and read a document; gives its number, and `read` or `failed` follows."""
        return self._do(lambda cancel: _kept_and_read(path, self.folder, cancel))

    def begin_again(self, copy: Path, name: str) -> int:
        """Read a file that was kept, or that stays where it lies; the same."""
        return self._do(lambda cancel: _read(copy, name, cancel))

    def keep(self, path: Path) -> int:
        """Keep a file whose text is known; gives its number, and `kept` follows unless it cannot be."""
        return self._do(lambda _: _keep(path, self.folder))

    def look_into(self, paths: Sequence[Path]) -> int:
        """See which files were given, also in folders; gives its number, and `listed` follows."""
        return self._do(lambda cancel: _listed(paths, cancel))

    def forget(self, number: int) -> None:
        """Nobody waits for this one any more."""
        if number in self._cancels:
            self._cancels[number].set()

    def _do(self, work: Callable[[threading.Event], Generator[object, None, None]]) -> int:
        cancel, number = threading.Event(), next(self._numbers)
        self._cancels[number] = cancel
        self._thread.do(Task(number, lambda: work(cancel), cancel))
        return number

    def cancel_all(self) -> None:
        """The window closes."""
        self._thread.close()

    def shut_down(self) -> bool:
        """Wait for that; False if the thread hangs in the system and is given up."""
        return self._thread.end(POLITE_SECONDS)

    def on_event(self, arrived: TaskEvent) -> None:
        """It is read, or cannot be."""
        if isinstance(arrived.event, TaskEnded):
            self._cancels.pop(arrived.number, None)
        if isinstance(arrived.event, MessageFile):
            self.kept.emit(arrived.number, arrived.event)
        elif isinstance(arrived.event, ReadDocument):
            self.read.emit(arrived.number, arrived.event)
        elif isinstance(arrived.event, FolderFiles):
            self.listed.emit(arrived.number, arrived.event)
        elif isinstance(arrived.event, TaskEnded) and arrived.event.report is not None:
            self.failed.emit(arrived.number, arrived.event.report)


def _listed(paths: Sequence[Path], cancel: threading.Event) -> Generator[FolderFiles, None, None]:
    yield files_in(paths, cancel.is_set)


def _keep(path: Path, folder: Path) -> Generator[MessageFile, None, None]:
    """Copy a file beside the chats."""
    try:
        digest, size = keep_pieces(folder, pieces_of(path))
    except OSError as exc:
        raise ApartError(texts.not_kept(path.name, exc.strerror or type(exc).__name__)) from exc
    name = storable(path.name)
    yield MessageFile(name, media_type_of(name), size, digest)


def _kept_and_read(path: Path, folder: Path, cancel: threading.Event) -> Generator[object, None, None]:
    """A file of which no copy can be kept is read all the same, and that is said."""
    file, note = None, ""
    try:
        file = next(_keep(path, folder))
    except ApartError as exc:
        note = exc.user_text
    for document in _read(path, path.name, cancel):
        yield replace(document, file=file, note=f"{document.note} {note}".strip())


def _read(path: Path, name: str, cancel: threading.Event) -> Generator[ReadDocument, None, None]:
    if not is_document(name):
        try:
            yield ReadDocument(name, pages_of_text(text_of_file(path)))
        except DroppedFileError as exc:
            raise ApartError(exc.user_text) from exc
        return
    parts: list[DocumentPart] = []
    note = ""
    given = {"path": str(path), "name": name}
    for found in worked_apart(ApartWork(READER, given, name, seconds=SECONDS), cancel.is_set):
        if "text" in found:
            parts.append(DocumentPart(str(found["place"]), str(found["text"])))
        elif found["without"]:
            note = texts.pictures_between(name, int(found["without"]), int(found["count"]))
    yield ReadDocument(name, tuple(parts), note)
