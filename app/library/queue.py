"""Works through the queue of downloads, one after another; what goes wrong with one does not stop the next."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TypeAlias

from app.base.errors import ErrorReport, report_from_exception
from app.base.log import get_logger
from app.library.records import DownloadState
from app.library.services import LibraryServices
from app.transfers.values import TransferEvent, TransferFinished

_log = get_logger("models")


@dataclass(frozen=True, slots=True)
class Began:
    """A download begins or goes on."""

    model_id: str


@dataclass(frozen=True, slots=True)
class Moved:
    """News of a download."""

    model_id: str
    event: TransferEvent


@dataclass(frozen=True, slots=True)
class Ended:
    """A download is through, was stopped, or cannot go on.

    Attributes:
        model_id: Which.
        installed: Whether every file is there and right.
        report: Why it cannot go on; None if it was stopped or is through.
    """

    model_id: str
    installed: bool
    report: ErrorReport | None


QueueEvent: TypeAlias = Began | Moved | Ended


class DownloadQueue:
    """The queue of one program; any thread may pause and resume, one thread runs it."""

    def __init__(self, services: LibraryServices) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._current = ""
        self._cancel = threading.Event()

    def run(self, closing_down: threading.Event) -> Generator[QueueEvent, None, None]:
        """Download until the queue is empty, or until `closing_down` is set and `stop` was called."""
        from app.library.download import download  # the HTTP client: only when there is something to download

        while not closing_down.is_set():
            record = self._services.library.next_queued()
            if record is None:
                return
            with self._lock:
                self._current, self._cancel = record.id, threading.Event()
                cancel = self._cancel
            if closing_down.is_set():
                return
            yield Began(record.id)
            installed, report = False, None
            try:
                with closing(download(self._services, record, cancel)) as events:
                    for event in events:
                        installed = isinstance(event, TransferFinished)
                        yield Moved(record.id, event)
            except Exception as exc:
                report = report_from_exception(exc)
                if report.kind == "bug":
                    _log.exception("download of %s", record.repo)
                else:
                    _log.info("download of %s: %s", record.repo, report.text)
                self._leave_the_queue(record.id, report)
            finally:
                with self._lock:
                    self._current = ""
            yield Ended(record.id, installed, report)

    def pause(self, model_id: str) -> None:
        """Stop one download, or take it out of the queue."""
        with self._lock:
            if self._current == model_id:
                self._cancel.set()
                return
        self._services.library.set_download(model_id, DownloadState.PAUSED)

    def stop(self) -> None:
        """Stop the download that runs."""
        with self._lock:
            self._cancel.set()

    def _leave_the_queue(self, model_id: str, report: ErrorReport) -> None:
        """Whatever went wrong: the same download must not begin again by itself at once."""
        queued = self._services.library.next_queued()
        if queued is not None and queued.id == model_id:
            self._services.library.set_download(model_id, DownloadState.PAUSED, report)
