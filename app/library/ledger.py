"""`Ledger`: which files and folders on this disk Dewpoint wrote, as its own database says, and nothing else.

A row is a path below a folder, with the number that the file has on its drive. Whoever makes a file notes it while it
is still empty, and again when it is whole; so whatever a kill leaves, a file that holds something has a row. A name
alone says nothing: a file that was put in the place of ours has another number, and a link is neither file nor folder.

Numbers have two weak sides. A drive of the FAT family gives its files new ones whenever it is connected, and a folder
that was brought back from a backup has new ones altogether: there a file counts as ours if size and time of its last
change are those that were noted, to the last digit. And ext4 gives the number of a deleted file to the next one that
is made, and an editor may write into a file of ours: so one whose size or time is another was changed by somebody else,
and is not deleted. Only a file that still grows has no size and time yet, and one with a second name elsewhere is not
lost with ours.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app.chats.database import transaction
from app.library.records import LibraryStore
from app.transfers.names import JOURNAL_SUFFIX, LOCK_NAME, PART_SUFFIX, base_folder
from inference.text.surrogates import storable
from trt_engines.held import FileMark, HeldFolder, mark_at

NEXT = "/"  # behind a path: the file that takes the place of the one that is there
GROWS = -1  # stands for the size of a file that is still written to
_COARSE = 10_000_000  # nanoseconds: drives of the FAT family count time in these or more, and their numbers change
_MERGING = re.compile(r"\..+\.[0-9a-f]{8}\.merging")  # a folder that a merge writes in, until it is whole
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")  # a file that gets its name when it is whole


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """What was noted of a file or folder.

    Attributes:
        is_folder: Whether it is a folder.
        device: Number of its drive.
        inode: Its number there.
        size: Bytes; `GROWS` for a file that is still written to.
        changed: When it was changed last, in nanoseconds since 1970.
    """

    is_folder: bool
    device: int
    inode: int
    size: int
    changed: int

    def is_same(self, found: FileMark) -> bool:
        """Whether it has the number that was noted; the drive may have another one after a restart."""
        return self.inode == found.inode and (found.is_folder if self.is_folder else found.is_file)

    def is_unchanged(self, found: FileMark) -> bool:
        """Whether a file has the size and the time that were noted."""
        return found.is_file and (self.size, self.changed) == (found.size, found.changed)


@dataclass(frozen=True, slots=True)
class Holding:
    """What lies in a folder.

    Attributes:
        folder: Which.
        ours: Files that Dewpoint wrote and that are still the same, by their path below the folder.
        folders: Folders that Dewpoint made, inner ones first; with an empty path if it made the folder itself.
        others: Everything else that is no folder: the user's own files, links, and files that were changed since.
    """

    folder: Path
    ours: Mapping[str, FileMark]
    folders: tuple[str, ...]
    others: tuple[str, ...]


class Ledger:
    """What was written, in the file of the models; any thread may call."""

    def __init__(self, store: LibraryStore) -> None:
        self._store = store

    def folders(self) -> tuple[Path, ...]:
        """Every folder in which something was written."""
        with self._store.opened() as db:
            return tuple(Path(row[0]) for row in db.execute("SELECT DISTINCT folder FROM written ORDER BY folder"))

    def entries(self, folder: Path) -> dict[str, WrittenEntry]:
        """What was written in a folder, by path below it."""
        sql = "SELECT path, is_folder, device, inode, size, changed_ns FROM written WHERE folder = ?"
        with self._store.opened() as db:
            rows = db.execute(sql, [storable(str(folder))]).fetchall()
        return {row[0]: WrittenEntry(bool(row[1]), int(row[2]), int(row[3]), row[4], row[5]) for row in rows}

    def note(self, folder: Path, marks: Mapping[str, FileMark], grows: bool = False) -> None:
        """These files and folders are ours.

        Raises:
            StoreError: It cannot be noted; then nothing may be written to them.
        """
        sql = """INSERT OR REPLACE INTO written (folder, path, is_folder, device, inode, size, changed_ns)
                 VALUES (?, ?, ?, ?, ?, ?, ?)"""
        rows = [
            (
                storable(str(folder)), storable(path), int(mark.is_folder), str(mark.device), str(mark.inode),
                GROWS if grows else mark.size, mark.changed,
            )
            for path, mark in marks.items()
        ]  # fmt: skip
        with self._store.opened() as db, transaction(db, durable=True):
            db.conn.executemany(sql, rows)

    def drop(self, folder: Path, paths: Collection[str]) -> None:
        """These are gone, or are not ours any more."""
        rows = [(storable(str(folder)), storable(path) + end) for path in paths for end in ("", NEXT)]
        with self._store.opened() as db, transaction(db, durable=False):
            db.conn.executemany("DELETE FROM written WHERE folder = ? AND path = ?", rows)

    def new_folder(self, folder: Path) -> None:
        """Make a folder, which must not be there, and note it.

        Raises:
            OSError: It is there already, or cannot be made.
            StoreError: It cannot be noted; it is gone again.
        """
        folder.mkdir(mode=0o755)
        try:
            mark = mark_at(folder)
            assert mark is not None
            self.drop(folder, self.entries(folder))  # of one that had this name before
            self.note(folder, {"": mark})
        except BaseException:
            with contextlib.suppress(OSError):
                folder.rmdir()
            raise

    def new_folders(self, folder: Path, inner: Path) -> None:
        """Make the folders between `folder` and `inner`, as far as they are missing, and note them."""
        for place in reversed((inner, *inner.parents)):
            if place != folder and place.is_relative_to(folder) and mark_at(place) is None:
                place.mkdir()
                mark = mark_at(place)
                assert mark is not None
                self.note(folder, {place.relative_to(folder).as_posix(): mark})

    def is_away(self, folder: Path) -> bool:
        """Whether something was written in a folder that is not there, and may come back with its drive.

        A folder is deleted for good where something else has its name, or where the one around it lies on the drive
        that was noted. A drive may have another number after a restart: then nobody can tell, and it is away.
        """
        drives = {entry.device for entry in self.entries(folder).values()}
        try:
            if not drives or mark_at(folder) is not None:
                return False
            around = mark_at(folder.parent)
            return around is None or around.device not in drives
        except OSError:
            return True

    def holding(self, folder: Path) -> Holding:
        """What lies in a folder, and what of it is ours; nothing if it is not there, or is a link.

        Raises:
            OSError: It cannot be read.
        """
        entries = self.entries(folder)
        ours: dict[str, FileMark] = {}
        folders, others = [], []
        with contextlib.ExitStack() as stack:
            try:
                held = stack.enter_context(HeldFolder(folder))
            except (FileNotFoundError, NotADirectoryError):
                return Holding(folder, {}, (), ())
            judge = _Judge(entries, held, self._is_scratch(folder))
            for parts, found in held.walk():
                path = "/".join(parts)
                mine = judge.is_ours(path, found)
                if found.is_folder:
                    folders += [path] if mine else []
                elif mine:
                    ours[path] = found
                else:
                    others.append(path)
            if judge.made_root:
                folders.append("")
        return Holding(folder, ours, tuple(folders), tuple(others))

    def remove(self, holding: Holding) -> None:
        """Delete the files of a holding that are still ours, then those of its folders that are empty.

        What was written in a folder that is away stays noted.

        Raises:
            OSError: A file cannot be deleted; those before it are gone.
        """
        entries = self.entries(holding.folder)
        gone: list[str] = []
        try:
            with HeldFolder(holding.folder) as held:
                judge = _Judge(entries, held, self._is_scratch(holding.folder))
                for path in holding.ours:
                    parts = PurePosixPath(path).parts
                    found = held.mark(parts)
                    if found is not None and judge.is_ours(path, found):
                        _unlink(held, parts)
                    gone.append(path)
                for path in holding.folders:
                    with contextlib.suppress(OSError):  # not empty: what is in it is not ours
                        if path:
                            held.rmdir(PurePosixPath(path).parts)
                            gone.append(path)
                made = judge.made_root
        except (FileNotFoundError, NotADirectoryError):
            made = False
            found = mark_at(holding.folder)
            if (found is None or not found.is_folder) and not self.is_away(holding.folder):
                gone = list(entries)
        finally:
            self.drop(holding.folder, gone)
        if made and "" in holding.folders:
            with contextlib.suppress(OSError):
                holding.folder.rmdir()
                self.drop(holding.folder, entries)

    def _is_scratch(self, folder: Path) -> bool:
        """Whether a merge or a move writes in a folder until it is whole: nobody else has files there."""
        if _MERGING.fullmatch(folder.name) is not None:
            return True
        return any(note.scratch == folder for note in self._store.moves())


def _is_temporary(path: str) -> bool:
    name = PurePosixPath(path).name
    return name == LOCK_NAME or name.endswith((PART_SUFFIX, JOURNAL_SUFFIX)) or _TEMPORARY.fullmatch(name) is not None


def _unlink(held: HeldFolder, parts: Sequence[str]) -> None:
    try:
        held.unlink(parts)
    except FileNotFoundError:
        return  # somebody else was faster
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror or type(exc).__name__, str(held.path.joinpath(*parts))) from exc


class _Judge:
    """Compares what lies in a folder with what was noted of it."""

    def __init__(self, entries: Mapping[str, WrittenEntry], held: HeldFolder, is_scratch: bool = False) -> None:
        self._entries, self._is_scratch = entries, is_scratch
        root, found = entries.get(""), held.mark(())
        assert found is not None
        self._device = found.device
        self.made_root = root is not None
        self._renumbered = (root is not None and not root.is_same(found)) or self._most_have_other_numbers(held)

    def _most_have_other_numbers(self, held: HeldFolder) -> bool:
        """Whether the folder was brought back from a backup; one that is made right after may get the old number."""
        same = other = 0
        for path, entry in self._entries.items():
            if entry.is_folder or path.endswith(NEXT):
                continue
            found = held.mark(PurePosixPath(path).parts)
            if found is not None and found.is_file:
                known = any(each.is_same(found) for each in self._noted(path))
                same, other = same + known, other + (not known)
        return other > same

    def is_ours(self, path: str, found: FileMark, any_size: bool = False) -> bool:
        """Whether what was noted under this path is what lies there; with `any_size`, damaged files count, too."""
        if found.device != self._device:
            return False
        noted = self._noted(path)
        if found.is_file and (found.size, found.links) == (0, 1):
            # What a kill leaves between making and noting, or a lock. Another empty file is the user's own mark.
            return bool(noted) or (self.made_root and (self._is_scratch or _is_temporary(path)))
        return any(self._fits(entry, found, any_size) for entry in noted)

    def _noted(self, path: str) -> tuple[WrittenEntry, ...]:
        return tuple(self._entries[key] for key in (path, path + NEXT) if key in self._entries)

    def _fits(self, entry: WrittenEntry, found: FileMark, any_size: bool) -> bool:
        if entry.is_folder:
            return found.is_folder and (self._renumbered or entry.is_same(found))
        if entry.is_same(found):
            return any_size or entry.size == GROWS or entry.is_unchanged(found) or found.links > 1
        return (self._renumbered or entry.changed % _COARSE == 0) and entry.is_unchanged(found)


class FolderOwner:
    """Says of one folder which files are ours; for transfers and for everything that writes a file there."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._ledger = ledger
        self._folder = folder

    def is_ours(self, path: Path) -> bool:
        """Whether the file at `path` is the one that was noted, also where it is damaged and has to be replaced."""
        name, entries = self._name(path), self._ledger.entries(self._folder)
        if name not in entries and name + NEXT not in entries:
            return False
        try:
            with HeldFolder(self._folder) as held:
                found = held.mark(PurePosixPath(name).parts)
                return found is not None and _Judge(entries, held).is_ours(name, found, any_size=True)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def made(self, path: Path) -> None:
        """A new file, which still grows."""
        found = mark_at(path)
        if found is not None and found.is_file:
            self._ledger.note(self._folder, {self._name(path): found}, grows=True)

    def finished(self, part: Path, final: Path) -> None:
        """What is complete keeps its number under its new name; until then, the file that has the name is ours, too."""
        found, old = mark_at(part), mark_at(final)
        if found is None or not found.is_file:
            return
        name = self._name(final)
        if part == final or old is None or not old.is_file:
            self._ledger.note(self._folder, {name: found})
        else:
            self._ledger.note(self._folder, {name: old, name + NEXT: found})

    def gone(self, *paths: Path) -> None:
        """They are not there any more."""
        self._ledger.drop(self._folder, [self._name(path) for path in paths])

    def _name(self, path: Path) -> str:
        return path.relative_to(base_folder(self._folder)).as_posix()
