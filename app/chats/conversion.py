"""Locking the chats that are there, and unlocking them: all of it or nothing, whenever the program is killed.

1. Nobody else has the history open, imports into it or recovers it.
2. Beside it, in a folder of its own (`chats-locking`, `chats-unlocking`), everything is written as it shall be, and
   synced.
3. One rename decides: the key file comes into the data folder, or leaves it for the folder of step 2. Before it, the
   next start throws away what was laid ready; behind it, the next start goes on with step 4.
4. What lies ready takes its places, one file after another, and what it replaces is overwritten.

What cannot be read as a database (a damaged one that was set aside) is sealed as it is. The search index is left out:
it is made anew.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from app.base.errors import StoppedError
from app.base.files import read_regular, sync_file, sync_folder, write_whole, writing_whole
from app.base.log import get_logger
from app.chats.backup import backups_in, copy_history, never
from app.chats.cipher import PAGE_SIZE, RESERVED, decrypted_page
from app.chats.connections import MAGIC, SIDE_FILES, connect, first_bytes, make_private
from app.chats.counted import CountedConnection
from app.chats.database import open_for_reading
from app.chats.encrypted_pages import seem_encrypted, seem_of
from app.chats.errors import (
    ENVIRONMENT_CODES,
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    primary_code,
    translated,
)  # fmt: skip
from app.chats.files import files_folder, keep_pieces, pieces_of
from app.chats.history import HistoryStore
from app.chats.importing.importer import remove_leftovers
from app.chats.incoming import without_import
from app.chats.key_file import (
    head_of,
    is_locked,
    unwrapped,
    wrapped,
    write_key_copy,
    write_key_file,
    write_key_file_anew,
)  # fmt: skip
from app.chats.lock import texts
from app.chats.lock.available import why_not
from app.chats.lock.copying import copy_rows
from app.chats.lock.erasing import erase, overwritten
from app.chats.lock.keys import (
    COMPANION,
    KEY_COPY,
    KEY_FILE,
    LOCKING,
    UNLOCKING,
    DataKey,
    forget,
    hold,
    key_of,
    with_id,
)  # fmt: skip
from app.chats.lock.sealed import SealedDamagedError, SealingStream, is_sealed
from app.chats.recovery.recover import RECOVERED, one_at_a_time
from app.chats.search.index import index_path

RECORDINGS = "recordings.sqlite3"
SEALED, DAMAGED = ".sealed", ".damaged"
GONE = "gone.txt"
_MOST_NAMES = 1 << 28  # bytes: of four million files
NEAR = ".moving"
BACKUPS = "backups"
_ALL_SIDES = ("-journal", *SIDE_FILES)
_SET_ASIDE = ("damaged", "replaced")

_log = get_logger("store")


def lock_history(history: Path, backups: Path, password: str, stopped: Callable[[], bool] = never) -> None:
    """Encrypt the chats and all that belongs to them; the data key is held from here on.

    Args:
        history: The file of the chats; no connection to it may be open.
        backups: The folder of its backups.
        password: Not empty.
        stopped: Asked again and again; nothing is changed when it says so.

    Raises:
        StoppedError: `stopped` said so.
        StoreBusyError: Somebody else has the chats open.
        StoreError: It cannot be done, and why; nothing is changed.
    """
    if reason := why_not():
        raise StoreError(reason, texts.NO_CIPHER_HINT)
    if not password:
        raise StoreError(texts.EMPTY_PASSWORD, texts.NOTHING_CHANGED)
    finish_conversion(history, backups)
    with translated(history):
        write_key_file_anew(history.parent)  # it was taken away while its key is held
    if is_locked(history.parent):
        raise StoreError(texts.ALREADY_LOCKED, texts.NOTHING_CHANGED)
    HistoryStore.open(history, backups).close()  # of this version, and sound
    remove_leftovers(history)
    key = DataKey.fresh()
    key_file = wrapped(key, password)
    with _told(history), _alone(history) as source:
        try:
            hold(history.parent, key)  # what is made below is encrypted
            staged = _Staging(history, backups, history.with_name(LOCKING), key)
            staged.lay_ready(source, stopped)
            write_key_copy(history.parent, key_file)
            write_key_file(history.with_name(KEY_FILE), key_file)
            hold(history.parent, key)
            _given_up_on_windows(source)
            _take_places(history, backups, locking=True)
        except BaseException:
            if not is_locked(history.parent):
                forget(history.parent)
                erase(history.parent / KEY_COPY)
                _thrown_away(history.with_name(LOCKING))
            raise


def unlock_history(history: Path, backups: Path, password: str, stopped: Callable[[], bool] = never) -> None:
    """Write the chats and all that belongs to them as plain files again.

    Raises:
        WrongPasswordError: It is another password.
        StoppedError, StoreError: As `lock_history`.
    """
    finish_conversion(history, backups)
    key_file = history.with_name(KEY_FILE)
    if not is_locked(history.parent):
        raise StoreError(texts.NOT_LOCKED, texts.NOTHING_CHANGED)
    with translated(history):
        hold(history.parent, unwrapped(key_file, password))
    HistoryStore.open(history, backups).close()
    remove_leftovers(history)
    staging = history.with_name(UNLOCKING)
    with _told(history), _alone(history) as source:
        try:
            _Staging(history, backups, staging, None).lay_ready(source, stopped)
            os.replace(key_file, staging / KEY_FILE)
            sync_folder(staging)
            sync_folder(history.parent)
            _given_up_on_windows(source)
            _take_places(history, backups, locking=False)
        except BaseException:
            if is_locked(history.parent):
                _thrown_away(staging)
            raise
    forget(history.parent)


def finish_conversion(history: Path, backups: Path) -> None:
    """Go on with, or throw away, what a kill left of locking or unlocking.

    Raises:
        StoreBusyError: It is no leftover: another program is at it.
        StoreError: The file system refuses.
    """
    locking, unlocking = history.with_name(LOCKING), history.with_name(UNLOCKING)
    if not locking.exists() and not unlocking.exists():
        return
    with translated(history), one_at_a_time(history):
        if locking.exists():
            if is_locked(history.parent):
                _take_places(history, backups, locking=True)
            else:
                erase(history.parent / KEY_COPY)
            _thrown_away(locking)
        if unlocking.exists():
            if (unlocking / KEY_FILE).is_file():
                _take_places(history, backups, locking=False)
            _thrown_away(unlocking)


def lock_strays(history: Path, backups: Path) -> None:
    """Plain chats that somebody put into a locked data folder (a backup, copied by hand) are encrypted, too.

    What cannot be read as a database is sealed as it is, but for the history, which is recovered first. A backup that
    cannot be replaced now stays as it is until the next start.

    Raises:
        StoreBusyError: Somebody else has the history open.
        StoreError: It cannot be read or written, and stays as it is.
    """
    key = key_of(history.parent)
    if key is None:
        return
    if _is_plain(history):
        ready = history.with_name(history.name + RECOVERED)  # which a kill leaves to the next start
        with contextlib.suppress(StoreDamagedError), translated(history), _alone(history) as source:
            ready.unlink(missing_ok=True)
            copy_history(source, ready)
            _given_up_on_windows(source)
            with overwritten(history):
                os.replace(ready, history)
            sync_folder(history.parent)
        ready.unlink(missing_ok=True)
    sealing = _Staging(history, backups, history.with_name(LOCKING), key)
    for backup in (path for path in backups_in(backups) if _is_stray(path)):
        ready = backup.with_suffix(".tmp")  # which the next backup removes
        try:
            with translated(backup):
                ready.unlink(missing_ok=True)
                with contextlib.closing(open_for_reading(backup)) as source:
                    copy_history(source, ready)
                with overwritten(backup):
                    os.replace(ready, backup)
        except StoreDamagedError:
            ready.unlink(missing_ok=True)
            _sealed_instead(sealing, backup)
        except StoreError as exc:
            ready.unlink(missing_ok=True)
            _log.warning("%s stays as it is: %s", backup.name, exc.user_text)
    for old in (path for path in (*_set_aside(history), history.with_name(RECORDINGS)) if _is_stray(path)):
        _sealed_instead(sealing, old)
    with translated(history):
        for path in _kept_files(history):
            if not is_sealed(path):
                keep_pieces(files_folder(history), pieces_of(path))
                erase(path)
        index = index_path(history)
        if _is_plain(index):
            _erase_all(index.with_name(index.name + side) for side in ("", *_ALL_SIDES))


def _sealed_instead(sealing: _Staging, path: Path) -> None:
    try:
        with translated(path):
            _must_be_replaceable(path)
            sealing.whole(path, path)
            erase(path)
    except StoreError as exc:
        _log.warning("%s stays as it is: %s", path.name, exc.user_text)


def _must_be_replaceable(path: Path) -> None:
    """See that a file can be written anew, before that is begun; it is not opened, which would end SQLite's locks.

    Raises:
        StoreError: The system refuses: it is marked as one that never changes, or, on Windows, as read-only.
    """
    if not path.exists() or os.access(path, os.W_OK):
        return
    status = path.stat()
    if sys.platform == "win32" or (status.st_mode & stat.S_IWUSR and status.st_uid == os.geteuid()):
        raise StoreError(texts.cannot_replace(path), texts.CANNOT_REPLACE_HINT)


def _is_stray(path: Path) -> bool:
    """Whether a database, sound or damaged, is not encrypted, neither by us nor by another lock."""
    return _is_plain(path) or (
        path.is_file()
        and not path.with_name(path.name + COMPANION).is_file()
        and with_id(head_of(path)) is None
        and not is_sealed(path)
        and not seem_encrypted(path)
    )


def _is_plain(path: Path) -> bool:
    return path.is_file() and first_bytes(path, len(MAGIC)) == MAGIC


@contextlib.contextmanager
def _told(history: Path) -> Iterator[None]:
    """What is in the way of encrypting and decrypting has sentences of its own."""
    try:
        with translated(history, (texts.DISK_FULL, texts.DISK_FULL_HINT)):
            yield
    except StoreBusyError as exc:
        raise StoreBusyError(texts.IN_USE, texts.IN_USE_HINT) from exc


@contextlib.contextmanager
def _alone(history: Path) -> Iterator[CountedConnection]:
    """Nobody else reads or writes the history in this block, or imports into it; its log has gone into it."""
    with (
        without_import(history),
        one_at_a_time(history),
        contextlib.closing(connect(history, "rw")) as connection,
    ):
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        connection.execute("BEGIN EXCLUSIVE")
        yield connection


def _given_up_on_windows(connection: CountedConnection) -> None:
    """A file that is open cannot be replaced there."""
    if sys.platform == "win32":
        connection.close()


class _Staging:
    """Lays everything ready; `key` is None for plain files."""

    def __init__(self, history: Path, backups: Path, folder: Path, key: DataKey | None) -> None:
        self._history, self._backups, self._folder, self._key = history, backups, folder, key
        self._gone: list[Path] = []  # what goes when all that lies ready is in its place

    def lay_ready(self, source: CountedConnection, stopped: Callable[[], bool]) -> None:
        """All of it, synced."""
        _thrown_away(self._folder)
        (self._folder / BACKUPS).mkdir(mode=0o700, parents=True)
        copy_history(source, self._folder / self._history.name, stopped)
        self._recordings(stopped)
        for backup in backups_in(self._backups):
            self._backup(backup, stopped)
        for damaged in sorted(self._backups.glob(f"*{SEALED}")):
            self.whole(damaged, self._folder / BACKUPS / damaged.name)
        recordings = sorted(self._history.parent.glob(f"{RECORDINGS}*{SEALED}"))
        for old in (*_set_aside(self._history), *recordings):
            self.whole(old, self._folder / old.name)
        self._files(stopped)
        places = dict(_places(self._folder, self._history, self._backups))
        gone = sorted({self._named(path) for path in self._gone if path not in places.values()})
        write_whole(self._folder / GONE, "\n".join(gone).encode(), private=True)
        for path in (*places.values(), *self._gone):
            _must_be_replaceable(path)
        for folder, _, _ in os.walk(self._folder):
            sync_folder(Path(folder))

    def _recordings(self, stopped: Callable[[], bool]) -> None:
        path, ready = self._history.with_name(RECORDINGS), self._folder / RECORDINGS
        if not path.exists():
            return
        try:
            make_private(ready)
            with contextlib.closing(connect(path, "rw")) as source, contextlib.closing(connect(ready)) as copy:
                copy_rows(source, copy, stopped)
            sync_file(ready)
        except sqlite3.DatabaseError as exc:
            self._damaged(path, ready, exc)

    def _backup(self, backup: Path, stopped: Callable[[], bool]) -> None:
        ready = self._folder / BACKUPS / backup.name
        if self._key is None and not self._is_ours(backup):
            _log.info("%s is not encrypted, or not with this key, and stays as it is", backup.name)
            return
        try:
            with contextlib.closing(open_for_reading(backup)) as source:
                copy_history(source, ready, stopped)
        except (sqlite3.DatabaseError, StoreLockedError) as exc:
            self._damaged(backup, ready, exc)

    def _damaged(self, path: Path, ready: Path, exc: Exception) -> None:
        """A database that is damaged, or of another lock, is taken along as it is."""
        if isinstance(exc, sqlite3.Error) and primary_code(exc) in ENVIRONMENT_CODES:
            raise exc  # a disk that is full, or a program that holds it: another time it can be read
        _log.info("%s is taken along as it is: %s", path.name, exc)
        _erase_all(ready.with_name(ready.name + side) for side in ("", *_ALL_SIDES))
        self.whole(path, ready)

    def whole(self, path: Path, ready: Path) -> None:
        """A file that SQLite cannot read, byte by byte; what lies ready under its name already stays."""
        if self._key is not None:
            if is_sealed(path):
                return  # by an older key: nobody reads it
            target = _free(ready, SEALED)
            with writing_whole(target, private=True) as stream:
                sealing = SealingStream(stream, self._key)
                for piece in pieces_of(path):
                    sealing.write(piece)
                sealing.finish(target.name)
        elif is_sealed(path):
            target = ready.with_name(ready.name.removesuffix(SEALED))
            try:
                with writing_whole(_free(target, DAMAGED) if target.exists() else target, private=True) as stream:
                    stream.writelines(pieces_of(path))
            except (SealedDamagedError, StoreLockedError):
                _log.warning("%s is damaged, or of an older key, and stays as it is", path.name)
                return
        elif self._is_ours(path):
            with writing_whole(ready, private=True) as stream:
                stream.writelines(_decrypted(path, key_of(self._history.parent)))
        else:
            return
        self._gone.append(path)

    def _files(self, stopped: Callable[[], bool]) -> None:
        ready = self._folder / files_folder(self._history).name
        for path in _kept_files(self._history):
            if stopped():
                raise StoppedError
            try:
                keep_pieces(ready, pieces_of(path))
            except (SealedDamagedError, StoreLockedError):
                _log.warning("%s is damaged, or of an older key, and stays as it is", path.name)
            else:
                self._gone.append(path)

    def _is_ours(self, path: Path) -> bool:
        """Whether a file is encrypted with the key of this folder; its first bytes may be damaged."""
        key, head = key_of(self._history.parent), head_of(path)
        return key is not None and head != MAGIC and (head == key.id or seem_of(path, key))

    def _named(self, path: Path) -> str:
        """A path below the data folder, or `backups`, which may lie elsewhere."""
        if path.parent == self._backups:
            return f"{BACKUPS}/{path.name}"
        return path.relative_to(self._history.parent).as_posix()


def _free(path: Path, suffix: str) -> Path:
    """A name that begins like this one and ends with a suffix, and that nothing has."""
    names = (f"{path.name}{suffix}", *(f"{path.name}.{number}{suffix}" for number in range(1, 1_000)))
    return next(found for name in names if not (found := path.with_name(name)).exists())


def _decrypted(path: Path, key: DataKey | None) -> Iterator[bytes]:
    """The pages of a database that was encrypted, and is damaged, as far as they are anything."""
    with path.open("rb") as file:
        number = 0
        while page := file.read(PAGE_SIZE):
            if key is None or len(page) < PAGE_SIZE:
                yield page
            elif number == 0:  # its first bytes are the id of the key
                body = page[len(MAGIC) :]
                whole = decrypted_page(body, key) if (len(body) - RESERVED) % 16 == 0 else body
                yield MAGIC + whole
            else:
                yield decrypted_page(page, key)
            number += 1


def _set_aside(history: Path) -> list[Path]:
    """Damaged and replaced histories with their logs, and what was sealed of them."""
    return sorted(path for word in _SET_ASIDE for path in history.parent.glob(f"{history.stem}-{word}-*"))


def _kept_files(history: Path) -> list[Path]:
    return sorted(path for path in files_folder(history).glob("??/*") if path.is_file())


def _take_places(history: Path, backups: Path, *, locking: bool) -> None:
    """Everything that lies ready goes where it belongs, and what is not of the new kind goes away; again and again."""
    staged = history.with_name(LOCKING if locking else UNLOCKING)
    for ready, place in _places(staged, history, backups):
        with translated(place):
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if place.suffix == history.suffix:
                _erase_all(place.with_name(place.name + side) for side in _ALL_SIDES)
            with overwritten(place):
                _replace(ready, place)
            sync_folder(place.parent)
    index = index_path(history)
    _erase_all(index.with_name(index.name + side) for side in ("", *_ALL_SIDES))
    if (gone := staged / GONE).is_file():
        names = map(Path, read_regular(gone, _MOST_NAMES).decode("utf-8").splitlines())
        below = (name for name in names if name.parts and not name.is_absolute() and ".." not in name.parts)
        _erase_all(_place(name, history, backups) for name in below)
    _erase_all(half_written(history, backups))
    if not locking:
        erase(history.parent / KEY_COPY)
    _thrown_away(staged)


def _places(staged: Path, history: Path, backups: Path) -> Iterator[tuple[Path, Path]]:
    """What lies ready, and where each of it belongs."""
    for ready in sorted(path for path in staged.rglob("*") if path.is_file() and path.name not in (KEY_FILE, GONE)):
        yield ready, _place(ready.relative_to(staged), history, backups)


def _place(relative: Path, history: Path, backups: Path) -> Path:
    in_backups = relative.parts[0] == BACKUPS
    return backups.joinpath(*relative.parts[1:]) if in_backups else history.parent / relative


def _replace(ready: Path, place: Path) -> None:
    """Also where a folder is a link to another drive."""
    try:
        os.replace(ready, place)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        near = place.with_name(place.name + NEAR)
        with near.open("wb") as target, ready.open("rb") as source:
            os.chmod(near, 0o600)
            shutil.copyfileobj(source, target)
        sync_file(near)
        os.replace(near, place)
        erase(ready)


def _erase_all(paths: Iterator[Path]) -> None:
    for path in paths:
        erase(path)


def half_written(history: Path, backups: Path) -> Iterator[Path]:
    """What killed programs left of backups and files; nobody else is at work when this is asked."""
    yield from (path for path in backups.glob("*.tmp*") if path.is_file())
    yield from (path for path in backups.glob(f"*{NEAR}") if path.is_file())
    yield from (path for path in files_folder(history).glob("new-*") if path.is_file())


def _thrown_away(folder: Path) -> None:
    """Overwrite and remove what lies in a folder; the key file goes last: as long as it is there, somebody goes on."""
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.name == KEY_FILE)
    for path in files:
        erase(path)
    if folder.exists():
        shutil.rmtree(folder)
