"""An import from beginning to end: read apart, laid ready, counted, and taken in.

1. A process of its own reads the file and lays its chats and files ready in a folder of the data folder
   (`app.chats.importing.reading`). The history is not touched, and a kill leaves nothing but that folder.
2. What it would add is counted. A dry run ends here.
3. The chats, and what chats that are there lack, go into the history piece by piece, hidden, with a rest between two
   pieces in which others can write; then their files get their places. One short transaction agrees to all of it: a
   kill before it leaves nothing that is seen, and what is hidden is removed with the folder.
4. That transaction has shown the new chats. What others lack is joined to them (`app.chats.incoming`), with rests; a
   kill in between leaves the rest to whoever finds the folder.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout
from sqlite_utils import Database

from app import __version__
from app.base.errors import KnownAppError, StoppedError
from app.base.log import get_logger
from app.chats.apart import ApartWork, worked_apart
from app.chats.backup import never
from app.chats.database import Health, checkpoint, examine, open_database, transaction
from app.chats.errors import held_by_import, translated
from app.chats.exporting.snapshot import snapshot
from app.chats.files import files_folder, remove, take_all_in
from app.chats.history import HistoryStore
from app.chats.importing import texts
from app.chats.importing.building import text_of
from app.chats.importing.reading import FILES, READY
from app.chats.importing.report import Report
from app.chats.importing.taking import Added, ChatTaker, chats_in, count_added, in_bin
from app.chats.incoming import BACKUP_COPY, FOLDER_PREFIX, agreed_additions, import_lock, join
from app.chats.migrations import INCOMING, apply_migrations
from app.chats.removal import delete_chats

HOLD_SECONDS, REST_SECONDS = 0.04, 0.02  # who waits for the file looks again within that
READER = "app.chats.importing.reading:read_apart"
_log = get_logger("store")
_LEFT = re.compile(rf"{FOLDER_PREFIX}[a-z0-9_]{{8}}")
_OF_IMPORTS = re.compile(
    rf"{FILES}|{re.escape(READY)}|\.{re.escape(READY)}\.[0-9a-f]+\.tmp|tmp[a-z0-9_]{{8}}"
    rf"|{re.escape(BACKUP_COPY)}(-journal|-wal|-shm)?"
)


def leftovers(history: Path) -> list[Path]:
    """Folders of imports beside a history, of one that is at work or of killed ones: by their names, no links."""
    return [
        each
        for each in history.parent.glob(f"{FOLDER_PREFIX}*")
        if _LEFT.fullmatch(each.name) and each.is_dir() and not each.is_symlink() and _is_ours(each)
    ]


def _is_ours(folder: Path) -> bool:
    """Whether nothing is in it but what an import lays there."""
    try:
        return all(_OF_IMPORTS.fullmatch(each.name) for each in folder.iterdir())
    except OSError:
        return False


def remove_leftovers(history: Path) -> None:
    """Remove what killed imports left, chats as plain text among it; nothing while any import is at work."""
    lock = import_lock(history)
    with contextlib.suppress(Timeout, OSError), lock:
        _remove_left(history)


def _remove_left(history: Path) -> None:
    """What is hidden first: as long as the folder is there, somebody looks for it."""
    if not (left := leftovers(history)):
        return
    through = False
    with contextlib.suppress(KnownAppError, OSError), translated(history):
        health = examine(history, whole=False).health
        if health is Health.GOOD:
            with contextlib.closing(open_database(history)) as db:
                remove_hidden(db, history)
                join_agreed(db)
        through = health in (Health.GOOD, Health.ABSENT, Health.DAMAGED)  # what is made anew holds nothing hidden
    for each in left:
        shutil.rmtree(each, ignore_errors=True)
        if not through:
            with contextlib.suppress(OSError):
                each.mkdir(mode=0o700, exist_ok=True)


def remove_hidden(db: Database, history: Path) -> None:
    """Remove the chats of an import that is not through, one after another, with their files.

    Raises:
        sqlite3.Error: They cannot be removed.
    """
    chats = db.execute("SELECT id FROM conversation WHERE deleted_at = ?", [INCOMING]).fetchall()
    pieces = _Pieces()
    for (chat,) in chats:
        with pieces.next(db):
            _, unnamed = delete_chats(db, f"deleted_at = {INCOMING} AND id = ?", chat)
            db.execute("DELETE FROM unsent WHERE slot = ?", [chat])
        remove(files_folder(history), unnamed)
    if chats:
        checkpoint(db, truncate=True)


def join_agreed(db: Database) -> None:
    """Bring what was agreed to into the chats that lack it, one after another.

    Raises:
        sqlite3.Error: They cannot be written; those before are whole.
    """
    pieces = _Pieces()
    for addition in agreed_additions(db.conn):
        with pieces.next(db):
            join(db.conn, addition)


def _write_hidden(db: Database, taker: ChatTaker, ready: Path, stopped: Callable[[], bool]) -> None:
    """Write what is not there yet, a piece at a time."""
    pieces = _Pieces()
    for chat in chats_in(ready):
        going, work = True, taker.take(chat)
        while going:
            if stopped():
                raise StoppedError
            with pieces.next(db) as until:
                taker.until = until
                going = next(work, False)


class ChatImportError(KnownAppError):
    """An import cannot be done; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import found, and what it adds (or would add).

    Attributes:
        found: What the file holds, and what of it could not be taken over.
        added: What was not there yet.
        done: Whether it is in the history; False after a dry run.
        grown: Ids of chats that were there, and have got what they lacked.
    """

    found: Report
    added: Added
    done: bool
    grown: frozenset[str] = frozenset()


class _Pieces:
    """Lets others write: whoever waits for the file looks again within a rest.

    Attributes:
        held: Seconds that the file was held since the last rest.
    """

    def __init__(self) -> None:
        self.held = 0.0

    @contextlib.contextmanager
    def next(self, db: Database) -> Iterator[float]:
        """A transaction, and a rest if it is time for one; gives when the transaction should end."""
        with transaction(db, durable=False):
            begun = time.monotonic()
            db.execute("PRAGMA defer_foreign_keys = ON")
            yield begun + HOLD_SECONDS - self.held
        self.held += time.monotonic() - begun
        if self.held >= HOLD_SECONDS:
            time.sleep(REST_SECONDS)
            self.held = 0.0


class ReadyImport:
    """Chats that lie ready to be taken in; only one import of a data folder is at work at a time."""

    def __init__(self, history: Path, backups: Path) -> None:
        self._history, self._backups = history, backups
        self._lock = import_lock(history)
        self._folder: Path | None = None
        self._half = False  # something of it is in the history, hidden
        self._report = Report()

    def read(self, path: Path, stopped: Callable[[], bool] = never) -> Generator[int, None, None]:
        """Lay the chats of a file ready; yields how many it has found so far.

        Raises:
            StoppedError: `stopped` said so.
            KnownAppError: It cannot be read, holds no chats, or another import is at work.
        """
        self._history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout as exc:
            raise ChatImportError(texts.ANOTHER_IMPORT, texts.ANOTHER_IMPORT_HINT) from exc
        _remove_left(self._history)
        self._folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=self._history.parent))
        given = {"path": str(path.absolute()), "folder": str(self._folder)}
        for news in worked_apart(ApartWork(READER, given, path.name), stopped):
            if "report" in news:
                self._report = Report(**news["report"])
            else:
                yield int(news["chats"])

    def count(self) -> Imported:
        """What taking them in would add; nothing is changed.

        Raises:
            StoreError: The history cannot be read.
        """
        ready = self._ready
        with _read_only(self._history) as db, translated(self._history):
            added = count_added(db, ready)
            binned = [text_of(chat.get("title")) for chat in chats_in(ready) if in_bin(db, chat["id"])]
        return Imported(self._told(binned), added, done=False)

    def take(self, stopped: Callable[[], bool] = never) -> Imported:
        """Take them in, all or none.

        Raises:
            StoppedError: `stopped` said so; the history is as it was.
            StoreError: The history cannot be written; it is as it was.
        """
        ready = self._ready
        with translated(self._history, (texts.DISK_FULL, texts.DISK_FULL_HINT)):
            if examine(self._history, whole=False).health is not Health.GOOD:
                HistoryStore.open(self._history, self._backups).close()  # makes, migrates or recovers the file
            with contextlib.closing(open_database(self._history)) as db, held_by_import(self._history):
                remove_hidden(db, self._history)  # of a killed import: it would be shown with what is new
                join_agreed(db)
                taker = ChatTaker(db)
                try:
                    _write_hidden(db, taker, ready, stopped)
                    take_all_in(files_folder(self._history), ready.parent / FILES)  # whose names are known by now
                    with transaction(db, durable=True):
                        taker.reveal()
                except BaseException:
                    self._half = True
                    with contextlib.suppress(sqlite3.Error, OSError):
                        remove_hidden(db, self._history)
                        self._half = False
                    raise
                told = self._told(taker.binned)
                self._half = True
                try:
                    join_agreed(db)
                    self._half = False
                except (sqlite3.Error, OSError) as exc:  # it is agreed to: the next start does it
                    _log.info("what an import adds to chats is not joined yet: %s", exc)
                    told.skip(texts.CHATS_THAT_GREW, texts.JOINED_LATER)
                checkpoint(db)
        return Imported(told, taker.added, done=True, grown=taker.grown)

    def close(self) -> None:
        """Forget what lies ready; doing it twice does no harm."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            if self._half:  # what is hidden could not be removed, or joined: whoever finds the folder tries it again
                self._folder.mkdir(mode=0o700, exist_ok=True)
            self._folder, self._half = None, False
        self._lock.release()

    def __enter__(self) -> ReadyImport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _ready(self) -> Path:
        assert self._folder is not None, "read() comes first"
        return self._folder / READY

    def _told(self, binned: list[str]) -> Report:
        report = Report(**self._report.plain())
        report.skipped = list(report.skipped)
        for title in dict.fromkeys(binned):
            report.skip(title, texts.IN_THE_BIN)
        return report


@contextlib.contextmanager
def _read_only(history: Path) -> Iterator[Database]:
    """The history for reading; an empty one where there is none yet."""
    with snapshot(history) as found:
        if found.db is not None:
            yield found.db
            return
        with Database(memory=True, execute_plugins=False) as empty:
            apply_migrations(empty, __version__)
            yield empty


def import_chats(
    path: Path, history: Path, backups: Path, dry_run: bool = False, stopped: Callable[[], bool] = never
) -> Generator[int | Imported, None, None]:
    """Import a file: yields how many chats it has found so far, at last what became of it.

    Raises:
        StoppedError: `stopped` said so; nothing was changed.
        KnownAppError: It cannot be done, and why; nothing was changed.
    """
    with ReadyImport(history, backups) as ready:
        yield from ready.read(path, stopped)
        yield ready.count() if dry_run else ready.take(stopped)
