"""Searching the chats beside the window: the index is brought up to date and asked in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.bridge.background import BackgroundThread, Task, TaskEnded, TaskEvent
from app.chats import texts
from app.chats.errors import only_read, translated
from app.chats.search.index import SearchHit, SearchIndex

POLITE_SECONDS = 1.5
MOST_HITS = 60
MANY = 1_000  # texts that are not indexed yet: what is known is shown first


@dataclass(frozen=True, slots=True)
class FoundChats:
    """What a search found.

    Attributes:
        text: What was looked for.
        hits: The best first.
        waiting: How many texts are not indexed yet, and so were not looked at.
    """

    text: str
    hits: tuple[SearchHit, ...]
    waiting: int


class ChatSearch(QObject):
    """One search at a time; a newer one takes the place of the one before.

    Signals:
        found: A `FoundChats` of the newest search.
        problem: It could not be searched (an `ErrorReport`).
    """

    found = Signal(object)
    problem = Signal(object)

    def __init__(self, history: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._history, self._number, self._newest = history, 0, ""
        self._cancel = threading.Event()
        self._thread = BackgroundThread("search", self)
        self._thread.event_arrived.connect(self.on_event)

    @property
    def busy(self) -> bool:
        """Whether something is looked for or indexed."""
        return self._thread.busy

    def look_for(self, text: str) -> None:
        """Search; `found` follows."""
        self._newest = text
        self._begin(text)

    def look_again(self) -> None:
        """All chats may be others: search for what was looked for last, and bring the index up to date."""
        self._begin(self._newest)

    def refresh(self) -> None:
        """Bring the index up to date in a quiet moment, and let it forget what was deleted."""
        if not self.busy:
            self._begin("")

    def close(self) -> None:
        """Search no more; what is not indexed yet is taken over next time."""
        self._thread.close()

    def end(self) -> bool:
        """Wait for that; False if the thread hangs in the system and is given up."""
        return self._thread.end(POLITE_SECONDS)

    def on_event(self, arrived: TaskEvent) -> None:
        """News of the newest search; of an older one nobody wants to hear."""
        if arrived.number != self._number:
            return
        if isinstance(arrived.event, FoundChats):
            self.found.emit(arrived.event)
        elif isinstance(arrived.event, TaskEnded) and arrived.event.report is not None:
            self.problem.emit(arrived.event.report)

    def _begin(self, text: str) -> None:
        self._cancel.set()
        self._cancel = threading.Event()
        self._number += 1
        self._thread.do(Task(self._number, partial(self._search, text, self._cancel), self._cancel))

    def _search(self, text: str, cancel: threading.Event) -> Generator[object, None, None]:
        full = (texts.SEARCH_FULL, texts.READ_FULL_HINT)
        with only_read(self._history), translated(self._history, full), SearchIndex(self._history) as index:
            told = False
            for waiting in index.parts():
                if cancel.is_set():
                    return
                if text and waiting > MANY and not told:
                    told = True
                    yield FoundChats(text, index.find(text, MOST_HITS), waiting)
            if text:
                yield FoundChats(text, index.find(text, MOST_HITS), 0)
