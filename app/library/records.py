"""`LibraryStore`: which models the user has, and the queue of downloads, in the same file as the chats.

Each call opens a connection of its own, so any thread may call, and window and command line see the same rows. Which
files a model consists of stands here, too; the note in its folder (`app.library.manifest`) is for other Dewpoints.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from sqlite_utils import Database

from app.base.errors import ErrorReport
from app.base.files import parse_json
from app.chats import texts as chat_texts
from app.chats.database import Health, examine, open_database, transaction
from app.chats.errors import (
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    has_no_room,
    is_damage,
    translated,
)
from app.chats.history import HistoryStore
from app.chats.ids import new_id, now_ms
from app.library import texts
from app.library.home import rehoming
from app.library.manifest import ModelFile, ModelManifest
from app.transfers.values import Digest
from inference.text.surrogates import storable

ModelKind = Literal["download", "folder", "merged"]
_RATE = "download_rate"
MOVING = ".moving"  # ending of a folder that a move copies into
_MOVING = "moving_to"
_REMOVING = "removing"
_MOST_MOVES = 16  # notes of moves that were killed; those whose leftovers are gone are of no use
_COLUMNS = "m.id, m.kind, m.repo, m.folder, m.title, m.added_at, d.state, d.error_json"
_SELECT = f"SELECT {_COLUMNS} FROM model m LEFT JOIN download d ON d.model_id = m.id"


class DownloadState(StrEnum):
    """Where a download is; one that is through has no row."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One model of this machine.

    Attributes:
        id: Sortable text id.
        kind: "download" (we fetched it), "folder" (the user's own, never deleted by us), "merged" (made by us).
        repo: "owner/name" on the Hub, "" if it did not come from there.
        folder: Where it lies, or will lie.
        title: What the window calls it.
        added_at: Milliseconds since 1970 UTC.
        download: Where its download is; None if there is nothing to download.
        error: Why the download stopped, in state `PAUSED`; None if the user paused it.
    """

    id: str
    kind: ModelKind
    repo: str
    folder: Path
    title: str
    added_at: int
    download: DownloadState | None
    error: ErrorReport | None


@dataclass(frozen=True, slots=True)
class MoveNote:
    """A move that has begun and is not through.

    Attributes:
        source: Where the model lay; None in a note of an older Dewpoint.
        target: Where it will lie.
        copied_into: The folder that is copied into; None in a note of an older Dewpoint, which had but one name.
    """

    source: Path | None
    target: Path
    copied_into: Path | None = None

    @property
    def scratch(self) -> Path:
        """The folder that is copied into until it is whole."""
        return self.copied_into or self.target.with_name(self.target.name + MOVING)

    @property
    def ends(self) -> tuple[Path | None, Path]:
        """From where to where: there is one move of each."""
        return self.source, self.target

    @property
    def places(self) -> tuple[Path, ...]:
        """Every folder that a killed move may leave."""
        return (self.scratch, self.target, *([self.source] if self.source is not None else []))


@dataclass(frozen=True, slots=True)
class RemovalNote:
    """A removal that the user agreed to and that is not through.

    Attributes:
        model_id: Which model.
        folder: Where it lies; "" if nowhere.
        files: What of it goes, by path below the folder.
        engines: Folders of its engines that go.
    """

    model_id: str
    folder: str
    files: tuple[str, ...]
    engines: tuple[str, ...]


class LibraryStore:
    """The models and downloads in the file at `path`."""

    def __init__(self, path: Path, backups: Path) -> None:
        self.path = path
        self._backups = backups
        self._checked = False

    def models(self) -> tuple[ModelRecord, ...]:
        """All of them, the oldest first."""
        with self.opened() as db:
            return tuple(_record(row) for row in db.execute(f"{_SELECT} ORDER BY m.seq"))

    def find(self, model_id: str) -> ModelRecord:
        """One model.

        Raises:
            KeyError: There is none of this id.
        """
        with self.opened() as db:
            row = db.execute(f"{_SELECT} WHERE m.id = ?", [model_id]).fetchone()
        if row is None:
            raise KeyError(model_id)
        return _record(row)

    def at(self, folder: Path) -> ModelRecord | None:
        """The model in `folder`."""
        with self.opened() as db:
            row = db.execute(f"{_SELECT} WHERE m.folder = ?", [storable(str(folder))]).fetchone()
        return _record(row) if row is not None else None

    def add(
        self,
        kind: ModelKind,
        folder: Path,
        title: str,
        repo: str = "",
        queued: bool = False,
        manifest: ModelManifest | None = None,
        written: Path | None = None,
    ) -> ModelRecord:
        """Add a model, or take the one that is in `folder` already.

        Args:
            kind: Where it came from.
            folder: Where it lies, or will lie.
            title: What the window calls it.
            repo: "owner/name" on the Hub.
            queued: Whether its download is put in the queue.
            manifest: What it consists of.
            written: The folder that it was written in, if it has been renamed since: what was written there lies here.
        """
        where = storable(str(folder))
        with self.opened() as db, transaction(db, durable=True):
            db.execute(
                """INSERT INTO model (id, kind, repo, folder, title, added_at, listed) VALUES (?, ?, ?, ?, ?, ?, 1)
                   ON CONFLICT (folder) DO UPDATE
                   SET kind = excluded.kind, repo = excluded.repo, title = excluded.title, listed = 1
                """,
                [new_id(), kind, storable(repo), where, storable(title), now_ms()],
            )
            record = _record(db.execute(f"{_SELECT} WHERE m.folder = ?", [where]).fetchone())
            if manifest is not None:
                _set_list(db, record.id, manifest)
            if written is not None:
                _rename_written(db, written, folder)
            if queued:
                _set_download(db, record.id, DownloadState.QUEUED, None)
        return self.find(record.id)

    def set_download(self, model_id: str, state: DownloadState | None, error: ErrorReport | None = None) -> None:
        """Say where a download is; None takes it out of the queue."""
        with self.opened() as db, transaction(db, durable=True):
            if state is None:
                db.execute("DELETE FROM download WHERE model_id = ?", [model_id])
            elif db.execute("SELECT 1 FROM model WHERE id = ?", [model_id]).fetchone() is not None:
                _set_download(db, model_id, state, error)

    def next_queued(self) -> ModelRecord | None:
        """The download that waits longest."""
        with self.opened() as db:
            row = db.execute(f"{_SELECT} WHERE d.state = 'queued' ORDER BY d.updated_at, d.seq LIMIT 1").fetchone()
        return _record(row) if row is not None else None

    def move(self, model_id: str, folder: Path, written: Path | None = None) -> None:
        """The model lies elsewhere now; what was written in the folder `written` lies there, too."""
        with self.opened() as db, transaction(db, durable=True):
            db.execute("UPDATE model SET folder = ? WHERE id = ?", [storable(str(folder)), model_id])
            if written is not None:
                _rename_written(db, written, folder)

    def listed(self, model_id: str) -> ModelManifest | None:
        """What a model consists of; None if that is not known."""
        sql = "SELECT title, repo, revision, licence, accepted FROM model WHERE id = ?"
        rows = "SELECT path, size, digest_kind, digest, verified FROM model_file WHERE model_id = ? ORDER BY seq"
        with self.opened() as db:
            head = db.execute(sql, [model_id]).fetchone()
            files = tuple(_model_file(row) for row in db.execute(rows, [model_id]))
        if head is None or not files:
            return None
        title, repo, revision, licence, accepted = head
        return ModelManifest(title, repo, revision, licence, accepted, files)

    def set_list(self, model_id: str, manifest: ModelManifest) -> None:
        """What a model consists of, and which files were found right."""
        with self.opened() as db, transaction(db, durable=True):
            if db.execute("SELECT 1 FROM model WHERE id = ?", [model_id]).fetchone() is not None:
                _set_list(db, model_id, manifest)

    def set_verdicts(self, model_id: str, verdicts: Mapping[str, bool]) -> None:
        """Which files were found right, and which wrong; others keep their verdict."""
        sql = "UPDATE model_file SET verified = ? WHERE model_id = ? AND path = ?"
        with self.opened() as db, transaction(db, durable=True):
            db.conn.executemany(sql, [(int(right), model_id, storable(path)) for path, right in verdicts.items()])

    def unlisted(self) -> tuple[ModelRecord, ...]:
        """Models from a version that kept the list in the model's folder alone."""
        with self.opened() as db:
            rows = db.execute(f"{_SELECT} WHERE m.listed = 0 AND m.kind <> 'folder' ORDER BY m.seq").fetchall()
        return tuple(_record(row) for row in rows)

    def moves(self) -> tuple[MoveNote, ...]:
        """The moves that have begun and are not through, or were not when the program was killed."""
        with self.opened() as db:
            return _moves(db)

    def begin_move(self, note: MoveNote) -> None:
        """Written before anything is touched, so that whatever a killed move leaves is found."""
        with self.opened() as db, transaction(db, durable=True):
            _set_moves(db, [*(each for each in _moves(db) if each.ends != note.ends), note][-_MOST_MOVES:])

    def end_move(self, note: MoveNote) -> None:
        """It is through, or has left nothing."""
        with self.opened() as db, transaction(db, durable=True):
            _set_moves(db, [each for each in _moves(db) if each.ends != note.ends])

    def removals(self) -> tuple[RemovalNote, ...]:
        """The removals that have begun and are not through, or were not when the program was killed."""
        with self.opened() as db:
            return _removals(db)

    def begin_removal(self, note: RemovalNote) -> None:
        """Written before anything is deleted, so that a killed removal is finished."""
        with self.opened() as db, transaction(db, durable=True):
            _set_removals(db, [*(each for each in _removals(db) if each.model_id != note.model_id), note])

    def end_removal(self, model_id: str) -> None:
        """It will not be finished."""
        with self.opened() as db, transaction(db, durable=True):
            _end_removal(db, model_id)

    def forget(self, model_id: str) -> None:
        """Take a model off the list; no file is touched."""
        with self.opened() as db, transaction(db, durable=True):
            db.execute("DELETE FROM model WHERE id = ?", [model_id])
            _end_removal(db, model_id)

    def rate(self) -> float:
        """Bytes a second that downloads reached last; 0 if none was measured."""
        with self.opened() as db:
            row = db.execute("SELECT value FROM app_meta WHERE key = ?", [_RATE]).fetchone()
        with contextlib.suppress(TypeError, ValueError):
            return max(0.0, float(row[0]))
        return 0.0

    def note_rate(self, rate: float) -> None:
        """Remember what a download reached."""
        with self.opened() as db, transaction(db, durable=False):
            db.execute("INSERT OR REPLACE INTO app_meta (key, value) VALUES (?, ?)", [_RATE, f"{rate:.0f}"])

    @contextlib.contextmanager
    def opened(self) -> Iterator[Database]:
        """A connection of its own, to a file that is sound and of this version.

        Raises:
            StoreError: It cannot be opened, read or written, as a sentence about the list of models.
        """
        with _about_models(self.path), translated(self.path):
            if not self._checked and examine(self.path, whole=False).health is not Health.GOOD:
                HistoryStore.open(self.path, self._backups).close()  # makes, migrates or recovers the file
            self._checked = True
            db = open_database(self.path)
            try:
                self._settle_home(db)
                yield db
            finally:
                db.close()

    def _settle_home(self, db: Database) -> None:
        """The data folder may have been copied or moved: then its rows are of folders that lie elsewhere."""
        if rehoming(db, self.path) is None:
            return
        with transaction(db, durable=True):
            change = rehoming(db, self.path)
            if change is None:
                return  # another program was faster
            change.apply(db)
            _set_removals(db, ())
            before = _moves(db)
            notes = [
                MoveNote(each.source and change.place(each.source), *map(change.place, (each.target, each.scratch)))
                for each in before
                if change.is_ours(*map(change.place, each.places))
            ]
            if [each.places for each in notes] != [each.places for each in before]:
                _set_moves(db, notes)


@contextlib.contextmanager
def _about_models(path: Path) -> Iterator[None]:
    """Sentences about a chat that could not be saved are not true of the list of models."""
    try:
        yield
    except StoreError as exc:
        if (said := _of_models(exc, path)) is exc:
            raise
        raise said from exc


def _of_models(exc: StoreError, path: Path) -> StoreError:
    cause = exc.__cause__
    failed = isinstance(cause, sqlite3.Error) and not is_damage(cause)
    if isinstance(exc, StoreFullError) or (failed and has_no_room(path.parent)):
        return StoreFullError(texts.LIST_FULL, texts.LIST_FULL_HINT)
    if isinstance(exc, StoreBusyError):
        return StoreBusyError(texts.LIST_BUSY, exc.hint)
    if exc.user_text == chat_texts.STORE_READ_ONLY:
        return StoreReadOnlyError(texts.LIST_READ_ONLY, exc.hint)
    if exc.user_text == chat_texts.store_failed(str(cause)):
        return StoreError(texts.list_failed(str(cause)), exc.hint)
    return exc


def _set_download(db: Database, model_id: str, state: DownloadState, error: ErrorReport | None) -> None:
    _end_removal(db, model_id)  # who fetches it wants it
    packed = json.dumps({"text": storable(error.text), "hint": storable(error.hint)}) if error is not None else None
    db.execute(
        """INSERT INTO download (model_id, state, updated_at, error_json) VALUES (?, ?, ?, ?)
           ON CONFLICT (model_id) DO UPDATE
           SET state = excluded.state, updated_at = excluded.updated_at, error_json = excluded.error_json""",
        [model_id, state.value, now_ms(), packed],
    )


def _moves(db: Database) -> tuple[MoveNote, ...]:
    row = db.execute("SELECT value FROM app_meta WHERE key = ?", [_MOVING]).fetchone()
    if row is None or not row[0]:
        return ()
    with contextlib.suppress(ValueError, TypeError):
        return tuple(
            MoveNote(Path(source) if source else None, Path(target), *map(Path, scratch))
            for source, target, *scratch in parse_json(row[0])
        )
    return (MoveNote(None, Path(str(row[0]).removesuffix(MOVING))),)  # as it was written until one move had two places


def _set_moves(db: Database, notes: Iterable[MoveNote]) -> None:
    packed = json.dumps(
        [[storable(str(each.source or "")), *map(storable, map(str, (each.target, each.scratch)))] for each in notes]
    )
    db.execute("INSERT OR REPLACE INTO app_meta (key, value) VALUES (?, ?)", [_MOVING, packed])


def _removals(db: Database) -> tuple[RemovalNote, ...]:
    row = db.execute("SELECT value FROM app_meta WHERE key = ?", [_REMOVING]).fetchone()
    with contextlib.suppress(ValueError, TypeError):
        return tuple(
            RemovalNote(str(model_id), str(folder), tuple(map(str, files)), tuple(map(str, engines)))
            for model_id, folder, files, engines in (parse_json(row[0]) if row is not None else ())
        )
    return ()


def _set_removals(db: Database, notes: Iterable[RemovalNote]) -> None:
    packed = [
        [each.model_id, storable(each.folder), [*map(storable, each.files)], [*map(storable, each.engines)]]
        for each in notes
    ]
    db.execute("INSERT OR REPLACE INTO app_meta (key, value) VALUES (?, ?)", [_REMOVING, json.dumps(packed)])


def _end_removal(db: Database, model_id: str) -> None:
    before = _removals(db)
    left = [each for each in before if each.model_id != model_id]
    if len(left) < len(before):
        _set_removals(db, left)


def _set_list(db: Database, model_id: str, manifest: ModelManifest) -> None:
    head = (storable(manifest.revision), storable(manifest.licence), manifest.accepted, model_id)
    db.execute("UPDATE model SET revision = ?, licence = ?, accepted = ?, listed = 1 WHERE id = ?", head)
    db.execute("DELETE FROM model_file WHERE model_id = ?", [model_id])
    db.conn.executemany(
        """INSERT OR REPLACE INTO model_file (model_id, path, size, digest_kind, digest, verified)
           VALUES (?, ?, ?, ?, ?, ?)""",
        [
            (model_id, storable(file.path), file.size, file.digest.kind, file.digest.value, int(file.verified))
            for file in manifest.files
        ],
    )


def _model_file(row: tuple[Any, ...]) -> ModelFile:
    path, size, kind, digest, verified = row
    return ModelFile(path, size, Digest("git-blob" if kind == "git-blob" else "sha256", digest), bool(verified))


def _rename_written(db: Database, old: Path, new: Path) -> None:
    if old != new:
        db.execute("DELETE FROM written WHERE folder = ?", [storable(str(new))])
        db.execute("UPDATE written SET folder = ? WHERE folder = ?", [storable(str(new)), storable(str(old))])


def _record(row: tuple[Any, ...]) -> ModelRecord:
    model_id, kind, repo, folder, title, added_at, state, error = row
    return ModelRecord(
        model_id, kind, repo, Path(folder), title, added_at, DownloadState(state) if state else None, _error(error)
    )


def _error(packed: str | None) -> ErrorReport | None:
    """The sentence of a download that stopped; an odd row says nothing."""
    if packed is None:
        return None
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = parse_json(packed)
        return ErrorReport("known", str(found["text"]), str(found["hint"]))
    return None
