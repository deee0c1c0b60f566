"""`LibraryStore`: which models the user has, and the queue of downloads, in the same file as the chats.

Each call opens a connection of its own, so any thread may call, and window and command line see the same rows. What a
model's folder holds stands in the folder (`app.library.manifest`); rows that are lost are found again from there.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from sqlite_utils import Database

from app.base.errors import ErrorReport
from app.base.files import parse_json
from app.chats import texts as chat_texts
from app.chats.database import Health, examine, open_database, transaction
from app.chats.errors import StoreBusyError, StoreFullError, StoreReadOnlyError, translated
from app.chats.history import HistoryStore
from app.chats.ids import new_id, now_ms
from app.library import texts
from inference.text.surrogates import storable

ModelKind = Literal["download", "folder", "merged"]
_RATE = "download_rate"
MOVING = ".moving"  # ending of a folder that a move copies into
_MOVING = "moving_to"
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
    """

    source: Path | None
    target: Path

    @property
    def scratch(self) -> Path:
        """The folder that is copied into until it is whole."""
        return self.target.with_name(self.target.name + MOVING)

    @property
    def places(self) -> tuple[Path, ...]:
        """Every folder that a killed move may leave."""
        return (self.scratch, self.target, *([self.source] if self.source is not None else []))


class LibraryStore:
    """The models and downloads in the file at `path`."""

    def __init__(self, path: Path, backups: Path) -> None:
        self.path = path
        self._backups = backups
        self._checked = False

    def models(self) -> tuple[ModelRecord, ...]:
        """All of them, the oldest first."""
        with self._open() as db:
            return tuple(_record(row) for row in db.execute(f"{_SELECT} ORDER BY m.seq"))

    def find(self, model_id: str) -> ModelRecord:
        """One model.

        Raises:
            KeyError: There is none of this id.
        """
        with self._open() as db:
            row = db.execute(f"{_SELECT} WHERE m.id = ?", [model_id]).fetchone()
        if row is None:
            raise KeyError(model_id)
        return _record(row)

    def at(self, folder: Path) -> ModelRecord | None:
        """The model in `folder`."""
        with self._open() as db:
            row = db.execute(f"{_SELECT} WHERE m.folder = ?", [storable(str(folder))]).fetchone()
        return _record(row) if row is not None else None

    def add(self, kind: ModelKind, folder: Path, title: str, repo: str = "", queued: bool = False) -> ModelRecord:
        """Add a model, or take the one that is in `folder` already; with `queued`, its download is put in the queue."""
        where = storable(str(folder))
        with self._open() as db, transaction(db, durable=True):
            db.execute(
                """INSERT INTO model (id, kind, repo, folder, title, added_at) VALUES (?, ?, ?, ?, ?, ?)
                   ON CONFLICT (folder) DO UPDATE SET kind = excluded.kind, repo = excluded.repo, title = excluded.title
                """,
                [new_id(), kind, storable(repo), where, storable(title), now_ms()],
            )
            record = _record(db.execute(f"{_SELECT} WHERE m.folder = ?", [where]).fetchone())
            if queued:
                _set_download(db, record.id, DownloadState.QUEUED, None)
        return self.find(record.id)

    def set_download(self, model_id: str, state: DownloadState | None, error: ErrorReport | None = None) -> None:
        """Say where a download is; None takes it out of the queue."""
        with self._open() as db, transaction(db, durable=True):
            if state is None:
                db.execute("DELETE FROM download WHERE model_id = ?", [model_id])
            elif db.execute("SELECT 1 FROM model WHERE id = ?", [model_id]).fetchone() is not None:
                _set_download(db, model_id, state, error)

    def next_queued(self) -> ModelRecord | None:
        """The download that waits longest."""
        with self._open() as db:
            row = db.execute(f"{_SELECT} WHERE d.state = 'queued' ORDER BY d.updated_at, d.seq LIMIT 1").fetchone()
        return _record(row) if row is not None else None

    def move(self, model_id: str, folder: Path) -> None:
        """The model lies elsewhere now."""
        with self._open() as db, transaction(db, durable=True):
            db.execute("UPDATE model SET folder = ? WHERE id = ?", [storable(str(folder)), model_id])

    def moves(self) -> tuple[MoveNote, ...]:
        """The moves that have begun and are not through, or were not when the program was killed."""
        with self._open() as db:
            return _moves(db)

    def begin_move(self, note: MoveNote) -> None:
        """Written before anything is touched, so that whatever a killed move leaves is found."""
        with self._open() as db, transaction(db, durable=True):
            _set_moves(db, [*(each for each in _moves(db) if each != note), note][-_MOST_MOVES:])

    def end_move(self, note: MoveNote) -> None:
        """It is through, or has left nothing."""
        with self._open() as db, transaction(db, durable=True):
            _set_moves(db, [each for each in _moves(db) if each != note])

    def forget(self, model_id: str) -> None:
        """Take a model off the list; no file is touched."""
        with self._open() as db, transaction(db, durable=True):
            db.execute("DELETE FROM model WHERE id = ?", [model_id])

    def rate(self) -> float:
        """Bytes a second that downloads reached last; 0 if none was measured."""
        with self._open() as db:
            row = db.execute("SELECT value FROM app_meta WHERE key = ?", [_RATE]).fetchone()
        with contextlib.suppress(TypeError, ValueError):
            return max(0.0, float(row[0]))
        return 0.0

    def note_rate(self, rate: float) -> None:
        """Remember what a download reached."""
        with self._open() as db, transaction(db, durable=False):
            db.execute("INSERT OR REPLACE INTO app_meta (key, value) VALUES (?, ?)", [_RATE, f"{rate:.0f}"])

    @contextlib.contextmanager
    def _open(self) -> Iterator[Database]:
        with _about_models(), translated(self.path):
            if not self._checked and examine(self.path, whole=False).health is not Health.GOOD:
                HistoryStore.open(self.path, self._backups).close()  # makes, migrates or recovers the file
            self._checked = True
            db = open_database(self.path)
            try:
                yield db
            finally:
                db.close()


@contextlib.contextmanager
def _about_models() -> Iterator[None]:
    """Sentences about a chat that could not be saved are not true of the list of models."""
    try:
        yield
    except StoreFullError as exc:
        raise StoreFullError(texts.LIST_FULL, texts.LIST_FULL_HINT) from exc
    except StoreBusyError as exc:
        raise StoreBusyError(texts.LIST_BUSY, exc.hint) from exc
    except StoreReadOnlyError as exc:
        text = texts.LIST_READ_ONLY if exc.user_text == chat_texts.STORE_READ_ONLY else exc.user_text
        raise StoreReadOnlyError(text, exc.hint) from exc


def _set_download(db: Database, model_id: str, state: DownloadState, error: ErrorReport | None) -> None:
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
        return tuple(MoveNote(Path(source) if source else None, Path(target)) for source, target in parse_json(row[0]))
    return (MoveNote(None, Path(str(row[0]).removesuffix(MOVING))),)  # as it was written until one move had two places


def _set_moves(db: Database, notes: Iterable[MoveNote]) -> None:
    packed = json.dumps([[storable(str(each.source or "")), storable(str(each.target))] for each in notes])
    db.execute("INSERT OR REPLACE INTO app_meta (key, value) VALUES (?, ?)", [_MOVING, packed])


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
