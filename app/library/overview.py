"""One look at all models: the starter, those of this machine, those of the list; their states, and what would run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

import psutil

from app.base.errors import ErrorReport
from app.base.files import free_bytes
from app.base.log import get_logger
from app.base.paths import starter_model_folder
from app.chats.errors import StoreError
from app.engines.sets import ListedSet
from app.library import catalogue, texts
from app.library.catalogue import CatalogueEntry
from app.library.fit import advice_for, fit_of, fit_of_config
from app.library.folders import is_downloading, leftovers_in
from app.library.half_moved import settle_killed
from app.library.hub import asked_of
from app.library.manifest import ModelManifest, sizes_are_right
from app.library.processor import processor_of
from app.library.records import DownloadState, ModelRecord
from app.library.services import LibraryServices
from app.library.starter import starter_config, starter_size
from app.library.values import STARTER_ID, Computer, Fit, LibraryStatus, ModelState, ModelStatus
from app.transfers.existing import bytes_present
from inference.errors import InferenceError, LookStoppedError
from inference.look.questions import FolderLook, LookAtFolder, Problem, WeightsNote
from trt_engines.errors import EngineError
from trt_engines.planning.probe import DetectedGpu
from trt_engines.planning.shape import PUBLISHED

_log = get_logger("library")


def library_status(services: LibraryServices) -> LibraryStatus:
    """Look at everything. No file is hashed and nobody is asked.

    Raises:
        StoreError: The database cannot be read.
    """
    services.looks.wake(_folders(services))
    card, machine = card_and_machine(services)
    sets = services.engines.sets()
    settle_killed(services)
    records = services.library.models()
    entries = catalogue.entries(services.paths.base)
    mine = [_status_of(services, record, _entry(entries, record), card, machine, sets) for record in records]
    here = {record.repo for record in records if record.kind == "download" and not asked_of(record.title)}
    fits = {entry: fit_of(PUBLISHED, entry.layout, card, machine, entry.bytes) for entry in entries}
    offered = [_of_entry(services, entry, fits[entry]) for entry in entries if entry.repo not in here]
    leftovers = leftovers_in(services, {record.folder for record in records})
    models = (_starter(card, machine, sets), *mine, *offered)
    return LibraryStatus(models, machine, advice_for(fits, machine), leftovers, services.network.offline)


def _folders(services: LibraryServices) -> set[Path]:
    """What is going to be looked into: those on drives that hang are waited for together."""
    folders = {record.folder for record in services.library.models()}
    return folders.union(services.ledger.folders(), *(note.places for note in services.library.moves()))


def card_and_machine(services: LibraryServices) -> tuple[DetectedGpu | None, Computer]:
    """What the verdicts are about."""
    card, why = None, ""
    try:
        card, _ = services.engines.card()
    except EngineError as exc:
        why = exc.user_text
    machine = Computer(
        card=card.gpu.name if card is not None else "",
        vram=card.gpu.memory if card is not None else 0,
        why_no_card=why,
        ram=psutil.virtual_memory().total,
        free_disk=free_bytes(services.paths.models),
        models=services.paths.models,
        engines=services.paths.engines,
        rate=services.library.rate(),
        processor=processor_of(services.paths),
    )
    return card, machine


def look_at(
    services: LibraryServices, folder: Path, all_of_it: bool = False, cancel: threading.Event | None = None
) -> FolderLook:
    """What a folder holds, as a look process finds it; what keeps it from being looked at is its problem.

    Args:
        services: What looks.
        folder: What is looked at.
        all_of_it: Whether tokenizer and template are tried, too, as opening does.
        cancel: Gives the look up.

    Raises:
        LookStoppedError: The window closes.
    """
    try:
        return services.looks.ask(LookAtFolder(folder, all_of_it), cancel)
    except LookStoppedError:
        raise
    except InferenceError as exc:
        return FolderLook(True, problem=Problem(exc.user_text, exc.hint), seen=False)


def note_of(weights: WeightsNote | None) -> str:
    """Which weights count where a folder holds several; "" where nothing is ambiguous."""
    if weights is None:
        return ""  # told as what is wrong with the model
    if weights.linked:
        return texts.WEIGHTS_LINKED
    return texts.weights_unread(weights.source, weights.names, weights.unread) if weights.unread else ""


def engines_of(folder: Path, sets: Iterable[ListedSet]) -> tuple[ListedSet, ...]:
    """The engine sets that were built from the checkpoint in `folder`."""
    place = os.path.realpath(folder)
    return tuple(each for each in sets if each.model_folder == place)


def _starter(card: DetectedGpu | None, machine: Computer, sets: Iterable[ListedSet]) -> ModelStatus:
    folder = starter_model_folder()
    fit = fit_of_config(starter_config(), "plain", card, machine, 0)
    size = starter_size()
    engines = sum(each.size for each in engines_of(folder, sets))
    return ModelStatus(
        STARTER_ID, "starter", texts.STARTER_MODEL_NAME, ModelState.READY, fit, folder, size=size, done=size,
        engines=engines, licence="apache-2.0",
    )  # fmt: skip


def _of_entry(services: LibraryServices, entry: CatalogueEntry, fit: Fit) -> ModelStatus:
    return ModelStatus(
        f"catalogue:{entry.id}", "catalogue", entry.title, ModelState.AVAILABLE, fit, services.folder_for(entry.repo),
        entry.repo, entry.bytes, exact=bool(entry.refreshed), entry=entry, licence=entry.licence,
        revision=entry.revision,
    )  # fmt: skip


def _status_of(
    services: LibraryServices,
    record: ModelRecord,
    entry: CatalogueEntry | None,
    card: DetectedGpu | None,
    machine: Computer,
    sets: Iterable[ListedSet],
) -> ModelStatus:
    """One model of the list; whatever is wrong with it, it is listed, says so, and can be removed."""
    try:
        return _of_record(services, record, entry, card, machine, sets)
    except (StoreError, LookStoppedError):
        raise
    except Exception as exc:  # one bad model must not take the page with it
        if not isinstance(exc, OSError):
            _log.exception("a look at %s", record.folder)
        reason = exc.strerror if isinstance(exc, OSError) else None
        problem = ErrorReport("known", *texts.not_looked_at(record.folder, reason or type(exc).__name__))
        fit = Fit("unknown", texts.FIT_UNKNOWN)
        return ModelStatus(
            record.id, record.kind, record.title, ModelState.DAMAGED, fit, record.folder, record.repo, problem=problem
        )


def _of_record(
    services: LibraryServices,
    record: ModelRecord,
    entry: CatalogueEntry | None,
    card: DetectedGpu | None,
    machine: Computer,
    sets: Iterable[ListedSet],
) -> ModelStatus:
    look = look_at(services, record.folder)
    manifest = services.library.listed(record.id)
    state, problem = _state(record, manifest, look)
    # A folder that could not be looked at is not touched again: its drive may hang.
    built = engines_of(record.folder, sets) if look.seen else ()
    size = manifest.size if manifest is not None else look.size
    known = state in (ModelState.INSTALLED, ModelState.MISSING)
    done = size if known else _present(services, record, manifest, look) if look.seen else 0
    layout = entry.layout if entry is not None else look.layout
    missing = size - done
    if look.config is None and entry is not None:
        fit = fit_of(PUBLISHED, entry.layout, card, machine, missing)
    else:
        fit = fit_of_config(look.config, layout, card, machine, missing)
    note = note_of(look.weights)
    processor = fit.verdict == "processor" and note != texts.WEIGHTS_LINKED
    if state == ModelState.INSTALLED and (processor or any(each.state == "ready" for each in built)):
        state = ModelState.READY
    return ModelStatus(
        record.id, record.kind, record.title, state, fit, record.folder, record.repo, size, True, done,
        sum(each.size for each in built), entry, manifest.licence if manifest is not None else "",
        manifest.revision if manifest is not None else "", problem, manifest is not None, note,
    )  # fmt: skip


def _state(
    record: ModelRecord, manifest: ModelManifest | None, look: FolderLook
) -> tuple[ModelState, ErrorReport | None]:
    match record.download:
        case DownloadState.QUEUED:
            return ModelState.QUEUED, None
        case DownloadState.PAUSED:
            return ModelState.PAUSED, record.error
        case DownloadState.RUNNING if look.seen and is_downloading(record.folder):
            return ModelState.ELSEWHERE, None
        case DownloadState.RUNNING:
            return ModelState.PAUSED, ErrorReport("known", texts.INTERRUPTED, texts.INTERRUPTED_HINT)
    problem = ErrorReport("known", look.problem.text, look.problem.hint) if look.problem is not None else None
    if not look.seen:
        return ModelState.DAMAGED, problem
    if not look.there:
        return ModelState.MISSING, ErrorReport("known", *texts.folder_gone(record.folder))
    if manifest is None and record.kind != "folder":
        return ModelState.DAMAGED, ErrorReport("known", *texts.manifest_gone(record.title))
    if manifest is not None:
        if not manifest.complete or not sizes_are_right(record.folder, manifest):
            count = sum(not file.verified for file in manifest.files)
            return ModelState.DAMAGED, ErrorReport("known", *texts.files_damaged(count))
        return ModelState.INSTALLED, None
    return (ModelState.INSTALLED if problem is None else ModelState.DAMAGED), problem


def _present(services: LibraryServices, record: ModelRecord, manifest: ModelManifest | None, look: FolderLook) -> int:
    if manifest is None:
        return look.size
    return bytes_present(services.hub.remote_files(manifest.repo, manifest.revision, manifest.files), record.folder)


def _entry(entries: Iterable[CatalogueEntry], record: ModelRecord) -> CatalogueEntry | None:
    if record.kind != "download" or asked_of(record.title):
        return None
    return next((entry for entry in entries if entry.repo == record.repo), None)
