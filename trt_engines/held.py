"""A folder that is held open: what lies in it is looked at, unlinked and renamed by name, and no link is ever followed.

A path is looked up anew at every call, so between a look at a file and its deletion somebody may put a link in the
place of a folder, and another file goes. Where the system offers it (not on Windows), every folder on the way is opened
as what it is, and names are unlinked relative to that. On Windows each part of the path is looked at for reparse points
(links, junctions) right before.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_BY_HANDLE = {os.open, os.stat, os.unlink, os.rmdir} <= os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_REPARSE_POINT = 0x400  # FILE_ATTRIBUTE_REPARSE_POINT
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


@dataclass(frozen=True, slots=True)
class FileMark:
    """What tells a file or folder from another one that took its name.

    Attributes:
        device: Number of the drive; other after a restart, on some systems.
        inode: Number on the drive; of a file that is gone, another one may get it.
        size: Bytes.
        changed: When its content was changed last, in nanoseconds since 1970.
        links: How many names it has.
        is_file: Whether it is a regular file.
        is_folder: Whether it is a folder.
    """

    device: int
    inode: int
    size: int
    changed: int
    links: int
    is_file: bool
    is_folder: bool

    @classmethod
    def of(cls, found: os.stat_result) -> FileMark:
        """From what the system says of a name (`lstat`): a link is neither file nor folder."""
        link = bool(getattr(found, "st_file_attributes", 0) & _REPARSE_POINT)
        is_file, is_folder = stat.S_ISREG(found.st_mode) and not link, stat.S_ISDIR(found.st_mode) and not link
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_nlink, is_file, is_folder)


def mark_at(path: Path) -> FileMark | None:
    """What lies at a path, which is not followed if it is a link; None if nothing does.

    Raises:
        OSError: It cannot be looked at.
    """
    try:
        return FileMark.of(os.lstat(path))
    except OSError as exc:
        if exc.errno in _NOT_THERE:
            return None
        raise


class HeldFolder:
    """One folder, held open; a context manager.

    Names are given as their parts below the folder, `("sub", "file")`.

    Raises:
        OSError: It is not there, is a link, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        found = mark_at(path)
        if found is None or not found.is_folder:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        self._handle = _opened(path, None) if _BY_HANDLE else -1

    def __enter__(self) -> HeldFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def mark(self, parts: Sequence[str]) -> FileMark | None:
        """What has this name; None if nothing has, or if a part of the way is a link.

        Raises:
            OSError: It cannot be looked at.
        """
        try:
            if not parts:
                return FileMark.of(os.fstat(self._handle) if _BY_HANDLE else os.lstat(self.path))
            with self._parent(parts) as (handle, path):
                return FileMark.of(
                    os.stat(parts[-1], dir_fd=handle, follow_symlinks=False) if _BY_HANDLE else _at(path)
                )
        except OSError as exc:
            if exc.errno in _NOT_THERE:
                return None
            raise

    def names(self, parts: Sequence[str] = ()) -> tuple[str, ...]:
        """What lies in a folder below, sorted; nothing if it is no folder.

        Raises:
            OSError: It cannot be read.
        """
        try:
            with self._parent((*parts, "")) as (handle, path):
                return tuple(sorted(os.listdir(handle if handle is not None else path.parent)))
        except OSError as exc:
            if exc.errno in _NOT_THERE:
                return ()
            raise

    def walk(self, parts: Sequence[str] = ()) -> Iterator[tuple[tuple[str, ...], FileMark]]:
        """Everything below, a folder after what lies in it; links are named, not followed.

        Raises:
            OSError: A folder cannot be read.
        """
        for name in self.names(parts):
            inner = (*parts, name)
            found = self.mark(inner)
            if found is None:
                continue
            if found.is_folder:
                yield from self.walk(inner)
            yield inner, found

    def unlink(self, parts: Sequence[str]) -> None:
        """Delete a name that is no folder: of a link the link, of a file with several names this one.

        Raises:
            OSError: It cannot be deleted, is not there, or a part of the way is a link; it names the whole path.
        """
        with self._parent(parts) as (handle, path):
            try:
                os.unlink(parts[-1] if handle is not None else path, dir_fd=handle)
            except OSError as exc:
                exc.filename = str(path)
                raise

    def rmdir(self, parts: Sequence[str]) -> None:
        """Delete an empty folder below.

        Raises:
            OSError: It is not empty, is no folder, or cannot be deleted.
        """
        with self._parent(parts) as (handle, path):
            os.rmdir(parts[-1] if handle is not None else path, dir_fd=handle)

    @contextlib.contextmanager
    def _parent(self, parts: Sequence[str]) -> Iterator[tuple[int | None, Path]]:
        """The handle of the folder that the last part lies in (None on Windows), and the whole path."""
        path = self.path.joinpath(*parts) if parts[-1] else self.path.joinpath(*parts[:-1], "x")
        if not _BY_HANDLE:
            self._refuse_links(parts)
            yield None, path
            return
        handle, opened = self._handle, []
        try:
            for part in parts[:-1]:
                handle = _opened(part, handle)
                opened.append(handle)
            yield handle, path
        finally:
            for each in opened:
                os.close(each)

    def _refuse_links(self, parts: Sequence[str]) -> None:
        for count in range(len(parts)):
            place = self.path.joinpath(*parts[:count])
            if not FileMark.of(os.lstat(place)).is_folder:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))


def remove_below(folder: Path) -> None:
    """Delete a folder that this program made and nobody else writes to, without following links, as far as it can."""
    with contextlib.suppress(OSError):
        with HeldFolder(folder) as held:
            for parts, found in held.walk():
                with contextlib.suppress(OSError):
                    if found.is_folder:
                        held.rmdir(parts)
                    else:
                        held.unlink(parts)
        os.rmdir(folder)


def _opened(name: Path | str, parent: int | None) -> int:
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)


def _at(path: Path) -> os.stat_result:
    return os.lstat(path)
