"""What is done with models in the background: generators that yield values for the window; no Qt.

`app.bridge.library` runs them in its threads, and imports this module there: numpy and an HTTP client come with it.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Generator
from pathlib import Path

from app.library import adding, care, download
from app.library.overview import library_status
from app.library.processor import measure_processor
from app.library.queue import Began, DownloadQueue, Ended, Moved
from app.library.services import LibraryServices
from app.library.values import (
    DownloadOffer,
    DownloadQueued,
    FoundAdapter,
    Leftover,
    LibraryStatus,
    ListRefreshed,
    ModelAdded,
    ModelStatus,
    ModelWork,
    Removal,
    SpaceFreed,
    Step,
    Transferring,
)
from app.transfers.values import FileDamaged, Progress, TransferEvent, Verifying, Waiting

Answers = Generator[
    LibraryStatus | DownloadOffer | DownloadQueued | FoundAdapter | ListRefreshed | ModelAdded | Removal | SpaceFreed,
    None,
    None,
]


class LibraryTasks:
    """Looks at models, downloads, verifies, moves, merges and removes them; each method may run in any thread."""

    def __init__(self, services: LibraryServices) -> None:
        self._services = services

    # -- questions and short work -----------------------------------------------------------------------------------

    def look(self) -> Answers:
        """A look at everything."""
        yield library_status(self._services)

    def measure(self, cancel: threading.Event) -> Answers:
        """How fast large models are on the processor, and what that makes of the verdicts."""
        if measure_processor(self._services, cancel).speed is not None:
            yield from self.look()

    def ask(self, text: str, cancel: threading.Event) -> Answers:
        """What the Hub says of a model."""
        yield download.offer(self._services, text, cancel=cancel)

    def accept(self, offer: DownloadOffer) -> Answers:
        """A download is put in the queue."""
        yield ModelAdded(download.accept(self._services, offer).id)
        yield DownloadQueued()
        yield from self.look()

    def resume(self, model_id: str) -> Answers:
        """A download, or a repair, is put in the queue (again)."""
        download.resume(self._services, self._services.library.find(model_id))
        yield DownloadQueued()
        yield from self.look()

    def pause(self, queue: DownloadQueue, model_id: str) -> Answers:
        """A download stops, or leaves the queue."""
        queue.pause(model_id)
        yield from self.look()

    def add_folder(self, folder: Path, cancel: threading.Event) -> Answers:
        """A checkpoint of the user's is in the list; an adapter waits for its base."""
        found = adding.look_into(self._services, folder, cancel)
        if found.facts.adapter is not None:
            yield FoundAdapter(folder, found.facts.title, found.facts.adapter.base)
            return
        yield ModelAdded(adding.add_found(self._services, found).id)
        yield from self.look()

    def ask_removal(self, model: ModelStatus) -> Answers:
        """What removing would delete."""
        yield care.removal(self._services, model)

    def remove(self, removal: Removal, with_engines: bool) -> Answers:
        """A model is gone."""
        yield SpaceFreed(care.remove(self._services, removal, with_engines))
        yield from self.look()

    def adopt(self, leftover: Leftover) -> Answers:
        """A complete model is in the list again."""
        yield ModelAdded(care.adopt(self._services, leftover).id)
        yield from self.look()

    def clear(self, leftover: Leftover) -> Answers:
        """A leftover is gone."""
        yield SpaceFreed(care.clear(self._services, leftover))
        yield from self.look()

    def refresh(self, cancel: threading.Event) -> Answers:
        """The list has new sizes."""
        for _ in download.refresh(self._services, cancel):
            pass
        yield ListRefreshed()
        yield from self.look()

    # -- long work --------------------------------------------------------------------------------------------------

    def downloads(self, queue: DownloadQueue, closing: threading.Event) -> Generator[Transferring | Ended, None, None]:
        """The queue, as what the window shows of it."""
        now = Transferring("")
        for news in queue.run(closing):
            match news:
                case Began(model_id):
                    now = Transferring(model_id)
                    yield now
                case Moved(_, event):
                    after = _after(now, event)
                    if after != now:
                        now = after
                        yield now
                case Ended():
                    yield news

    def verify(self, work: ModelWork, cancel: threading.Event) -> Generator[ModelWork, None, None]:
        """A model's files are hashed again."""
        for event in care.verify(self._services, self._services.library.find(work.model_id), cancel):
            match event:
                case Progress():
                    work = dataclasses.replace(work, fraction=event.done / max(1, event.total), detail=event.file)
                    yield work
                case FileDamaged():
                    work = dataclasses.replace(work, damaged=(*work.damaged, event.path))
                    yield work

    def move(self, work: ModelWork, parent: Path, cancel: threading.Event) -> Generator[ModelWork, None, None]:
        """A model's folder goes to another place."""
        for step in care.move(self._services, self._services.library.find(work.model_id), parent, cancel):
            yield _at(work, step)

    def merge(
        self, work: ModelWork, adapter: Path, base: Path, title: str, cancel: threading.Event
    ) -> Generator[ModelWork, None, None]:
        """An adapter is merged into its base."""
        for step in adding.merge(self._services, adapter, base, title, cancel):
            work = _at(work, step)
            yield work


def _at(work: ModelWork, step: Step) -> ModelWork:
    return dataclasses.replace(work, fraction=step.fraction, detail=step.detail, notes=(*work.notes, *step.notes))


def _after(now: Transferring, event: TransferEvent) -> Transferring:
    match event:
        case Progress():
            return Transferring(now.model_id, event.done, event.total, event.rate, event.seconds_left, event.file)
        case Verifying():
            # While other files are fetched, the check of one is no news; at the end nothing else goes on.
            checking = now.total > 0 and now.done >= now.total
            return dataclasses.replace(now, checking=checking, detail=event.path, waiting="") if checking else now
        case Waiting():
            return dataclasses.replace(now, waiting=event.text, rate=0.0, seconds_left=None)
    return now
