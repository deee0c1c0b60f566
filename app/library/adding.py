"""Models that the user has already: a checkpoint folder is used where it lies; an adapter is merged into its base.

A folder of the user's own is never changed and never deleted by us, whatever notes of a Dewpoint lie in it.
A merged model is ours: it gets a folder in the models folder, whose large files are links to the base's as far as the
drive allows.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.base.errors import KnownAppError
from app.base.paths import named_path
from app.library import texts
from app.library.folders import RemovalError, remove_holding, working
from app.library.half_moved import settle_killed
from app.library.ledger import FolderOwner
from app.library.manifest import ModelFile, ModelManifest, write_manifest
from app.library.overview import look_at, note_of
from app.library.records import ModelRecord, MoveNote
from app.library.services import LibraryServices
from app.library.values import Step
from app.transfers.values import Digest
from inference.errors import ModelFolderError
from inference.facts import FileNote, FolderFacts
from inference.look.questions import Merge
from trt_engines.held import mark_at

SLICE = 1 << 22
MOST_NAME_BYTES = 120  # of a folder; most file systems take 255, and ours get something before and behind it
MERGE_SHARE = 0.7  # of the progress; the rest is hashing what was written


@dataclass(frozen=True, slots=True)
class UserFolder:
    """A folder of the user's that holds a model or an adapter, as one look found it.

    Attributes:
        place: Where it lies, without links.
        facts: What it is.
        note: What is ambiguous about its files, in one sentence; "" if nothing is.
    """

    place: Path
    facts: FolderFacts
    note: str


def look_into(services: LibraryServices, folder: Path, cancel: threading.Event | None = None) -> UserFolder:
    """What a folder of the user holds.

    Raises:
        ModelFolderError: Neither a DiffusionGemma model nor an adapter for one; the sentence says what it is.
        LookStoppedError: `cancel` was set, or the window closes.
    """
    place = Path(os.path.abspath(named_path(folder)))
    if services.looks.answers(place, cancel):  # else the look says so
        place = Path(os.path.realpath(place))
    look = look_at(services, place, all_of_it=True, cancel=cancel)
    if look.facts is None:
        assert look.problem is not None
        raise ModelFolderError(look.problem.text, look.problem.hint)
    return UserFolder(place, look.facts, note_of(look.weights))


def add_found(services: LibraryServices, found: UserFolder) -> ModelRecord:
    """Take a checkpoint into the list where it lies.

    Raises:
        KnownAppError: It is an adapter, which needs its base.
    """
    if found.facts.adapter is not None:
        raise KnownAppError(*texts.adapter_needs_base(found.facts.adapter.base))
    known = services.library.at(found.place)
    return known if known is not None else services.library.add("folder", found.place, found.facts.title)


def merge(
    services: LibraryServices, adapter: Path, base: Path, title: str, cancel: threading.Event
) -> Generator[Step, None, ModelRecord | None]:
    """Merge a LoRA adapter into a base model; returns the new model, None if it was stopped.

    Raises:
        ModelFolderError, EngineError: They do not fit each other, or one is damaged.
        KnownAppError: A model of this name is there already.
    """
    services.paths.ensure()
    settle_killed(services)
    target = services.folder_for(_folder_name(title))
    if mark_at(target) is not None:
        raise KnownAppError(*texts.in_the_way(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    known = services.library.at(base)
    before = services.library.listed(known.id) if known is not None else None
    whole = merged = False
    with working(services.paths.base):
        folder = target.with_name(f".{target.name}.{secrets.token_hex(4)}.merging")
        note = MoveNote(folder, target)
        services.ledger.new_folder(folder)
        own = FolderOwner(services.ledger, folder)
        try:
            with closing(services.looks.follow(Merge(base, adapter, folder), cancel)) as events:
                for event in events:
                    if isinstance(event, FileNote):
                        event.tell(own)
                        continue
                    merged = event.report is not None
                    notes = event.report.notes if event.report is not None else ()
                    yield Step("merging", event.fraction * MERGE_SHARE, event.tensor, notes)
            if not merged or cancel.is_set():
                return None
            manifest = yield from _manifest(folder, title, before, own)
            services.library.begin_move(note)
            _rename(folder, target)
            whole = True
        finally:
            if not whole:
                with contextlib.suppress(OSError, RemovalError):  # then it is a leftover
                    remove_holding(services.ledger, services.ledger.holding(folder))
                services.library.end_move(note)
        record = services.library.add("merged", target, title, manifest=manifest, written=folder)
        services.library.end_move(note)
    return record


def _rename(folder: Path, target: Path) -> None:
    try:
        if mark_at(target) is not None:
            raise KnownAppError(*texts.in_the_way(target))
        os.rename(folder, target)
    except OSError as exc:
        raise KnownAppError(*texts.folder_not_written(target, exc.strerror or type(exc).__name__)) from exc


def _manifest(
    folder: Path, title: str, before: ModelManifest | None, own: FolderOwner
) -> Generator[Step, None, ModelManifest]:
    """Hash what was written, and leave the note of it there."""
    files = yield from _hashed(folder, before)
    for file in files:
        own.finished(folder / file.path, folder / file.path)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = ModelManifest(title, "", "", before.licence if before is not None else "", now, files)
    write_manifest(folder, manifest, own)
    return manifest


def _hashed(folder: Path, base: ModelManifest | None) -> Generator[Step, None, tuple[ModelFile, ...]]:
    """Every file of a merged model with its hash; files that are links to the base's have the base's."""
    known = {file.path: file for file in base.files if file.verified} if base is not None else {}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    total = sum(path.stat().st_size for path in paths)
    files, done = [], 0
    for path in paths:
        name, stat = path.relative_to(folder).as_posix(), path.stat()
        digest = known[name].digest if name in known and stat.st_nlink > 1 else None
        if digest is None:
            hasher, position = hashlib.sha256(), 0
            with path.open("rb") as stream:
                while block := stream.read(SLICE):
                    hasher.update(block)
                    position += len(block)
                    yield Step("merging", MERGE_SHARE + (1 - MERGE_SHARE) * (done + position) / max(1, total))
            digest = Digest("sha256", hasher.hexdigest())
        done += stat.st_size
        files.append(ModelFile(name, stat.st_size, digest, verified=True))
    return tuple(files)


def _folder_name(title: str) -> str:
    kept = "".join(char if char.isalnum() or char in "-_." else "-" for char in title).strip("-.")
    # Cut within its bytes, not its characters: that is what file systems count.
    return kept.encode("utf-8")[:MOST_NAME_BYTES].decode("utf-8", "ignore").strip("-.") or "merged"
