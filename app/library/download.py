"""From a name on the Hub to an installed model: ask, show the licence, accept, fetch, verify; any step may be repeated.

Nothing is fetched before `accept`. What is fetched stays, whatever happens: a download that was stopped, killed or cut
off goes on where it was. A model counts as installed only when the database says that every file's hash was right. A
file of the user's that lies where one of the model would go is never replaced.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from app.base.errors import AppError, ErrorReport, KnownAppError, report_from_exception
from app.base.files import free_bytes
from app.base.log import get_logger
from app.library import catalogue, texts
from app.library.catalogue import CatalogueEntry
from app.library.fit import fit_of_config
from app.library.folders import is_downloading, remove_holding
from app.library.half_moved import settle_killed
from app.library.hub import HubError, RemoteModel, UnreachableError, asked_of, repo_address
from app.library.ledger import FolderOwner
from app.library.manifest import ModelFile, ModelManifest, write_manifest
from app.library.overview import card_and_machine
from app.library.records import DownloadState, ModelRecord
from app.library.services import LibraryServices
from app.library.values import DownloadOffer
from app.transfers.errors import TransferError
from app.transfers.existing import bytes_present, size_of
from app.transfers.fetch import fetch
from app.transfers.names import JOURNAL_SUFFIX, LOCK_NAME, PART_SUFFIX, base_folder, beside, final_path, local_paths
from app.transfers.own import may_be_written
from app.transfers.values import FileFinished, Progress, RemoteFile, TransferEvent, TransferFinished
from trt_engines.held import mark_at

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
        StoppedError, LookStoppedError: `cancel` was set.
    """
    address = repo_address(text)
    remote = services.hub.look(address.repo, revision or address.revision or None, cancel)
    if remote.config is None:
        raise HubError(texts.adapter(remote.repo, remote.base), texts.ADAPTER_HINT)
    entry = entry_of(services, remote.repo) if not remote.asked else None
    settle_killed(services)
    records, folder = services.library.models(), None
    before = None
    for record in records:
        if record.repo == remote.repo and record.kind == "download" and asked_of(record.title) == remote.asked:
            folder, before = record.folder, services.library.listed(record.id)  # it may have been moved
            if record.download is DownloadState.RUNNING and is_downloading(folder):
                raise KnownAppError(*texts.being_downloaded(record.title))
    files = services.hub.remote_files(remote.repo, remote.revision, _with_verdicts(remote, before))
    folder = folder if folder is not None else _free_folder(services, remote.name, files, records)
    free = free_bytes(folder)
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
    record = services.library.at(folder)
    before = services.library.listed(record.id) if record is not None else None
    files = _with_verdicts(remote, before)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = ModelManifest(accepted.title, remote.repo, remote.revision, remote.licence, now, files)
    try:
        if mark_at(folder) is None:
            folder.parent.mkdir(parents=True, exist_ok=True)
            services.ledger.new_folder(folder)
        if before is not None:  # files that the new state of the repository does not have any more
            _remove_old(services, folder, {file.path for file in before.files} - {file.path for file in files})
        write_manifest(folder, manifest, FolderOwner(services.ledger, folder))
    except OSError as exc:
        raise KnownAppError(*texts.folder_not_written(folder, exc.strerror or type(exc).__name__)) from exc
    return services.library.add("download", folder, accepted.title, remote.repo, queued=True, manifest=manifest)


