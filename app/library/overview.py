"""One look at all models: the starter, those of this machine, those of the list; their states, and what would run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psutil

from app.base.errors import ErrorReport
from app.base.files import free_bytes
from app.base.paths import starter_model_folder
from app.engines.sets import ListedSet
from app.library import catalogue, texts
from app.library.catalogue import CatalogueEntry
from app.library.fit import advice_for, fit_of, fit_of_config
from app.library.folders import is_downloading, leftovers_in
from app.library.half_moved import places_of_moves, settle_moves
from app.library.hub import asked_of
from app.library.manifest import ModelManifest, read_manifest, sizes_are_right
from app.library.records import DownloadState, ModelRecord
from app.library.services import LibraryServices
from app.library.values import STARTER_ID, Computer, Fit, LibraryStatus, ModelState, ModelStatus
from app.transfers.existing import bytes_present
from inference.checkpoint.folder import inspect_folder
from inference.config import model_config_from_folder
from inference.errors import InferenceError
from inference.model_config import ModelConfig
from trt_engines.errors import EngineError, WeightsError
from trt_engines.planning.probe import DetectedGpu
from trt_engines.planning.shape import PUBLISHED
from trt_engines.weights.index import weight_files


def library_status(services: LibraryServices) -> LibraryStatus:
    """Look at everything. No file is hashed and nobody is asked.

    Raises:
        StoreError: The database cannot be read.
    """
    card, machine = card_and_machine(services)
    sets = services.engines.sets()
    settle_moves(services)
    records = services.library.models()
    entries = catalogue.entries(services.paths.base)
    mine = [_of_record(services, record, _entry(entries, record), card, machine, sets) for record in records]
    here = {record.repo for record in records if record.kind == "download" and not asked_of(record.title)}
    fits = {entry: fit_of(PUBLISHED, entry.layout, card, machine, entry.bytes) for entry in entries}
    offered = [_of_entry(services, entry, fits[entry]) for entry in entries if entry.repo not in here]
    leftovers = leftovers_in(
        services.paths.base, services.paths.models, places_of_moves(services), {record.folder for record in records}
    )
    models = (_starter(card, machine, sets), *mine, *offered)
    return LibraryStatus(models, machine, advice_for(fits, machine), leftovers, services.network.offline)


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
    )
    return card, machine


def config_in(folder: Path) -> ModelConfig | None:
    """The configuration in a folder; None if there is none yet, or it cannot be read."""
    try:
        return model_config_from_folder(folder)
    except InferenceError:
        return None


def note_of(folder: Path) -> str:
    """Which weights count where a folder holds several; "" where nothing is ambiguous."""
    try:
        chosen = weight_files(folder)
    except WeightsError:
        return ""  # told as what is wrong with the model
    if any(file.is_symlink() for file in chosen.files):
        return texts.WEIGHTS_LINKED
    return texts.weights_unread(chosen.source, chosen.unread) if chosen.files and chosen.unread else ""


def engines_of(folder: Path, sets: Iterable[ListedSet]) -> tuple[ListedSet, ...]:
    """The engine sets that were built from the checkpoint in `folder`."""
    place = str(folder.resolve())
    return tuple(each for each in sets if each.model_folder == place)


def _starter(card: DetectedGpu | None, machine: Computer, sets: Iterable[ListedSet]) -> ModelStatus:
    folder = starter_model_folder()
    fit = fit_of_config(config_in(folder), "plain", card, machine, 0)
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
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


def _of_record(
    services: LibraryServices,
    record: ModelRecord,
    entry: CatalogueEntry | None,
    card: DetectedGpu | None,
    machine: Computer,
    sets: Iterable[ListedSet],
) -> ModelStatus:
    manifest = read_manifest(record.folder)
    state, problem = _state(record, manifest)
    built = engines_of(record.folder, sets)
    size = manifest.size if manifest is not None else _size(record.folder)
    done = size if state in (ModelState.INSTALLED, ModelState.MISSING) else _present(services, record, manifest)
    config = config_in(record.folder)
    layout = entry.layout if entry is not None else _layout(record.folder)
    missing = size - done
    if config is None and entry is not None:
        fit = fit_of(PUBLISHED, entry.layout, card, machine, missing)
    else:
        fit = fit_of_config(config, layout, card, machine, missing)
    note = note_of(record.folder)
    processor = fit.verdict == "processor" and note != texts.WEIGHTS_LINKED
    if state == ModelState.INSTALLED and (processor or any(each.state == "ready" for each in built)):
        state = ModelState.READY
    return ModelStatus(
        record.id, record.kind, record.title, state, fit, record.folder, record.repo, size, True, done,
        sum(each.size for each in built), entry, manifest.licence if manifest is not None else "",
        manifest.revision if manifest is not None else "", problem, manifest is not None, note,
    )  # fmt: skip


def _state(record: ModelRecord, manifest: ModelManifest | None) -> tuple[ModelState, ErrorReport | None]:
    match record.download:
        case DownloadState.QUEUED:
            return ModelState.QUEUED, None
        case DownloadState.PAUSED:
            return ModelState.PAUSED, record.error
        case DownloadState.RUNNING if is_downloading(record.folder):
            return ModelState.ELSEWHERE, None
        case DownloadState.RUNNING:
            return ModelState.PAUSED, ErrorReport("known", texts.INTERRUPTED, texts.INTERRUPTED_HINT)
    if not record.folder.is_dir():
        return ModelState.MISSING, ErrorReport("known", *texts.folder_gone(record.folder))
    if manifest is None and record.kind != "folder":
        return ModelState.DAMAGED, ErrorReport("known", *texts.manifest_gone(record.title))
    if manifest is not None:
        if not manifest.complete or not sizes_are_right(record.folder, manifest):
            count = sum(not file.verified for file in manifest.files)
            return ModelState.DAMAGED, ErrorReport("known", *texts.files_damaged(count))
        return ModelState.INSTALLED, None
    try:
        inspect_folder(record.folder)
    except InferenceError as exc:
        return ModelState.DAMAGED, ErrorReport("known", exc.user_text, exc.hint)
    return ModelState.INSTALLED, None


def _present(services: LibraryServices, record: ModelRecord, manifest: ModelManifest | None) -> int:
    if manifest is None:
        return _size(record.folder)
    return bytes_present(services.hub.remote_files(manifest.repo, manifest.revision, manifest.files), record.folder)


def _size(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    except OSError:
        return 0


def _layout(folder: Path) -> str:
    try:
        return inspect_folder(folder).layout
    except InferenceError:
        return "plain"


def _entry(entries: Iterable[CatalogueEntry], record: ModelRecord) -> CatalogueEntry | None:
    if record.kind != "download" or asked_of(record.title):
        return None
    return next((entry for entry in entries if entry.repo == record.repo), None)
