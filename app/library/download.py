"""From a name on the Hub to an installed model: ask, show the licence, accept, fetch, verify; any step may be repeated.

Nothing is fetched before `accept`. What is fetched stays, whatever happens: a download that was stopped, killed or cut
off goes on where it was. A model counts as installed only when its manifest says that every file's hash was right.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime

from app.base.errors import AppError, ErrorReport, KnownAppError, report_from_exception
from app.base.files import free_bytes
from app.base.log import get_logger
from app.library import catalogue, texts
from app.library.catalogue import CatalogueEntry
from app.library.fit import fit_of_config
from app.library.folders import is_downloading, remove_files
from app.library.hub import HubError, RemoteModel, UnreachableError, asked_of, repo_address
from app.library.manifest import ModelFile, ModelManifest, read_manifest, write_manifest
from app.library.overview import card_and_machine
from app.library.records import DownloadState, ModelRecord
from app.library.services import LibraryServices
from app.library.values import DownloadOffer
from app.transfers.errors import TransferError
from app.transfers.existing import bytes_present
from app.transfers.fetch import fetch
from app.transfers.names import final_path
from app.transfers.values import FileFinished, Progress, TransferEvent, TransferFinished

NOTE_SECONDS = 2.0  # between two writings of the manifest
RATE_BYTES = 20_000_000  # of a download that tell how fast the line is

_log = get_logger("models")


def offer(
    services: LibraryServices, text: str, revision: str | None = None, cancel: threading.Event | None = None
) -> DownloadOffer:
    """Ask the Hub about a model; nothing is downloaded.

    Args:
        services: Folders, network and database.
        text: "owner/name", or the address of its page.
        revision: Branch, tag or commit; the main branch if left out.
        cancel: Set it (from any thread) to go on without an answer.

    Raises:
        HubError: It cannot be told, there is no such model, or it is of another kind.
        OfflineError: The program stays offline.
        StoppedError: `cancel` was set.
    """
    address = repo_address(text)
    remote = services.hub.look(address.repo, revision or address.revision or None, cancel)
    if remote.config is None:
        raise HubError(texts.adapter(remote.repo, remote.base), texts.ADAPTER_HINT)
    entry = entry_of(services, remote.repo) if not remote.asked else None
    folder = services.folder_for(remote.name)
    for record in services.library.models():
        if record.repo == remote.repo and record.kind == "download" and asked_of(record.title) == remote.asked:
            folder = record.folder  # it may have been moved
            if record.download is DownloadState.RUNNING and is_downloading(folder):
                raise KnownAppError(*texts.being_downloaded(record.title))
    free = free_bytes(folder)
    files = services.hub.remote_files(remote.repo, remote.revision, _with_verdicts(remote, read_manifest(folder)))
    missing = remote.size - bytes_present(files, folder)
    card, machine = card_and_machine(services)
    fit = fit_of_config(remote.config, entry.layout if entry is not None else "plain", card, machine, missing)
    problem = None
    if missing > free - services.options.reserve_bytes:
        problem = ErrorReport("known", *texts.no_room(missing, free, folder))
    title = entry.title if entry is not None else remote.name
    terms = entry.terms if entry is not None else ""
    licence = services.hub.licence_text(remote, cancel)
    return DownloadOffer(remote, title, licence, terms, fit, folder, missing, free, problem)


def accept(services: LibraryServices, accepted: DownloadOffer) -> ModelRecord:
    """The user has read the licence and wants the model: put it in the queue.

    Raises:
        KnownAppError: There is no room for it, or the folder cannot be written.
        StoreError: The queue cannot be written.
    """
    if accepted.problem is not None:
        raise KnownAppError(accepted.problem.text, accepted.problem.hint)
    remote, folder = accepted.remote, accepted.folder
    before = read_manifest(folder)
    files = _with_verdicts(remote, before)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = ModelManifest(accepted.title, remote.repo, remote.revision, remote.licence, now, files)
    try:
        if before is not None:  # files that the new state of the repository does not have any more
            kept = {file.path for file in files}
            remove_files(folder, [final_path(folder, old.path) for old in before.files if old.path not in kept])
        write_manifest(folder, manifest)
    except OSError as exc:
        raise KnownAppError(*texts.folder_not_written(folder, exc.strerror or type(exc).__name__)) from exc
    return services.library.add("download", folder, accepted.title, remote.repo, queued=True)


def download(
    services: LibraryServices, record: ModelRecord, cancel: threading.Event
) -> Generator[TransferEvent, None, None]:
    """Fetch what is missing of a model; the last event is `TransferFinished` or `TransferStopped`.

    Whoever closes the generator stops the download; what is fetched is kept, and the queue says "paused".

    Raises:
        TransferError: It cannot go on; the queue keeps the sentence.
        KnownAppError: The folder's manifest is gone.
    """
    manifest = read_manifest(record.folder)
    if manifest is None:
        problem = texts.manifest_gone(record.title)
        services.library.set_download(record.id, DownloadState.PAUSED, ErrorReport("known", *problem))
        raise KnownAppError(*problem)
    services.library.set_download(record.id, DownloadState.RUNNING)
    through = False
    error: AppError | OSError | None = None
    try:
        with closing(_fetched(services, record, manifest, cancel)) as events:
            for event in events:
                through = isinstance(event, TransferFinished)
                yield event
    except (AppError, OSError) as exc:
        error = exc
        raise
    finally:
        if through:
            services.library.set_download(record.id, None)
        elif not (isinstance(error, TransferError) and error.kind == "busy"):  # another program owns the queue's word
            report = report_from_exception(error) if error is not None else None
            services.library.set_download(record.id, DownloadState.PAUSED, report)


def _fetched(
    services: LibraryServices, record: ModelRecord, manifest: ModelManifest, cancel: threading.Event
) -> Generator[TransferEvent, None, None]:
    """The transfer; the manifest learns of each file that was found right."""
    folder = record.folder
    files = services.hub.remote_files(manifest.repo, manifest.revision, manifest.files)
    noted, started, first, last = time.monotonic(), time.monotonic(), -1, 0
    events = fetch(
        files, folder, services.network.client, services.options, token=services.tokens.get(),
        verified=manifest.verified, cancel=cancel, rate_limit=services.rate,
    )  # fmt: skip
    try:
        with closing(events):
            for event in events:
                match event:
                    case FileFinished(path):
                        manifest = manifest.marked(path, True)
                        if time.monotonic() - noted > NOTE_SECONDS:
                            write_manifest(folder, manifest)
                            noted = time.monotonic()
                    case Progress():
                        first, last = event.done if first < 0 else first, event.done
                    case TransferFinished():
                        write_manifest(folder, manifest)
                yield event
    finally:
        if not manifest.complete and folder.is_dir():
            write_manifest(folder, manifest)
        if last - first > RATE_BYTES:
            services.library.note_rate((last - first) / (time.monotonic() - started))


def resume(services: LibraryServices, record: ModelRecord) -> None:
    """Put a download, or a model with damaged files, in the queue (again)."""
    services.library.set_download(record.id, DownloadState.QUEUED)


def refresh(services: LibraryServices, cancel: threading.Event | None = None) -> Generator[CatalogueEntry, None, None]:
    """Ask the Hub for sizes and versions of the models in the list; yields each when it is known.

    Raises:
        HubError: One of them cannot be told; the others were asked all the same, and what was learned is kept.
        OfflineError: The program stays offline.
        StoppedError: `cancel` was set; what was learned is kept.
    """
    services.paths.ensure()
    problem: HubError | None = None
    for entry in catalogue.shipped_entries():
        try:
            size, revision, gated = services.hub.size_of(entry.repo, cancel)
        except UnreachableError:
            raise
        except HubError as exc:
            problem = problem or exc
            continue
        now = datetime.now(UTC).isoformat(timespec="seconds")
        catalogue.note_refresh(services.paths.base, entry.repo, size, revision, gated, now)
        yield dataclasses.replace(entry, bytes=size, revision=revision, gated=gated, refreshed=now)
    if problem is not None:
        raise problem


def entry_of(services: LibraryServices, repo: str) -> CatalogueEntry | None:
    """The entry of the list that a repository has."""
    return next((entry for entry in catalogue.entries(services.paths.base) if entry.repo == repo), None)


def _with_verdicts(remote: RemoteModel, before: ModelManifest | None) -> tuple[ModelFile, ...]:
    """The files of a new manifest; what an earlier one knew to be right, and is meant to stay the same, is right."""
    right = {(file.path, file.size, file.digest) for file in before.files if file.verified} if before else set()
    return tuple(
        dataclasses.replace(file, verified=(file.path, file.size, file.digest) in right) for file in remote.files
    )