def download(
    services: LibraryServices, record: ModelRecord, cancel: threading.Event
) -> Generator[TransferEvent, None, None]:
    """Fetch what is missing of a model; the last event is `TransferFinished` or `TransferStopped`.

    Whoever closes the generator stops the download; what is fetched is kept, and the queue says "paused".

    Raises:
        TransferError: It cannot go on; the queue keeps the sentence.
        KnownAppError: It is not known what the model consists of, or it was removed meanwhile.
    """
    settle_killed(services)
    manifest = services.library.listed(record.id)
    if manifest is None:
        _refuse_removed(services, record)
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
                if through:
                    _refuse_removed(services, record)
                yield event
    except (AppError, OSError) as exc:
        error = exc
        _refuse_removed(services, record)
        if isinstance(exc, TransferError) and exc.kind == "disk" and not record.folder.is_dir():
            error = KnownAppError(*texts.folder_gone(record.folder))
            raise error from exc
        raise
    finally:
        if through:
            services.library.set_download(record.id, None)
        elif not (isinstance(error, TransferError) and error.kind == "busy"):  # another program owns the queue's word
            report = report_from_exception(error) if error is not None else None
            services.library.set_download(record.id, DownloadState.PAUSED, report)


def _refuse_removed(services: LibraryServices, record: ModelRecord) -> None:
    """Another window or command may have removed the model while this one fetches it.

    Raises:
        KnownAppError: It did.
    """
    try:
        services.library.find(record.id)
    except KeyError:
        raise KnownAppError(*texts.removed_meanwhile(record.title)) from None


def _fetched(
    services: LibraryServices, record: ModelRecord, manifest: ModelManifest, cancel: threading.Event
) -> Generator[TransferEvent, None, None]:
    """The transfer; the list learns of each file that was found right, and the note in the folder at the end."""
    folder, own = record.folder, FolderOwner(services.ledger, record.folder)
    files = services.hub.remote_files(manifest.repo, manifest.revision, manifest.files)
    started, first, last = time.monotonic(), -1, 0
    events = fetch(
        files, folder, services.network.client, services.options, token=services.tokens.get(),
        verified=manifest.verified, cancel=cancel, rate_limit=services.rate, own=own,
    )  # fmt: skip
    try:
        with closing(events):
            for event in events:
                match event:
                    case FileFinished(path):
                        manifest = manifest.marked(path, True)
                        services.library.set_verdicts(record.id, {path: True})
                    case Progress():
                        first, last = event.done if first < 0 else first, event.done
                    case TransferFinished():
                        write_manifest(folder, manifest, own)
                yield event
    finally:
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


def _free_folder(
    services: LibraryServices, name: str, files: Sequence[RemoteFile], records: Collection[ModelRecord]
) -> Path:
    """Where a new download goes: into no other model's folder, no link, and over no file of the user's."""
    usual = services.folder_for(name)
    marks = [mark_at(record.folder) for record in records]
    taken = {(mark.device, mark.inode) for mark in marks if mark is not None}
    for number in range(1, 100):
        folder = usual.with_name(f"{usual.name}-{number}") if number > 1 else usual
        found = mark_at(folder)
        if found is None:
            return folder
        free = found.is_folder and (found.device, found.inode) not in taken
        if free and not _in_the_way(services, folder, files):
            return folder
    raise KnownAppError(*texts.in_the_way(usual))


def _in_the_way(services: LibraryServices, folder: Path, files: Sequence[RemoteFile]) -> bool:
    """Whether something lies in a folder that the download would replace; a file of the right size may be right."""
    own = FolderOwner(services.ledger, folder)
    for file, path in zip(files, local_paths(files, folder), strict=True):
        places = [path] if size_of(path) != file.size else []
        places += [beside(path, suffix) for suffix in (PART_SUFFIX, JOURNAL_SUFFIX)]
        if not all(may_be_written(place, own) for place in places):
            return True
    return not may_be_written(base_folder(folder) / LOCK_NAME, own)


def _remove_old(services: LibraryServices, folder: Path, paths: Collection[str]) -> None:
    names = {final_path(folder, path).relative_to(base_folder(folder)).as_posix() for path in paths}
    holding = services.ledger.holding(folder)
    ours = {path: mark for path, mark in holding.ours.items() if path in names}
    remove_holding(services.ledger, dataclasses.replace(holding, ours=ours, folders=()))
