"""What runs in the threads of `Library`: generators over `app.models` that yield values for the window; no Qt."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Generator
from pathlib import Path

from app.library import adding as bringing
from app.library import care as keeping
from app.library import download as fetching
from app.library.overview import library_status
from app.library.queue import Began, DownloadQueue, Ended, Moved
from app.library.services import LibraryServices
from app.library.values import (
    DownloadOffer,
    FoundAdapter,
    Leftover,
    ModelStatus,
    ModelWork,
    Removal,
    Step,
    Told,
    Transferring,
)
from app.transfers.values import FileDamaged, Progress, TransferEvent, Verifying, Waiting

Answers = Generator[Told, None, None]


def looked(services: LibraryServices) -> Answers:
    """A look at everything."""
    yield Told("status", library_status(services))


def asked(services: LibraryServices, text: str) -> Answers:
    """What the Hub says of a model."""
    yield Told("offer", fetching.offer(services, text))


def accepted(services: LibraryServices, offer: DownloadOffer) -> Answers:
    """A download is put in the queue."""
    yield Told("added", fetching.accept(services, offer).id)
    yield Told("queued")
    yield from looked(services)


def resumed(services: LibraryServices, model_id: str) -> Answers:
    """A download, or a repair, is put in the queue (again)."""
    fetching.resume(services, services.library.find(model_id))
    yield Told("queued")
    yield from looked(services)


def paused(services: LibraryServices, queue: DownloadQueue, model_id: str) -> Answers:
    """A download stops, or leaves the queue."""
    queue.pause(model_id)
    yield from looked(services)


def folder_added(services: LibraryServices, folder: Path) -> Answers:
    """A checkpoint of the user's is in the list; an adapter waits for its base."""
    facts = bringing.look_into(folder)
    if facts.adapter is not None:
        yield Told("adapter", FoundAdapter(folder, facts.title, facts.adapter.base))
        return
    yield Told("added", bringing.add_folder(services, folder).id)
    yield from looked(services)


def removal_asked(services: LibraryServices, model: ModelStatus) -> Answers:
    """What removing would delete."""
    yield Told("removal", keeping.removal(services, model))


def removed(services: LibraryServices, removal: Removal, with_engines: bool) -> Answers:
    """A model is gone."""
    yield Told("freed", keeping.remove(services, removal, with_engines))
    yield from looked(services)


def adopted(services: LibraryServices, leftover: Leftover) -> Answers:
    """A complete model is in the list again."""
    yield Told("added", keeping.adopt(services, leftover).id)
    yield from looked(services)


def cleared(services: LibraryServices, leftover: Leftover) -> Answers:
    """A leftover is gone."""
    yield Told("freed", keeping.clear(leftover))
    yield from looked(services)


def refreshed(services: LibraryServices) -> Answers:
    """The list has new sizes."""
    for _ in fetching.refresh(services):
        pass
    yield Told("refreshed")
    yield from looked(services)


def downloads(queue: DownloadQueue, closing: threading.Event) -> Generator[Transferring | Ended, None, None]:
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


def verified(services: LibraryServices, work: ModelWork, cancel: threading.Event) -> Generator[ModelWork, None, None]:
    """A model's files are hashed again."""
    for event in keeping.verify(services, services.library.find(work.model_id), cancel):
        match event:
            case Progress():
                work = dataclasses.replace(work, fraction=event.done / max(1, event.total), detail=event.file)
                yield work
            case FileDamaged():
                work = dataclasses.replace(work, damaged=(*work.damaged, event.path))
                yield work


def moved(
    services: LibraryServices, work: ModelWork, parent: Path, cancel: threading.Event
) -> Generator[ModelWork, None, None]:
    """A model's folder goes to another place."""
    for step in keeping.move(services, services.library.find(work.model_id), parent, cancel):
        yield _at(work, step)


def merged(
    services: LibraryServices, work: ModelWork, adapter: Path, base: Path, title: str, cancel: threading.Event
) -> Generator[ModelWork, None, None]:
    """An adapter is merged into its base."""
    for step in bringing.merge(services, adapter, base, title, cancel):
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
