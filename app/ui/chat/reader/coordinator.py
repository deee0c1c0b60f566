"""From a quote or the name of a file to the reader."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.base.errors import ErrorReport
from app.bridge.documents import Documents
from app.chats.documents.quotes import FilePlace
from app.chats.documents.values import ReadDocument
from app.chats.files import place_of
from app.ui.chat.chat_view import ChatView
from app.ui.chat.reader import words
from app.ui.chat.reader.dialog import ReaderDialog
from app.ui.widgets.notices import Notices
from app.ui.widgets.theme import ThemeManager


class ReadingFiles(QObject):
    """One reader a file; it goes with the window, and stays when another chat is shown."""

    def __init__(
        self, view: ChatView, documents: Documents, themes: ThemeManager, notices: Notices, window: QWidget
    ) -> None:
        super().__init__(window)
        self._documents, self._themes, self._notices, self._window = documents, themes, notices, window
        self._readers: dict[Path, ReaderDialog] = {}  # by the file that is read
        self._reading: dict[int, Path] = {}
        view.place_wanted.connect(self.on_place_wanted)
        documents.read.connect(self.on_read)
        documents.failed.connect(self.on_failed)

    def on_place_wanted(self, place: FilePlace) -> None:
        """Show a place of a file that a message has."""
        try:
            copy = place_of(self._documents.folder, place.file.digest)
        except ValueError:  # an export that somebody wrote by hand
            copy = None
        if copy is None or not (copy in self._readers or copy.is_file()):
            self._notices.show(words.GONE)
        else:
            self.show_place(place, copy)

    def show_place(self, place: FilePlace, path: Path) -> None:
        """Show a place of a file, which lies anywhere."""
        reader = self._readers.get(path)
        if reader is not None:
            reader.show_place(place)
        else:
            reader = self._open(place, path)
        reader.show()
        reader.raise_()
        reader.activateWindow()

    def _open(self, place: FilePlace, path: Path) -> ReaderDialog:
        reader = ReaderDialog(place, path, self._themes.theme)
        reader.setParent(self._window, reader.windowFlags())
        self._readers[path] = reader
        reader.finished.connect(self.on_closed)
        self._reading[self._documents.begin_again(path, place.file.name)] = path
        return reader

    def on_closed(self) -> None:
        """It is gone."""
        gone = self.sender()
        self._readers = {path: each for path, each in self._readers.items() if each is not gone}

    def on_read(self, number: int, document: ReadDocument) -> None:
        """A file can be shown."""
        reader = self._reader_of(number)
        if reader is not None:
            reader.show_pages(document.parts)

    def on_failed(self, number: int, report: ErrorReport) -> None:
        """It cannot."""
        reader = self._reader_of(number)
        if reader is not None:
            reader.on_failed(report)

    def _reader_of(self, number: int) -> ReaderDialog | None:
        path = self._reading.pop(number, None)
        return None if path is None else self._readers.get(path)
